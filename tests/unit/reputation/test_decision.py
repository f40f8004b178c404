"""The decision, rule by rule, in the order in which they are asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from kit.amounts import ZERO, Amount
from kit.identifiers import Hash32, ServerName, UserId
from payments.stakes.model import Price
from reputation.decision import decide, grant_for, may_pass_unread
from reputation.model import RETRY_WINDOW, ContactWhy, Door, DoorMode, Facts, Grant, Knock
from reputation.pricing import Pressure
from reputation.verdict import Admit, Code, Hold, Reason, Refuse
from tests.support.knocks import ALICE, ASKS, BOB, BOT, CLOSED, FACTS, KNOCK, NOW, OTHER_ROOM, ROOM

OPEN_DOOR: Final = Door()
FREE: Final = Grant(Hash32(b"\x01" * 32), closes_at=2_000)
SEEN: Final = replace(FREE, confirmed=False)
TAKEN: Final = replace(FREE, pending_room=ROOM, pending_since=NOW)
WORST: Final = replace(FACTS, called_spam=True)


@pytest.mark.parametrize(
    ("knock", "door", "facts", "kind", "code"),
    [
        (replace(KNOCK, inviter=BOT), CLOSED, WORST, Admit, Code.OWN_BOT),
        (replace(KNOCK, invitee=BOT), CLOSED, WORST, Admit, Code.OWN_BOT),
        (replace(KNOCK, invitee=UserId("@eve:else.example")), CLOSED, WORST, Admit, Code.NOT_OURS),
        (replace(KNOCK, tenant_server=ServerName("HOME.example")), CLOSED, WORST, Admit, Code.NOT_OURS),
        (KNOCK, CLOSED, replace(WORST, leaving=True), Admit, Code.LEAVING),
        (replace(KNOCK, inviter=ALICE), CLOSED, WORST, Admit, Code.SELF),
        (KNOCK, OPEN_DOOR, WORST, Refuse, Code.CALLED_SPAM),
        (KNOCK, ASKS, replace(WORST, exempt=True, contact=ContactWhy.ACCEPTED), Refuse, Code.CALLED_SPAM),
        (KNOCK, ASKS, replace(WORST, grants=(FREE,)), Refuse, Code.CALLED_SPAM),
        (KNOCK, CLOSED, replace(FACTS, exempt=True), Admit, Code.EXEMPT),
        (KNOCK, CLOSED, replace(FACTS, contact=ContactWhy.INVITED), Admit, Code.CONTACTED_FIRST),
        (KNOCK, CLOSED, replace(FACTS, contact=ContactWhy.ACCEPTED), Admit, Code.ACCEPTED_BEFORE),
        (KNOCK, OPEN_DOOR, FACTS, Admit, Code.DOOR_OPEN),
        (KNOCK, Door(DoorMode.ASK, ZERO, ZERO), FACTS, Admit, Code.DOOR_OPEN),
        (KNOCK, CLOSED, FACTS, Refuse, Code.DOOR_CLOSED),
        (KNOCK, CLOSED, replace(FACTS, grants=(FREE,)), Refuse, Code.DOOR_CLOSED),
        (KNOCK, ASKS, FACTS, Hold, Code.ASKS_STAKE),
        (KNOCK, Door(DoorMode.ASK, ZERO, Amount(1)), FACTS, Hold, Code.ASKS_STAKE),
        (KNOCK, ASKS, replace(FACTS, grants=(FREE,)), Admit, Code.STAKED),
        (KNOCK, ASKS, replace(FACTS, grants=(TAKEN,)), Admit, Code.SAME_KNOCK),
        (replace(KNOCK, room=OTHER_ROOM), ASKS, replace(FACTS, grants=(TAKEN,)), Refuse, Code.INVITE_PENDING),
        (replace(KNOCK, room=OTHER_ROOM), ASKS, replace(FACTS, grants=(TAKEN, FREE)), Admit, Code.STAKED),
        (KNOCK, ASKS, replace(FACTS, grants=(FREE, TAKEN)), Admit, Code.SAME_KNOCK),
        (KNOCK, ASKS, replace(FACTS, grants=(SEEN,)), Refuse, Code.STAKE_UNCONFIRMED),
        (KNOCK, ASKS, replace(FACTS, grants=(replace(TAKEN, confirmed=False),)), Refuse, Code.STAKE_UNCONFIRMED),
        (replace(KNOCK, room=OTHER_ROOM), ASKS, replace(FACTS, grants=(TAKEN, SEEN)), Refuse, Code.STAKE_UNCONFIRMED),
        (KNOCK, ASKS, replace(FACTS, grants=(SEEN, FREE)), Admit, Code.STAKED),
        (KNOCK, ASKS, replace(FACTS, grants=(SEEN,), chain_time=2_000), Hold, Code.ASKS_STAKE),
        (KNOCK, ASKS, replace(FACTS, grants=(FREE,), chain_time=2_000), Hold, Code.ASKS_STAKE),
        (KNOCK, ASKS, replace(FACTS, grants=(TAKEN,), chain_time=2_000), Hold, Code.ASKS_STAKE),
    ],
)
def test_the_first_rule_that_applies_decides(
    knock: Knock, door: Door, facts: Facts, kind: type[Admit | Hold | Refuse], code: Code
) -> None:
    verdict = decide(knock, door, facts)
    assert type(verdict) is kind
    assert [reason.code for reason in verdict.because] == [code]


LAPSED: Final = replace(FACTS, lapsed=(FACTS.chain_time - 6 * 86_400,))
FULL: Final = replace(FACTS, pressure=Pressure(open_now=10))


@pytest.mark.parametrize(
    ("facts", "kind", "codes"),
    [
        (LAPSED, Refuse, [Code.BARRED]),
        (replace(LAPSED, pressure=FULL.pressure), Refuse, [Code.BARRED]),
        (replace(LAPSED, grants=(FREE,)), Admit, [Code.STAKED]),
        (replace(LAPSED, grants=(TAKEN,)), Admit, [Code.SAME_KNOCK]),
        (replace(LAPSED, exempt=True), Admit, [Code.EXEMPT]),
        (replace(LAPSED, chain_time=LAPSED.chain_time + 86_400), Hold, [Code.ASKS_STAKE]),
        (replace(LAPSED, lapsed=(0, *LAPSED.lapsed), chain_time=LAPSED.chain_time + 7 * 86_400), Refuse, [Code.BARRED]),
        (FULL, Refuse, [Code.DOOR_FULL]),
        (replace(FULL, quoted=ASKS.price), Refuse, [Code.DOOR_FULL]),
        (replace(FULL, grants=(FREE,)), Admit, [Code.STAKED]),
        (replace(FACTS, pressure=Pressure(opened_today=5)), Refuse, [Code.DOOR_FULL]),
        (replace(FACTS, pressure=Pressure(open_now=9, opened_today=4)), Hold, [Code.ASKS_STAKE]),
        (replace(FACTS, pressure=Pressure(door=3)), Hold, [Code.ASKS_STAKE, Code.DEARER_DOOR]),
        (replace(FACTS, pressure=Pressure(own=3)), Hold, [Code.ASKS_STAKE, Code.DEARER_OWN]),
        (replace(FACTS, pressure=Pressure(own=3, wallet=6)), Hold, [Code.ASKS_STAKE, Code.DEARER_WALLET]),
        (
            replace(FACTS, pressure=Pressure(door=9, server=4)),
            Hold,
            [Code.ASKS_STAKE, Code.DEARER_DOOR, Code.DEARER_SERVER],
        ),
    ],
)
def test_strangers_wait_their_turn(facts: Facts, kind: type[Admit | Hold | Refuse], codes: list[Code]) -> None:
    verdict = decide(KNOCK, ASKS, facts)
    assert type(verdict) is kind
    assert [reason.code for reason in verdict.because] == codes


def test_a_price_that_was_told_stands_unless_it_more_than_doubled() -> None:
    twice, four = (replace(FACTS, pressure=Pressure(own=own), quoted=ASKS.price) for own in (3, 6))
    assert decide(KNOCK, ASKS, twice) == Hold(ASKS.price, (Reason(Code.ASKS_STAKE, {"stake": "5", "fee": "0"}),))
    raised = decide(KNOCK, ASKS, four)
    assert isinstance(raised, Hold)
    assert raised.price == Price(Amount(20), ZERO, Amount(5), ("own",))
    of_another_door = replace(twice, quoted=Price(Amount(9), ZERO))
    assert isinstance(asked := decide(KNOCK, ASKS, of_another_door), Hold)
    assert asked.price.stake == Amount(10)


def test_a_held_knock_is_told_the_doors_own_price() -> None:
    door = Door(DoorMode.ASK, Amount(5), Amount(2), None)
    assert decide(KNOCK, door, FACTS) == Hold(Price(Amount(5), Amount(2)), decide(KNOCK, door, FACTS).because)


@pytest.mark.parametrize("late", [timedelta(0), RETRY_WINDOW, -RETRY_WINDOW])
def test_the_pending_invite_may_be_tried_again_for_a_while(late: timedelta) -> None:
    again = replace(KNOCK, at=NOW + late)
    assert isinstance(decide(again, ASKS, replace(FACTS, grants=(TAKEN,))), Admit)


def test_then_even_its_own_room_is_another_invite() -> None:
    again = replace(KNOCK, at=NOW + RETRY_WINDOW + timedelta(seconds=1))
    assert isinstance(decide(again, ASKS, replace(FACTS, grants=(TAKEN,))), Refuse)


def test_a_repetition_takes_no_other_grant() -> None:
    facts = replace(FACTS, grants=(FREE, TAKEN))
    assert grant_for(KNOCK, facts) is None
    assert grant_for(replace(KNOCK, room=OTHER_ROOM), facts) == FREE
    assert grant_for(KNOCK, replace(FACTS, grants=(FREE,), chain_time=2_000)) is None


def test_bob_is_who_he_is_to_the_byte() -> None:
    assert isinstance(decide(replace(KNOCK, inviter=UserId("@Alice:home.example")), CLOSED, FACTS), Refuse)
    assert isinstance(
        decide(replace(KNOCK, inviter=BOB), CLOSED, replace(FACTS, bot=UserId("@Bob:away.example"))), Refuse
    )


FORGED = replace(KNOCK, inviter=UserId("@carol:home.example"), federated=True)
UNPROVEN = replace(KNOCK, federated=True, proven=False)


@pytest.mark.parametrize("invitee", [ALICE, UserId("@mallory:away.example"), BOT])
@pytest.mark.parametrize("known", [FACTS, replace(FACTS, exempt=True, contact=ContactWhy.INVITED, grants=(FREE,))])
def test_another_server_speaks_for_nobody_of_ours(invitee: UserId, known: Facts) -> None:
    found = decide(replace(FORGED, invitee=invitee), Door(), known)
    assert [reason.code for reason in found.because] == [Code.FORGED]
    assert isinstance(found, Refuse)
    assert not may_pass_unread(FORGED)


def test_a_leaving_tenant_is_told_yes_even_then() -> None:
    assert isinstance(decide(FORGED, CLOSED, replace(FACTS, leaving=True)), Admit)


@pytest.mark.parametrize("facts", [FACTS, replace(FACTS, grants=(FREE,)), replace(FACTS, grants=(TAKEN,))])
def test_who_is_not_proven_to_be_a_stranger_is_asked_for_nothing_and_uses_no_stake(facts: Facts) -> None:
    assert [reason.code for reason in decide(UNPROVEN, ASKS, facts).because] == [Code.UNPROVEN]
    assert isinstance(decide(UNPROVEN, Door(), facts), Admit)
    assert isinstance(decide(UNPROVEN, ASKS, replace(facts, contact=ContactWhy.ACCEPTED)), Admit)
    assert not may_pass_unread(UNPROVEN)
    assert may_pass_unread(replace(KNOCK, federated=True))
