"""Signed orders: what somebody without ether signed to be paid by ``Checkout``, whatever for, carried to the chain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from contracts import checkout
from contracts.chain import Deployment
from contracts.checkout import Order, SaleTerms
from kit.clock import from_unix
from kit.errors import Conflict
from kit.identifiers import Address, Hash32
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried
from payments.carrying.service import Carrying


class SignedOrders(ABC):
    """The orders of one kind among what we carry, in one transaction; each kind knows what terms pay for."""

    cargo: ClassVar[Cargo]

    def __init__(self, carrying: Carrying, outgoing: Outgoing, place: Deployment) -> None:
        """Let ``carrying`` know of them."""
        self._carrying = carrying
        self._outgoing = outgoing
        self._place = place
        carrying.know(self.cargo, self)

    @property
    def contract(self) -> Address:
        """The contract that takes them. Raises ``Conflict`` where there is none."""
        if self._place.checkout is None:
            raise Conflict("checkout_missing", "Nothing is sold by a contract here: `earnest contracts add-checkout`.")
        return self._place.checkout

    def id_of(self, terms: SaleTerms, order: Order) -> Hash32:
        """Return the id of a purchase."""
        return checkout.purchase_id(terms, order, chain_id=self._place.chain_id, checkout=self.contract)

    @abstractmethod
    def check(self, terms: SaleTerms, buyer: Address) -> None:
        """Refuse terms by which a payment of ``buyer`` would be for nothing now. Raises ``Conflict``."""

    @abstractmethod
    def landed(self, carried: Carried) -> bool:
        """Tell whether it stands in our books: its id is the purchase's, whoever carried it there."""

    def queue(
        self, terms: SaleTerms, order: Order, signature: bytes, *, gas: int, max_fee: int, tokens: int
    ) -> Carried:
        """Owe the chain an order, whose signature and simulation were found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now, ``tokens`` what the buyer holds. Raises ``Conflict`` where
        a limit is reached, what else is under way needs those tokens, or it would be for nothing by now.
        """
        purchase = self.id_of(terms, order)
        known = self._carrying.begin(purchase)
        if known is not None:
            return known
        self.check(terms, order.buyer)
        until = from_unix(order.valid_before)
        carried = Carried(
            id=purchase,
            cargo=self.cargo,
            about=None,
            person=None,  # whoever signs may write anybody's memo
            payer=order.buyer,
            target=terms.seller,
            due=terms.price + order.relay_fee,
            gwei=0,
            created_at=until,
        )
        data = checkout.encode_buy_with_authorization(terms, order, signature)
        most = gas * max_fee
        return self._carrying.take_on(
            carried, to=self.contract, data=data, most_wei=most, tokens=tokens, not_after=until
        )

    def wanted(self, carried: Carried) -> bool:
        """Tell whether it would still be for something: nobody is to pay for what is over meanwhile."""
        signed = self.signed(carried)
        if signed is None:
            return True
        terms, order = signed
        try:
            self.check(terms, order.buyer)
        except Conflict:
            return False
        return True

    def signed(self, carried: Carried) -> tuple[SaleTerms, Order] | None:
        """Return what was signed of something that we carry, as long as that is known."""
        call = self._outgoing.find(self._carrying.key(carried))
        return None if call is None else checkout.decode_buy_with_authorization(call.data)
