"""Health: honest about what is missing, silent about secrets, and cheap however often it is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app import health
from app.health import Check, Health, Pulse, Vitals
from kit.errors import ChainUnavailable, DatabaseUnavailable, Invalid


class Watch:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def good() -> Check:
    return Check(ok=True, says="It answers.")


def raising(error: Exception) -> Callable[[], Check]:
    def look() -> Check:
        raise error

    return look


def test_all_well_is_ready() -> None:
    assert Vitals({"database": good}).examine() == Health("ready", {"database": good()})


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable("postgresql://u:secret@db"), ChainUnavailable("https://rpc/KEY")]
)
def test_what_does_not_answer_is_named_and_its_address_is_not(error: Exception) -> None:
    found = Vitals({"it": raising(error), "other": good}).examine()
    assert found.status == "not_ready"
    assert not found.checks["it"].ok
    assert found.checks["other"].ok
    assert "secret" not in found.checks["it"].says
    assert "KEY" not in found.checks["it"].says


def test_what_is_ill_beside_the_work_degrades_and_keeps_nobody_from_it() -> None:
    ill = Check(ok=False, says="It lags behind the others.")
    assert Vitals({"it": good}, beside=lambda: {"node": good()}).examine().status == "ready"
    found = Vitals({"it": good}, beside=lambda: {"node": ill}).examine()
    assert found == Health("degraded", {"it": good(), "node": ill})
    assert Vitals({"it": lambda: ill}, beside=lambda: {"node": good()}).examine().status == "not_ready"


def test_a_setting_that_is_missing_is_told() -> None:
    found = Vitals({"keys": raising(Invalid("keystore_locked", "The keystore has no password."))}).examine()
    assert found.checks["keys"] == Check(ok=False, says="The keystore has no password.")


def test_asking_often_asks_the_world_once_a_second() -> None:
    watch, asked = Watch(), []

    def look() -> Check:
        asked.append(watch.now)
        return good()

    vitals = Vitals({"it": look}, time=watch)
    for _ in range(5):
        vitals.examine()
    assert asked == [100.0]
    watch.now += 1.5
    vitals.examine()
    assert asked == [100.0, 101.5]


def test_a_pulse_that_stops_is_noticed_and_forgiven() -> None:
    watch = Watch()
    pulse = Pulse(longest=60, what="The loop", time=watch)
    assert not pulse.look().ok
    pulse.beat()
    assert pulse.look().ok
    watch.now += 61
    assert pulse.look() == Check(ok=False, says="The loop has ended no round for 61 s; it goes on by itself.")
    pulse.beat()
    assert pulse.look().ok


def test_a_broker_that_is_not_there() -> None:
    found = health.broker("redis://127.0.0.1:1/0")()
    assert not found.ok


def test_before_the_work_begins_nobody_waits_for_a_round() -> None:
    now = [0.0]
    pulse = Pulse(longest=60, what="The loop", time=lambda: now[0])
    now[0] = 3600
    assert "for 3600 s" in pulse.look().says
    pulse.begin()
    assert "first round" in pulse.look().says
    pulse.beat()
    assert pulse.look().ok
