"""The bot's process without a homeserver: what it lacks, and its rehearsal."""

from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from bot.main import run
from kit.amounts import Amount
from kit.database import Database
from kit.errors import Invalid
from kit.identifiers import RoomId, ServerName, UserId
from kit.outbox import OutboxRow
from reputation.model import Knock
from tests.support.services import ALICE, BOB, a_container


def test_a_bot_without_a_name_says_what_is_missing(tmp_path: Path, database: Database) -> None:
    with pytest.raises(Invalid, match="EARNEST_BOT_USER_ID"):
        run(a_container(tmp_path, database, bot_user_id=None))


def test_a_bot_without_a_login_or_a_password_ends_and_says_so(tmp_path: Path, database: Database) -> None:
    with pytest.raises(Invalid, match="password"):
        run(a_container(tmp_path, database))


def test_a_rehearsal_says_what_would_be_told_and_changes_nothing(tmp_path: Path, database: Database) -> None:
    container = a_container(tmp_path, database)
    with container.work() as work:
        work.tenants.add(ServerName("example.org"))
        tenant = work.tenants.find(ServerName("example.org"))
        assert tenant is not None
        work.doors.ask(work.people.number(ALICE), stake=Amount(10**18))
        room = RoomId("!room:far.example")
        work.gate.ask(Knock(tenant.id, tenant.server_name, BOB, ALICE, room, work.now, federated=False))
    with structlog.testing.capture_logs() as logs:
        run(container, rehearse=True)
    said = [line["would"] for line in logs if line["event"] == "rehearsal"]
    assert any(f"would invite {UserId(BOB)}" in line for line in said)
    assert any("they have not seen it" in line for line in said)
    with container.read() as work:
        (row,) = work.session.scalars(select(OutboxRow))
        assert (row.done_at, row.attempts, row.leased_until) == (None, 0, None)
        assert not work.conversations.rooms()
