"""``earnest events`` and ``earnest webhooks``: what an operator sees of somebody's events and endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.main import main
from ledger.telling import Fact
from tests.support.databases import sqlite_copy
from tests.support.services import ALICE, a_container, a_person


@pytest.fixture
def container(tmp_path: Path, sqlite_template: Path) -> Iterator[Container]:
    with sqlite_copy(sqlite_template, tmp_path / "earnest.db") as database:
        yield a_container(tmp_path, database)


def run(container: Container, *words: str) -> Result:
    folder = str(container.settings.data)
    return CliRunner().invoke(main, words, env={"EARNEST_DATA": folder}, catch_exceptions=False)


def test_events_are_printed_from_a_cursor_on(container: Container) -> None:
    alice = a_person(container, ALICE)
    with container.work() as work:
        for word in ("knock.held", "stake.opened"):
            work.feed.tell(alice, Fact(word, f"s:{word}", {"stake": "5"}), other=alice)
    lines = run(container, "events", ALICE).output.splitlines()
    assert [line.split()[2] for line in lines] == ["knock.held", "stake.opened"]
    (one,) = run(container, "events", ALICE, "--after", "1", "--json").output.splitlines()
    assert (json.loads(one)["id"], json.loads(one)["data"]) == (2, {"stake": "5"})
    ahead = run(container, "events", ALICE, "--after", "9")
    assert (ahead.exit_code, "begin anew" in ahead.output) == (1, True)
    unknown = run(container, "events", "@nobody:example.org")
    assert (unknown.exit_code, "Nobody called" in unknown.output) == (1, True)


def test_an_operator_sees_endpoints_without_their_urls_and_replays(container: Container) -> None:
    alice = a_person(container, ALICE)
    assert "no endpoint" in run(container, "webhooks", "list", ALICE).output
    with container.work() as work:
        made, secret = work.webhooks.add(alice, "https://hooks.example.org/?key=mine")
        work.feed.tell(alice, Fact("knock.held", "s", {}))
    listed = run(container, "webhooks", "list", ALICE).output
    assert f"{made.name}  active  instant  sent up to 0 of 1" in listed
    assert secret not in listed
    assert "key=mine" not in listed
    assert run(container, "webhooks", "pause", ALICE, made.name).exit_code == 0
    assert json.loads(run(container, "webhooks", "list", ALICE, "--json").output)[0]["state"] == "paused"
    assert run(container, "webhooks", "resume", ALICE, made.name).exit_code == 0
    assert run(container, "webhooks", "replay", ALICE, made.name, "--after", "0").exit_code == 0
    assert run(container, "webhooks", "replay", ALICE, "unknown", "--after", "0").exit_code == 1
