"""Posting (pure): the one entry that a chain event makes in the books."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.events import (
    ChainEvent,
    Expired,
    Forfeited,
    Given,
    Opened,
    Returned,
    Transferred,
)
from kit.identifiers import ZERO_ADDRESS, Address
from ledger.model import (
    BURN,
    MINT,
    UNSOLICITED,
    Entry,
    Kind,
    Moves,
    cause,
    erc20,
    given_asset,
    giver,
    move,
    stake,
    wallets,
)

MOST_GIVEN = 10**60
"""Base units of one gift. More is of a token that lies, and some of it would be more than any book could hold."""


def entry_for(event: ChainEvent, *, token: Address, escrow: Address, held: int) -> Entry | None:
    """Return what ``event`` means in the books; ``None`` where it moves nothing.

    Every transfer is an entry, with the escrow's own money on ``UNSOLICITED``. A stake's opening takes amount and fee
    from there (its transfers stand before it), its outcome puts all that the stake's account holds (``held``, base
    units) back there (its transfers follow). So stakes and ``UNSOLICITED`` together are the escrow's balance after
    every transaction, and a transfer needs to know nothing of stakes. A gift of our token is in the books by its
    transfers; one of anything else by itself, for of other tokens we follow nothing but that. What is
    sold and what rewards pay moves our token alone.
    """
    asset = erc20(event.at.block.chain_id, token)
    match event:
        case Transferred():
            made = transfers([event], escrow)
            return Entry(event.at, made.kinds[0], move(asset, event.amount, made.sources[0], made.targets[0]))
        case Opened():
            due = event.terms.amount + event.terms.fee
            return Entry(event.at, Kind.STAKE_OPENED, move(asset, due, UNSOLICITED, stake(event.stake_id)))
        case Returned() | Forfeited() | Expired():
            if not held:
                return None
            return Entry(event.at, _OUTCOMES[type(event)], move(asset, held, stake(event.stake_id), UNSOLICITED))
        case Given():
            return None if event.asset == token or event.amount > MOST_GIVEN else _gift(event)
        case _:  # what is put down beside stakes, sold or paid out is moved by its transfers alone
            return None


def _gift(event: Given) -> Entry:
    asset = given_asset(event.at.block.chain_id, event.asset)
    return Entry(event.at, Kind.GIFT, move(asset, event.amount, giver(event.giver), cause(event.cause)))


_OUTCOMES = {
    Returned: Kind.STAKE_RETURNED,
    Forfeited: Kind.STAKE_FORFEITED,
    Expired: Kind.STAKE_EXPIRED,
}


def transfers(events: Sequence[Transferred], escrow: Address) -> Moves:
    """Return what transfers mean, each of which is an entry: what nearly all logs are, so all of them at once."""
    known = wallets({event.sender for event in events} | {event.recipient for event in events})
    givers, takers = (known | {ZERO_ADDRESS: nobody, escrow: UNSOLICITED} for nobody in (MINT, BURN))
    sources, targets = [givers[event.sender] for event in events], [takers[event.recipient] for event in events]
    kinds = [Kind.TRANSFER] * len(events)
    if ZERO_ADDRESS in known:
        kinds = [
            Kind.MINT if source is MINT else Kind.BURN if target is BURN else Kind.TRANSFER
            for source, target in zip(sources, targets, strict=True)
        ]
    return Moves([event.at for event in events], kinds, sources, targets, [event.amount for event in events])
