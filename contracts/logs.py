"""The logs that we read (pure): of all contracts of a deployment, each with what its events are and what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import repeat
from typing import Final

from contracts import checkout, codec, rewards
from contracts.chain import Deployment, RawLog
from contracts.events import BlockRef, ChainEvent, Position, Transferred
from contracts.words import WORD
from kit.identifiers import Address, Hash32

_TOPICS: Final = 3
"""Those of a transfer: what it is, from whom, to whom."""
_HIGH: Final = 12
_ZEROS: Final = bytes(_HIGH)
"""How a word begins that is an address."""
_position: Final = partial(tuple.__new__, Position)
_transferred: Final = partial(tuple.__new__, Transferred)
"""What ``_make`` does, without a look at how many values there are: a third of its time."""


def wanted(place: Deployment) -> dict[Address, frozenset[Hash32]]:
    """Return what is read: each contract with the first topics of its logs that ``decode`` knows."""
    found = codec.wanted(place.token, place.escrow, place.pledges)
    if place.checkout is not None:
        found[place.checkout] = checkout.TOPICS
    if place.distributor is not None:
        found[place.distributor] = rewards.TOPICS
    return found


def decode(raw: RawLog, block: BlockRef, place: Deployment) -> ChainEvent | None:
    """Read a log of ``block``; ``None`` for whatever is not read. Raises ``Invalid`` as ``codec.decode`` does."""
    event = codec.decode(raw, block, token=place.token, escrow=place.escrow, pledges=place.pledges)
    if event is not None:  # nearly always: the token's transfers
        return event
    if place.checkout is not None and raw.address == place.checkout:
        return checkout.decode_log(raw, block, checkout=place.checkout)
    if place.distributor is not None and raw.address == place.distributor:
        return rewards.decode_log(raw, block, distributor=place.distributor)
    return None


def decode_all(raws: Sequence[RawLog], block: BlockRef, place: Deployment) -> list[ChainEvent]:
    """Read all logs of ``block``, in order, but for those that are not read. The same as one by one; raises so, too."""
    found = _transfers(raws, block, place.token)  # nearly always all of them
    if found is not None:
        return found
    return [event for event in (decode(raw, block, place) for raw in raws) if event is not None]


def _transfers(raws: Sequence[RawLog], block: BlockRef, token: Address) -> list[ChainEvent] | None:
    """Read logs that are transfers of the token, column by column; ``None`` where anything is not as it should be."""
    if not raws:
        return []
    addresses, topics, amounts, hashes, indexes, transactions = zip(*raws, strict=True)
    if set(addresses) != {token} or set(hashes) != {block.hash}:
        return None
    if set(map(len, topics)) != {_TOPICS} or set(map(len, amounts)) != {WORD}:
        return None
    firsts, senders, recipients = zip(*topics, strict=True)
    words = {*senders, *recipients}
    if (
        set(firsts) != {codec.TRANSFER}
        or set(map(len, words)) != {WORD}
        or {word[:_HIGH] for word in words} != {_ZEROS}
    ):
        return None
    ends = {word: word[_HIGH:] for word in words}
    at = map(_position, zip(repeat(block), indexes, transactions, strict=False))
    columns = (map(ends.__getitem__, senders), map(ends.__getitem__, recipients), map(int.from_bytes, amounts))
    return list(map(_transferred, zip(at, repeat(token), *columns, strict=False)))
