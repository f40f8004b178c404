"""Reading and writing purchases; nothing is decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId
from ledger.model import Asset, Level
from payments.content.model import (
    OWED,
    STANDING,
    Buyer,
    Kind,
    ListingState,
    OwedBecause,
    Purchase,
    PurchaseState,
    Refunds,
)
from payments.content.tables import ComplaintRow, ListingRow, PurchaseRow, VersionRow

_AT_ONCE = 500
CLAIMED_AT_ONCE = 1_000
"""Purchases that one transaction changes."""


class PurchaseStore:
    """Purchases of all rails."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    def add(self, row: PurchaseRow) -> Purchase:
        """Keep a new purchase."""
        self._session.add(row)
        self._session.flush()
        return self.purchase(row)

    def by_key(self, key: Hash32, *, lock: bool = False) -> PurchaseRow | None:
        """Return the row of a payment."""
        return self._row(PurchaseRow.key == bytes(key), lock=lock)

    def by_id(self, purchase: str, *, lock: bool = False) -> PurchaseRow | None:
        """Return the row of a purchase by its public name."""
        return self._row(PurchaseRow.token == purchase, lock=lock)

    def purchase(self, row: PurchaseRow) -> Purchase:
        """Return what a row says, as it is now."""
        self._session.flush()
        return self._found(PurchaseRow.id == row.id)[0][1]

    def of_buyer(self, buyer: Buyer, listing: str) -> list[Purchase]:
        """Return what somebody bought of a listing, latest first."""
        place = select(ListingRow.id).where(ListingRow.token == listing).scalar_subquery()
        return [one for _, one in self._found_of(buyer, PurchaseRow.listing == place)]

    def page(
        self, *, buyer: Buyer | None = None, seller: PersonId | None = None, before: str | None, limit: int
    ) -> list[Purchase]:
        """Return purchases of a buyer, or from a seller, latest first: those before one of them."""
        where: list[ColumnElement[bool]] = [] if seller is None else [PurchaseRow.seller == seller]
        if before is not None:
            place = select(PurchaseRow.id).where(PurchaseRow.token == before).scalar_subquery()
            where.append(PurchaseRow.id < place)
        found = self._found(*where, limit=limit) if buyer is None else self._found_of(buyer, *where, limit=limit)
        return [one for _, one in found]

    def between(self, seller: PersonId, since: datetime | None, before: datetime | None) -> Iterator[Purchase]:
        """Give what was paid to a seller from one moment to before another, latest first, some read at a time."""
        place: int | None = None
        where: list[ColumnElement[bool]] = [PurchaseRow.seller == seller]
        where += [] if since is None else [PurchaseRow.paid_at >= since]
        where += [] if before is None else [PurchaseRow.paid_at < before]
        while True:
            more = [] if place is None else [PurchaseRow.id < place]
            found = self._found(*where, *more, limit=_AT_ONCE)
            yield from (one for _, one in found)
            if len(found) < _AT_ONCE:
                return
            place = found[-1][0]

    def admitted(self, now: datetime) -> list[tuple[int, Purchase]]:
        """Return, by their numbers, the purchases that admit somebody to a room at a moment, the oldest first."""
        going_on = PurchaseRow.access_until > now, ListingRow.state != ListingState.TAKEN_DOWN.value
        of_rooms = ListingRow.kind == Kind.ADMISSION.value
        found = self._found(*going_on, of_rooms)
        return [(number, one) for number, one in reversed(found) if one.buyer is not None and one.opens(now)]

    def standing_after(self, listing: int, after: int, limit: int) -> list[tuple[int, Purchase]]:
        """Return some of what stands of a listing, by its numbers after one, the oldest first."""
        states = PurchaseRow.state.in_([state.value for state in STANDING])
        query = select(PurchaseRow.id).where(PurchaseRow.listing == listing, PurchaseRow.id > after, states)
        some = self._session.scalars(query.where(PurchaseRow.because.is_(None)).order_by(PurchaseRow.id).limit(limit))
        return list(reversed(self._found(PurchaseRow.id.in_(some.all()))))

    def refunds(self, listing: int) -> Refunds:
        """Count what stands of a listing, and what is asked back of it."""
        query = select(PurchaseRow.state, func.count()).where(PurchaseRow.listing == listing)
        query = query.where(PurchaseRow.because.is_(None)).group_by(PurchaseRow.state)
        by_state = {PurchaseState(state): count for state, count in self._session.execute(query)}
        return Refunds(*(sum(by_state.get(state, 0) for state in states) for states in (STANDING, OWED)))

    def owed(self, seller: PersonId, limit: int) -> dict[Asset, tuple[int, int]]:
        """Return by asset how many payments a seller owes back, or is asked for, and how much; of so many at most."""
        query = select(PurchaseRow.asset, PurchaseRow.amount).where(PurchaseRow.seller == seller)
        query = query.where(PurchaseRow.state.in_([state.value for state in OWED])).limit(limit)
        found: dict[Asset, tuple[int, int]] = {}
        for asset, amount in self._session.execute(query):
            count, total = found.get(Asset(asset), (0, 0))
            found[Asset(asset)] = count + 1, total + amount
        return found

    def claim(self, person: PersonId, wallet: Address) -> int:
        """Let what a wallet bought and nobody has as a person be a person's too, some of it; return how much."""
        unclaimed = PurchaseRow.wallet == bytes(wallet), PurchaseRow.person.is_(None)
        some = select(PurchaseRow.id).where(*unclaimed).limit(CLAIMED_AT_ONCE)
        claimed = self._session.execute(
            update(PurchaseRow)
            .where(PurchaseRow.id.in_(some), PurchaseRow.person.is_(None))
            .values(person=person)
            .returning(PurchaseRow.id)
            .execution_options(synchronize_session=False)
        )
        return len(claimed.all())

    def wash(self, seller: PersonId, wallet: Address) -> int:
        """Let what a seller's own wallet paid them for count for nothing, some of it; return how much it was."""
        theirs = PurchaseRow.seller == seller, PurchaseRow.payer == bytes(wallet), PurchaseRow.wash.is_(False)
        columns = PurchaseRow.id, PurchaseRow.listing, PurchaseRow.state, PurchaseRow.because
        rows = self._session.execute(select(*columns).where(*theirs).limit(CLAIMED_AT_ONCE)).all()
        ids = [row.id for row in rows]
        counted = [row.listing for row in rows if row.because is None and row.state != PurchaseState.TAKEN_BACK.value]
        said = list(self._session.scalars(select(ComplaintRow.listing).where(ComplaintRow.purchase.in_(ids))))
        for listing in {*counted, *said}:
            fewer = {"sold": ListingRow.sold - counted.count(listing)}
            fewer |= {"complaints": ListingRow.complaints - said.count(listing)}
            self._session.execute(update(ListingRow).where(ListingRow.id == listing).values(**fewer))
        self._session.execute(delete(ComplaintRow).where(ComplaintRow.purchase.in_(ids)))
        marked = update(PurchaseRow).where(PurchaseRow.id.in_(ids)).values(wash=True)
        self._session.execute(marked.execution_options(synchronize_session=False))
        return len(ids)

    def unsure_blocks(self) -> list[tuple[Hash32, Level]]:
        """Return the blocks of payments that are not final, each with every level that such payments have here."""
        unsure = PurchaseRow.level.in_([Level.SEEN.value, Level.SAFE.value])
        query = select(PurchaseRow.block, PurchaseRow.level).where(PurchaseRow.block.is_not(None), unsure).distinct()
        return [(Hash32(block), Level(level)) for block, level in self._session.execute(query) if block is not None]

    def moving(self, block: Hash32, level: Level, limit: int) -> list[Hash32]:
        """Return the keys of some payments that a block holds and that are as sure as that, the oldest first."""
        here = PurchaseRow.block == bytes(block), PurchaseRow.level == level.value
        query = select(PurchaseRow.key).where(*here).order_by(PurchaseRow.id).limit(limit)
        return [Hash32(key) for key in self._session.scalars(query)]

    def in_block(self, block: Hash32) -> list[Hash32]:
        """Return the keys of payments that a block holds, in their order."""
        query = select(PurchaseRow.key).where(PurchaseRow.block == bytes(block)).order_by(PurchaseRow.id)
        return [Hash32(key) for key in self._session.scalars(query)]

    def refunded_in(self, block: Hash32) -> list[PurchaseRow]:
        """Return what was paid back in a block, locked."""
        query = select(PurchaseRow).where(PurchaseRow.refund_block == bytes(block)).with_for_update()
        return list(self._session.scalars(query.execution_options(populate_existing=True)))

    def forget(self, person: PersonId) -> None:
        """Let purchases be nobody's who bought them as a person, and take out what that person said of them."""
        theirs = select(PurchaseRow.id).where(PurchaseRow.person == person)
        self._session.execute(
            update(ComplaintRow)
            .where(ComplaintRow.purchase.in_(theirs))
            .values(text="")
            .execution_options(synchronize_session=False)
        )
        self._session.execute(
            update(PurchaseRow)
            .where(PurchaseRow.person == person)
            .values(person=None)
            .execution_options(synchronize_session=False)
        )

    def _row(self, which: ColumnElement[bool], *, lock: bool) -> PurchaseRow | None:
        query = select(PurchaseRow).where(which).execution_options(populate_existing=True)
        return self._session.scalar(query.with_for_update() if lock else query)

    def _found_of(
        self, buyer: Buyer, *where: ColumnElement[bool], limit: int | None = None
    ) -> list[tuple[int, Purchase]]:
        """Ask once for the person and once for the wallet: asked for either, SQLite walks through everybody's."""
        found = {place: one for who in _is(buyer) for place, one in self._found(who, *where, limit=limit)}
        return sorted(found.items(), key=lambda one: one[0], reverse=True)[:limit]

    def _found(self, *where: ColumnElement[bool], limit: int | None = None) -> list[tuple[int, Purchase]]:
        query = (
            select(PurchaseRow, ListingRow.token, VersionRow.title)
            .join(ListingRow, ListingRow.id == PurchaseRow.listing)
            .outerjoin(
                VersionRow, (VersionRow.listing == PurchaseRow.listing) & (VersionRow.number == PurchaseRow.version)
            )
            .where(*where)
            .order_by(PurchaseRow.id.desc())
            .limit(limit)
        )
        found = self._session.execute(query.execution_options(populate_existing=True))
        return [(row.id, _purchase(row, token, title or "")) for row, token, title in found]


def _is(buyer: Buyer) -> list[ColumnElement[bool]]:
    who = [] if buyer.person is None else [PurchaseRow.person == buyer.person]
    who += [] if buyer.wallet is None else [PurchaseRow.wallet == bytes(buyer.wallet)]
    return who


def _purchase(row: PurchaseRow, listing: str, title: str) -> Purchase:
    person = None if row.person is None else PersonId(row.person)
    wallet = None if row.wallet is None else Address(row.wallet)
    return Purchase(
        id=row.token,
        key=Hash32(row.key),
        listing=listing,
        seller=PersonId(row.seller),
        version=row.version,
        title=title,
        buyer=None if person is None and wallet is None else Buyer(person, wallet),
        asset=Asset(row.asset),
        amount=row.amount,
        level=Level(row.level),
        state=PurchaseState(row.state),
        because=None if row.because is None else OwedBecause(row.because),
        wash=row.wash,
        finality=Level(row.finality),
        paid_at=row.paid_at,
        delivered_at=row.delivered_at,
        access_until=row.access_until,
        refund=None if row.refund is None else Hash32(row.refund),
        payer=None if row.payer is None else Address(row.payer),
        refund_block=None if row.refund_block is None else Hash32(row.refund_block),
    )
