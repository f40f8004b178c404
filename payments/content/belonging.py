"""Whose a purchase is, in one transaction: looked up by its buyer, claimed by a wallet's holder, moved, handed over."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy.orm import Session

from kit.errors import Conflict, Forbidden, NotFound
from kit.identifiers import Address, PersonId
from ledger.model import Level
from payments.content.disputes import Disputes, bought_by
from payments.content.model import Buyer, Purchase, PurchaseState
from payments.content.tables import PurchaseRow


class Belonging(Disputes):
    """Purchases and their buyers; that a person holds a wallet was proved when they linked it."""

    def __init__(self, session: Session, now: datetime, wallets: Callable[[PersonId], Collection[Address]]) -> None:
        """Work in ``session``, at ``now``; ``wallets`` are those that somebody linked."""
        super().__init__(session, now)
        self._wallets = wallets

    def purchase_of(self, buyer: Buyer, purchase: str) -> Purchase:
        """Return what somebody bought, by its public name. Raises ``NotFound`` for what is not theirs."""
        row = self._sold.by_id(purchase)
        if row is None or not bought_by(row, buyer):
            raise NotFound("purchase_unknown", "There is no such purchase.")
        return self._sold.purchase(row)

    def bought_of(self, buyer: Buyer, listing: str) -> list[Purchase]:
        """Return what somebody bought of one listing, latest first; nothing where there is no such listing."""
        return self._sold.of_buyer(buyer, listing)

    def claim(self, person: PersonId, wallet: Address) -> int:
        """Let what a wallet bought, and nobody has as a person, be that of who linked it; return how much that was.

        At most 1,000 purchases (``CLAIMED_AT_ONCE``) at a time. The wallet has them as before. Raises ``Forbidden`` for
        a wallet that they have not linked.
        """
        if wallet not in self._wallets(person):
            raise Forbidden("wallet_not_linked", "Link that wallet first: its signature says that it is yours.")
        return self._sold.claim(person, wallet)

    def move(self, person: PersonId, purchase: str, wallet: Address) -> Purchase:
        """Let a purchase be another wallet's of the same person, and the one's no more that had it.

        Raises ``NotFound`` for what is not theirs, ``Forbidden`` where either wallet is not linked to them, and
        ``Conflict`` while the payment is not final, or where it opens nothing.
        """
        row = self._movable(person, purchase)
        if wallet not in self._wallets(person):
            raise Forbidden("wallet_not_linked", "Link that wallet first: its signature says that it is yours.")
        row.wallet = bytes(wallet)
        return self._sold.purchase(row)

    def hand_over(self, person: PersonId, purchase: str, to: PersonId) -> Purchase:
        """Let a purchase be somebody else's altogether. Whoever calls has both people's word. Raises as ``move``."""
        row = self._movable(person, purchase)
        self._listings.drop_complaint(row.id)
        wallet = next(iter(self._wallets(to)), None)  # where money comes back to, should it
        row.person, row.wallet = to, None if wallet is None else bytes(wallet)
        return self._sold.purchase(row)

    def check_movable(self, person: PersonId, purchase: str) -> Purchase:
        """Return a purchase that could be handed over. Raises as ``move``."""
        return self._sold.purchase(self._movable(person, purchase, lock=False))

    def _movable(self, person: PersonId, purchase: str, *, lock: bool = True) -> PurchaseRow:
        row = self._sold.by_id(purchase, lock=lock)
        if row is None or row.person != person:
            raise NotFound("purchase_unknown", "There is no such purchase.")
        known = self._sold.purchase(row)
        if known.level is not Level.FINALIZED:
            # A payment that comes again in another block is its payer's again.
            raise Conflict("payment_not_final", "Wait until its payment is final on the chain.")
        if known.state is not PurchaseState.PAID or not known.opens(self._now):
            raise Conflict("not_movable", "This opens nothing any more, or its money is asked for.")
        if row.wallet is not None and Address(row.wallet) not in self._wallets(person):
            raise Forbidden("wallet_not_linked", "The wallet that paid has it too: link it first, so that it agrees.")
        return row
