"""Bonds: a stranger's stake that a wallet of theirs who vouches paid stands behind the vouch, while it is open."""

from __future__ import annotations

import pytest

from kit.amounts import Amount
from kit.changes import touch
from kit.clock import from_unix
from kit.identifiers import Address, UserId
from ledger import holders
from ledger.store import holders as wallets
from payments.stakes.model import Answer, Stake
from reputation.bonds import WHOLE, bonds, summed
from reputation.evidence import Audience, Reason
from reputation.trust.explaining import Share
from reputation.trust.formula import MOST_BOND, bond_factor
from reputation.words import words
from tests.support.desk import Desk
from tests.support.house import House
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import PAYEE, PAYER, terms_on

CAROL, DAVE, ERIN = UserId("@carol:home.example"), UserId("@dave:home.example"), UserId("@erin:home.example")


@pytest.fixture
def desk(house: House) -> Desk:
    """Alice asks for five; Carol, whose wallet pays, vouches for Bob, and she and Dave for each other."""
    house.asking(stake=WHOLE)
    people = {name: house.person(name) for name in (ALICE, BOB, CAROL, DAVE)}
    with house.work() as rooms:
        for by, of in ((DAVE, CAROL), (CAROL, DAVE), (CAROL, BOB)):
            rooms.vouches.vouch(people[by], people[of])
    house.link_wallet(people[CAROL], PAYER)
    return Desk(house)


def shares(desk: Desk, viewer: UserId = DAVE) -> tuple[Share, ...]:
    with desk.read() as work:
        number, bob = work.people.number(viewer), work.people.number(BOB)
    return desk.hearing.judgements.judge(number, bob).explanation.shares


def good(desk: Desk, viewer: UserId = DAVE) -> float:
    with desk.read() as work:
        number, bob = work.people.number(viewer), work.people.number(BOB)
    return desk.hearing.judgements.judge(number, bob).explanation.standing.good


def factor(house: House, author: UserId = CAROL) -> float:
    """What the author's word for Bob is multiplied by, read anew."""
    by, bob = house.person(author), house.person(BOB)
    with house.database.read() as session:
        put_down = summed(bonds(session))
        (word,) = [one for one in words(session, from_unix(house.time), [by], put_down=put_down) if one.subject == bob]
    return word.bond


def open_from(house: House, payer: Address) -> Stake:
    return house.open(terms_on(house.quote(), payer))


def test_a_bond_counts_while_it_is_open_and_comes_back_where_the_stranger_is_welcome(desk: Desk) -> None:
    before = good(desk)
    assert [share.bonded for share in shares(desk)] == [False]
    desk.house.pay()
    assert good(desk) == pytest.approx(before * bond_factor(1), rel=1e-3)
    assert [share.bonded for share in shares(desk)] == [True]
    desk.house.knock()
    desk.house.answer(Answer.ACCEPT)
    assert good(desk) == pytest.approx(before)
    assert [share.bonded for share in shares(desk)] == [False]


def test_it_is_gone_when_the_recipient_says_spam(desk: Desk) -> None:
    before = good(desk)
    stake = desk.house.pay()
    desk.house.knock()
    assert good(desk) > before
    desk.house.answer(Answer.SPAM)
    assert good(desk) == pytest.approx(before)
    wish = desk.house.stake(stake.id).wish
    assert wish is not None
    assert wish.value == "forfeit"


def test_a_bond_is_followed_off_the_chain_and_back(desk: Desk) -> None:
    before = good(desk)
    desk.house.pay()
    bonded = good(desk)
    desk.house.rewind(desk.house.chain.blocks[-1][0].hash)
    assert good(desk) == pytest.approx(before)
    assert before < bonded


def test_more_money_counts_for_more_up_to_three_times(desk: Desk) -> None:
    with desk.work() as work:
        work.doors.ask(work.people.number(ALICE), stake=Amount(WHOLE * 20))
    desk.house.pay()
    assert factor(desk.house) == MOST_BOND


def test_a_cheap_door_makes_no_dear_bond(desk: Desk) -> None:
    with desk.work() as work:
        work.doors.ask(work.people.number(ALICE), stake=Amount(WHOLE // 1000))
    desk.house.pay()
    assert factor(desk.house) == pytest.approx(bond_factor(0.001))


def test_what_a_strangers_own_wallet_pays_is_nobodys_bond(desk: Desk) -> None:
    open_from(desk.house, Address(bytes.fromhex("b2" * 20)))
    assert factor(desk.house) == 1


def test_what_one_staked_at_ones_own_door_is_no_bond(desk: Desk) -> None:
    house = desk.house
    with house.work() as rooms:
        alice = rooms.people.number(ALICE)
        rooms.vouches.vouch(alice, rooms.people.number(BOB))
    house.link_wallet(alice, PAYEE)
    open_from(house, PAYEE)
    assert factor(house, ALICE) == 1, "nobody calls spam what they lose by"


def test_no_report_and_no_acceptance_is_bonded(desk: Desk) -> None:
    house = desk.house
    house.pay()
    assert factor(house) > 1
    with house.work() as rooms:
        rooms.vouches.report(rooms.people.number(CAROL), rooms.people.number(BOB), Reason.SCAM)
    assert factor(house) == 1
    assert [share.bonded for share in shares(desk)] == [False]


def test_a_wallet_that_is_unlinked_or_linked_later_is_followed(desk: Desk) -> None:
    house = desk.house
    house.pay()
    bonded = good(desk)
    with house.work() as rooms:
        rooms.holders.unlink(rooms.people.number(CAROL), PAYER)
    plain = good(desk)
    assert plain < bonded
    with house.work() as rooms:
        carol = rooms.people.number(CAROL)
        wallets.link(rooms.session, carol, PAYER, is_primary=True, now=from_unix(house.time))
        touch(rooms.session, holders.TOPIC, carol)  # as the ledger's own tests see it do
    assert good(desk) == pytest.approx(bonded)


def test_nobody_learns_of_a_bond_whom_the_vouch_is_not_for(desk: Desk) -> None:
    """Neither by name nor in a sum: whoever has no part of the vouch sees the same to the last bit."""
    house = desk.house
    sybil, zoe = UserId("@sybil:evil.example"), UserId("@zoe:far.example")
    with house.work() as rooms:
        number = rooms.people.number
        rooms.vouches.vouch(number(sybil), number(CAROL))
        for one in (CAROL, zoe):
            rooms.vouches.vouch(number(one), number(ERIN), audience=Audience.EVERYBODY)
        rooms.vouches.vouch(number(zoe), number(BOB), audience=Audience.EVERYBODY)
        rooms.vouches.vouch(number(sybil), number(zoe))

    def view() -> object:
        with desk.read() as work:
            viewer, bob = work.people.number(sybil), work.people.number(BOB)
            staked = work.outlooks.staked(viewer, bob)
        return desk.hearing.judgements.judge(viewer, bob, staked=staked)

    before = view()
    house.pay()
    assert view() == before
    assert any(share.bonded for share in shares(desk)), "it is there"
    assert shares(desk, ALICE) == (), "who was paid is told nothing of whose wallet it was"
