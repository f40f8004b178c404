"""Gifts in what the chain tells: each counted once, whichever way it came, and nothing else counted as one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.events import ChainEvent, Given, Position, Transferred
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import erc20, ether
from ledger.posting import MOST_GIVEN
from payments.flair.model import Gift, Source, chain_key
from payments.flair.onchain import Heard, Place, heard
from tests.support.stakes import CHAIN_ID, ESCROW, TOKEN, at, block

CAUSE = Address(b"\xca" * 20)
PLEDGES = Address(b"\x9e" * 20)
GIVER = Address(b"\x61" * 20)
OTHER = Address(b"\x62" * 20)
STABLE = Address(b"\x5c" * 20)
NO_MEMO = Hash32(bytes(32))
MEMO = Hash32(b"\x3e" * 32)
PLACE = Place(CAUSE, TOKEN, ESCROW, PLEDGES)
BLOCK = block(7)


def where(index: int, transaction: int = 1) -> Position:
    return at(BLOCK, index)._replace(transaction=Hash32(bytes([transaction]) * 32))


def transfer(index: int, sender: Address = GIVER, *, to: Address = CAUSE, amount: int = 5, tx: int = 1) -> Transferred:
    return Transferred(where(index, tx), TOKEN, sender, to, amount)


def given(index: int, *, asset: Address = TOKEN, amount: int = 5, tx: int = 1, months: int = 0) -> Given:
    return Given(where(index, tx), PLEDGES, GIVER, CAUSE, asset, amount, months, MEMO)


def keys(*events: ChainEvent) -> list[str]:
    return sorted(gift.key for gift in heard(events, PLACE).gifts)


def test_a_told_gift_is_one_and_its_transfer_is_its_money() -> None:
    event = given(1, months=12)
    paid = transfer(0)
    assert heard([paid, event], PLACE) == Heard(
        gifts=(
            Gift(
                key=chain_key(event.at),
                source=Source.CHAIN,
                giver="0x" + "61" * 20,
                asset=erc20(CHAIN_ID, TOKEN),
                amount=5,
                at=datetime.fromtimestamp(BLOCK.timestamp, UTC),
                months=12,
                memo=MEMO,
                cause="0x" + "ca" * 20,
            ),
        ),
        money_of_gifts=(chain_key(paid.at),),
    )


def test_one_by_signature_is_one_too() -> None:
    event = given(3)
    carried = [transfer(0, to=PLEDGES, amount=6), transfer(1, PLEDGES), transfer(2, PLEDGES, to=OTHER, amount=1)]
    assert keys(*carried, event) == [chain_key(event.at)]


def test_a_plain_transfer_is_a_gift_without_months_or_memo() -> None:
    (gift,) = heard([transfer(0)], PLACE).gifts
    assert (gift.giver, gift.amount, gift.months, gift.memo) == ("0x" + "61" * 20, 5, 0, None)


def test_a_transfer_beside_a_told_gift_is_another() -> None:
    extra, paid, event = transfer(0, amount=2), transfer(1), given(2)
    assert keys(extra, paid, event) == sorted([chain_key(extra.at), chain_key(event.at)])
    later = transfer(3)
    assert keys(paid, event, later) == sorted([chain_key(event.at), chain_key(later.at)])


def test_the_money_of_one_transaction_is_not_that_of_another() -> None:
    direct, event = transfer(0, tx=1), given(1, tx=2)
    assert keys(direct, event) == sorted([chain_key(direct.at), chain_key(event.at)])


def test_two_told_gifts_take_two_transfers() -> None:
    events: list[ChainEvent] = [transfer(0), transfer(1), given(2), given(3)]
    assert keys(*events) == sorted(chain_key(event.at) for event in events[2:])
    assert len(heard(events, PLACE).money_of_gifts) == 2


@pytest.mark.parametrize(
    "event",
    [
        transfer(0, ZERO_ADDRESS),
        transfer(0, ESCROW),
        transfer(0, PLEDGES),
        transfer(0, CAUSE),
        transfer(0, amount=0),
        transfer(0, to=OTHER),
        replace(given(0), cause=OTHER),
        given(0, asset=STABLE),
        given(0, amount=MOST_GIVEN + 1),
    ],
    ids=[
        "minted",
        "a fee",
        "by signature",
        "to oneself",
        "nothing",
        "elsewhere",
        "other cause",
        "other asset",
        "a lie",
    ],
)
def test_what_is_no_gift(event: ChainEvent) -> None:
    assert keys(event) == []


def test_ether_counts_and_other_tokens_where_they_are_wanted() -> None:
    (gift,) = heard([given(0, asset=ZERO_ADDRESS)], PLACE).gifts
    assert gift.asset == ether(CHAIN_ID)
    (gift,) = heard([given(0, asset=STABLE)], PLACE, [erc20(CHAIN_ID, STABLE)]).gifts
    assert gift.asset == erc20(CHAIN_ID, STABLE)


def test_a_memo_of_nothing_is_none() -> None:
    (gift,) = heard([replace(given(0), memo=NO_MEMO)], PLACE).gifts
    assert gift.memo is None


def test_a_block_of_the_end_of_time_stops_nothing() -> None:
    far = replace(BLOCK, timestamp=2**63 - 1)
    event = given(0)
    (gift,) = heard([replace(event, at=event.at._replace(block=far))], PLACE).gifts
    assert gift.at.year == 9999
