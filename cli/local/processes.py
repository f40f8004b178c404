"""Runs the programs of the local world: starts, watches, restarts and stops them, and leaves none behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from cli.local import keeper
from kit.errors import EarnestError, Unavailable

_KEEPER: Final = (sys.executable, "-I", "-S", keeper.__file__)
_LONG_LIFE = 60.0
"""A program that ran for this many seconds has not failed at its start; its next fall begins a new count."""
_MOST_FALLS = 5
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_POLL = 0.1
_START_LIMIT = 300.0
_LAST_LINES = 12
_LOG_LIMIT = 5 * 1024 * 1024


class ProgramFailedError(EarnestError):
    """A program of the local world does not come up, or keeps falling over; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program to run: its words, what its environment adds to ours, its log, and how to see that it is ready.

    ``came_back`` is called each time it is ready again after it fell. Without a ``log`` it prints where we do. One that
    ``inherits`` has our own EARNEST_* settings, too.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path | None
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    came_back: Callable[[], None] | None = None
    inherits: bool = False

    def last_lines(self, count: int = _LAST_LINES) -> str:
        """Return the end of its log, indented for a terminal."""
        if self.log is None:
            return "    (it keeps no log)"
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "    (no log)"
        lines = [line[:400] for line in text.splitlines() if line.strip()][-count:]
        return "\n".join(f"    {line}" for line in lines) or "    (it printed nothing)"


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes] | None
    started: float
    falls: int = 0
    start_again: float | None = None
    coming_back: bool = False


# The last would have each of our programs compile all its libraries at every start, which doubles what a start takes.
_PYTHONS_OWN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE")


def environment_for(program: Program) -> dict[str, str]:
    """Return our environment without anybody's EARNEST_* and Python settings, and with what the program adds."""
    dropped = (*(() if program.inherits else ("EARNEST_",)), *_PYTHONS_OWN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(program.environment)


class Supervisor:
    """Holds the running programs, each in a process group of its own. One thread uses it.

    A keeper process (``cli/local/keeper.py``) learns of every group, so that nothing outlives us however we end.
    ``kept_open`` are file handles that the keeper holds too: a lock among them is held until all is really over.
    """

    def __init__(
        self,
        *,
        say: Callable[[str], None] = lambda _: None,
        heed: Callable[[], None] = lambda: None,
        kept_open: Sequence[int] = (),
    ) -> None:
        """Tell ``say`` of every fault; call ``heed`` while waiting, which may raise ``KeyboardInterrupt``."""
        self._say = say
        self._heed = heed
        self._running: dict[str, _Running] = {}
        self._keeper = subprocess.Popen(  # noqa: S603 - our own file, beside this one
            [*_KEEPER, "keep"],
            stdin=subprocess.PIPE,
            pass_fds=tuple(kept_open),
            start_new_session=True,
        )

    def start(self, program: Program) -> None:
        """Start a program; ``wait_ready`` tells when it serves."""
        if program.log is not None and program.log.exists() and program.log.stat().st_size > _LOG_LIMIT:
            program.log.replace(program.log.with_suffix(".old.log"))
        self._running[program.name] = _Running(program, self._spawn(program), time.monotonic())

    def wait_ready(self, *names: str) -> None:
        """Wait until the named programs (all, where none is named) serve.

        Raises ``ProgramFailedError`` with the last log lines where one ends first or is not ready within five minutes.
        """
        wanted = [self._running[name] for name in (names or tuple(self._running))]
        deadline = time.monotonic() + _START_LIMIT
        for running in wanted:
            while running.program.ready is not None and not running.program.ready():
                if running.process is not None and running.process.poll() is not None:
                    raise _failed(running, f"{running.program.name} ended at its start ({_ending(running.process)})")
                if time.monotonic() > deadline:
                    raise _failed(running, f"{running.program.name} did not get ready within {_START_LIMIT:.0f} s")
                self._heed()
                time.sleep(_POLL)

    def check(self) -> None:
        """Look after all programs: report who fell, start it again after a pause that doubles.

        Raises ``ProgramFailedError`` for one that falls over and over.
        """
        now = time.monotonic()
        for running in self._running.values():
            if running.start_again is not None and now >= running.start_again:
                running.start_again = None
                running.process, running.started = self._spawn(running.program), now
                running.coming_back = True
            elif running.process is not None and running.process.poll() is not None:
                self._fell(running, now)
            elif running.coming_back and running.program.came_back is not None and _is_ready(running.program):
                with contextlib.suppress(Unavailable):  # it fell again; the next look finds out
                    running.program.came_back()
                    running.coming_back = False

    def program(self, name: str) -> Program:
        """Return a running program's description, to start it again with."""
        return self._running[name].program

    def pid(self, name: str) -> int | None:
        """Return the process id of a program, ``None`` while it is down."""
        process = self._running[name].process
        return process.pid if process is not None and process.poll() is None else None

    def stop(self, *names: str) -> None:
        """Stop the named programs (all, where none is named), the youngest first, and wait until they are gone."""
        going = [self._running.pop(name) for name in reversed(names or tuple(self._running))]
        for running in going:
            if running.process is not None:
                _signal(running.process, signal.SIGTERM)
        deadline = time.monotonic() + keeper.GRACE
        for running in going:
            process = running.process
            if process is None:
                continue
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{running.program.name} does not end by itself; it is killed")
            _signal(process, signal.SIGKILL)  # also what it may have left in its group
            process.wait()
            self._forget(process.pid)

    def close(self) -> None:
        """Stop everything, the keeper last."""
        self.stop()
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._keeper.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        pipe = self._pipe.fileno()
        with _log_of(program) as log:
            return subprocess.Popen(  # noqa: S603 - the programs of the local world, named by our own code
                [*_KEEPER, "launch", str(pipe), *program.command],
                cwd=program.folder,
                env=environment_for(program),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=None if log is None else subprocess.STDOUT,
                pass_fds=(pipe,),
                start_new_session=True,  # a group of its own, and no Ctrl-C from the terminal: we stop it in order
            )

    def _fell(self, running: _Running, now: float) -> None:
        process = running.process
        if process is None:
            return
        _signal(process, signal.SIGKILL)
        self._forget(process.pid)
        running.process = None
        running.falls = 1 if now - running.started > _LONG_LIFE else running.falls + 1
        if running.falls > _MOST_FALLS:
            raise _failed(running, f"{running.program.name} fell {running.falls} times ({_ending(process)})")
        pause = min(_FIRST_PAUSE * 2 ** (running.falls - 1), _LONGEST_PAUSE)
        running.start_again = now + pause
        self._say(
            f"{running.program.name} fell ({_ending(process)}); starting it again in {pause:g} s. "
            f"{_last_words(running.program)}"
        )

    @property
    def _pipe(self) -> IO[bytes]:
        if self._keeper.stdin is None:
            message = "the keeper was started without a pipe"
            raise RuntimeError(message)
        return self._keeper.stdin

    def _forget(self, group: int) -> None:
        """Let the keeper forget a group that has ended: its number may be another's soon."""
        try:
            self._pipe.write(f"-{group}\n".encode())
            self._pipe.flush()
        except BrokenPipeError:
            self._say("The keeper process is gone: should this run be killed, end its programs by hand.")


def _is_ready(program: Program) -> bool:
    return program.ready is None or program.ready()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.poll()
    if code is not None and code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _failed(running: _Running, what: str) -> ProgramFailedError:
    return ProgramFailedError(f"{what}. {_last_words(running.program)}")


def _last_words(program: Program) -> str:
    if program.log is None:
        return "Its last words stand above."
    return f"Its last words, from {program.log}:\n{program.last_lines()}"


@contextlib.contextmanager
def _log_of(program: Program) -> Iterator[IO[bytes] | None]:
    if program.log is None:
        yield None
        return
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        yield log
