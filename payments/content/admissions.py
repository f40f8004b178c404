"""Admissions, in one transaction: rooms that listings admit to, who is admitted, and whom the bot asked in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict
from kit.identifiers import PersonId, RoomId
from payments.content.model import Kind, ListingState
from payments.content.places import Admission, Brought, Place, Trouble
from payments.content.sold import PurchaseStore
from payments.content.tables import AdmissionGuestRow, AdmissionPlaceRow, ListingRow

TOPIC: Final = "admissions"
"""What the change counter counts under, where whoever keeps the rooms is to look anew."""
REFUSED_FOR: Final = timedelta(days=1)
"""How long somebody is not asked in again, whose homeserver or settings said no."""
MOST_ADMISSIONS: Final = 50
"""Admissions that one seller wants to be for sale: the bot looks at the room of each."""
GIVEN_UP_AFTER: Final = timedelta(days=7)
"""For how long the bot looks whether a room becomes ready that never was."""

_LISTING: Final = (ListingRow, ListingRow.id == AdmissionPlaceRow.listing)


class Admissions:
    """Rooms that people are admitted to for a time."""

    def __init__(self, session: Session, now: datetime, put_out: Callable[[ListingRow], object]) -> None:
        """Work in ``session``, at ``now``; ``put_out`` lets a listing be for sale whose room is ready now, or not."""
        self._session = session
        self._now = now
        self._put_out = put_out
        self._sold = PurchaseStore(session)

    # ------------------------------------------------------------------------------------------ listings

    def check_count(self, seller: PersonId) -> None:
        """Raise ``Conflict`` where a seller wants as many rooms to be for sale as one may."""
        places = select(func.count()).select_from(AdmissionPlaceRow).join(*_LISTING)
        theirs = places.where(ListingRow.seller == seller, AdmissionPlaceRow.wanted)
        if (self._session.scalar(theirs) or 0) >= MOST_ADMISSIONS:
            raise Conflict("too_many_admissions", f"One seller sells at most {MOST_ADMISSIONS} admissions at a time.")

    def name(self, listing: ListingRow, room: RoomId) -> None:
        """Note which room a listing's newest version is of. In another one than before, it is looked at anew."""
        rows = self._rows(AdmissionPlaceRow.listing == listing.id)
        place = next((row for row in rows if row.room == room), None)
        wanted = any(row.wanted for row in rows)
        for row in rows:
            row.wanted = False
        if place is None:
            place = AdmissionPlaceRow(listing=listing.id, room=room, ready=False, since=self._now)
            self._session.add(place)
        place.version, place.wanted = listing.version, wanted
        if not place.ready and listing.state == ListingState.LISTED.value:
            listing.state, listing.ended_at = ListingState.UNLISTED.value, self._now
            place.since = self._now
        self._changed()

    def want(self, listing: ListingRow) -> bool:
        """Note that a listing is to be for sale; tell whether it can be at once, as whatever is no admission can."""
        place = self._newest(listing)
        if place is None:
            return listing.kind != Kind.ADMISSION.value
        if not place.ready:
            place.since = self._now
        place.wanted = True
        self._changed()
        return place.ready

    def unwant(self, listing: ListingRow) -> None:
        """Note that a listing is to be for sale no more; whoever is admitted stays so."""
        rows = AdmissionPlaceRow.listing == listing.id
        self._session.execute(update(AdmissionPlaceRow).where(rows).values(wanted=False))
        if listing.kind == Kind.ADMISSION.value:
            self._changed()

    # ------------------------------------------------------------------------------------------ looking

    def places(self) -> list[Place]:
        """Return the rooms that are to be looked at: those for sale or to be, those with guests or who shall come."""
        query = select(AdmissionPlaceRow, ListingRow).join(*_LISTING).order_by(AdmissionPlaceRow.id)
        open_ = {one.room for one in self.admitted()} | self.guests().keys()
        looked_at = AdmissionPlaceRow.wanted | AdmissionPlaceRow.checked_at.is_not(None)
        query = query.where(looked_at | AdmissionPlaceRow.room.in_(open_))
        return [_place(row, listing) for row, listing in self._session.execute(query)]

    def admitted(self) -> list[Admission]:
        """Return who is admitted where now, the oldest purchase first: to all rooms of their version and later ones."""
        found = self._sold.admitted(self._now)
        rooms: dict[str, list[AdmissionPlaceRow]] = defaultdict(list)
        named = {purchase.listing for _, purchase in found}
        query = select(AdmissionPlaceRow, ListingRow.token).join(*_LISTING).where(ListingRow.token.in_(named))
        for row, token in self._session.execute(query):
            rooms[token].append(row)
        return [
            Admission(number, purchase, RoomId(row.room), purchase.access_until, row.ready)
            for number, purchase in found
            for row in rooms[purchase.listing]
            if row.version >= purchase.version and purchase.access_until is not None
        ]

    def of(self, seller: PersonId) -> list[Place]:
        """Return the rooms that a seller's listings admit to, those of earlier versions too."""
        query = select(AdmissionPlaceRow, ListingRow).join(*_LISTING).order_by(AdmissionPlaceRow.id)
        found = self._session.execute(query.where(ListingRow.seller == seller))
        return [_place(row, listing) for row, listing in found]

    def guests(self) -> Mapping[RoomId, Mapping[PersonId, Brought]]:
        """Return who was asked in where."""
        found: dict[RoomId, dict[PersonId, Brought]] = defaultdict(dict)
        for row in self._session.scalars(select(AdmissionGuestRow)):
            brought = Brought(row.since, row.refused_until, row.brought)
            found[RoomId(row.room)][PersonId(row.person)] = brought
        return found

    def rooms(self) -> frozenset[RoomId]:
        """Return the rooms that the bot is in, or is to be in, to admit people."""
        looked_at = AdmissionPlaceRow.wanted | AdmissionPlaceRow.checked_at.is_not(None)
        places = self._session.scalars(select(AdmissionPlaceRow.room).where(looked_at).distinct())
        guests = self._session.scalars(select(AdmissionGuestRow.room).distinct())
        return frozenset(RoomId(room) for room in (*places, *guests))

    # ------------------------------------------------------------------------------------------ keeping

    def checked(self, place: Place, trouble: Trouble | None) -> bool:
        """Note what the bot found in a room; tell whether it stands otherwise than before.

        Where all is well, the seller wants it and no rule objects, the listing is for sale from then on; else no more,
        until it is. Raises ``Unavailable`` where the rules cannot be asked now.
        """
        query = select(ListingRow).where(ListingRow.token == place.listing).with_for_update()
        listing = self._session.scalar(query.execution_options(populate_existing=True))
        row = self._session.get(AdmissionPlaceRow, place.id, populate_existing=True)
        if listing is None or row is None:
            return False
        before = (row.checked_at is not None, row.trouble)
        if row.ready and trouble is not None:
            row.since = self._now
        row.checked_at, row.ready, row.trouble = self._now, trouble is None, None if trouble is None else trouble.value
        if row.version == listing.version and row.wanted:
            state = ListingState(listing.state)
            if row.ready and state in (ListingState.DRAFT, ListingState.UNLISTED):
                self._session.flush()
                self._put_out(listing)
            elif not row.ready and state is ListingState.LISTED:
                listing.state, listing.ended_at = ListingState.UNLISTED.value, self._now
        return before != (True, row.trouble)

    def is_listed(self, place: Place) -> bool:
        """Tell whether the listing of a room is for sale now."""
        state = self._session.scalar(select(ListingRow.state).where(ListingRow.token == place.listing))
        return state == ListingState.LISTED.value

    def asks(self, room: RoomId, person: PersonId, since: datetime, purchase: int) -> None:
        """Note that somebody is asked in; before it is done, and ``reached`` once it is."""
        row = self._guest(room, person)
        if row is None:
            row = AdmissionGuestRow(room=room, person=person)
            self._session.add(row)
        row.since, row.refused_until, row.purchase, row.brought = since, self._now, purchase, True
        self._session.flush()

    def reached(self, room: RoomId, person: PersonId, since: datetime, *, by_us: bool) -> None:
        """Note that somebody was asked in: they are not asked again for that time, though they leave by themselves.

        ``by_us``: it is known that it was us.
        """
        row = self._guest(room, person)
        if row is not None:
            row.since, row.refused_until, row.brought = since, None, row.brought or by_us

    def refused(self, room: RoomId, person: PersonId) -> None:
        """Note that somebody cannot be asked in for a day."""
        row = self._guest(room, person)
        if row is not None:
            row.refused_until, row.brought = self._now + REFUSED_FOR, False

    def missed(self, room: RoomId, person: PersonId) -> None:
        """Note that somebody was not asked in: if they are there, somebody else did it."""
        row = self._guest(room, person)
        if row is not None:
            row.brought = False

    def went(self, room: RoomId, person: PersonId) -> bool:
        """Note that somebody is there no more, or by somebody else's word: if they come again, it is not by us.

        ``False`` where they are no guest.
        """
        row = self._guest(room, person)
        if row is not None:
            row.refused_until, row.brought = None, False
        return row is not None

    def parted(self, room: RoomId, people: Collection[PersonId]) -> None:
        """Note that nothing is to be done about some people any more."""
        of_room = AdmissionGuestRow.room == room
        self._session.execute(delete(AdmissionGuestRow).where(of_room, AdmissionGuestRow.person.in_(people)))

    def again(self, person: PersonId, rooms: Collection[RoomId]) -> None:
        """Ask somebody in once more, who left or declined, and says so now."""
        theirs = AdmissionGuestRow.person == person, AdmissionGuestRow.room.in_(rooms)
        self._session.execute(delete(AdmissionGuestRow).where(*theirs, AdmissionGuestRow.brought.is_(False)))
        self._changed()

    def delivered(self, purchases: Collection[str]) -> None:
        """Note that people have been asked in by some purchases, the first time."""
        for one in purchases:
            row = self._sold.by_id(one, lock=True)
            if row is not None:
                row.delivered_at = row.delivered_at or self._now

    def over(self) -> list[RoomId]:
        """Return the rooms in which nothing is to be done any more, and note so.

        A room that is not ready, and in which nobody is to be, is given up seven days after the seller asked for it.
        """
        open_ = {one.room for one in self.admitted()} | self.guests().keys()
        rows = self._rows(AdmissionPlaceRow.wanted | AdmissionPlaceRow.checked_at.is_not(None))
        for row in rows:
            row.wanted = row.wanted and (row.ready or row.room in open_ or self._now - row.since < GIVEN_UP_AFTER)
        wanted = {row.room for row in rows if row.wanted}
        gone = {RoomId(row.room) for row in rows} - wanted - open_
        for row in rows:
            if row.room in gone:
                row.checked_at, row.ready, row.trouble = None, False, None
        return sorted(gone)

    def forget(self, person: PersonId) -> list[RoomId]:
        """Take out where somebody was asked in; return the rooms that they are to be put out of."""
        rows = list(self._session.scalars(select(AdmissionGuestRow).where(AdmissionGuestRow.person == person)))
        self._session.execute(delete(AdmissionGuestRow).where(AdmissionGuestRow.person == person))
        return [RoomId(row.room) for row in rows if row.brought]

    # ------------------------------------------------------------------------------------------ within

    def _newest(self, listing: ListingRow) -> AdmissionPlaceRow | None:
        rows = self._rows(AdmissionPlaceRow.listing == listing.id, AdmissionPlaceRow.version == listing.version)
        return rows[0] if rows else None

    def _rows(self, *where: ColumnElement[bool]) -> list[AdmissionPlaceRow]:
        query = select(AdmissionPlaceRow).where(*where).order_by(AdmissionPlaceRow.id)
        return list(self._session.scalars(query.execution_options(populate_existing=True)))

    def _guest(self, room: RoomId, person: PersonId) -> AdmissionGuestRow | None:
        return self._session.get(AdmissionGuestRow, (room, person))

    def _changed(self) -> None:
        self._session.flush()
        touch(self._session, TOPIC)


def _place(row: AdmissionPlaceRow, listing: ListingRow) -> Place:
    return Place(
        id=row.id,
        listing=listing.token,
        seller=PersonId(listing.seller),
        room=RoomId(row.room),
        wanted=row.wanted,
        newest=row.version == listing.version,
        ready=row.ready,
        trouble=None if row.trouble is None else Trouble(row.trouble),
        checked=row.checked_at is not None,
    )
