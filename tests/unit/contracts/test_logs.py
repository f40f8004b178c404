"""What is read of a deployment: each contract's own events, and nothing of a contract that is not named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts import checkout, codec, logs
from contracts.chain import Deployment, RawLog
from contracts.events import BlockRef, Position, Refunded, contract_of
from contracts.words import word, word_of_address
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

TOKEN, ESCROW, PLEDGES, CHECKOUT, WALLET = (Address(bytes([number]) * 20) for number in range(1, 6))
PLACE = Deployment(31337, TOKEN, ESCROW, 1, PLEDGES, 3, CHECKOUT, 5)
BLOCK = BlockRef(31337, 7, Hash32(b"\x07" * 32), Hash32(b"\x06" * 32), 1_800_000_000)
PURCHASE = Hash32(b"\x09" * 32)
REFUND = RawLog(
    CHECKOUT,
    (checkout.REFUNDED, PURCHASE, Hash32(word_of_address(WALLET)), Hash32(word_of_address(ESCROW))),
    word_of_address(TOKEN) + word(5),
    BLOCK.hash,
    3,
    Hash32(b"\x08" * 32),
)


def test_each_contract_has_its_own_events_and_nobody_elses() -> None:
    assert logs.wanted(PLACE) == {
        TOKEN: {codec.TRANSFER},
        ESCROW: {codec.OPENED, codec.RETURNED, codec.FORFEIT_ANNOUNCED, codec.FORFEITED, codec.EXPIRED},
        PLEDGES: {codec.GIVEN},
        CHECKOUT: {checkout.BOUGHT, checkout.REFUNDED},
    }
    assert PLACE.later == {PLEDGES: 3, CHECKOUT: 5}
    alone = replace(PLACE, pledges=None, pledges_block=None, checkout=None, checkout_block=None)
    assert logs.wanted(alone).keys() == {TOKEN, ESCROW}
    assert not alone.later


def test_a_sale_is_read_where_its_contract_stands_and_nowhere_else() -> None:
    event = logs.decode(REFUND, BLOCK, PLACE)
    told = Refunded(Position(BLOCK, 3, REFUND.transaction), CHECKOUT, PURCHASE, WALLET, ESCROW, TOKEN, 5)
    assert event == told
    assert contract_of(told) == CHECKOUT
    for elsewhere in (TOKEN, ESCROW, PLEDGES):
        assert logs.decode(REFUND._replace(address=elsewhere), BLOCK, PLACE) is None
    assert logs.decode(REFUND, BLOCK, replace(PLACE, checkout=None, checkout_block=None)) is None
    with pytest.raises(Invalid):
        logs.decode(REFUND._replace(data=REFUND.data + b"\x00"), BLOCK, PLACE)
