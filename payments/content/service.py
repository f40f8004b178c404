"""Content, in one transaction: what people sell, who bought it, and what they may open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from kit.blobs import Blobs, Written
from kit.contents import file_name, media_type
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import Address, Hash32, PersonId, RoomId
from kit.sealing import Seal, Sealed
from ledger.model import Asset, Level
from ledger.people import People
from payments.content.buying import Buying
from payments.content.holds import Judge, no_rules
from payments.content.model import (
    Access,
    Buyer,
    Kind,
    Listing,
    ListingState,
    Offer,
    Paid,
    Purchase,
    Stored,
    Version,
)
from payments.content.onchain import listing_hash
from payments.content.overseeing import Overseen
from payments.content.store import random_id
from payments.content.tables import BlobRow, ListingRow
from payments.content.terms import terms_hash

QUOTA: Final = 1024 * 1024 * 1024
"""Bytes of all contents of one seller."""
MOST_LISTINGS: Final = 1_000
"""Listings of one seller."""
MOST_VERSIONS: Final = 200
"""Versions of one listing."""
LARGEST_PAGE: Final = 100
FETCHED: Final = tuple(kind.value for kind in Kind if kind.is_fetched)


class Content(Overseen):
    """Listings, purchases and contents. What is asked of a listing of somebody else is answered as of none."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        *,
        seal: Callable[[], Seal],
        wallets: Callable[[PersonId], Collection[Address]],
        holder: Callable[[Address], PersonId | None] = lambda _: None,
        judge: Judge = no_rules,
    ) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps the contents' keys, ``wallets`` are those somebody linked.

        ``holder`` tells who linked a wallet, ``judge`` what the operator's rules object to.
        """
        super().__init__(session, now, judge=judge)
        self._seal = seal
        self._wallets = wallets
        self._holder = holder

    # ------------------------------------------------------------------------------------------ selling

    def room_left(self, seller: PersonId) -> int:
        """Return how many bytes of content a seller may still put here."""
        return max(QUOTA - self._listings.held(seller), 0)

    def keep(self, seller: PersonId, written: Written, name: str) -> int:
        """Take a content that was just written; return its number for ``list_`` and ``revise``.

        Its type is told by what is in it, its name made safe. Raises ``Conflict`` beyond the seller's quota.
        """
        People(self._session, self._now).lock(seller)
        if written.size > self.room_left(seller):
            raise Conflict("content_quota", f"One seller's contents have at most {QUOTA:,} bytes together.")
        row = BlobRow(
            name=written.name,
            seller=seller,
            size=written.size,
            digest=written.digest,
            media_type=media_type(written.head),
            file_name=file_name(name),
            sealed=self._seal().close(written.key, _purpose(written.name)),
            created_at=self._now,
        )
        return self._listings.add_blob(row)

    def list_(
        self,
        seller: PersonId,
        offer: Offer,
        *,
        blob: int | None = None,
        allowed: Collection[Asset],
        draft: bool = False,
    ) -> Listing:
        """Put something up; ``allowed`` are the assets that the operator lets people be paid in.

        An admission is a draft until the bot found that it can admit people there; what a rule of the operator's
        objects to is held. Raises ``Invalid`` for an offer that nobody could take, ``Conflict`` for too many listings,
        ``Forbidden`` for what a rule refuses.
        """
        self._check(offer, allowed)
        if offer.kind.has_content != (blob is not None):
            raise Invalid("content_missing", "A text, a file or a post, and nothing else, has a content here.")
        People(self._session, self._now).lock(seller)
        if len(self._listings.of_seller(seller)) >= MOST_LISTINGS:
            raise Conflict("too_many_listings", f"One seller has at most {MOST_LISTINGS:,} listings.")
        if offer.kind is Kind.ADMISSION:
            self.admissions.check_count(seller)
        row = self._listings.add(
            ListingRow(
                token=(token := random_id()),
                chain_hash=bytes(listing_hash(token)),
                seller=seller,
                kind=offer.kind.value,
                state=ListingState.DRAFT.value,
                version=1,
                remaining=offer.stock,
                sold=0,
                complaints=0,
                created_at=self._now,
            )
        )
        made = self._with_version(row, offer, seller, blob)
        if not draft:
            return self._put_out(row)
        self._check_refused(row)
        return made

    def revise(
        self, seller: PersonId, listing: str, offer: Offer, *, blob: int | None = None, allowed: Collection[Asset]
    ) -> Listing:
        """Put a new version in the place of the newest; without a new content it has the one before.

        Whoever bought an earlier one has the new one too. Raises ``NotFound`` for what is not theirs, ``Conflict`` for
        what was taken down and for too many versions, ``Invalid`` for another kind, ``Forbidden`` as ``list_``.
        """
        self._check(offer, allowed)
        row = self._own(seller, listing)
        if offer.kind.value != row.kind:
            raise Invalid("kind_changed", "A listing stays of its kind: put up another one.")
        if row.version >= MOST_VERSIONS:
            raise Conflict("too_many_versions", f"A listing has at most {MOST_VERSIONS} versions: put up another one.")
        if blob is None and offer.kind.has_content:
            blob = self._listings.newest_blob(row)
        self._listings.replace(row, self._listings.listing(row).off_since or self._now)
        row.version += 1
        row.remaining = offer.stock
        shown = row.state in (ListingState.LISTED.value, ListingState.HELD.value)
        made = self._with_version(row, offer, seller, blob)
        if shown:
            return self._put_out(row)
        self._check_refused(row)
        return made

    def unlist(self, seller: PersonId, listing: str) -> Listing:
        """Sell it no more; whoever bought it keeps it. What was never for sale is a draft (again).

        Raises ``NotFound``, ``Conflict`` for what was taken down.
        """
        row = self._own(seller, listing)
        self.admissions.unwant(row)
        self._end_unanswered(row)
        self._take_in(row)
        return self._listings.listing(row)

    def relist(self, seller: PersonId, listing: str) -> Listing:
        """Sell a draft, or what was unlisted, or held. Raises ``NotFound``, ``Conflict`` for what was taken down.

        An admission may stay as it is: it is for sale once the bot found that it can admit people there. Raises
        ``Forbidden`` as ``list_``.
        """
        row = self._own(seller, listing)
        if row.kind == Kind.ADMISSION.value and row.state != ListingState.LISTED.value:
            self.admissions.check_count(seller)
        return self._put_out(row)

    # ------------------------------------------------------------------------------------------ looking

    def listing(self, listing: str) -> Listing:
        """Return a listing that anybody may see. Raises ``NotFound``."""
        found = self._listings.find(listing)
        if found is None or not found.was_shown:
            raise _unknown()
        return found

    def of_hash(self, listing: Hash32) -> str | None:
        """Return the public name of a listing by what stands for it on the chain, whatever became of it."""
        return self._listings.of_hash(listing)

    def version_of_sale(self, listing: str, terms: Hash32) -> Version | None:
        """Return the version of a listing that terms on the chain are of, by their hash alone."""
        row = self._listings.row(listing)
        return None if row is None else self._listings.version_of_sale(row, terms)

    def versions(self, listing: str) -> list[Version]:
        """Return all versions of a listing, oldest first; none of what there is not."""
        return self._listings.versions(listing, since=1)

    def listed(self, *, before: str | None = None, limit: int = 50) -> tuple[list[Listing], str | None]:
        """Return what is listed, newest first, and where the next page begins."""
        where = ListingRow.state == ListingState.LISTED.value
        return _paged(self._listings.page(where, before=before, limit=_bounded(limit) + 1), limit)

    def count_listed(self) -> int:
        """Return how much is for sale, or would be if it were not sold out or over."""
        return self._listings.count(ListingRow.state == ListingState.LISTED.value)

    def catalogue(self, *, offset: int, limit: int) -> tuple[list[Listing], int]:
        """Return what is listed and can be fetched, newest first, after so many; and how many there are in all."""
        where = ListingRow.state == ListingState.LISTED.value, ListingRow.kind.in_(FETCHED)
        return self._listings.page(*where, offset=offset, limit=_bounded(limit)), self._listings.count(*where)

    def own(self, seller: PersonId, listing: str) -> Listing:
        """Return a listing of somebody's own, in whatever state. Raises ``NotFound``."""
        found = self._listings.find(listing)
        if found is None or found.seller != seller:
            raise _unknown()
        return found

    def mine(self, seller: PersonId, *, before: str | None = None, limit: int = 50) -> tuple[list[Listing], str | None]:
        """Return a seller's own listings in whatever state, newest first, and where the next page begins."""
        where = ListingRow.seller == seller
        return _paged(self._listings.page(where, before=before, limit=_bounded(limit) + 1), limit)

    def quote(self, listing: str) -> Listing:
        """Return a listing that can be bought now, with its terms. Raises ``NotFound``, ``Conflict``."""
        found = self.listing(listing)
        if not found.is_for_sale(self._now):
            raise Conflict("not_for_sale", "This is not for sale now.")
        return found

    # ------------------------------------------------------------------------------------------ bought

    def bought(self, paid: Paid) -> Purchase:
        """Take in a payment, however often it is told; see ``Buying.bought``. Raises ``NotFound``."""
        return self._buying.bought(paid)

    def level(self, key: Hash32, level: Level) -> Purchase | None:
        """Let a purchase be as sure as its payment has become; ``None`` where nothing was bought under this key."""
        return self._buying.level(key, level)

    def took_back(self, key: Hash32) -> Purchase | None:
        """Take access back, since the payment left the chain; ``None`` where nothing was bought under this key."""
        return self._buying.took_back(key)

    def delivered(self, purchase: str) -> None:
        """Note that it was handed over, the first time. Raises ``NotFound``."""
        row = self._purchase_row(purchase)
        row.delivered_at = row.delivered_at or self._now

    def purchase(self, key: Hash32) -> Purchase | None:
        """Return what became of a payment."""
        row = self._sold.by_key(key)
        return None if row is None else self._sold.purchase(row)

    def found(self, purchase: str) -> Purchase | None:
        """Return a purchase by its id, whosever it is."""
        row = self._sold.by_id(purchase)
        return None if row is None else self._sold.purchase(row)

    def wallets_of_seller(self, purchase: Purchase) -> set[Address]:
        """Return the wallets that are a seller's: the one named when it was sold, and those that they linked."""
        named = {one.offer.wallet for one in self.versions(purchase.listing) if one.number == purchase.version}
        return named | set(self._wallets(purchase.seller))

    def wallets_beside(self, wallet: Address) -> Collection[Address]:
        """Return all that whoever linked a wallet has linked, where they ever put something up; else none."""
        person = self._holder(wallet)
        return () if person is None or not self._listings.has_any(person) else self._wallets(person)

    @property
    def _buying(self) -> Buying:
        return Buying(self._session, self._now, self._listings, self._sold, self._wallets, self._holder)

    # ------------------------------------------------------------------------------------------ opening

    def access(self, buyer: Buyer, listing: str) -> Access | None:
        """Return what a buyer may open of a listing: ``None`` where nothing, or where there is no such listing.

        ``buyer`` is who proved to be it. Unlisting takes nothing away; what the operator took down is not delivered.
        """
        row = self._listings.row(listing)
        if row is None or row.state == ListingState.TAKEN_DOWN.value:
            return None
        open_ = [one for one in self._sold.of_buyer(buyer, listing) if one.opens(self._now)]
        if not open_:
            return None
        first = min(open_, key=lambda one: one.version)
        return Access(first, tuple(self._listings.versions(listing, since=first.version)))

    def open_(self, blobs: Blobs, stored: Stored, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Give a content from byte ``start`` to before ``end``; the transaction may end before it is read.

        Whoever asks has looked by ``access`` whether they may. Raises as ``Blobs.read`` does.
        """
        sealed = self._listings.sealed_key(stored.blob)
        if sealed is None:
            raise NotFound("content_gone", "This content is not here.")
        return blobs.read(stored.blob, self._seal().open(sealed, _purpose(stored.blob)), start=start, end=end)

    def library(self, buyer: Buyer, *, before: str | None = None, limit: int = 50) -> tuple[list[Purchase], str | None]:
        """Return what somebody bought, latest first, and where the next page begins."""
        return _paged(self._sold.page(buyer=buyer, before=before, limit=_bounded(limit) + 1), limit)

    def sales(
        self, seller: PersonId, *, before: str | None = None, limit: int = 50
    ) -> tuple[list[Purchase], str | None]:
        """Return what somebody sold and what they owe back, latest first, and where the next page begins."""
        return _paged(self._sold.page(seller=seller, before=before, limit=_bounded(limit) + 1), limit)

    def statement(self, seller: PersonId, since: datetime | None, before: datetime | None) -> Iterator[Purchase]:
        """Give what was paid to a seller in a time, latest first; read while it is taken, so in this transaction."""
        return self._sold.between(seller, since, before)

    # ------------------------------------------------------------------------------------------ keeping

    def forget(self, person: PersonId) -> None:
        """Let somebody sell no more, and be nobody who bought; what others bought of them stays theirs.

        What nobody paid for goes, its content at the next ``sweep``. What they bought as a wallet stays that wallet's.
        """
        for row in self._listings.of_seller(person):
            if not self._listings.was_paid_for(row):
                self._listings.drop(row)
                continue
            self.admissions.unwant(row)
            self._end_hold(row)
            if row.state != ListingState.TAKEN_DOWN.value:
                self._take_in(row)
        self._session.flush()
        self._sold.forget(person)

    def known_blobs(self, names: Collection[str]) -> set[str]:
        """Return which of some contents there are (for ``Blobs.sweep``)."""
        return self._listings.known_blobs(names)

    def seal_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count contents' keys by how they are sealed, and seal them anew (``kit.sealing.SealsAnew``)."""
        rows = self._listings.blobs_after(after, limit, lock=change)
        for row in rows:
            row.sealed = self._seal().anew(row.sealed, _purpose(row.name), found, change=change)
        return rows[-1].id if rows else None

    # ------------------------------------------------------------------------------------------ within

    def _with_version(self, row: ListingRow, offer: Offer, seller: PersonId, blob: int | None) -> Listing:
        stored = None if blob is None else self._listings.stored(blob, seller)
        if blob is not None and stored is None:
            raise NotFound("content_gone", "This content is not here.")
        terms = terms_hash(row.token, row.version, offer, stored)
        self._listings.add_version(row, Version(row.version, offer, terms, stored, self._now, None), blob)
        if offer.kind is Kind.ADMISSION:
            self.admissions.name(row, RoomId(offer.reference))
        return self._listings.listing(row)

    def _check(self, offer: Offer, allowed: Collection[Asset]) -> None:
        if not set(offer.prices) <= set(allowed):
            raise Forbidden("asset_not_allowed", "Nothing is sold for that here.", names=", ".join(allowed))
        if offer.expires_at is not None and offer.expires_at <= self._now:
            raise Invalid("expired", "An offer ends in the future.")

    def _own(self, seller: PersonId, listing: str) -> ListingRow:
        row = self._row(listing, lock=True)
        if row.seller != seller:
            raise _unknown()
        if row.state == ListingState.TAKEN_DOWN.value:
            raise Conflict("taken_down", "The operator took this down.")
        return row


_Item = TypeVar("_Item", Listing, Purchase)


def _paged(found: list[_Item], limit: int) -> tuple[list[_Item], str | None]:
    here = found[: _bounded(limit)]
    return here, here[-1].id if len(found) > len(here) else None


def _bounded(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def _purpose(blob: str) -> str:
    return f"content:{blob}"


def _unknown() -> NotFound:
    return NotFound("listing_unknown", "There is no such listing.")
