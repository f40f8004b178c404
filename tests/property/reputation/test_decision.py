"""``decide`` is pure and total (promise 5), and nothing that a stranger can vary gets around what a recipient said."""

from __future__ import annotations

import pickle
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import server_of
from reputation.decision import decide, grant_for
from reputation.model import Door, DoorMode, Facts, Knock
from reputation.pricing import MOST_STEPS, NO_PRESSURE
from reputation.verdict import Admit, Code, Hold, Refuse
from tests.support.knocks import ALICE, BOB, HOME, any_moments, doors, facts, knocks, rooms

# A knock at a door of the tenant's own, by somebody whose business with it is nothing but this door's.
strangers = st.builds(Knock, st.just(1), st.just(HOME), st.just(BOB), st.just(ALICE), rooms, any_moments, st.booleans())
judged = facts.map(lambda found: replace(found, bot=None, leaving=False))


@given(knocks, doors, facts)
def test_every_knock_gets_a_verdict_with_a_reason(knock: Knock, door: Door, found: Facts) -> None:
    before = pickle.dumps((knock, door, found))
    verdict = decide(knock, door, found)
    assert isinstance(verdict, Admit | Hold | Refuse)
    assert len(verdict.because) >= 1
    assert all(isinstance(reason.code, Code) for reason in verdict.because)
    assert decide(knock, door, found) == verdict
    assert pickle.dumps((knock, door, found)) == before


@given(knocks, doors, facts)
def test_a_hold_always_costs_something(knock: Knock, door: Door, found: Facts) -> None:
    verdict = decide(knock, door, found)
    if isinstance(verdict, Hold):
        assert verdict.price.stake or verdict.price.fee
        assert door.mode is DoorMode.ASK


@given(knocks, doors, facts)
def test_nobody_but_the_tenants_own_users_is_ever_held_or_refused(knock: Knock, door: Door, found: Facts) -> None:
    """Unless another homeserver speaks in the name of one of them: what it says is nobody's word."""
    forged = knock.federated and server_of(knock.inviter) == knock.tenant_server and not found.leaving
    if server_of(knock.invitee) != knock.tenant_server:
        assert isinstance(decide(knock, door, found), Refuse if forged else Admit)


@given(strangers, doors, judged)
def test_whom_the_recipient_called_spam_never_gets_in(knock: Knock, door: Door, found: Facts) -> None:
    assert isinstance(decide(knock, door, replace(found, called_spam=True)), Refuse)


@given(strangers, doors, judged)
def test_a_closed_door_opens_for_no_stake(knock: Knock, door: Door, found: Facts) -> None:
    unknown = replace(found, exempt=False, contact=None)
    assert isinstance(decide(knock, replace(door, mode=DoorMode.CLOSED), unknown), Refuse)


@given(strangers, doors, judged)
def test_unpaid_strangers_pass_an_asking_door_in_no_room_and_at_no_time(knock: Knock, door: Door, found: Facts) -> None:
    asking = replace(door, mode=DoorMode.ASK)
    unpaid = replace(found, called_spam=False, exempt=False, contact=None, grants=())
    if asking.stake or asking.fee:
        verdict = decide(knock, asking, unpaid)
        assert not isinstance(verdict, Admit)
        codes = {reason.code for reason in verdict.because}
        assert isinstance(verdict, Hold) or codes <= {Code.BARRED, Code.DOOR_FULL}
        free = replace(unpaid, lapsed=(), pressure=NO_PRESSURE)
        assert isinstance(decide(knock, asking, free), Hold)


@given(strangers, doors, judged)
def test_more_is_asked_of_nobody_than_the_rules_allow(knock: Knock, door: Door, found: Facts) -> None:
    verdict = decide(knock, door, replace(found, quoted=None))
    if isinstance(verdict, Hold):
        assert door.stake <= verdict.price.stake
        assert verdict.price.stake.base_units <= door.stake.base_units << MOST_STEPS
        assert verdict.price.fee == door.fee
        assert verdict.price.own == door.price


@given(strangers, doors, judged)
def test_a_price_that_was_told_is_asked_unless_it_more_than_doubled(knock: Knock, door: Door, found: Facts) -> None:
    now = decide(knock, door, replace(found, quoted=None))
    if isinstance(now, Hold):
        told = decide(knock, door, replace(found, quoted=door.price))
        doubled = now.price.stake.base_units > 2 * door.stake.base_units
        assert isinstance(told, Hold)
        assert told.price == (now.price if doubled else door.price)


@given(strangers, doors, judged)
def test_a_stake_admits_only_where_a_grant_is_free_or_the_invite_is_the_pending_one(
    knock: Knock, door: Door, found: Facts
) -> None:
    verdict = decide(knock, door, found)
    codes = {reason.code for reason in verdict.because}
    if Code.STAKED in codes:
        grant = grant_for(knock, found)
        assert grant is not None
        assert grant.confirmed
        assert grant.pending_room is None
        assert grant.closes_at > found.chain_time
    if Code.SAME_KNOCK in codes:
        assert any(grant.confirmed and grant.pending_room == knock.room for grant in found.grants)
