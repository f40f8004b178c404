"""Posting: what each event means in double entry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    BlockRef,
    ChainEvent,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Opened,
    Position,
    Returned,
    Terms,
    Transferred,
)
from kit.amounts import UINT256_MAX
from kit.errors import Conflict
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import (
    BURN,
    MINT,
    UNSOLICITED,
    Account,
    Entry,
    Kind,
    Moves,
    Posting,
    address_of,
    erc20,
    is_stake,
    stake,
    wallet,
    wallets,
)
from ledger.posting import entry_for, transfers

TOKEN = Address(b"\x70" * 20)
ESCROW = Address(b"\xe5" * 20)
ALICE, BOB = Address(b"\xa1" * 20), Address(b"\xb0" * 20)
STAKE = Hash32(b"\x57" * 32)
AT = Position(BlockRef(31337, 5, Hash32(b"\x01" * 32), Hash32(b"\x02" * 32), 1000), 3, Hash32(b"\x03" * 32))
ERN = erc20(31337, TOKEN)
TERMS = Terms(BOB, BOB, 5, 2, ALICE, 1, ALICE, ALICE, ALICE, 2000, 1500, STAKE)


def lines(event: ChainEvent, held: int = 0) -> tuple[Kind, dict[Account, int]] | None:
    """The entry's kind and what each account gains."""
    entry = entry_for(event, token=TOKEN, escrow=ESCROW, held=held)
    if entry is None:
        return None
    assert entry.at == AT
    assert {posting.asset for posting in entry.postings} == {ERN}
    return entry.kind, {posting.account: posting.amount for posting in entry.postings}


@pytest.mark.parametrize(
    ("sender", "recipient", "kind", "source", "target"),
    [
        (ALICE, BOB, Kind.TRANSFER, wallet(ALICE), wallet(BOB)),
        (ALICE, ESCROW, Kind.TRANSFER, wallet(ALICE), UNSOLICITED),
        (ESCROW, BOB, Kind.TRANSFER, UNSOLICITED, wallet(BOB)),
        (ZERO_ADDRESS, ALICE, Kind.MINT, MINT, wallet(ALICE)),
        (ALICE, ZERO_ADDRESS, Kind.BURN, wallet(ALICE), BURN),
        (ESCROW, ZERO_ADDRESS, Kind.BURN, UNSOLICITED, BURN),
    ],
)
def test_every_transfer_is_an_entry(
    sender: Address, recipient: Address, kind: Kind, source: Account, target: Account
) -> None:
    event = Transferred(AT, TOKEN, sender, recipient, 7)
    assert lines(event) == (kind, {source: -7, target: 7})


def test_a_transfer_of_nothing_or_to_oneself_is_an_entry_too() -> None:
    assert lines(Transferred(AT, TOKEN, ALICE, BOB, 0)) == (Kind.TRANSFER, {wallet(ALICE): 0, wallet(BOB): 0})
    entry = entry_for(Transferred(AT, TOKEN, ALICE, ALICE, 7), token=TOKEN, escrow=ESCROW, held=0)
    assert entry is not None
    assert [posting.amount for posting in entry.postings] == [-7, 7]


def test_an_opening_takes_stake_and_fee_but_not_what_the_relay_got() -> None:
    assert lines(Opened(AT, ESCROW, STAKE, TERMS)) == (Kind.STAKE_OPENED, {UNSOLICITED: -7, stake(STAKE): 7})


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Returned(AT, ESCROW, STAKE, answered=True), Kind.STAKE_RETURNED),
        (Returned(AT, ESCROW, STAKE, answered=False), Kind.STAKE_RETURNED),
        (Forfeited(AT, ESCROW, STAKE), Kind.STAKE_FORFEITED),
        (Expired(AT, ESCROW, STAKE), Kind.STAKE_EXPIRED),
    ],
)
def test_an_outcome_lets_go_of_all_that_the_stake_holds(event: ChainEvent, kind: Kind) -> None:
    assert lines(event, held=7) == (kind, {stake(STAKE): -7, UNSOLICITED: 7})
    assert lines(event, held=0) is None


def test_an_announcement_moves_nothing() -> None:
    assert lines(ForfeitAnnounced(AT, ESCROW, STAKE, 5000), held=7) is None


@given(amounts=st.lists(st.integers(-UINT256_MAX, UINT256_MAX), max_size=6), assets=st.integers(1, 2))
def test_an_entry_out_of_balance_cannot_be_made(amounts: list[int], assets: int) -> None:
    postings = tuple(
        Posting(wallet(ALICE), erc20(number % assets, TOKEN), amount) for number, amount in enumerate(amounts)
    )
    balanced = all(sum(amounts[first::assets]) == 0 for first in range(assets))
    if balanced:
        Entry(AT, Kind.TRANSFER, postings)
    else:
        with pytest.raises(Conflict):
            Entry(AT, Kind.TRANSFER, postings)


def test_accounts_say_whose_they_are() -> None:
    assert address_of(wallet(ALICE)) == ALICE
    assert address_of(stake(STAKE)) is None
    assert address_of(UNSOLICITED) is None
    assert wallets([ALICE, BOB]) == {ALICE: wallet(ALICE), BOB: wallet(BOB)}
    assert is_stake(stake(STAKE))
    assert not is_stake(wallet(ALICE))
    assert len({wallet(ALICE), wallet(BOB), stake(STAKE), UNSOLICITED, MINT, BURN}) == 6


def test_transfers_at_once_mean_what_each_means_alone() -> None:
    ends = [
        (ALICE, BOB),
        (ZERO_ADDRESS, ALICE),
        (BOB, ZERO_ADDRESS),
        (ESCROW, BOB),
        (BOB, ESCROW),
        (ZERO_ADDRESS, ESCROW),
    ]
    events = [Transferred(AT, TOKEN, *both, amount) for amount, both in enumerate(ends)]
    together = transfers(events, ESCROW)
    one_by_one = Moves()
    for event in events:
        entry = entry_for(event, token=TOKEN, escrow=ESCROW, held=0)
        assert entry
        one_by_one.append(entry)
    assert together == one_by_one
    assert together.kinds == [Kind.TRANSFER, Kind.MINT, Kind.BURN, Kind.TRANSFER, Kind.TRANSFER, Kind.MINT]
    assert list(zip(together.sources, together.targets, strict=True))[3:] == [
        (UNSOLICITED, wallet(BOB)),
        (wallet(BOB), UNSOLICITED),
        (MINT, UNSOLICITED),
    ]
