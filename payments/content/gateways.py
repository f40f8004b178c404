"""The gateway, in one transaction: what stands behind listings, whose hosts said so, and the keys that sign for us."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from kit.errors import NotFound
from kit.identifiers import PersonId
from kit.kept_keys import KeptKeys
from kit.sealing import Seal, Sealed
from ledger.people import People
from payments.content.behind import Upstream, unpacked
from payments.content.gateway_tables import GatewayKeyRow, GatewaySellerRow, UpstreamRow
from payments.content.tables import ListingRow

_WHAT: Final = "gateway"
_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Known:
    """What stands behind a listing, and when its host last said that the seller may sell it."""

    upstream: Upstream
    proved_at: datetime


class Gateways:
    """What is sold behind the gateway."""

    def __init__(self, session: Session, now: datetime, seal: Callable[[], Seal]) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps addresses and keys."""
        self._session = session
        self._now = now
        self._seal = seal
        self.keys: Final = KeptKeys(session, now, seal, rows=GatewayKeyRow, what=_WHAT)

    def token(self, seller: PersonId) -> str:
        """Return the token that a seller's hosts show, made now where there is none."""
        People(self._session, self._now).lock(seller)
        row = self._session.get(GatewaySellerRow, seller, populate_existing=True)
        if row is None:
            row = GatewaySellerRow(seller=seller, token=f"earnest-{secrets.token_urlsafe(_TOKEN_BYTES)}")
            self._session.add(row)
            self._session.flush()
        return row.token

    def keep(self, listing: str, upstream: Upstream) -> None:
        """Let it stand behind a listing, in the transaction in which a version names it; its host was just asked."""
        place = self._session.scalar(select(ListingRow.id).where(ListingRow.token == listing))
        if place is None:
            raise NotFound("listing_unknown", "There is no such listing.")
        reference = upstream.reference
        sealed = self._seal().close(upstream.packed(), _purpose(reference))
        self._session.add(UpstreamRow(listing=place, reference=reference, sealed=sealed, proved_at=self._now))
        self._session.flush()
        self.keys.make()

    def find(self, listing: str, reference: str) -> Known:
        """Return what stands behind a listing by what its terms say of it.

        Raises ``NotFound`` where nothing does, ``Conflict`` under another seal.
        """
        row = self._session.scalar(self._of(listing, reference))
        if row is None:
            raise NotFound("upstream_unknown", "Nothing stands behind this.")
        return Known(unpacked(self._seal().open(row.sealed, _purpose(reference))), row.proved_at)

    def proved(self, listing: str, reference: str) -> None:
        """Note that its host said again that the seller may sell it."""
        row = self._session.scalar(self._of(listing, reference))
        if row is not None:
            self._session.execute(update(UpstreamRow).where(UpstreamRow.id == row.id).values(proved_at=self._now))

    def forget(self, person: PersonId) -> None:
        """Take a seller's token away; what stands behind listings that somebody bought stays theirs."""
        self._session.execute(delete(GatewaySellerRow).where(GatewaySellerRow.seller == person))

    def seal_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count addresses by how they are sealed, and seal them anew (``kit.sealing.SealsAnew``)."""
        query = select(UpstreamRow).where(UpstreamRow.id > after).order_by(UpstreamRow.id).limit(limit)
        rows = self._session.scalars(query.with_for_update() if change else query).all()
        for row in rows:
            row.sealed = self._seal().anew(row.sealed, _purpose(row.reference), found, change=change)
        return rows[-1].id if rows else None

    @staticmethod
    def _of(listing: str, reference: str) -> Select[UpstreamRow]:
        of_listing = select(UpstreamRow).join(ListingRow, ListingRow.id == UpstreamRow.listing)
        return of_listing.where(ListingRow.token == listing, UpstreamRow.reference == reference)


def _purpose(reference: str) -> str:
    return f"gateway:{reference}"
