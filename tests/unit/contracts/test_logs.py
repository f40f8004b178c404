"""What is read of a deployment: each contract's own events, and nothing of a contract that is not named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts import checkout, codec, logs
from contracts.chain import Deployment, RawLog
from contracts.events import BlockRef, Position, Refunded, Transferred, contract_of
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


def _transfer(sender: Address, recipient: Address, amount: int, index: int) -> RawLog:
    topics = (codec.TRANSFER, Hash32(word_of_address(sender)), Hash32(word_of_address(recipient)))
    return RawLog(TOKEN, topics, word(amount), BLOCK.hash, index, Hash32(bytes([index]) * 32))


TRANSFERS = [_transfer(WALLET, ESCROW, 5, 1), _transfer(ESCROW, WALLET, 2**256 - 1, 2), _transfer(WALLET, WALLET, 0, 3)]
APPROVAL = TRANSFERS[0]._replace(topics=(Hash32(b"\x0a" * 32), *TRANSFERS[0].topics[1:]), log_index=9)


@pytest.mark.parametrize(
    "raws", [[], TRANSFERS, TRANSFERS[:1], [*TRANSFERS, REFUND], [REFUND], [*TRANSFERS, APPROVAL], [APPROVAL]]
)
def test_many_logs_are_read_as_each_of_them_is(raws: list[RawLog]) -> None:
    each = [logs.decode(raw, BLOCK, PLACE) for raw in raws]
    found = logs.decode_all(raws, BLOCK, PLACE)
    assert found == [event for event in each if event is not None]
    assert [type(event) for event in found] == [type(event) for event in each if event is not None]
    assert all(type(event.at) is Position for event in found if isinstance(event, Transferred))


@pytest.mark.parametrize(
    "change",
    [
        {"block_hash": Hash32(b"\x01" * 32)},
        {"data": word(5)[1:]},
        {"data": word(5) + b"\0"},
        {"topics": TRANSFERS[0].topics[:2]},
        {"topics": (*TRANSFERS[0].topics, TRANSFERS[0].topics[1])},
        {"topics": (codec.TRANSFER, Hash32(b"\x01" + bytes(31)), TRANSFERS[0].topics[2])},
        {"topics": (codec.TRANSFER, TRANSFERS[0].topics[1], Hash32(bytes(31)))},
    ],
)
def test_a_log_that_cannot_be_is_found_among_many(change: dict[str, object]) -> None:
    wrong = TRANSFERS[1]._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as alone:
        logs.decode(wrong, BLOCK, PLACE)
    with pytest.raises(Invalid) as among:
        logs.decode_all([TRANSFERS[0], wrong, TRANSFERS[2]], BLOCK, PLACE)
    assert among.value.code == alone.value.code


def test_a_log_without_topics_or_of_another_contract_is_passed_over() -> None:
    odd = [TRANSFERS[0]._replace(topics=()), TRANSFERS[0]._replace(address=WALLET), TRANSFERS[2]]
    assert logs.decode_all(odd, BLOCK, PLACE) == [logs.decode(TRANSFERS[2], BLOCK, PLACE)]
