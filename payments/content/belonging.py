"""Whose a purchase is, in one transaction: looked up by its buyer, claimed by a wallet's holder, moved, handed over."""

from __future__ import annotations

from collections.abc import Collection

from kit.errors import Conflict, Forbidden, NotFound
from kit.identifiers import Address, Hash32, PersonId
from ledger.model import Level
from payments.content.disputes import Disputes, bought_by
from payments.content.model import Buyer, Purchase, PurchaseState
from payments.content.tables import PurchaseRow


class Belonging(Disputes):
    """Purchases and their buyers. ``agreed`` are the wallets that have just signed that the person may do so.

    That a wallet is linked is not enough: whose it is may have changed since (ADR 50).
    """

    def purchase_of(self, buyer: Buyer, purchase: str) -> Purchase:
        """Return what somebody bought, by its public name. Raises ``NotFound`` for what is not theirs."""
        row = self._sold.by_id(purchase)
        if row is None or not bought_by(row, buyer):
            raise _not_bought()
        return self._sold.purchase(row)

    def bought_of(self, buyer: Buyer, listing: str) -> list[Purchase]:
        """Return what somebody bought of one listing, latest first; nothing where there is no such listing."""
        return self._sold.of_buyer(buyer, listing)

    def unsure_blocks(self) -> list[tuple[Hash32, Level]]:
        """Return the blocks of payments that are not final, each with every level that such payments have here."""
        return self._sold.unsure_blocks()

    def moving(self, block: Hash32, level: Level, limit: int) -> list[Hash32]:
        """Return the keys of some payments that a block holds and that are as sure as that, the oldest first."""
        return self._sold.moving(block, level, limit)

    def in_block(self, block: Hash32) -> list[Hash32]:
        """Return the keys of the payments that a block holds."""
        return self._sold.in_block(block)

    def claim(self, person: PersonId, agreed: Address) -> int:
        """Let what a wallet bought, and nobody has as a person, be a person's; return how much that was.

        At most 1,000 purchases (``CLAIMED_AT_ONCE``) at a time. The wallet has them as before.
        """
        return self._sold.claim(person, agreed)

    def linked(self, person: PersonId, wallet: Address) -> int:
        """Let what a wallet paid a person for count for nothing, since it is their own; return how much that was."""
        return self._sold.wash(person, wallet)

    def move(self, person: PersonId, purchase: str, wallet: Address, agreed: Collection[Address]) -> Purchase:
        """Let a person's purchase be another wallet's too, and no more that one's which had it.

        Raises ``NotFound`` for what is not theirs, ``Forbidden`` where either wallet has not agreed, and ``Conflict``
        while the payment is not final, or where it opens nothing.
        """
        row = self._movable(person, purchase, agreed)
        if wallet not in agreed:
            raise _not_agreed()
        row.wallet = bytes(wallet)
        return self._sold.purchase(row)

    def hand_over(self, person: PersonId, purchase: str, to: PersonId, agreed: Collection[Address]) -> Purchase:
        """Let a purchase be somebody else's altogether, and no wallet's. Whoever calls has both people's word.

        Raises as ``move``.
        """
        row = self._movable(person, purchase, agreed)
        self._listings.drop_complaint(row.id)
        row.person, row.wallet = to, None
        return self._sold.purchase(row)

    def check_movable(self, person: PersonId, purchase: str, agreed: Collection[Address]) -> Purchase:
        """Return a purchase that could be handed over. Raises as ``move``."""
        return self._sold.purchase(self._movable(person, purchase, agreed, lock=False))

    def _movable(
        self, person: PersonId, purchase: str, agreed: Collection[Address], *, lock: bool = True
    ) -> PurchaseRow:
        row = self._sold.by_id(purchase, lock=lock)
        if row is None or row.person != person:
            raise _not_bought()
        known = self._sold.purchase(row)
        if known.level is not Level.FINALIZED:
            # A payment that comes again in another block is its payer's again.
            raise Conflict("payment_not_final", "Wait until its payment is final on the chain.")
        if known.state is not PurchaseState.PAID or not known.opens(self._now):
            raise Conflict("not_movable", "This opens nothing any more, or its money is asked for.")
        if row.wallet is not None and Address(row.wallet) not in agreed:
            raise _not_agreed()
        return row


def _not_bought() -> NotFound:
    return NotFound("purchase_unknown", "There is no such purchase.")


def _not_agreed() -> Forbidden:
    return Forbidden("wallet_not_agreed", "The wallet that has it, and the one that is to, sign that they agree.")
