"""Giving: gifts that the chain tells of, handed to the supporters, and taken back where their block leaves."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.events import BlockRef, ChainEvent
from payments.flair import onchain
from payments.flair.onchain import Place
from payments.flair.service import Supporters


class Giving:
    """Gifts to the published address of the cause, in one transaction."""

    def __init__(self, supporters: Supporters, place: Place | None) -> None:
        """Hand gifts that arrive at ``place`` to ``supporters``; without a place there is nothing to give to."""
        self._supporters = supporters
        self._place = place

    def heard(self, events: Sequence[ChainEvent], *, late: bool = False) -> None:
        """Take in the gifts among events that were just booked, all those of whole blocks, in their order.

        ``late``: the transfers among them were taken in before it was known what they were for.
        """
        place = self._place
        if place is None:
            return
        ours = [event for event in events if onchain.concerns(event, place)]
        if not ours:
            return
        found = onchain.heard(ours, place, [asset for _, asset, _ in self._supporters.assets.known])
        if late:
            for key in found.money_of_gifts:
                self._supporters.took_back(key)
        self._supporters.told(found.gifts)

    def left(self, block: BlockRef) -> None:
        """Take back the gifts of a block that left the chain."""
        self._supporters.block_left(block.chain_id, block.hash)

    def levels_moved(self, chain_id: int) -> None:
        """Let gifts be as sure as their blocks have become."""
        self._supporters.levels_moved(chain_id)
