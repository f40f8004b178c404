"""Signed tips: what a giver without ether signed, carried to the chain (``payments.carrying``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from contracts.chain import Deployment
from contracts.checkout import Order, SaleTerms, parts
from kit.errors import Conflict
from kit.identifiers import Address, PersonId
from kit.sealing import Seal
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried
from payments.carrying.orders import SignedOrders
from payments.carrying.service import Carrying
from payments.flair.documents import Assets
from payments.tips.links import TipLinks
from payments.tips.model import TipState
from payments.tips.store import TipStore
from payments.tokens.service import Tokens


class SignedTips(SignedOrders):
    """The tips among what we carry, in one transaction."""

    cargo = Cargo.TIP

    def __init__(
        self,
        session: Session,
        now: datetime,
        carrying: Carrying,
        outgoing: Outgoing,
        place: Deployment,
        seal: Callable[[], Seal],
        wallets: Callable[[PersonId], Sequence[Address]],
        assets: Callable[[], Assets],
    ) -> None:
        """Let ``carrying`` know of tips; read in ``session``, at ``now``.

        ``seal`` and ``wallets`` are as in ``TipLinks``, ``assets`` as in ``Tokens``.
        """
        super().__init__(carrying, outgoing, place)
        tokens = partial(Tokens, session, now, assets)
        self._links = TipLinks(session, now, seal=seal, wallets=wallets, tokens=tokens)
        self._store = TipStore(session, seal)

    def check(self, terms: SaleTerms, buyer: Address) -> None:
        """Refuse what would be no tip now: the link is over or was used, or they take none. Raises ``Conflict``."""
        if buyer in {part.payee for part in parts(terms)}:
            raise Conflict("payer_is_paid", "That wallet would pay itself: choose another one.")
        self._links.check_terms(terms)

    def landed(self, carried: Carried) -> bool:
        """Tell whether it stands in our books: its id is the purchase's, whoever carried it there."""
        found = self._store.by_key(carried.id)
        return found is not None and found.state != TipState.TAKEN_BACK.value

    def queue(
        self, terms: SaleTerms, order: Order, signature: bytes, *, gas: int, max_fee: int, tokens: int
    ) -> Carried:
        """Owe the chain a tip; see ``SignedOrders``. Of two that are signed for one link the first one is carried."""
        purchase = self.id_of(terms, order)
        for other in self._carrying.under_way_from(order.buyer):
            signed = None if other.id == purchase or other.cargo is not self.cargo else self.signed(other)
            if signed is not None and signed[0].listing == terms.listing:
                raise Conflict("tip_under_way", "A tip by this link is on its way: nothing more is paid by it.")
        return super().queue(terms, order, signature, gas=gas, max_fee=max_fee, tokens=tokens)
