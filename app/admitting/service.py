"""Admitting, in one transaction: whom each room that somebody sells admission to is to have, and who is told what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy.orm import Session

from app.admitting.checking import trouble
from app.supporting.planning import Ask, Asked, Guest, Kept, PutOut, Step, Wanted
from kit import outbox
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import PersonId, RoomId, UserId
from ledger.holders import owners
from ledger.people import People
from payments.content.admissions import Admissions
from payments.content.places import Admission, Brought, Place, Trouble
from reputation.enforcement.rooms import Membership, RoomSeen
from reputation.leaving import leave
from reputation.notices import Notices

REMINDED: Final = timedelta(days=3)
"""How long before the end of an admission somebody is told of it, where it is for longer."""
OUT: Final = "admission-out"
"""Outbox kind: somebody who was forgotten is to be put out of a room that we brought them into."""
READY, STANDS_IN_THE_WAY, ENDING = "admission_ready", "admission_trouble", "admission_ending"
_THERE: Final = (Membership.JOIN, Membership.INVITE)
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Hall(Kept):
    """A room that somebody sells admission to; ``buyers`` are who is admitted by which purchases, the latest last.

    ``taken``: the bot has this room for something else.
    """

    places: tuple[Place, ...]
    taken: bool
    names: Mapping[PersonId, UserId]
    guests: Mapping[PersonId, Brought]
    buyers: Mapping[PersonId, Sequence[Admission]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at a room told of whom we asked in.

    ``reached`` are they, since when they are admitted, and whether it is seen that it was by us.
    """

    went: list[PersonId] = field(default_factory=list)
    parted: list[PersonId] = field(default_factory=list)
    reached: list[tuple[PersonId, datetime, bool]] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether there is anything to note."""
        return bool(self.went or self.parted or self.reached or self.delivered)


@dataclass(frozen=True, slots=True)
class Ending:
    """An admission that ends soon, for which nobody was told yet."""

    person: PersonId
    listing: str
    until: datetime

    @property
    def mark(self) -> str:
        """What it is told once for."""
        return f"{self.listing}:{unix(self.until)}"


class Admitting:
    """Rooms that people sell admission to."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        people: People,
        notices: Notices,
        kept: Admissions,
        taken: Callable[[RoomId], bool],
    ) -> None:
        """Work in ``session``, at ``now``; ``taken`` tells which rooms the bot has for something else."""
        self._session = session
        self._now = now
        self._people = people
        self._notices = notices
        self._taken = taken
        self.kept = kept

    # ------------------------------------------------------------------------------------------------ rooms

    def rooms(self) -> frozenset[RoomId]:
        """Return the rooms that the bot is in, or is to be in, to admit people."""
        return self.kept.rooms()

    def heard_in(self) -> frozenset[RoomId]:
        """Return those of them in which the bot talks with nobody, nor does anything else."""
        return frozenset(room for room in self.rooms() if not self._taken(room))

    def awaits(self, room: RoomId, inviter: UserId) -> bool:
        """Tell whether the bot is to follow an invitation: the seller's, or into a room in which it asked people."""
        person = self._people.find(inviter)
        sells = any(one.room == room and one.seller == person for one in self.kept.places())
        return sells or room in self.kept.guests()

    def halls(self) -> list[Hall]:
        """Return the rooms, and whom each is to have now."""
        places, guests = defaultdict[RoomId, list[Place]](list), self.kept.guests()
        for place in self.kept.places():
            places[place.room].append(place)
        buyers = defaultdict[RoomId, dict[PersonId, list[Admission]]](lambda: defaultdict(list))
        for person, one in self._by_person():
            buyers[one.room][person].append(one)
        everybody = {person for some in (*buyers.values(), *guests.values()) for person in some}
        names = self._people.mxids(everybody)
        return [
            _hall(room, tuple(places[room]), names, guests.get(room, {}), buyers[room], taken=self._taken(room))
            for room in sorted({*places, *guests, *buyers})
        ]

    def _by_person(self) -> list[tuple[PersonId, Admission]]:
        """Return who is admitted, and by what: what a wallet bought counts for whoever linked it."""
        found = self.kept.admitted()
        buyers = [one.purchase.buyer for one in found]
        wallets = {who.wallet for who in buyers if who is not None and who.person is None and who.wallet is not None}
        whose = owners(self._session, wallets) if wallets else {}
        people: list[tuple[PersonId, Admission]] = []
        for one, who in zip(found, buyers, strict=True):
            person = None if who is None else who.person
            if who is not None and person is None and who.wallet is not None:
                person = whose.get(who.wallet)
            if person is not None:
                people.append((person, one))
        return people

    # ------------------------------------------------------------------------------------------------ looking

    def checks(self, hall: Hall, seen: RoomSeen | None, me: UserId) -> list[tuple[Place, Trouble | None]]:
        """Return the listings of a room with which it stands otherwise than is known; only reads. ``None``: unseen."""
        sellers = self._people.mxids({one.seller for one in hall.places})
        found: list[tuple[Place, Trouble | None]] = []
        for one in hall.places:
            why: Trouble | None = Trouble.UNSEEN
            if seen is not None:
                taken = self._taken(one.room)
                why = trouble(seen, sellers.get(one.seller), me=me, taken=taken)
            if not one.checked or why is not one.trouble:
                found.append((one, why))
        return found

    def checked(self, found: Iterable[tuple[Place, Trouble | None]]) -> None:
        """Note how it stands with listings, and owe it to their sellers to be told; of one thing once a day at most."""
        day = unix(self._now) // _DAY
        for place, why in found:
            changed = self.kept.checked(place, why)
            values: dict[str, object] = {"listing": place.listing, "room": place.room}
            if changed and why is not None and (place.wanted or place.ready):
                mark = f"{place.id}:{why.value}:{day}"
                self._notices.admission(place.seller, STANDS_IN_THE_WAY, mark, values | {"why": why.value})
            elif changed and why is None and place.wanted and place.newest and self.kept.is_listed(place):
                self._notices.admission(place.seller, READY, f"{place.id}:{day}", values)

    def noted(self, hall: Hall, found: Found) -> None:
        """Note what a look told."""
        room = _of(hall)
        for person in found.went:
            self.kept.went(room, person)
        for person, since, by_us in found.reached:
            self.kept.reached(room, person, since, by_us=by_us)
        self.kept.parted(room, found.parted)
        self.kept.delivered(found.delivered)

    def left(self, room: RoomId, user: UserId) -> bool:
        """Note that somebody left a room, or was put out: if they come again, it is not by us.

        ``False``: we never asked them in, and there is nothing to note.
        """
        person = self._people.find(user)
        return person is not None and self.kept.went(room, person)

    # ------------------------------------------------------------------------------------------------ asking in

    def asks(self, hall: Hall, guest: Guest) -> None:
        """Note that somebody is asked in; before it is done."""
        self.kept.asks(_of(hall), guest.person, guest.since, hall.buyers[guest.person][-1].number)

    def reached(self, hall: Hall, guest: Guest) -> None:
        """Note that somebody was asked in."""
        self.kept.reached(_of(hall), guest.person, guest.since, by_us=True)
        self.kept.delivered([one.purchase.id for one in hall.buyers[guest.person]])

    def again(self, person: PersonId, purchase: str) -> None:
        """Ask somebody in once more, who left or declined, and wants to come. Raises ``NotFound`` for no admission."""
        rooms = {one.room for whose, one in self._by_person() if whose == person and one.purchase.id == purchase}
        if not rooms:
            raise NotFound("purchase_unknown", "There is no such purchase, or it admits to nothing now.")
        self.kept.again(person, rooms)

    # ------------------------------------------------------------------------------------------------ ending

    def ending(self) -> list[Ending]:
        """Return who is to be told that their admission ends; only reads."""
        latest: dict[tuple[PersonId, RoomId], Admission] = {}
        for person, one in self._by_person():
            before = latest.get((person, one.room))
            if before is None or one.until >= before.until:
                latest[person, one.room] = one
        soon = {
            Ending(person, one.purchase.listing, one.until)
            for (person, _), one in latest.items()
            if one.until - self._now <= REMINDED < one.until - one.purchase.paid_at
        }
        return sorted((one for one in soon if not self._told(one)), key=lambda one: (one.until, one.person))

    def remind(self, some: Iterable[Ending]) -> None:
        """Owe it to people to be told."""
        for one in some:
            values = {"listing": one.listing, "until": unix(one.until)}
            self._notices.admission(one.person, ENDING, one.mark, values)

    def _told(self, one: Ending) -> bool:
        told = outbox.holds(self._session, f"{ENDING}:{one.person}:{one.mark}")
        return told or not self._people.wants_notices(one.person)

    def over(self) -> list[RoomId]:
        """Owe it that the bot leaves the rooms in which it has nothing to do any more; return them."""
        gone = self.kept.over()
        for room in gone:
            leave(self._session, room, whose="admissions", since=self._now, now=self._now)
        return gone

    def forget(self, person: PersonId) -> None:
        """Take out where somebody is a guest, while they still have a name: they are put out, for they bought nothing.

        Where somebody else brought them, they stay.
        """
        user = self._people.mxid(person)
        for room in self.kept.forget(person):
            key = sha256(f"{room} {person}".encode()).hexdigest()
            payload = {"room": room, "user": user}
            outbox.append(self._session, kind=OUT, key=f"{OUT}:{key}", payload=payload, now=self._now)


def look(hall: Hall, seen: RoomSeen, steps: Collection[Step], me: UserId) -> Found:
    """Return what is to be noted of whom we asked in, beside what is to be done (pure)."""
    found = Found()
    busy = {one.user for one in steps if isinstance(one, PutOut)} | {
        one.guest.user for one in steps if isinstance(one, Ask)
    }
    for person, row in hall.guests.items():
        user = hall.names.get(person)
        if user is None or user in busy:
            continue
        guest, member = hall.wanted.guests.get(user), seen.members.get(user)
        invited = member is not None and member.membership is Membership.INVITE
        by_us = invited and member is not None and member.by == me
        if guest is None:
            found.parted.append(person)
        elif member is None or member.membership not in _THERE:
            if row.brought and row.refused_until is None:
                found.went.append(person)
        elif invited and not by_us:
            if row.brought:
                found.went.append(person)
        elif row.refused_until is not None or row.since != guest.since or (by_us and not row.brought):
            found.reached.append((person, guest.since, by_us))
    found.delivered.extend(_delivered(hall, seen))
    return found


def _delivered(hall: Hall, seen: RoomSeen) -> Iterable[str]:
    for person, some in hall.buyers.items():
        member = seen.members.get(hall.names.get(person, UserId("")))
        if member is not None and member.membership in _THERE:
            yield from (one.purchase.id for one in some if one.purchase.delivered_at is None)


def _of(hall: Hall) -> RoomId:
    return RoomId(hall.key)


def _hall(
    room: RoomId,
    places: tuple[Place, ...],
    names: Mapping[PersonId, UserId],
    guests: Mapping[PersonId, Brought],
    buyers: Mapping[PersonId, Sequence[Admission]],
    *,
    taken: bool,
) -> Hall:
    wanted: dict[UserId, Guest] = {}
    for person, some in buyers.items():
        if person in names:
            since = max(one.purchase.paid_at for one in some)
            if person in guests:  # a renewal that was taken back is no reason to ask somebody in again
                since = max(since, guests[person].since)
            user = names[person]
            wanted[user] = Guest(person, user, since, waits=not any(one.ready for one in some))
    ours = frozenset(names[person] for person, row in guests.items() if row.brought and person in names)
    return Hall(
        key=room,
        room=room,
        wanted=Wanted(asks=True, guests=wanted, ours=ours),
        asked={person: Asked(row.since, row.refused_until) for person, row in guests.items()},
        places=places,
        taken=taken,
        names=names,
        guests=guests,
        buyers=buyers,
    )
