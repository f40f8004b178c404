"""The line before the database: who is let in, who goes first, and that one bad job ends nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.waiting import Line


class Counter:
    """A line of one thread, at work on a job that ends when it is told to."""

    def __init__(self, patience: float) -> None:
        self.release, at_work = threading.Event(), threading.Event()
        self.line = Line("test", 1, lambda: patience, most=1.0)
        self.served: list[str] = []
        self.all_served = threading.Semaphore(0)

        def first() -> bool:
            at_work.set()
            self.release.wait()
            return True

        assert self.line.join(first, party="first", first=True)
        at_work.wait()

    def job(self, name: str, *, party: str = "crowd", first: bool = False, share: int | None = None) -> bool:
        def serve() -> bool:
            self.served.append(name)
            self.all_served.release()
            return True

        return self.line.join(serve, party=party, first=first, share=share)


@pytest.fixture
def counter() -> Iterator[Counter]:
    made = Counter(patience=0.1)
    yield made
    made.release.set()
    made.line.stop()


def test_those_known_go_before_strangers_who_came_earlier(counter: Counter) -> None:
    assert counter.job("stranger")
    assert counter.job("known", first=True)
    counter.release.set()
    for _ in range(2):
        counter.all_served.acquire()
    assert counter.served == ["known", "stranger"]


def test_strangers_are_let_in_while_they_would_not_wait_too_long_and_those_known_always(counter: Counter) -> None:
    let_in = [counter.job(str(number)) for number in range(50)]
    assert let_in == [True] * 11 + [False] * 39, "a tenth of a second, at a hundredth each"
    assert counter.job("known", first=True)


def test_a_party_has_its_share_and_leaves_room_for_others(counter: Counter) -> None:
    assert [counter.job("a", party="a", share=3) for _ in range(5)] == [True] * 3 + [False] * 2
    assert counter.line.waiting("a") == 3
    assert counter.job("b", party="b", share=3)
    counter.release.set()
    for _ in range(4):
        counter.all_served.acquire()
    counter.line.stop()
    assert counter.line.waiting("a") == 0


def spend(seconds: float) -> None:
    """Keep this thread's core busy for so long."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_strangers_who_took_all_that_they_may_make_nobody_else_wait() -> None:
    line, done = Line("test", 1, lambda: 60.0, most=0.01), threading.Semaphore(0)

    def takes_long() -> bool:
        spend(1.05)
        done.release()
        return True

    def told(name: str) -> Callable[[], bool]:
        def job() -> bool:
            served.append(name)
            done.release()
            return True

        return job

    served: list[str] = []
    assert line.join(takes_long, party="")
    assert line.join(told("stranger"), party="")
    done.acquire()
    for _ in range(100):
        assert line.join(told("known"), party="", first=True)
        done.acquire()
    assert served == ["known"] * 100, "it takes five seconds until a stranger's turn comes again"
    line._saved = 1.0
    line.join(told("known"), party="", first=True)
    for _ in range(2):
        done.acquire()
    assert "stranger" in served
    line.stop()


def test_who_took_most_leaves_the_rest_to_others_whoever_else_comes() -> None:
    line, done = Line("test", 1, lambda: 60.0, most=1e-9), threading.Semaphore(0)

    def takes(seconds: float) -> Callable[[], bool]:
        def job() -> bool:
            spend(seconds)
            done.release()
            return True

        return job

    def served(party: str, seconds: float = 0.002) -> bool:
        let_in = line.join(takes(seconds), party=party)
        if let_in:
            done.acquire()
            while line.waiting(party):
                time.sleep(0.001)
        return let_in

    assert served("flood", 0.06)
    assert served("flood", 0.05), "there is plenty, and nobody else"
    assert not served("flood"), "half of it is for others"
    assert served("quiet")
    assert [served("another") for _ in range(3)] == [True] * 3
    assert not served("flood")
    assert all(served(f"{number}") for number in range(5))
    line.stop()


def test_strangers_are_told_at_once_that_too_many_came_when_they_took_all_that_they_may() -> None:
    line, done = Line("test", 1, lambda: 1.0, most=0.01), threading.Event()

    def takes_long() -> bool:
        spend(1.2)
        done.set()
        return True

    assert line.join(takes_long, party="")
    done.wait()
    while line.waiting(""):
        time.sleep(0.001)
    assert not line.join(lambda: True, party="")
    assert line.join(lambda: True, party="", first=True)
    line.stop()


def test_a_job_that_fails_is_no_answer_and_ends_nothing() -> None:
    line, done = Line("test", 1, lambda: 1.0, most=1.0), threading.Event()

    def fails() -> bool:
        message = "a bug"
        raise RuntimeError(message)

    def answers() -> bool:
        done.set()
        return True

    assert line.join(fails, party="")
    line.join(lambda: False, party="")
    assert line.answered_at == float("-inf")
    assert line.join(answers, party="")
    done.wait()
    line.stop()
    assert line.answered_at > 0
