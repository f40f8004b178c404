"""``earnest quiet``: an operator has the bot leave a homeserver's people alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.main import main
from kit.amounts import Amount
from kit.database import Database, make_engine
from kit.identifiers import RoomId, ServerName
from kit.outbox import backlog
from reputation.model import Knock
from tests.support.databases import make_schema
from tests.support.services import ALICE, BOB, PASSWORD, a_container


@pytest.fixture
def container(tmp_path: Path) -> Container:
    engine = make_engine(f"sqlite:///{tmp_path / 'earnest.db'}")
    make_schema(engine)
    made = a_container(tmp_path, Database(engine))
    with made.work() as work:
        work.tenants.add(ServerName("example.org"))
        work.doors.ask(work.people.number(ALICE), stake=Amount(5))
    return made


def earnest(container: Container, *arguments: str) -> Result:
    environment = {"EARNEST_DATA": str(container.settings.data), "EARNEST_KEYSTORE_PASSWORD": PASSWORD}
    return CliRunner().invoke(main, ["quiet", *arguments], env=environment)


def owed_after_a_knock(container: Container) -> int:
    with container.work() as work:
        (tenant,) = work.tenants.all()
        room = RoomId("!room:far.example")
        work.gate.ask(Knock(tenant.id, tenant.server_name, BOB, ALICE, room, work.now, federated=False))
        return backlog(work.session)


def test_nobody_of_a_quiet_homeserver_is_written_to(container: Container) -> None:
    assert "Nobody of far.example is written to unasked" in earnest(container, "add", "far.example").output
    assert owed_after_a_knock(container) == 0


def test_whoever_did_not_ask_for_it_is_written_to(container: Container) -> None:
    earnest(container, "add", "other.example")
    assert owed_after_a_knock(container) == 1


def test_it_is_listed_and_taken_back(container: Container) -> None:
    assert "No homeserver is left alone" in earnest(container, "list").output
    earnest(container, "add", "far.example")
    assert "far.example  since" in earnest(container, "list").output
    (row,) = json.loads(earnest(container, "list", "--json").output)
    assert (row["server"], row["until"]) == ("far.example", None)
    assert "written to again" in earnest(container, "remove", "far.example").output
    assert owed_after_a_knock(container) == 1


def test_what_is_wrong_is_told(container: Container) -> None:
    never = earnest(container, "remove", "far.example")
    assert (never.exit_code, "far.example is not left alone" in never.output) == (1, True)
    assert earnest(container, "add", "no server").exit_code == 1
