"""The hand-written reading of logs against web3's own, by the ABI that the compiler wrote: the same of any log."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import Any

from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3
from web3.types import LogReceipt

from contracts import codec
from contracts.chain import RawLog
from contracts.deployment import ARTIFACTS
from contracts.events import (
    ChainEvent,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Given,
    Opened,
    Returned,
    Terms,
    Transferred,
)
from contracts.words import word, word_of_address
from kit.identifiers import Address, Hash32
from tests.support.terms import (
    BLOCK,
    CHAIN_ID,
    ESCROW,
    PLEDGES,
    TOKEN,
    addresses,
    amounts,
    any_terms,
    hashes,
    log_of,
    months,
    times,
)


@cache
def web3_event(name: str) -> Any:  # noqa: ANN401 - web3 makes the class from the ABI
    abi = [
        entry
        for artifact in ("Token", "ContactEscrow", "Pledges")
        for entry in json.loads((ARTIFACTS / f"{artifact}.json").read_bytes())["abi"]
        if entry["type"] == "event" and entry["name"] == name
    ]
    return Web3().eth.contract(abi=abi).events[name]()


def theirs(name: str, log: RawLog) -> dict[str, Any]:
    """What web3 makes of a log, addresses as bytes."""
    receipt: LogReceipt = {
        "address": Web3.to_checksum_address(bytes(log.address)),
        "topics": [HexBytes(bytes(topic)) for topic in log.topics],
        "data": HexBytes(log.data),
        "blockHash": HexBytes(bytes(log.block_hash)),
        "blockNumber": BLOCK.number,  # type: ignore[typeddict-item]
        "logIndex": log.log_index,
        "transactionHash": HexBytes(bytes(log.transaction)),
        "transactionIndex": 0,
        "removed": False,
    }
    return {key: plain(value) for key, value in web3_event(name).process_log(receipt)["args"].items()}


def plain(value: object) -> object:
    if isinstance(value, str):
        return bytes.fromhex(value[2:])
    if isinstance(value, dict | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return tuple(plain(part) for part in parts)
    return bytes(value) if isinstance(value, bytes) else value


def ours(log: RawLog) -> ChainEvent:
    event = codec.decode(log, BLOCK, token=TOKEN, escrow=ESCROW, pledges=PLEDGES)
    assert event is not None
    return event


@given(addresses, addresses, amounts)
def test_transfers(sender: Address, recipient: Address, amount: int) -> None:
    topics = (codec.TRANSFER, word_of_address(sender), word_of_address(recipient))
    log = log_of(TOKEN, topics, word(amount))
    event = ours(log)
    assert isinstance(event, Transferred)
    assert list(theirs("Transfer", log).values()) == [event.sender, event.recipient, event.amount]


@given(addresses, addresses, addresses, amounts, months, hashes)
def test_gifts(giver: Address, cause: Address, asset: Address, amount: int, months: int, memo: Hash32) -> None:
    topics = (codec.GIVEN, *map(word_of_address, (giver, cause, asset)))
    log = log_of(PLEDGES, topics, word(amount) + word(months) + memo)
    event = ours(log)
    assert isinstance(event, Given)
    found = [event.giver, event.cause, event.asset, event.amount, event.months, event.memo]
    assert list(theirs("Given", log).values()) == found


@given(any_terms)
def test_openings(terms: Terms) -> None:
    stake = codec.stake_id(terms, chain_id=CHAIN_ID, escrow=ESCROW)
    topics = (codec.OPENED, stake, word_of_address(terms.payer), word_of_address(terms.resolver))
    log = log_of(ESCROW, topics, codec.encode_terms(terms))
    event = ours(log)
    assert isinstance(event, Opened)
    found = theirs("Opened", log)
    assert found == {
        "id": event.stake_id,
        "payer": event.terms.payer,
        "resolver": event.terms.resolver,
        "terms": tuple(asdict(event.terms).values()),
    }


@given(hashes, st.booleans(), times)
def test_what_becomes_of_them(stake: Hash32, answered: bool, at: int) -> None:  # noqa: FBT001 - drawn
    for name, topic, data in (
        ("Returned", codec.RETURNED, word(int(answered))),
        ("ForfeitAnnounced", codec.FORFEIT_ANNOUNCED, word(at)),
        ("Forfeited", codec.FORFEITED, b""),
        ("Expired", codec.EXPIRED, b""),
    ):
        log = log_of(ESCROW, (topic, stake), data)
        event, found = ours(log), list(theirs(name, log).values())
        assert isinstance(event, Returned | ForfeitAnnounced | Forfeited | Expired)
        assert found[0] == event.stake_id
        if isinstance(event, Returned):
            assert found[1:] == [event.answered]
        elif isinstance(event, ForfeitAnnounced):
            assert found[1:] == [event.executable_at]
        else:
            assert found[1:] == []
