"""Posting (pure): the one entry that a chain event makes in the books."""

from __future__ import annotations

from contracts.events import ChainEvent, Expired, ForfeitAnnounced, Forfeited, Opened, Returned, Transferred
from kit.identifiers import ZERO_ADDRESS, Address
from ledger.model import BURN, MINT, UNSOLICITED, Asset, Entry, Kind, erc20, move, stake, wallet


def entry_for(event: ChainEvent, *, token: Address, escrow: Address, held: int) -> Entry | None:
    """Return what ``event`` means in the books; ``None`` where it moves nothing.

    Every transfer is an entry, with the escrow's own money on ``UNSOLICITED``. A stake's opening takes amount and fee
    from there (its transfers stand before it), its outcome puts all that the stake's account holds (``held``, base
    units) back there (its transfers follow). So stakes and ``UNSOLICITED`` together are the escrow's balance after
    every transaction, and a transfer needs to know nothing of stakes.
    """
    asset = erc20(event.at.block.chain_id, token)
    match event:
        case Transferred():
            return transfer_entry(event, asset, escrow)
        case Opened():
            due = event.terms.amount + event.terms.fee
            return Entry(event.at, Kind.STAKE_OPENED, move(asset, due, UNSOLICITED, stake(event.stake_id)))
        case Returned() | Forfeited() | Expired():
            if not held:
                return None
            return Entry(event.at, _OUTCOMES[type(event)], move(asset, held, stake(event.stake_id), UNSOLICITED))
        case ForfeitAnnounced():
            return None


_OUTCOMES = {
    Returned: Kind.STAKE_RETURNED,
    Forfeited: Kind.STAKE_FORFEITED,
    Expired: Kind.STAKE_EXPIRED,
}


def transfer_entry(event: Transferred, asset: Asset, escrow: Address) -> Entry:
    """Return the entry of a transfer, which every one of them is."""
    sender, recipient = event.sender, event.recipient
    source = MINT if sender == ZERO_ADDRESS else UNSOLICITED if sender == escrow else wallet(sender)
    target = BURN if recipient == ZERO_ADDRESS else UNSOLICITED if recipient == escrow else wallet(recipient)
    kind = Kind.MINT if source is MINT else Kind.BURN if target is BURN else Kind.TRANSFER
    return Entry(event.at, kind, move(asset, event.amount, source, target))
