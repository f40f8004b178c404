"""Doors of rules: what their documents say to a stranger, by what is known of them; versions, undo, and arrivals."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select

from kit.amounts import Amount
from kit.clock import from_unix
from kit.errors import Invalid, NotFound
from kit.identifiers import PersonId, UserId
from ledger.tables import PersonRow
from payments.stakes.model import Answer, Price, StakeState
from reputation import versions
from reputation.arrivals import Arrivals
from reputation.evidence import Audience, Reason
from reputation.model import ContactWhy, Door, DoorMode, Knock
from reputation.policy import Admitting, DoorDocument, Holding, Refusing, Rule
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset
from reputation.store import GateStore
from reputation.tables import ArrivalRow, DocumentVersionRow
from reputation.verdict import Admit, Code, FreePath, Hold, Refuse
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, ROOM
from tests.support.stakes import PAYEE

CAROL = UserId("@carol:home.example")
FIVE = Price(Amount(5 * 10**18), Amount(0))
FRIENDLY = PRESETS[Preset.FRIENDS_OF_FRIENDS]


def with_rules(house: House, *rules: Rule, otherwise: Admitting | Holding | Refusing | None = None) -> PersonId:
    """Alice, whose door is of these rules."""
    return written(house, DoorDocument(rules=rules, otherwise=otherwise or Holding(stake=Amount(5 * 10**18))))


def written(house: House, document: DoorDocument) -> PersonId:
    house.tenant()
    alice = house.person(ALICE)
    with house.work() as rooms:
        rooms.doors.write(alice, document)
    return alice


def rule(when: str, then: Admitting | Holding | Refusing, name: str = "rule") -> Rule:
    return Rule(name=name, when=when, then=then)


def now_in(house: House) -> datetime:
    return from_unix(house.time)


def codes(house: House, **how: object) -> list[Code]:
    return [reason.code for reason in house.knock(**how).verdict.because]  # type: ignore[arg-type]


def befriend(house: House, one: UserId, other: UserId) -> None:
    """Have one person accept another."""
    with house.work() as rooms:
        person, known = rooms.people.number(one), rooms.people.number(other)
        GateStore(rooms.session).learn_contact(person, known, ContactWhy.ACCEPTED, now_in(house))


def test_friends_of_friends_come_in_free_and_other_strangers_are_asked(house: House) -> None:
    alice = written(house, FRIENDLY)
    held = house.knock()
    assert isinstance(held.verdict, Hold)
    assert (held.verdict.price.own, held.verdict.free) == (FIVE, (FreePath.ASK, FreePath.VOUCH))
    assert held.quote is not None
    assert house.passing() is None
    befriend(house, ALICE, CAROL)
    befriend(house, CAROL, BOB)
    assert codes(house) == [Code.ASKS_STAKE], "Carol does not trust Alice, so whom she knows is not for her to see"
    befriend(house, CAROL, ALICE)
    assert codes(house) == [Code.BY_RULE]
    with house.work() as rooms:
        assert [
            (one.code, one.count) for one in Arrivals(rooms.session, now_in(house)).at(alice, since=from_unix(0))
        ] == [(Code.BY_RULE, 1)]


def test_one_contacts_word_opens_and_a_strangers_does_not(house: House) -> None:
    document = DoorDocument(otherwise=Holding(stake=Amount(5 * 10**18), free=(FreePath.VOUCH,)))
    alice = written(house, document)
    bob, carol = house.person(BOB), house.person(CAROL)
    with house.work() as rooms:
        rooms.vouches.vouch(carol, bob, audience=Audience.EVERYBODY)
    assert codes(house) == [Code.ASKS_STAKE], "nobody whom Alice knows"
    befriend(house, ALICE, CAROL)
    assert codes(house) == [Code.VOUCHED]
    with house.work() as rooms:
        rooms.vouches.withdraw(carol, bob)
    assert codes(house) == [Code.ASKS_STAKE]
    with house.work() as rooms:
        rooms.vouches.vouch(alice, bob)
    assert codes(house) == [Code.VOUCHED], "her own word is one, too"


def test_rules_ask_who_reports_somebody_as_far_as_they_let_the_owner_see_it(house: House) -> None:
    reported = rule(f"sender.reports >= 1 && '{CAROL}' in sender.reported_by", Refusing())
    alice = with_rules(house, reported, otherwise=Admitting())
    house.knock()
    with house.work() as rooms:
        carol, bob = rooms.people.number(CAROL), rooms.people.number(BOB)
        rooms.vouches.vouch(alice, carol)
        rooms.vouches.report(carol, bob, Reason.SCAM)
    assert isinstance(house.knock().verdict, Admit), "Carol does not trust her"
    with house.work() as rooms:
        rooms.vouches.vouch(carol, alice)
    assert isinstance(house.knock().verdict, Refuse)
    with house.work() as rooms:
        rooms.vouches.withdraw(carol, bob)
    assert isinstance(house.knock().verdict, Admit)


def test_the_word_of_whom_the_owner_called_spam_opens_nothing(house: House) -> None:
    alice = written(house, FRIENDLY)
    house.knock()
    with house.work() as rooms:
        carol, bob = rooms.people.number(CAROL), rooms.people.number(BOB)
        rooms.vouches.vouch(alice, carol)
        rooms.vouches.vouch(carol, bob, audience=Audience.EVERYBODY)
    assert codes(house) == [Code.BY_RULE]
    house.answer(Answer.SPAM, stranger=CAROL)
    assert codes(house) == [Code.ASKS_STAKE], "though what she said for Carol before was not taken back"


def test_rules_ask_how_somebody_stands_where_that_is_known(house: House) -> None:
    alice = with_rules(house, rule("sender.standing > 0.8 && sender.confidence > 0.5", Admitting()))
    bob = house.person(BOB)
    assert codes(house) == [Code.ASKS_STAKE], "nobody's standing is known: the rule decides nothing"
    house.standings.of[alice, bob] = (0.9, 0.7)
    assert codes(house) == [Code.BY_RULE]
    house.standings.of[alice, bob] = (0.9, 0.4)
    assert codes(house) == [Code.ASKS_STAKE]
    with house.work() as rooms:
        why = rooms.gate.why(alice, BOB)
        assert why.rules is not None
        assert [one.trace.answer for one in why.rules.considered] == ["false"]


def test_what_the_homeserver_said_of_the_invite_is_a_fact(house: House) -> None:
    spam = rule("knock.text.contains('airdrop') || room.public", Refusing())
    with_rules(house, spam, otherwise=Admitting())
    tenant = house.tenant()

    def told(**facts: object) -> type:
        knock = Knock(tenant.id, tenant.server_name, BOB, ALICE, ROOM, now_in(house), federated=True, told=facts)
        with house.work() as rooms:
            return type(rooms.gate.ask(knock).verdict)

    assert told(**{"knock.text": "An airdrop for you"}) is Refuse
    assert told(**{"knock.text": "Tea?"}) is Admit, "whether the room is public is not known: the rule decides nothing"
    assert told(**{"knock.text": "Tea?", "room.public": True}) is Refuse


def test_who_was_never_heard_of_is_as_new_as_can_be(house: House) -> None:
    with_rules(house, rule("time.now - sender.first_seen < duration('48h')", Refusing()), otherwise=Admitting())
    assert isinstance(house.knock().verdict, Refuse), "by the first knock, too: who makes up names knocks once by each"
    house.time += 49 * 3600
    assert isinstance(house.knock().verdict, Admit)


def test_a_time_zone_that_is_no_more_stops_no_verdict(house: House) -> None:
    alice = with_rules(house, rule("time.hour >= 0", Refusing()), otherwise=Admitting())
    with house.work() as rooms:
        rooms.session.get_one(PersonRow, alice).time_zone = "Atlantis/Capital"
    assert isinstance(house.knock().verdict, Refuse)


def test_a_stake_that_rules_ask_for_opens_the_door_and_is_answered(house: House) -> None:
    written(house, FRIENDLY)
    stake = house.pay()
    assert codes(house) == [Code.STAKED]
    house.answer(Answer.RETURN)
    assert house.calls(stake) == {"return_answered": "waiting"}


def test_a_door_that_asks_nobody_any_more_gives_back_what_was_paid(house: House) -> None:
    alice = written(house, FRIENDLY)
    stake, quote = house.pay(), house.quote(inviter=UserId("@dora:away.example"))
    with house.work() as rooms:
        rooms.doors.write(alice, DoorDocument(rules=(rule("sender.vouches > 3", Admitting()),), otherwise=Refusing()))
        assert not rooms.stakes.standing(rooms.stakes.find_quote(quote.id))
    assert house.calls(stake), "it goes back"
    assert stake.state is StakeState.OPEN


def test_a_document_that_says_no_more_is_one_of_the_three_doors(house: House) -> None:
    for preset, mode in ((Preset.OPEN, DoorMode.OPEN), (Preset.STAKE, DoorMode.ASK), (Preset.KNOWN, DoorMode.CLOSED)):
        alice = written(house, PRESETS[preset])
        with house.work() as rooms:
            assert rooms.doors.show(alice).mode is mode
            assert document_of(rooms.doors.show(alice)) == PRESETS[preset]
    alice = written(house, FRIENDLY)
    with house.work() as rooms:
        assert rooms.doors.show(alice).mode is DoorMode.RULES
        assert document_of(rooms.doors.show(alice)) == FRIENDLY


def test_every_change_is_a_version_and_can_be_undone_and_the_undoing_too(house: House) -> None:
    alice = house.person(ALICE)
    with house.work() as rooms:
        with pytest.raises(NotFound, match="never changed"):
            rooms.doors.back(alice)
        rooms.doors.ask(alice, stake=Amount(7))
        assert rooms.doors.back(alice) == Door(DoorMode.OPEN)
        assert rooms.doors.back(alice).stake == Amount(7)
        rooms.doors.write(alice, FRIENDLY)
        rooms.doors.write(alice, FRIENDLY)
        rooms.doors.cap(alice, most_open=3)
        kept = rooms.doors.versions.all(alice)
        assert [one.number for one in kept] == [5, 4, 3, 2, 1], "to say the same again is no change"
        assert kept[0].document.limits.at_once == rooms.doors.show(alice).caps.most_open == 3
        assert document_of(rooms.doors.back(alice, 4)) == FRIENDLY
        assert rooms.doors.versions.all(alice)[0].number == 6
        with pytest.raises(NotFound, match="no version"):
            rooms.doors.back(alice, 99)


def test_what_can_be_read_no_more_lets_no_stranger_in_and_can_be_replaced_and_undone(house: House) -> None:
    alice = written(house, FRIENDLY)
    with house.work() as rooms:
        rooms.doors.cap(alice, most_open=3)
        newest = rooms.session.get_one(DocumentVersionRow, (alice, "door", 2))
        newest.document = newest.document.replace('"admit"', '"welcome"')
    assert codes(house) == [Code.DOOR_CLOSED], "the gate answers, whatever it finds"
    with house.work() as rooms:
        assert [one.number for one in rooms.doors.versions.all(alice)] == [1]
        with pytest.raises(NotFound, match="no version"):
            rooms.doors.back(alice, 2)
        assert document_of(rooms.doors.back(alice)) == FRIENDLY
    assert codes(house) == [Code.ASKS_STAKE]


def test_to_go_back_reads_no_other_version(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, asked, read = house.person(ALICE), list[str](), DoorDocument.model_validate_json

    def counted(text: str) -> DoorDocument:
        asked.append(text)
        return read(text)

    monkeypatch.setattr(DoorDocument, "model_validate_json", counted)
    with house.work() as rooms:
        for stake in range(1, 5):
            rooms.doors.ask(alice, stake=Amount(stake))
        rooms.doors.back(alice)
    assert len(set(asked)) == 1, "each may be large, and nobody else writes meanwhile"


def test_no_more_than_fifty_versions_are_kept(house: House) -> None:
    alice = house.person(ALICE)
    with house.work() as rooms:
        for stake in range(1, versions.MOST_KEPT + 4):
            rooms.doors.ask(alice, stake=Amount(stake))
        numbers = [one.number for one in rooms.doors.versions.all(alice)]
    assert numbers == list(range(versions.MOST_KEPT + 3, 3, -1))


def test_prices_of_rules_must_be_payable_and_a_fee_needs_a_wallet(house: House) -> None:
    alice = house.person(ALICE)
    asks = DoorDocument(rules=(rule("sender.vouches > 0", Holding(fee=Amount(2))),), otherwise=Refusing())
    with house.work() as rooms, pytest.raises(Invalid, match="link a wallet"):
        rooms.doors.write(alice, asks)
    house.link_wallet(alice, PAYEE)
    with house.work() as rooms:
        assert rooms.doors.write(alice, asks).fee_payee == PAYEE


def test_an_open_door_that_was_set_counts_whom_it_lets_in(house: House) -> None:
    alice = written(house, PRESETS[Preset.OPEN])
    passing = house.passing()
    assert passing is not None
    assert passing.counted
    tenant = house.tenant()
    knock = Knock(tenant.id, tenant.server_name, BOB, ALICE, ROOM, now_in(house), federated=True)
    with house.work() as rooms:
        rooms.gate.let_in([knock, knock])
    house.person(CAROL)
    with house.work() as rooms:
        found = Arrivals(rooms.session, now_in(house)).at(alice, since=from_unix(0))
        assert [(one.count, one.code) for one in found] == [(1, Code.DOOR_OPEN)], "two calls, one invite"
    house.time += 31 * 24 * 3600
    with house.work() as rooms:
        assert rooms.gate.prune() >= 1
        assert rooms.session.scalar(select(func.count()).select_from(ArrivalRow)) == 0
        assert rooms.people.find(BOB) is None, "nothing else is known of them"


def test_those_who_passed_are_always_counted_in_one_order(house: House) -> None:
    written(house, PRESETS[Preset.OPEN])
    tenant = house.tenant()
    names = [UserId(f"@{name}:away.example") for name in "cab"]
    knocks = [Knock(tenant.id, tenant.server_name, name, ALICE, ROOM, now_in(house), federated=True) for name in names]
    with house.work() as rooms:
        rooms.gate.let_in(knocks)
        numbers = [rooms.people.number(name) for name in sorted(names)]
    assert numbers == sorted(numbers), "two processes that write of the same strangers never wait for each other"


def test_whoever_is_forgotten_leaves_no_document_and_no_arrival(house: House) -> None:
    alice = written(house, FRIENDLY)
    befriend(house, ALICE, CAROL)
    befriend(house, CAROL, ALICE)
    befriend(house, CAROL, BOB)
    assert codes(house) == [Code.BY_RULE]
    with house.work() as rooms:
        rooms.gate.forget(alice)
        for table in (DocumentVersionRow, ArrivalRow):
            assert rooms.session.scalar(select(func.count()).select_from(table)) == 0


def test_no_rule_lets_in_whoever_does_not_prove_who_they_are(house: House) -> None:
    with_rules(house, rule("sender.server == 'away.example'", Admitting()), otherwise=Admitting())
    assert codes(house) == [Code.BY_RULE]
    assert codes(house, proven=False) == [Code.UNPROVEN], "any server may say so of anybody"
    with_rules(house, rule("sender.server == 'away.example'", Refusing()), otherwise=Admitting())
    assert codes(house, proven=False) == [Code.BY_RULE]
    assert codes(house, inviter=UserId("@x:third.example"), proven=False) == [Code.DOOR_OPEN]
