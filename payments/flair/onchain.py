"""The chain as a source of gifts (pure): which of its events are gifts to our cause, each of them counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from contracts.events import ChainEvent, Given, Position, Transferred
from kit.clock import from_unix
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import Asset, erc20, given_asset
from ledger.posting import MOST_GIVEN
from payments.flair.model import Gift, Source, address_name, chain_key

_NO_MEMO = bytes(32)
_LAST = 253_370_764_800
"""The year 9999, in Unix seconds: a block's time may be anything."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where gifts arrive: the published address of the cause, and our contracts, whose own transfers are no gifts."""

    cause: Address
    token: Address
    escrow: Address
    pledges: Address | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What events came to: gifts, and the keys of transfers that were no gifts of their own but a gift's money."""

    gifts: tuple[Gift, ...]
    money_of_gifts: tuple[str, ...]


def concerns(event: ChainEvent, place: Place) -> bool:
    """Tell whether an event could be a gift, or a gift's money."""
    if isinstance(event, Transferred):
        return event.recipient == place.cause and _is_direct(event, place)
    return isinstance(event, Given) and event.cause == place.cause


def heard(events: Iterable[ChainEvent], place: Place, assets: Collection[Asset] = ()) -> Heard:
    """Return the gifts in these events, which are all of whole transactions and in the order of their logs.

    A gift is what ``Pledges`` tells of, in our token, in ether or in one of ``assets``; and every transfer of our token
    to the cause by whomever, but for what comes from our own contracts (a fee for an answer is no gift). The transfers
    of a told gift stand before it in its transaction: they are its money, and not counted again.
    """
    told: list[Gift] = []
    direct: defaultdict[tuple[Hash32, Hash32], list[Transferred]] = defaultdict(list)
    money: list[str] = []
    for event in events:
        if not concerns(event, place):
            continue
        if isinstance(event, Transferred):
            direct[_transaction(event.at)].append(event)
        elif isinstance(event, Given):
            if event.asset == place.token:
                money += [chain_key(paid.at) for paid in _claim(direct[_transaction(event.at)], event)]
            if event.amount <= MOST_GIVEN and _is_wanted(event, place, assets):
                told.append(_told(event))
    told += [_directly(event, place) for transfers in direct.values() for event in transfers]
    return Heard(tuple(told), tuple(money))


def _transaction(at: Position) -> tuple[Hash32, Hash32]:
    return at.block.hash, at.transaction


def _is_direct(event: Transferred, place: Place) -> bool:
    return event.amount > 0 and event.sender not in (ZERO_ADDRESS, place.escrow, place.pledges, place.cause)


def _is_wanted(event: Given, place: Place, assets: Collection[Asset]) -> bool:
    ours = event.asset in (place.token, ZERO_ADDRESS)
    return ours or given_asset(event.at.block.chain_id, event.asset) in assets


def _claim(transfers: list[Transferred], gift: Given) -> list[Transferred]:
    """Take the transfer out that was the money of a gift: the last one that fits. One by signature has none here."""
    for place in range(len(transfers) - 1, -1, -1):
        if (transfers[place].sender, transfers[place].amount) == (gift.giver, gift.amount):
            return [transfers.pop(place)]
    return []


def _told(event: Given) -> Gift:
    return Gift(
        key=chain_key(event.at),
        source=Source.CHAIN,
        giver=address_name(event.giver),
        asset=given_asset(event.at.block.chain_id, event.asset),
        amount=event.amount,
        at=from_unix(min(event.at.block.timestamp, _LAST)),
        months=event.months,
        memo=None if event.memo == _NO_MEMO else event.memo,
        cause=address_name(event.cause),
    )


def _directly(event: Transferred, place: Place) -> Gift:
    return Gift(
        key=chain_key(event.at),
        source=Source.CHAIN,
        giver=address_name(event.sender),
        asset=erc20(event.at.block.chain_id, place.token),
        amount=event.amount,
        at=from_unix(min(event.at.block.timestamp, _LAST)),
        cause=address_name(place.cause),
    )
