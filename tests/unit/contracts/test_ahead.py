"""What is asked ahead: once, for whoever asks for that very thing, and forgotten where it failed or is old."""

from __future__ import annotations

import threading

from contracts.ahead import Ahead
from kit.errors import ChainUnavailable


def test_the_answer_is_for_whoever_asks_for_that_very_thing_and_once() -> None:
    ahead = Ahead[str]()
    assert ahead.take("this") is None
    ahead.begin("this", lambda: "told")
    assert ahead.take("that") is None
    assert ahead.take("this") == "told"
    assert ahead.take("this") is None


def test_who_takes_it_waits_for_what_is_under_way() -> None:
    ahead, go_on, waiting = Ahead[str](), threading.Event(), threading.Event()

    def ask() -> str:
        waiting.set()
        go_on.wait()
        return "told"

    ahead.begin("this", ask)
    waiting.wait()
    ahead.begin("that", lambda: "another")
    assert ahead.take("that") is None, "one at a time"
    found: list[str | None] = []
    taker = threading.Thread(target=lambda: found.append(ahead.take("this")))
    taker.start()
    go_on.set()
    taker.join()
    assert found == ["told"]


def test_what_failed_is_no_answer_and_another_takes_its_place() -> None:
    ahead = Ahead[str]()

    def fail() -> str:
        message = "it is silent"
        raise ChainUnavailable(message)

    ahead.begin("this", fail)
    assert ahead.take("this") is None
    ahead.begin("this", lambda: "told")
    assert ahead.take("this") == "told"


def test_an_old_answer_is_none() -> None:
    now = [0.0]
    ahead = Ahead[str](clock=lambda: now[0])
    for age, told in ((29.9, "told"), (30.0, None)):
        ahead.begin("this", lambda: "told")
        now[0] += age
        assert ahead.take("this") == told


def test_what_is_under_way_ends_before_the_connections_are_gone_for_good() -> None:
    ahead, ended, said = Ahead[str](), threading.Event(), list[str]()

    def ask() -> str:
        ended.wait()
        said.append("asked")
        return "answer"

    def stop() -> None:
        said.append("stopped")
        ended.set()

    ahead.begin("key", ask)
    ahead.close(stop)
    assert said == ["stopped", "asked", "stopped"]
    assert ahead.take("key") is None
    ahead.close(stop)
    assert said[3:] == ["stopped"]
