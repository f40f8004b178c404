"""Sets up a checkout by plain pip and npm: environments, packages, the local chain's node; safe to run again."""

from __future__ import annotations  # so that a Python too old for the rest can still read this file and say so

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.machine import ROOT, LackingError, check_machine, check_room
from deploy.steps import Shell, Step, perform, plan

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

SIGN_OF_LIFE = 15  # seconds between lines where there is no terminal to keep a live line on


@contextlib.contextmanager
def only_one() -> Iterator[int]:
    """Hold this checkout's set-up lock: this very file, so that nothing is left behind."""
    with Path(__file__).open() as own:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work in this folder; waiting for it to end.", flush=True)
            fcntl.flock(own, fcntl.LOCK_EX)
        yield own.fileno()


class Work:
    """Runs lanes side by side and tells how far they are."""

    def __init__(self, lanes: list[list[Step]], lock: int, logs: Path) -> None:
        self.lanes, self.lock, self.logs = lanes, lock, logs
        self.total = sum(map(len, lanes))
        self.begun = time.monotonic()
        self.at_work: list[Step] = []
        self.running: set[subprocess.Popen[str]] = set()
        self.failures: list[str] = []
        self.done = 0
        self.telling = threading.Lock()

    def say(self, sentence: str) -> None:
        """Print one line, over the live line if there is one."""
        with self.telling:
            clear = "\r\x1b[K" if sys.stdout.isatty() else ""
            print(f"{clear}[{self.done}/{self.total}] {time.monotonic() - self.begun:5.1f} s  {sentence}", flush=True)

    def follow(self, lane: list[Step]) -> None:
        """Do a lane's steps in order; the first failure ends the lane, not the others."""
        for step in lane:
            self.at_work.append(step)
            self.say(f"{step.title}: installing")
            begun = time.monotonic()
            name = re.sub(r"\W+", "-", step.title.lower())
            try:
                with (self.logs / f"setup-{name}.log").open("w") as log:
                    perform(step, Shell(log, self.lock, self.running, step))
            except LackingError as lacking:
                self.failures.append(f"{step.title}: {lacking}")
            except OSError as error:
                self.failures.append(f"{step.title}: {error.strerror or error} ({error.filename or step.home})")
            finally:
                self.at_work.remove(step)
            if self.failures and self.failures[-1].startswith(f"{step.title}: "):
                self.say(f"{step.title}: failed")
                return
            self.done += 1
            self.say(f"{step.title}: there, after {time.monotonic() - begun:.1f} s")

    def run(self) -> None:
        """Run all lanes to their end, with a sign of life all the while."""
        threads = [threading.Thread(target=self.follow, args=(lane,), daemon=True) for lane in self.lanes]
        for thread in threads:
            thread.start()
        try:
            self.watch(threads)
        except KeyboardInterrupt:
            for process in list(self.running):
                process.terminate()
            for thread in threads:
                thread.join()
            raise

    def watch(self, threads: list[threading.Thread]) -> None:
        """Keep one live line on a terminal, or a line every quarter of a minute elsewhere."""
        live = sys.stdout.isatty()
        told = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2 if live else 0.05)
            now = time.monotonic()
            doing = "; ".join(f"{step.title}: {step.note or 'working'}" for step in list(self.at_work))
            if live:
                width = shutil.get_terminal_size().columns
                with self.telling:
                    print(f"\r\x1b[K{f'      {now - self.begun:5.1f} s  {doing}'[: width - 1]}", end="", flush=True)
            elif now - told > SIGN_OF_LIFE:
                told = now
                self.say(doing)
        if live:
            print("\r\x1b[K", end="", flush=True)


def data_folder() -> Path:
    """Make the folder that holds everything the local world writes."""
    folder = Path(os.environ.get("EARNEST_DATA") or ROOT / ".data").expanduser()
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # keystores and databases will stand in it
    except OSError as error:
        raise LackingError(
            f"the data folder {folder} cannot be written ({error.strerror}): set EARNEST_DATA to one that can"
        ) from error
    return folder


def remaining(lane: list[Step]) -> list[Step]:
    """Keep a lane from its first step that is not done: making that one anew may clear what followed."""
    first = next((place for place, step in enumerate(lane) if not step.is_done()), len(lane))
    return lane[first:]


def set_up(stage: str) -> None:
    """Bring the checkout to where the stage needs it, doing only what is not yet done."""
    begun = time.monotonic()
    check_machine()
    logs = data_folder() / "logs"
    with only_one() as lock:
        lanes = [lane for lane in map(remaining, plan(stage)) if lane]
        if lanes:
            check_room()
            work = Work(lanes, lock, logs)
            work.run()
            if work.failures:
                raise LackingError("\n".join(work.failures))
        print(f"Everything is set up ({time.monotonic() - begun:.1f} s).", flush=True)


def main() -> int:
    """Read the command line; every failure ends as one line that says what to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--stage",
        choices=["run", "demo", "test", "check", "bench"],
        default="run",
        help="demo also installs a buyer of other make, test more of those, check forge and slither, bench peers",
    )
    stage = parser.parse_args().stage
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        set_up(stage)
    except LackingError as lacking:
        for line in str(lacking).splitlines():
            print(f"setup: {line}", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"setup: {error.filename} is missing from this checkout", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: stopped; what was half done is done anew next time", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
