"""Reading and writing what is sold: listings with their versions, contents and complaints; nothing is decided."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from kit.clock import from_unix, unix
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, PersonId
from ledger.model import Asset, Level
from payments.content.gateway_tables import UpstreamRow
from payments.content.model import Kind, Listing, ListingState, Offer, Stored, Version
from payments.content.onchain import sale_hashes
from payments.content.side_tables import HoldRow, SaleTermsRow
from payments.content.tables import (
    AdmissionPlaceRow,
    BlobRow,
    ComplaintRow,
    ListingRow,
    OrderRow,
    PurchaseRow,
    VersionRow,
)

_SIGNS = string.ascii_letters + string.digits


def random_id() -> str:
    """Return a new public name: 131 random bits, which tell nothing."""
    return "".join(secrets.choice(_SIGNS) for _ in range(22))


class ListingStore:
    """Listings, their versions and their contents."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    # ------------------------------------------------------------------------------------------ listings

    def add(self, row: ListingRow) -> ListingRow:
        """Keep a new listing."""
        self._session.add(row)
        self._session.flush()
        return row

    def row(self, listing: str, *, lock: bool = False) -> ListingRow | None:
        """Return a listing's row; ``lock``: nobody else changes it until this transaction ends."""
        query = select(ListingRow).where(ListingRow.token == listing).execution_options(populate_existing=True)
        return self._session.scalar(query.with_for_update() if lock else query)

    def of_hash(self, listing: Hash32) -> str | None:
        """Return the public name of a listing by what stands for it on the chain."""
        return self._session.scalar(select(ListingRow.token).where(ListingRow.chain_hash == bytes(listing)))

    def find(self, listing: str) -> Listing | None:
        """Return a listing as it stands."""
        row = self.row(listing)
        return None if row is None else self.listing(row)

    def listing(self, row: ListingRow) -> Listing:
        """Return what a row says, with its newest version."""
        return _listing(row, self._versions(VersionRow.listing == row.id, VersionRow.number == row.version)[0][1])

    def count(self, *where: ColumnElement[bool]) -> int:
        """Count listings."""
        return self._session.scalar(select(func.count()).select_from(ListingRow).where(*where)) or 0

    def page(
        self, *where: ColumnElement[bool], before: str | None = None, limit: int, offset: int = 0
    ) -> list[Listing]:
        """Return listings, newest first: those before one of them, or after so many."""
        query = select(ListingRow).where(*where).order_by(ListingRow.id.desc()).limit(limit).offset(offset)
        if before is not None:
            place = select(ListingRow.id).where(ListingRow.token == before).scalar_subquery()
            query = query.where(ListingRow.id < place)
        rows = self._session.scalars(query).all()
        newest = dict(
            self._versions(
                VersionRow.listing.in_([row.id for row in rows]),
                VersionRow.listing == ListingRow.id,
                VersionRow.number == ListingRow.version,
            )
        )
        return [_listing(row, newest[row.id]) for row in rows]

    def take_from_stock(self, row: ListingRow) -> bool:
        """Count the stock down by one; ``False`` where there is none left."""
        if row.remaining == 0:
            return False
        row.remaining = None if row.remaining is None else row.remaining - 1
        return True

    # ------------------------------------------------------------------------------------------ versions

    def add_version(self, row: ListingRow, version: Version, blob: int | None) -> None:
        """Keep a new version."""
        kept = VersionRow(
            listing=row.id,
            number=version.number,
            offer=_written(version.offer),
            title=version.offer.title,
            terms=version.terms,
            blob=blob,
            created_at=version.created_at,
            hashed=True,
        )
        self._session.add(kept)
        self._note_sale(row, version)

    def replace(self, row: ListingRow, at: datetime) -> None:
        """Note that a listing's newest version is replaced, and was for sale until then."""
        newest = VersionRow.listing == row.id, VersionRow.number == row.version
        self._session.execute(update(VersionRow).where(*newest).values(replaced_at=at))

    def version_of_terms(self, row: ListingRow, terms: Hash32) -> Version | None:
        """Return the version that a hash of terms is of."""
        found = self._versions(VersionRow.listing == row.id, VersionRow.terms == bytes(terms))
        return found[0][1] if found else None

    def version_of_sale(self, row: ListingRow, terms: Hash32) -> Version | None:
        """Return the version that a hash of terms on the chain is of; what earlier releases put up is noted first."""
        unhashed = VersionRow.listing == row.id, VersionRow.hashed.is_(False)
        for _, version in self._versions(*unhashed):
            self._note_sale(row, version)
        self._session.execute(update(VersionRow).where(*unhashed).values(hashed=True))
        of_it = SaleTermsRow.terms == bytes(terms), SaleTermsRow.listing == row.id
        number = self._session.scalar(select(SaleTermsRow.number).where(*of_it))
        if number is None:
            return None
        return self._versions(VersionRow.listing == row.id, VersionRow.number == number)[0][1]

    def _note_sale(self, row: ListingRow, version: Version) -> None:
        for terms in sale_hashes(row.token, version):
            self._session.add(SaleTermsRow(terms=bytes(terms), listing=row.id, number=version.number))
        self._session.flush()

    def versions(self, listing: str, *, since: int) -> list[Version]:
        """Return the versions from a number on, oldest first."""
        place = select(ListingRow.id).where(ListingRow.token == listing).scalar_subquery()
        return [one for _, one in self._versions(VersionRow.listing == place, VersionRow.number >= since)]

    def _versions(self, *where: ColumnElement[bool]) -> list[tuple[int, Version]]:
        query = select(VersionRow, BlobRow).outerjoin(BlobRow, BlobRow.id == VersionRow.blob).where(*where)
        found = self._session.execute(query.order_by(VersionRow.id).execution_options(populate_existing=True))
        return [(row.listing, _version(row, blob)) for row, blob in found]

    # ------------------------------------------------------------------------------------------ contents

    def add_blob(self, row: BlobRow) -> int:
        """Keep a content; return its number."""
        self._session.add(row)
        self._session.flush()
        return row.id

    def stored(self, blob: int, seller: PersonId) -> Stored | None:
        """Return a content of a seller by its number."""
        row = self._session.scalar(select(BlobRow).where(BlobRow.id == blob, BlobRow.seller == seller))
        return None if row is None else _stored(row)

    def newest_blob(self, row: ListingRow) -> int | None:
        """Return the number of the content that a listing's newest version has."""
        newest = VersionRow.listing == row.id, VersionRow.number == row.version
        return self._session.scalar(select(VersionRow.blob).where(*newest))

    def held(self, seller: PersonId) -> int:
        """Return the bytes of all contents of a seller."""
        query = select(func.coalesce(func.sum(BlobRow.size), 0)).where(BlobRow.seller == seller)
        return int(self._session.scalar(query) or 0)

    def sealed_key(self, blob: str) -> bytes | None:
        """Return a content's sealed key."""
        return self._session.scalar(select(BlobRow.sealed).where(BlobRow.name == blob))

    def known_blobs(self, names: Collection[str]) -> set[str]:
        """Return which of some contents there are."""
        return set(self._session.scalars(select(BlobRow.name).where(BlobRow.name.in_(names))))

    def blobs_after(self, after: int, limit: int, *, lock: bool) -> list[BlobRow]:
        """Return the rows of contents after a number."""
        query = select(BlobRow).where(BlobRow.id > after).order_by(BlobRow.id).limit(limit)
        return list(self._session.scalars(query.with_for_update() if lock else query))

    # ------------------------------------------------------------------------------------------ forgetting

    def has_any(self, seller: PersonId) -> bool:
        """Tell whether somebody ever put something up."""
        return self._session.scalar(select(ListingRow.id).where(ListingRow.seller == seller).limit(1)) is not None

    def of_seller(self, seller: PersonId) -> list[ListingRow]:
        """Return all listings of somebody, locked."""
        return list(self._session.scalars(select(ListingRow).where(ListingRow.seller == seller).with_for_update()))

    def was_paid_for(self, row: ListingRow) -> bool:
        """Tell whether there is a payment for a listing, whatever became of it."""
        return self._session.scalar(select(PurchaseRow.id).where(PurchaseRow.listing == row.id).limit(1)) is not None

    def drop(self, row: ListingRow) -> None:
        """Take a listing that nobody paid for away, with its versions, contents and orders."""
        for_listing = VersionRow.listing == row.id
        blobs = [blob for blob in self._session.scalars(select(VersionRow.blob).where(for_listing)) if blob is not None]
        self._session.execute(delete(OrderRow).where(OrderRow.listing == row.id))
        self._session.execute(delete(AdmissionPlaceRow).where(AdmissionPlaceRow.listing == row.id))
        self._session.execute(delete(HoldRow).where(HoldRow.listing == row.id))
        self._session.execute(delete(SaleTermsRow).where(SaleTermsRow.listing == row.id))
        self._session.execute(delete(UpstreamRow).where(UpstreamRow.listing == row.id))
        self._session.execute(delete(VersionRow).where(for_listing))
        self._session.execute(delete(BlobRow).where(BlobRow.id.in_(blobs)))
        self._session.delete(row)
        self._session.flush()

    def complaint(self, purchase: int) -> ComplaintRow | None:
        """Return what was said of a purchase."""
        return self._session.scalar(select(ComplaintRow).where(ComplaintRow.purchase == purchase))

    def add_complaint(self, row: ComplaintRow) -> None:
        """Keep what was said of a purchase, and count it on its listing."""
        self._session.add(row)
        self._count(row.listing, 1)

    def drop_complaint(self, purchase: int) -> None:
        """Take away what was said of a purchase, if anything, and count it no more."""
        row = self.complaint(purchase)
        if row is not None:
            self._session.delete(row)
            self._count(row.listing, -1)

    def _count(self, listing: int, more: int) -> None:
        self._session.flush()
        counted = update(ListingRow).where(ListingRow.id == listing)
        self._session.execute(counted.values(complaints=ListingRow.complaints + more))

    def complaints(self, listing: str, limit: int) -> list[tuple[datetime, str]]:
        """Return what buyers said of a listing, latest first."""
        query = select(ComplaintRow.made_at, ComplaintRow.text).join(ListingRow, ListingRow.id == ComplaintRow.listing)
        query = (
            query.where(ListingRow.token == listing, ComplaintRow.text != "")
            .order_by(ComplaintRow.id.desc())
            .limit(limit)
        )
        return [(made_at, text) for made_at, text in self._session.execute(query)]


def _listing(row: ListingRow, version: Version) -> Listing:
    return Listing(
        id=row.token,
        seller=PersonId(row.seller),
        state=ListingState(row.state),
        reason=row.reason,
        version=version,
        left=row.remaining,
        sold=row.sold,
        complaints=row.complaints,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


def _version(row: VersionRow, blob: BlobRow | None) -> Version:
    stored = None if blob is None else _stored(blob)
    return Version(row.number, _read(row.offer), Hash32(row.terms), stored, row.created_at, row.replaced_at)


def _stored(blob: BlobRow) -> Stored:
    return Stored(blob.name, blob.size, blob.digest, blob.media_type, blob.file_name)


def _written(offer: Offer) -> dict[str, Any]:
    return {
        "kind": offer.kind.value,
        "title": offer.title,
        "wallet": offer.wallet.hex(),
        "prices": {asset: str(amount) for asset, amount in offer.prices.items()},
        "payees": {address.hex(): bps for address, bps in offer.payees.items()},
        "preview": offer.preview,
        "licence": offer.licence,
        "reference": offer.reference,
        "fee_bps": offer.fee_bps,
        "fee_receiver": offer.fee_receiver.hex(),
        "finality": offer.finality.value,
        "stock": offer.stock,
        "expires": None if offer.expires_at is None else unix(offer.expires_at),
        "admitted": None if offer.admitted is None else int(offer.admitted.total_seconds()),
    }


def _read(offer: dict[str, Any]) -> Offer:
    return Offer(
        kind=Kind(offer["kind"]),
        title=offer["title"],
        wallet=Address(bytes.fromhex(offer["wallet"])),
        prices={Asset(asset): int(amount) for asset, amount in offer["prices"].items()},
        payees={Address(bytes.fromhex(address)): bps for address, bps in offer["payees"].items()},
        preview=offer["preview"],
        licence=offer["licence"],
        reference=offer["reference"],
        fee_bps=offer["fee_bps"],
        fee_receiver=Address(bytes.fromhex(offer.get("fee_receiver", ZERO_ADDRESS.hex()))),
        finality=Level(offer["finality"]),
        stock=offer["stock"],
        expires_at=None if offer["expires"] is None else from_unix(offer["expires"]),
        admitted=None if offer["admitted"] is None else timedelta(seconds=offer["admitted"]),
    )
