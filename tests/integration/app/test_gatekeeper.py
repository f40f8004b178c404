"""The gatekeeper on both databases: what it remembers, when it forgets, and what it says when it is too late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from app.container import Container, Work
from app.gatekeeper import Gatekeeper, Reply
from kit.amounts import Amount
from kit.database import Database
from kit.errors import Unavailable
from kit.identifiers import parse_room_id, parse_server_name, parse_user_id
from kit.outbox import OutboxRow
from reputation.model import Knock, Tenant
from reputation.verdict import Admit, Code, Hold, Reason, Refuse
from tests.support.services import a_container, a_stake

ALICE, BOB = parse_user_id("@alice:example.org"), parse_user_id("@bob:elsewhere.example")
STAKE = Amount(5 * 10**18)


class Lodge:
    """A gatekeeper whose reading of the counters is done by hand, so that nothing depends on when a thread runs."""

    def __init__(self, container: Container) -> None:
        self.container = container
        with container.work() as work:
            self.bearer = work.tenants.add(parse_server_name("example.org"))
        self.gatekeeper = Gatekeeper(container)
        self.gatekeeper._refresh()

    def tenant(self) -> Tenant:
        found = self.gatekeeper.tenant(self.bearer)
        assert found is not None
        return found

    def knock(self, room: str = "!room:elsewhere.example") -> Knock:
        tenant, now = self.tenant(), self.container.clock()
        return Knock(tenant.id, tenant.server_name, BOB, ALICE, parse_room_id(room), now, federated=True)

    def ask(self) -> Reply:
        return self.gatekeeper.submit(self.knock()).result()

    def shut(self) -> None:
        with self.container.work() as work:
            work.doors.ask(work.people.number(ALICE), stake=STAKE)


@pytest.fixture
def lodge(tmp_path: Path, database: Database) -> Iterator[Lodge]:
    lodge = Lodge(a_container(tmp_path, database))
    yield lodge
    lodge.gatekeeper._pool.shutdown()


def test_an_admit_is_remembered_until_something_changes(lodge: Lodge) -> None:
    assert lodge.gatekeeper.remembered(lodge.knock()) is None
    assert isinstance(lodge.ask().verdict, Admit)
    remembered = lodge.gatekeeper.remembered(lodge.knock("!another:elsewhere.example"))
    assert remembered is not None
    assert isinstance(remembered.verdict, Admit)
    lodge.shut()
    lodge.gatekeeper._refresh()
    assert lodge.gatekeeper.remembered(lodge.knock()) is None
    assert isinstance(lodge.ask().verdict, Hold)


def test_a_hold_is_never_remembered(lodge: Lodge) -> None:
    lodge.shut()
    lodge.gatekeeper._refresh()
    assert isinstance(lodge.ask().verdict, Hold)
    assert lodge.gatekeeper.remembered(lodge.knock()) is None


def test_an_admit_that_was_overtaken_by_a_change_is_not_kept(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    work = lodge.container.work

    @contextmanager
    def overtaken() -> Iterator[Work]:
        with work() as opened:
            yield opened
        monkeypatch.setattr(lodge.container, "work", work)
        lodge.shut()
        lodge.gatekeeper._refresh()

    monkeypatch.setattr(lodge.container, "work", overtaken)
    assert isinstance(lodge.ask().verdict, Admit), "it was decided before the door was shut"
    assert lodge.gatekeeper.remembered(lodge.knock()) is None


def test_an_admit_is_not_served_when_the_counters_were_not_read_for_a_while(lodge: Lodge) -> None:
    lodge.ask()
    assert lodge.gatekeeper.remembered(lodge.knock()) is not None
    lodge.gatekeeper._read_at -= 1
    assert lodge.gatekeeper.remembered(lodge.knock()) is None


def test_too_late_is_the_tenants_own_choice(lodge: Lodge) -> None:
    with lodge.container.work() as work:
        closed = work.tenants.add(parse_server_name("closed.example"), on_deadline="closed")
    lodge.gatekeeper._refresh()
    strict = lodge.gatekeeper.tenant(closed)
    assert strict is not None
    assert isinstance(lodge.gatekeeper.late(lodge.tenant()).verdict, Admit)
    assert isinstance(lodge.gatekeeper.late(strict).verdict, Refuse)


def test_nobodys_bearer_and_a_database_that_was_never_read(lodge: Lodge) -> None:
    assert lodge.gatekeeper.tenant("nobody's") is None
    with pytest.raises(Unavailable):
        Gatekeeper(lodge.container).tenant(lodge.bearer)


def test_a_flood_of_one_homeserver_is_refused_from_memory_and_others_are_not(lodge: Lodge) -> None:
    knock = lodge.knock()
    asked = [lodge.gatekeeper.too_many(knock) for _ in range(1_000)]
    refused = [reply for reply in asked if reply is not None]
    assert asked[:200] == [None] * 200
    assert len(refused) > 500
    assert all(reply.verdict == Refuse((Reason(Code.SERVER_FLOODS),)) for reply in refused)
    elsewhere = replace(knock, inviter=parse_user_id("@carol:quiet.example"))
    own = replace(knock, inviter=parse_user_id("@dave:example.org"))
    assert lodge.gatekeeper.too_many(elsewhere) is None
    assert [lodge.gatekeeper.too_many(own) for _ in range(1_000)] == [None] * 1_000


def test_a_new_process_asks_what_a_dead_one_was_not_told(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    lodge.shut()
    quote = lodge.ask().quote
    assert quote is not None
    a_stake(lodge.container, BOB, ALICE)
    assert isinstance(lodge.ask().verdict, Admit)  # it arrives, and she joins while nobody hears of it
    monkeypatch.setattr("app.gatekeeper._MADE_UP_AFTER_SECONDS", 0)
    lodge.gatekeeper.start()
    asked = "ask_answer:%"
    try:
        while True:
            with lodge.container.read() as work:
                if work.session.scalars(select(OutboxRow).where(OutboxRow.key.like(asked))).all():
                    break
            time.sleep(0.05)
    finally:
        lodge.gatekeeper._stop.set()
        lodge.gatekeeper._watcher.join()
