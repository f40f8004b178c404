"""The line: first come, first served, whoever is in a hurry; those who went away are passed over."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from kit.line import Line

LONG = 3600.0


class Visitors:
    """Threads that ask one after the other, and note when it is their turn."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.served: list[str] = []
        self.threads: list[threading.Thread] = []

    def come(self, name: str, *, again: str | None = None) -> None:
        """Ask in a thread of its own, and see it stand in line; ``again``: it asks anew as soon as it was served."""
        thread = threading.Thread(target=self._visit, args=(name, again))
        before = self.line.waiting()
        thread.start()
        self.threads.append(thread)
        while self.line.waiting() == before:
            time.sleep(0.001)

    def _visit(self, name: str, again: str | None) -> None:
        assert self.line.acquire(LONG)
        self.served.append(name)
        self.line.release()
        if again is not None:
            self._visit(again, None)

    def go(self) -> None:
        for thread in self.threads:
            thread.join()


def test_it_goes_to_whoever_waits_longest_not_to_whoever_just_had_it() -> None:
    line = Line()
    visitors = Visitors(line)
    assert line.acquire(0)
    for name in "abcdefgh":
        visitors.come(name)
    line.release()
    assert line.acquire(LONG), "we had it, and ask again at once"
    assert visitors.served == list("abcdefgh")
    line.release()
    visitors.go()


def test_whoever_comes_back_stands_at_the_end() -> None:
    line = Line()
    visitors = Visitors(line)
    assert line.acquire(0)
    visitors.come("a", again="a once more")
    for name in "bcd":
        visitors.come(name)
    line.release()
    visitors.go()
    assert visitors.served == ["a", "b", "c", "d", "a once more"]


def test_whoever_waited_for_long_enough_goes_away_and_is_passed_over() -> None:
    line = Line()
    visitors = Visitors(line)
    assert line.acquire(0)
    visitors.come("a")
    assert not line.acquire(0.01)
    assert line.waiting() == 1
    visitors.come("b")
    line.release()
    visitors.go()
    assert visitors.served == ["a", "b"]
    assert line.acquire(0), "and then it is free"


def test_whoever_is_interrupted_in_the_line_keeps_nobody_waiting() -> None:
    class Interrupted(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    line = Line()
    assert line.acquire(0)

    def poke() -> None:
        while not line.waiting():
            time.sleep(0.001)
        time.sleep(0.05)  # by then it waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    poking = threading.Thread(target=poke)
    poking.start()
    try:
        with pytest.raises(Interrupted):
            line.acquire(LONG)
    finally:
        poking.join()
        signal.signal(signal.SIGUSR1, before)
    assert line.waiting() == 0
    line.release()
    assert line.acquire(0), "nobody who is gone has it"


def test_one_alone_has_it_however_many_hurry() -> None:
    line, inside, most = Line(), [0], [0]

    def hurry() -> None:
        for _ in range(300):
            if line.acquire(0.0005):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0002)
                inside[0] -= 1
                line.release()

    threads = [threading.Thread(target=hurry) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert line.waiting() == 0
    assert line.acquire(0), "nobody took it away with them"
