"""Totals of a day: made once it is over, never changed, and shown as JSON, as metrics and on a dashboard."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app import totals
from app.container import Container
from app.worker import TOTALS_EVERY, make_worker
from kit.database import Database
from kit.identifiers import ServerName
from payments.rewards.service import Rewards
from tests.integration.payments.test_rewards import Server
from tests.support.services import PUBLIC_URL, Clock, a_container, http_door
from tests.unit.payments.test_rewards_measured import body

DASHBOARD = Path("deploy/grafana/rewards.json")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


def a_day(
    container: Container, clock: Clock, count: int, *, first: int = 0, people: int = 3, answered: int = 24
) -> None:
    """Let so many servers enrol and be looked at for a whole day, of which they answer some hours."""
    midnight = clock.now.replace(hour=0)
    for number in range(first, first + count):
        server = Server(ServerName(f"s{number}.example"))
        with container.work() as work:
            challenge = work.rewards.challenge(server.name, b"\x11" * 20)  # type: ignore[arg-type] # an address
            done = work.rewards.enrol(server.sign(challenge.document()), server.published())
            for hour in range(24):
                then = Rewards(work.session, midnight + timedelta(hours=hour), service=PUBLIC_URL, chain_id=31337)
                seen = replace(server.seen(), network="192.0.2.0/24")
                then.looked("here", {done.enrolled.id: seen if hour < answered else None})
            told = body(homeserver=server.name, daily_active_users=people, total_users=1_000)
            work.rewards.reported(done.secret, told)


def shown(container: Container) -> list[dict[str, Any]]:
    with http_door(container) as door:
        answer = door.get("/v1/rewards/totals")
    assert answer.status_code == 200, answer.text
    assert answer.json()["smallest_group"] == 5
    days: list[dict[str, Any]] = answer.json()["days"]
    return days


def test_a_day_is_told_once_it_is_over_and_never_changed(container: Container, clock: Clock) -> None:
    a_day(container, clock, 6)
    a_day(container, clock, 4, first=6, people=0, answered=12)
    assert totals.keep(container) == 0
    clock.now = clock.now.replace(hour=0) + timedelta(days=1, minutes=59)
    assert totals.keep(container) == 0, "its last hour may not be written yet"
    clock.pass_(minutes=1)
    assert (totals.keep(container), totals.keep(container)) == (1, 0)
    expected = {
        "day": "2026-11-22",
        "servers": 10,
        "people": {"1 to 4": 5},
        "availability": {"99 % and more": 5},
    }
    assert shown(container) == [expected]
    with container.work() as work:
        for number in range(6):
            work.rewards.leave(ServerName(f"s{number}.example"))
        work.rewards.keep_totals((clock.now - timedelta(days=1)).date(), {"servers": 0})
    clock.pass_(hours=2)
    assert totals.keep(container) == 0
    assert shown(container) == [expected], "who leaves later was there that day"


def test_of_fewer_than_five_nothing_is_said(container: Container, clock: Clock) -> None:
    a_day(container, clock, 4)
    clock.pass_(days=1)
    assert totals.keep(container) == 1
    (day,) = shown(container)
    assert (day["servers"], day["people"], day["availability"]) == (0, {}, {})


def test_days_that_nobody_told_are_made_up_for(container: Container, clock: Clock) -> None:
    a_day(container, clock, 5)
    clock.pass_(days=1)
    a_day(container, clock, 1, first=5)
    clock.pass_(days=3)
    assert totals.keep(container) == 2
    assert [day["day"] for day in shown(container)] == ["2026-11-23", "2026-11-22"]


def test_metrics_say_the_same(container: Container, clock: Clock) -> None:
    a_day(container, clock, 7, people=300)
    clock.pass_(days=1)
    worker = make_worker(container, "memory://")
    assert worker.conf.beat_schedule["totals"]["schedule"] == TOTALS_EVERY
    totals.keep(container)
    with http_door(container) as door:
        said = door.get("/metrics").text
    assert "earnest_rewards_servers 5.0" in said
    assert 'earnest_rewards_servers_by_people{people="1 to 4"} 5.0' in said, "of whom nobody here knows anybody"
    assert 'earnest_rewards_servers_by_people{people="100 to 499"} 0.0' in said
    assert 'earnest_rewards_servers_by_availability{availability="99 % and more"} 5.0' in said


def test_the_dashboard_names_metrics_and_labels_that_there_are(container: Container) -> None:
    with http_door(container) as door:
        door.get("/metrics")
    there = {sample.name: set[str]() for family in REGISTRY.collect() for sample in family.samples}
    there |= {family.name: set() for family in REGISTRY.collect()}
    for family in REGISTRY.collect():
        for sample in family.samples:
            there[sample.name] |= set(sample.labels)
    there["earnest_rewards_servers_by_people"] |= {"people"}
    there["earnest_rewards_servers_by_availability"] |= {"availability"}
    board = json.loads(DASHBOARD.read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= set(board)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 0
    asked = [target for panel in board["panels"] for target in panel["targets"]]
    named = {name for target in asked for name in re.findall(r"\bearnest_\w+", target["expr"])}
    assert named
    assert named <= set(there), "a panel that asks for what is not there stays empty for ever"
    assert {name for name in there if name.startswith("earnest_rewards_")} <= named, "and all of ours are shown"
    for target in asked:
        labels = set(re.findall(r"by \((\w+)\)", target["expr"])) | set(
            re.findall(r"{{(\w+)}}", target["legendFormat"])
        )
        (name,) = re.findall(r"\bearnest_\w+", target["expr"])
        assert labels <= there[name]
    variables = {variable["name"] for variable in board["templating"]["list"]}
    for panel in board["panels"]:
        assert panel["datasource"]["uid"].strip("${}") in variables
