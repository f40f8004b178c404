"""The gatekeeper on both databases: what it remembers, when it forgets, and whom it keeps waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection

from app import drafts
from app.container import Container, Work
from app.gatekeeper import Gatekeeper
from app.remembering import Reply
from app.waiting import Asked
from kit.amounts import Amount
from kit.database import Database, make_engine
from kit.errors import DatabaseUnavailable, Unavailable
from kit.identifiers import UserId, parse_room_id, parse_server_name, parse_user_id
from kit.outbox import OutboxRow
from payments.stakes.model import Answer
from reputation import versions
from reputation.model import Door, Knock, Tenant
from reputation.policy import DoorDocument
from reputation.policy_doors import door_of
from reputation.verdict import Admit, Code, Hold, Reason, Refuse
from tests.support.services import ALICE, BOB, a_container, a_person, a_stake

CAROL = parse_user_id("@carol:example.org")
STAKE = Amount(5 * 10**18)
PLENTY = 1_000.0
"""Seconds of a core that strangers may take: how fast a machine is must not tell who is let in."""


class Lodge:
    """A gatekeeper whose reading of the changes is done by hand, so that nothing depends on when a thread runs."""

    def __init__(self, container: Container) -> None:
        self.container = container
        with container.work() as work:
            self.bearer = work.tenants.add(parse_server_name("example.org"))
        self.gatekeeper = Gatekeeper(container)
        for line in (self.gatekeeper._readers, self.gatekeeper._writers):
            line._saved = PLENTY
        self.gatekeeper._refresh()

    def tenant(self) -> Tenant:
        found = self.gatekeeper.tenant(self.bearer)
        assert found is not None
        return found

    def knock(
        self, room: str = "!room:far.example", *, inviter: UserId = BOB, invitee: UserId = ALICE, federated: bool = True
    ) -> Knock:
        tenant, now = self.tenant(), self.container.clock()
        room_id = parse_room_id(room)
        return Knock(tenant.id, tenant.server_name, inviter, invitee, room_id, now, federated=federated)

    def ask(self, knock: Knock | None = None) -> Reply:
        """Ask as the route does, and wait."""
        knock = knock or self.knock()
        return self.gatekeeper.at_once(knock) or self.gatekeeper.submit(knock).result()

    def at_once(self, knock: Knock | None = None) -> Reply | None:
        return self.gatekeeper.at_once(knock or self.knock())

    def shut(self, person: UserId = ALICE) -> None:
        with self.container.work() as work:
            work.doors.ask(work.people.number(person), stake=STAKE)

    def exempt(self, person: UserId = ALICE, other: UserId = BOB) -> None:
        with self.container.work() as work:
            work.doors.exempt(work.people.number(person), work.people.number(other))

    def close(self) -> None:
        self.gatekeeper._readers.stop()
        self.gatekeeper._writers.stop()


@pytest.fixture
def lodge(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lodge]:
    monkeypatch.setattr("app.waiting._SAVED", PLENTY)
    lodge = Lodge(a_container(tmp_path, database))
    yield lodge
    lodge.close()


@pytest.fixture
def asking(lodge: Lodge) -> Lodge:
    """A lodge before Alice's door, which asks for a stake."""
    lodge.shut()
    lodge.gatekeeper._refresh()
    return lodge


# ---------------------------------------------------------------------------------------------------- admits


def test_an_admit_is_remembered_until_something_of_the_recipients_changes(asking: Lodge) -> None:
    asking.exempt()
    asking.gatekeeper._refresh()
    assert asking.at_once() is None
    assert isinstance(asking.ask().verdict, Admit)
    remembered = asking.at_once(asking.knock("!another:far.example"))
    assert remembered == Reply(Admit((Reason(Code.EXEMPT),)))
    asking.shut(CAROL)
    asking.gatekeeper._refresh()
    assert asking.at_once() == remembered, "another's change is no matter of theirs"
    with asking.container.work() as work:
        work.doors.unexempt(work.people.number(ALICE), work.people.number(BOB))
    asking.gatekeeper._refresh()
    assert asking.at_once() is None
    assert isinstance(asking.ask().verdict, Hold)


def test_whoever_has_no_door_yet_is_looked_up_each_time(lodge: Lodge) -> None:
    assert isinstance(lodge.ask().verdict, Admit)
    assert lodge.at_once() is None, "their first door would be a number's of which memory knows nothing"
    lodge.shut()
    assert isinstance(lodge.ask().verdict, Hold)


def test_an_admit_that_was_overtaken_by_a_change_is_not_kept(asking: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.exempt()
    asking.gatekeeper._refresh()
    look = asking.container.database.look

    @contextmanager
    def overtaken() -> Iterator[Connection]:
        with look() as opened:
            yield opened
        monkeypatch.setattr(asking.container.database, "look", look)
        with asking.container.work() as work:
            work.doors.unexempt(work.people.number(ALICE), work.people.number(BOB))
        asking.gatekeeper._refresh()

    monkeypatch.setattr(asking.container.database, "look", overtaken)
    assert isinstance(asking.ask().verdict, Admit), "it was found before the exemption was taken back"
    assert asking.at_once() is None


def test_an_admit_is_not_served_when_the_changes_were_not_read_for_a_while(asking: Lodge) -> None:
    asking.exempt()
    asking.gatekeeper._refresh()
    asking.ask()
    assert asking.at_once() is not None
    asking.gatekeeper._read_at -= 1
    assert asking.at_once() is None


def test_nobody_speaks_from_memory_in_the_name_of_the_tenants_own_people(asking: Lodge) -> None:
    asking.exempt(other=CAROL)
    own = asking.knock(inviter=CAROL, federated=False)
    asking.ask(own)
    asking.gatekeeper._refresh()
    asking.ask(own)
    assert asking.at_once(own) is not None
    assert asking.at_once(replace(own, federated=True)) == Reply(Refuse((Reason(Code.FORGED),)))


def test_own_people_who_invite_are_remembered_only_while_it_is_known_whom_they_know(asking: Lodge) -> None:
    out = asking.knock(inviter=CAROL, invitee=BOB, federated=False)
    assert isinstance(asking.ask(out).verdict, Admit)
    assert isinstance(asking.ask(out).verdict, Admit)
    asking.gatekeeper._refresh()
    asking.ask(out)
    assert asking.at_once(out) is not None
    with asking.container.work() as work:
        work.gate.answer(work.people.number(CAROL), BOB, Answer.SPAM)  # she knows him no more
    asking.gatekeeper._refresh()
    assert asking.at_once(out) is None
    asking.ask(out)
    with asking.container.read() as work:
        carol = a_person(asking.container, CAROL)
        assert work.people.find(BOB) in work.gate.known(carol)


def test_the_memory_is_warmed_with_all_whom_people_let_in(lodge: Lodge) -> None:
    lodge.shut()
    lodge.exempt()
    with lodge.container.work() as work:  # somebody elsewhere whom she accepted, and one whom she called spam
        for name in ("@dave:far.example", "@eve:far.example"):
            work.people.number(parse_user_id(name))
    a_stake(lodge.container, UserId("@dave:far.example"), ALICE)
    with lodge.container.work() as work:
        work.gate.answer(work.people.number(ALICE), UserId("@dave:far.example"), Answer.ACCEPT)
        work.gate.answer(work.people.number(ALICE), UserId("@eve:far.example"), Answer.SPAM)
    lodge.gatekeeper._refresh()
    warmer = lodge.gatekeeper._warmer
    assert lodge.at_once() is None
    warmer.warm({lodge.tenant().server_name: lodge.tenant().id})
    assert warmer.fill(exempt=False)
    assert warmer.fill(exempt=True)
    told = {
        name: lodge.at_once(lodge.knock(inviter=UserId(f"@{name}:far.example")))
        for name in ("bob", "dave", "eve", "nobody")
    }
    assert told == {
        "bob": Reply(Admit((Reason(Code.EXEMPT),))),
        "dave": Reply(Admit((Reason(Code.ACCEPTED_BEFORE),))),
        "eve": None,
        "nobody": None,
    }


def test_another_processs_change_is_heard_of(asking: Lodge, tmp_path: Path) -> None:
    engine = make_engine(asking.container.database.engine.url.render_as_string(hide_password=False))
    elsewhere = a_container(tmp_path, Database(engine))
    asking.exempt()
    asking.ask()
    assert asking.at_once() is not None
    with elsewhere.work() as work:
        work.doors.unexempt(work.people.number(ALICE), work.people.number(BOB))
    asking.gatekeeper._refresh()
    assert asking.at_once() is None
    engine.dispose()


# ---------------------------------------------------------------------------------------------------- repeated holds


def test_a_repeated_hold_is_answered_from_memory_and_counted(asking: Lodge) -> None:
    held = asking.ask()
    assert isinstance(held.verdict, Hold)
    assert asking.at_once() == held
    for number in range(3):
        assert asking.at_once(asking.knock(f"!other{number}:far.example")) == held
    alice = a_person(asking.container, ALICE)
    with asking.container.read() as work:
        assert [knock.count for knock in work.gate.knocks(alice)] == [1]
    asking.gatekeeper._count_repeats()
    with asking.container.read() as work:
        assert [knock.count for knock in work.gate.knocks(alice)] == [4], "the same room again is the same knock"
    asking.gatekeeper._count_repeats()
    with asking.container.read() as work:
        assert [knock.count for knock in work.gate.knocks(alice)] == [4]


def test_what_could_not_be_counted_is_counted_later(asking: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.ask()
    asking.at_once(asking.knock("!other:far.example"))
    work = asking.container.work

    def away() -> Work:
        message = "away"
        raise DatabaseUnavailable(message)

    monkeypatch.setattr(asking.container, "work", away)
    with pytest.raises(DatabaseUnavailable):
        asking.gatekeeper._count_repeats()
    monkeypatch.setattr(asking.container, "work", work)
    asking.gatekeeper._count_repeats()
    with asking.container.read() as opened:
        (knock,) = opened.gate.knocks(a_person(asking.container, ALICE))
    assert knock.count == 2


def test_a_remembered_hold_ends_with_any_change_of_the_recipients(asking: Lodge) -> None:
    asking.ask()
    assert asking.at_once() is not None
    asking.exempt()
    asking.gatekeeper._refresh()
    assert asking.at_once() is None
    assert isinstance(asking.ask().verdict, Admit)


def test_a_refusal_because_of_another_invite_is_remembered_for_its_own_room_alone(asking: Lodge) -> None:
    asking.ask()
    a_stake(asking.container, BOB, ALICE)
    asking.gatekeeper._refresh()
    assert asking.ask(asking.knock("!first:far.example")).verdict == Admit((Reason(Code.STAKED),))
    asking.gatekeeper._refresh()
    second = asking.ask(asking.knock("!second:far.example"))
    assert second.verdict.because[0].code is Code.INVITE_PENDING
    assert asking.at_once(asking.knock("!second:far.example")) == second
    assert asking.at_once(asking.knock("!first:far.example")) is None
    assert asking.ask(asking.knock("!first:far.example")).verdict == Admit((Reason(Code.SAME_KNOCK),))


def test_an_unproven_knock_is_not_taken_for_the_strangers_own(asking: Lodge) -> None:
    asking.ask()
    unproven = replace(asking.knock("!other:far.example"), proven=False)
    assert asking.at_once(unproven) is None
    assert asking.ask(unproven).verdict == Refuse((Reason(Code.UNPROVEN),))


# ---------------------------------------------------------------------------------------------------- too many


@contextmanager
def busy(lodge: Lodge, *, answered: bool = True) -> Iterator[threading.Event]:
    """Keep the threads that write at work until the event is set, so that whoever comes has to wait.

    ``answered``: whether the database answered them in the end.
    """
    at_work, release = threading.Event(), threading.Event()

    def job() -> bool:
        at_work.set()
        release.wait()
        return answered

    threads = len(lodge.gatekeeper._writers._threads)
    for _ in range(threads):
        assert lodge.gatekeeper._writers.join(job, party="", first=True)
    at_work.wait()
    try:
        yield release
    finally:
        release.set()


def strangers(lodge: Lodge, server: str, count: int) -> list[Asked]:
    knocks = [lodge.knock(inviter=UserId(f"@s{number}:{server}")) for number in range(count)]
    return [lodge.gatekeeper.submit(knock) for knock in knocks]


def test_few_of_one_homeserver_wait_and_the_rest_is_refused_at_once(asking: Lodge) -> None:
    with busy(asking) as release:
        flood = strangers(asking, "flood.example", 60)
        quiet = strangers(asking, "quiet.example", 1)
        refused = settled(flood, 44)
        assert all(reply == Reply(Refuse((Reason(Code.SERVER_FLOODS),))) for reply in refused)
        assert not quiet[0].done()
        release.set()
        assert isinstance(quiet[0].result().verdict, Hold)
        assert sum(isinstance(asked.result().verdict, Hold) for asked in flood) == 16


def settled(crowd: list[Asked], count: int) -> list[Reply]:
    """What these were told, once so many of them were told anything."""
    while sum(asked.done() for asked in crowd) < count:
        time.sleep(0.001)
    return [asked.result() for asked in crowd if asked.done()]


def test_a_crowd_is_told_so_and_those_known_go_first(asking: Lodge) -> None:
    asking.container.settings.gate_deadline_ms = 700
    asking.gatekeeper._writers._pace = 0.05 * len(asking.gatekeeper._writers._threads)
    carol = asking.knock(inviter=CAROL, invitee=BOB, federated=False)
    with busy(asking) as release:
        crowd = [strangers(asking, f"server{number}.example", 1)[0] for number in range(30)]
        assert all(reply == Reply(Refuse((Reason(Code.CROWDED),))) for reply in settled(crowd, 20))
        writes_out = asking.gatekeeper.submit(carol)
        assert writes_out.result().verdict == Admit((Reason(Code.NOT_OURS),)), "nobody is kept from writing elsewhere"
        asking.container.settings.gate_deadline_ms = 60_000
        release.set()


def test_nobody_is_begun_with_who_would_be_answered_too_late(asking: Lodge) -> None:
    asking.container.settings.gate_deadline_ms = 100
    with busy(asking, answered=False) as release:
        (asked,) = strangers(asking, "slow.example", 1)
        while asking.gatekeeper._writers.waiting("slow.example") == 0:
            time.sleep(0.001)
        time.sleep(0.1)
        release.set()
    while asking.gatekeeper._writers.waiting("slow.example"):
        time.sleep(0.001)
    assert not asked.done()
    # Nobody else came: it is the database that is slow, and no crowd is spoken of where there is none.
    assert asking.gatekeeper.late(asking.tenant(), asked) == Reply(Admit((Reason(Code.LATE),)))


def test_a_flood_of_one_homeserver_is_refused_from_memory_and_others_are_not(asking: Lodge) -> None:
    knock = asking.knock()
    asked = [asking.at_once(knock) for _ in range(1_000)]
    refused = [reply for reply in asked if reply is not None]
    assert asked[:200] == [None] * 200
    assert len(refused) > 500
    assert all(reply == Reply(Refuse((Reason(Code.SERVER_FLOODS),))) for reply in refused)
    elsewhere = replace(knock, inviter=parse_user_id("@carol:quiet.example"))
    own = replace(knock, inviter=CAROL, federated=False)
    assert asking.at_once(elsewhere) is None
    assert [asking.at_once(own) for _ in range(1_000)] == [None] * 1_000


def test_homeservers_below_one_domain_flood_as_one(asking: Lodge) -> None:
    asked = [asking.at_once(asking.knock(inviter=UserId(f"@s:s{number}.far.example"))) for number in range(300)]
    assert asked[:200] == [None] * 200
    assert asked[-1] == Reply(Refuse((Reason(Code.SERVER_FLOODS),)))


def test_whom_the_recipient_knows_is_no_part_of_their_homeservers_flood(asking: Lodge) -> None:
    asking.exempt()
    asking.ask()
    for _ in range(300):
        asking.at_once(asking.knock(inviter=UserId("@another:far.example")))
    asking.shut()  # the door changes, so that the database is asked about him again
    asking.gatekeeper._refresh()
    assert asking.at_once() is None
    assert isinstance(asking.ask().verdict, Admit)


# ---------------------------------------------------------------------------------------------------- too late


def test_too_late_is_the_tenants_own_choice(lodge: Lodge) -> None:
    with lodge.container.work() as work:
        closed = work.tenants.add(parse_server_name("closed.example"), on_deadline="closed")
    lodge.gatekeeper._refresh()
    strict = lodge.gatekeeper.tenant(closed)
    assert strict is not None
    asked = Asked(lodge.knock(), 0, lodge.gatekeeper._writers, known=False)
    assert isinstance(lodge.gatekeeper.late(lodge.tenant(), asked).verdict, Admit)
    assert isinstance(lodge.gatekeeper.late(strict, asked).verdict, Refuse)


def test_nobody_is_let_in_for_being_late_while_the_database_answers_others(asking: Lodge) -> None:
    asked = Asked(asking.knock(), 0, asking.gatekeeper._writers, known=False)
    asking.ask(asking.knock(inviter=UserId("@another:far.example")))  # a write, after he came
    assert asking.gatekeeper.late(asking.tenant(), asked) == Reply(Refuse((Reason(Code.CROWDED),)))
    asked.known = True
    assert isinstance(asking.gatekeeper.late(asking.tenant(), asked).verdict, Admit)


def test_nobody_is_let_in_for_being_late_while_many_strangers_come(asking: Lodge) -> None:
    """However slow the machine is: the first of a flood are late before anybody of it was answered or refused."""
    with busy(asking):
        flood = [strangers(asking, f"server{number}.example", 1)[0] for number in range(11)]
        said = [asking.gatekeeper.late(asking.tenant(), asked) for asked in flood]
        assert all(reply == Reply(Refuse((Reason(Code.CROWDED),))) for reply in said)


def test_reading_for_others_is_no_answer_to_whom_a_write_keeps_waiting(asking: Lodge) -> None:
    asked = Asked(asking.knock(), 0, asking.gatekeeper._writers, known=False)
    asking.exempt(other=UserId("@another:far.example"))
    asking.ask(asking.knock(inviter=UserId("@another:far.example")))
    assert isinstance(asking.gatekeeper.late(asking.tenant(), asked).verdict, Admit)


def test_who_floods_is_not_let_in_for_being_late_whatever_the_database_does(asking: Lodge) -> None:
    asked = Asked(asking.knock(), 0, asking.gatekeeper._writers, known=False)
    for number in range(300):
        asking.at_once(asking.knock(inviter=UserId(f"@s{number}:far.example")))
    assert asking.gatekeeper.late(asking.tenant(), asked) == Reply(Refuse((Reason(Code.SERVER_FLOODS),)))
    elsewhere = Asked(asking.knock(inviter=UserId("@x:quiet.example")), 0, asking.gatekeeper._writers, known=False)
    assert isinstance(asking.gatekeeper.late(asking.tenant(), elsewhere).verdict, Admit)


def test_nobodys_bearer_and_a_database_that_was_never_read(lodge: Lodge) -> None:
    assert lodge.gatekeeper.tenant("nobody's") is None
    with pytest.raises(Unavailable):
        Gatekeeper(lodge.container).tenant(lodge.bearer)


def _asked(lodge: Lodge) -> list[OutboxRow]:
    with lodge.container.read() as work:
        return list(work.session.scalars(select(OutboxRow).where(OutboxRow.key.like("ask_answer:%"))))


def test_a_join_that_no_database_heard_of_is_made_up_for(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    lodge.shut()
    assert lodge.ask().quote is not None
    a_stake(lodge.container, BOB, ALICE)
    lodge.gatekeeper._refresh()
    knock = lodge.knock()
    assert isinstance(lodge.ask().verdict, Admit)
    with monkeypatch.context() as away:

        def silent() -> None:
            message = "The database did not answer."
            raise DatabaseUnavailable(message)

        away.setattr(lodge.container, "read", silent)
        assert not lodge.gatekeeper._joined(lodge.tenant(), ALICE, knock.room)
    assert _asked(lodge) == []
    assert lodge.gatekeeper._make_up_at is not None, "it is looked up later"
    assert lodge.gatekeeper._make_up()
    assert len(_asked(lodge)) == 1


def test_a_new_process_asks_what_a_dead_one_was_not_told(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    lodge.shut()
    quote = lodge.ask().quote
    assert quote is not None
    a_stake(lodge.container, BOB, ALICE)
    lodge.gatekeeper._refresh()
    assert isinstance(lodge.ask().verdict, Admit)  # it arrives, and she joins while nobody hears of it
    monkeypatch.setattr("app.gatekeeper._MADE_UP_AFTER_SECONDS", 0)
    lodge.gatekeeper.start()
    try:
        while not _asked(lodge):
            time.sleep(0.05)
    finally:
        lodge.gatekeeper._stop.set()
        lodge.gatekeeper._watcher.join()


def test_rules_are_read_where_nobody_waits_to_write(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    coins = '{"version": 1, "kind": "door", "patterns": {"coins": {"words": ["airdrop"]}}, "rules": [{"name": "coins",'
    coins += """ "when": "'coins' in text.found", "then": {"do": "refuse"}}], "otherwise": {"do": "admit"}}"""
    where = list[str]()

    def noted(document: DoorDocument) -> Door:
        where.append(threading.current_thread().name)
        return door_of(document)

    monkeypatch.setattr("reputation.versions.door_of", noted)
    versions.read_door.cache_clear()
    document = drafts.written(coins, DoorDocument)
    assert len(where) == 1
    with lodge.container.work() as work:
        work.doors.write(work.people.number(ALICE), document)
    assert len(where) == 1, "who sets a door has it read before"
    versions.read_door.cache_clear()
    lodge.gatekeeper._refresh()
    verdict = lodge.ask(replace(lodge.knock(), told={"knock.text": "airdrop"})).verdict
    assert isinstance(verdict, Refuse)
    assert len(where) == 2
    assert where[1].startswith("gate-reads")
