"""Ends what a run started when the run itself is gone; a program of its own, on the standard library alone.

The run starts this file first (``keep``) and holds the other end of its standard input. Each line names a process
group: ``+123`` has been started, ``-123`` has ended. Where the input ends, even because the run was killed, the groups
still named are asked to end, in the reverse order, and made to a little later.

Every program is started through this file too (``launch``): it names its own group on that pipe and then becomes the
program. So there is no moment at which a program runs and the keeper cannot know: the pipe stays open until it is told.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence

GRACE = 10.0
"""Seconds that a process group gets to end by itself before it is killed."""
_STEP = 0.05


def alive(group: int) -> bool:
    """Tell whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end_groups(groups: Sequence[int], grace: float = GRACE) -> None:
    """Ask each group to end, then kill what is left after ``grace`` seconds. For a caller that is not their parent."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
    waited = 0.0
    while waited < grace and any(alive(group) for group in groups):
        time.sleep(_STEP)
        waited += _STEP
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def keep() -> None:
    """Follow the run's notes to their end, then end what they leave."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.SIG_IGN)  # whoever stops the run stops it there; here it would leave the rest alone
    groups: list[int] = []
    for line in sys.stdin:
        sign, number = line[:1], int(line[1:])
        if sign == "+":
            groups.append(number)
        elif number in groups:
            groups.remove(number)
    end_groups(list(reversed(groups)))


def launch(pipe: int, command: list[str]) -> None:
    """Name our group to the keeper, then become the program. We lead a group of our own already."""
    os.write(pipe, f"+{os.getpid()}\n".encode())
    os.close(pipe)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    if sys.argv[1] == "launch":
        launch(int(sys.argv[2]), sys.argv[3:])
    else:
        keep()
