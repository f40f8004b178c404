"""Signed gifts: what a giver without ether signed, carried to the chain (``payments.carrying``)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from contracts import pledges
from contracts.chain import Deployment
from contracts.events import SignedGift
from kit.clock import from_unix
from kit.errors import NotFound
from kit.identifiers import Address, Hash32
from ledger.model import erc20
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried, CarriedState
from payments.carrying.service import Carrying
from payments.flair.model import address_name
from payments.flair.service import Supporters

_BEFORE: Final = timedelta(hours=1)
"""A chain's time may be behind ours."""


class SignedGifts:
    """The gifts among what we carry, in one transaction."""

    def __init__(self, carrying: Carrying, supporters: Supporters, outgoing: Outgoing, place: Deployment) -> None:
        """Let ``carrying`` know of gifts."""
        self._carrying = carrying
        self._supporters = supporters
        self._outgoing = outgoing
        self._place = place
        carrying.know(Cargo.GIFT, self)

    @property
    def contract(self) -> Address:
        """The contract that takes them. Raises ``NotFound`` where there is none."""
        if self._place.pledges is None:
            raise NotFound("pledges_missing", "Gifts have no contract on this chain yet.")
        return self._place.pledges

    def id_of(self, gift: SignedGift) -> Hash32:
        """Return the id of a gift."""
        return pledges.gift_id(gift, chain_id=self._place.chain_id, pledges=self.contract)

    def queue(self, gift: SignedGift, signature: bytes, *, gas: int, max_fee: int, tokens: int) -> Carried:
        """Owe the chain a gift, whose signature and simulation were found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now, ``tokens`` what the giver holds. Raises ``Conflict`` where
        a limit is reached, or what else is under way needs those tokens.
        """
        gift_id = self.id_of(gift)
        known = self._carrying.begin(gift_id)
        if known is not None:
            return known
        valid_before = from_unix(gift.valid_before)
        carried = Carried(
            id=gift_id,
            cargo=Cargo.GIFT,
            about=None,
            person=None,
            payer=gift.giver,
            target=gift.cause,
            due=gift.amount + gift.relay_fee,
            gwei=0,
            created_at=valid_before,
        )
        return self._carrying.take_on(
            carried,
            to=self.contract,
            data=pledges.encode_give_with_authorization(gift, signature),
            most_wei=gas * max_fee,
            tokens=tokens,
            not_after=valid_before,
        )

    def wanted(self, carried: Carried) -> bool:  # noqa: ARG002 - as every kind of cargo answers
        """Tell that a gift never becomes unwanted: what it is for does not end."""
        return True

    def landed(self, carried: Carried) -> bool:
        """Tell whether it has come since it was taken on: more gifts like it than what else we carried accounts for."""
        gift = self._signed(carried)
        if gift is None:
            return False
        since = carried.created_at - _BEFORE
        came = self._supporters.chain_gifts(
            address_name(gift.giver),
            erc20(self._place.chain_id, self._place.token),
            gift.amount,
            months=gift.months,
            memo=None if gift.memo == pledges.NO_MEMO else gift.memo,
            since=since,
        )
        others = self._carrying.others_from(carried, since) if came else []
        return came > sum(self._counts(other) and _alike(self._signed(other), gift) for other in others)

    def _counts(self, other: Carried) -> bool:
        return self._carrying.state(other) in (CarriedState.MINED, CarriedState.DONE)

    def _signed(self, carried: Carried) -> SignedGift | None:
        call = self._outgoing.find(self._carrying.key(carried))
        return None if call is None else pledges.decode_give_with_authorization(call.data)


def _alike(one: SignedGift | None, other: SignedGift) -> bool:
    """Tell whether the chain tells the same of two gifts of one giver."""
    return one is not None and (one.amount, one.months, one.memo) == (other.amount, other.months, other.memo)
