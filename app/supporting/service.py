"""The supporters' rooms, in one transaction: which there are and are to be, whom each is to have, what people wish."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.supporting.planning import Asked, Kept
from app.supporting.small import NO_TIER, Small
from app.supporting.tables import SupportGuestRow, SupportRoomRow, SupportToldRow, SupportWishRow
from app.supporting.telling import News, Told, news, of_tier, told_of
from app.supporting.wanting import Described, Supporter, described, flair, wanted
from kit import outbox
from kit.changes import touch
from kit.clock import unix
from kit.errors import Forbidden
from kit.identifiers import PersonId, RoomId, ServerName, UserId, server_of
from ledger.people import People
from payments.flair.model import NOTHING, TOPIC, Entitlement, Gives, Phase, Tier
from payments.flair.service import Supporters
from reputation.notices import Notices

REFUSED_FOR: Final = timedelta(days=1)
"""How long somebody is not asked in again, whose homeserver or settings said no."""
PROFILE: Final = "profile"
"""The kind of what is owed to profiles."""
PERKS: Final = ("space", "flair", "wall", "skip_stake")
"""What tiers give, by the names that the model has for it; rooms have their own."""
_WRITTEN: Final = SupportWishRow.written.is_not(None)
_THE_CAUSE: Final = ""
"""There is one at first, which needs no name."""
_LONGEST_ERROR: Final = 200


@dataclass(frozen=True, slots=True)
class Hall(Kept):
    """A room of supporters: as the document wants it, and as we know it.

    ``number`` is ``None`` until it is made; ``named`` is what we called it last. ``wants`` is ``None`` for one that the
    document asks for no more.
    """

    number: int | None
    named: str
    wants: Described | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a supporter wishes: to be asked into rooms (their members see one there), to have their profile written."""

    joins: bool = False
    profile: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator's settings say: where pages begin, what is supported, and who looks after the rooms.

    ``profiles_of`` is the homeserver the profiles of whose people may be written; ``None``: nobody's.
    """

    url: str
    cause: str = "this service"
    stewards: tuple[UserId, ...] = ()
    profiles_of: ServerName | None = None


class Support:
    """The supporters' rooms."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        people: People,
        supporters: Supporters,
        notices: Notices,
        place: Surroundings,
    ) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self._supporters = supporters
        self._notices = notices
        self._place = place
        self._small = Small(session, now, supporters, notices)

    @property
    def cause(self) -> str:
        """What is supported, as people are told."""
        return self._place.cause

    # ------------------------------------------------------------------------------------------------ rooms

    def rooms(self) -> frozenset[RoomId]:
        """Return all rooms of supporters that were made."""
        query = select(SupportRoomRow.room).where(SupportRoomRow.room.is_not(None))
        return frozenset(RoomId(str(room)) for room in self._session.scalars(query))

    def newcomers(self) -> frozenset[UserId]:
        """Return the stewards who have no number yet: whoever keeps the rooms gives them one first."""
        known = self._people.find_all(self._place.stewards)
        return frozenset(user for user in self._place.stewards if user not in known)

    def halls(self, me: UserId) -> list[Hall]:
        """Return the rooms there are and are to be; nothing while there is no tier document."""
        if self._supporters.document() is None:
            return []
        tiers = self._supporters.tiers()
        rows = {row.key: row for row in self._session.scalars(select(SupportRoomRow))}
        made = {key: RoomId(row.room) for key, row in rows.items() if row.room is not None}
        stewards = self._people.find_all(self._place.stewards)
        shapes = wanted(tiers, self.supporters(), stewards, made, me=me, now=self._now, url=self._place.url)
        wants, asked = {one.key: one for one in described(tiers)}, self._asked()
        return [
            Hall(
                key=key,
                number=rows[key].id if key in rows else None,
                room=made.get(key),
                named=rows[key].title if key in rows else "",
                wants=wants.get(key),
                wanted=shape,
                asked=asked[rows[key].id] if key in rows else {},
            )
            for key, shape in shapes.items()
        ]

    def _asked(self) -> Mapping[int, Mapping[PersonId, Asked]]:
        found: dict[int, dict[PersonId, Asked]] = defaultdict(dict)
        for row in self._session.scalars(select(SupportGuestRow)):
            found[row.room][PersonId(row.person)] = Asked(row.since, row.refused_until)
        return found

    def made(self, one: Described, room: RoomId) -> None:
        """Note where a room of the document is."""
        row = self._session.scalar(select(SupportRoomRow).where(SupportRoomRow.key == one.key))
        if row is None:
            row = SupportRoomRow(cause=_THE_CAUSE, key=one.key, title=one.title, made_at=self._now)
            self._session.add(row)
        row.room, row.title, row.error = room, one.title, None
        self._session.flush()

    def renamed(self, number: int, title: str) -> None:
        """Note what a room is called from now on."""
        self._session.get_one(SupportRoomRow, number).title = title

    def troubled(self, number: int, why: str | None) -> None:
        """Note what stands in the way of keeping a room, or that nothing does any more."""
        row = self._session.get_one(SupportRoomRow, number)
        if row.error != why:
            row.error = None if why is None else why[:_LONGEST_ERROR]

    def troubles(self) -> dict[str, str]:
        """Return what stands in the way of keeping rooms, by key."""
        rows = self._session.scalars(select(SupportRoomRow).where(SupportRoomRow.error.is_not(None)))
        return {row.key: str(row.error) for row in rows}

    def asks(self, number: int, person: PersonId, since: datetime) -> None:
        """Note that somebody is asked in; before it is done, and ``reached`` once it is."""
        row = self._session.get(SupportGuestRow, (number, person))
        if row is None:
            row = SupportGuestRow(room=number, person=person)
            self._session.add(row)
        row.since, row.refused_until = since, self._now
        self._session.flush()

    def reached(self, number: int, person: PersonId) -> None:
        """Note that somebody was asked in: they are not asked again for that time, though they leave by themselves."""
        row = self._session.get(SupportGuestRow, (number, person))
        if row is not None:
            row.refused_until = None

    def refused(self, number: int, person: PersonId) -> None:
        """Note that somebody cannot be asked in for a day."""
        row = self._session.get(SupportGuestRow, (number, person))
        if row is not None:
            row.refused_until = self._now + REFUSED_FOR

    # ------------------------------------------------------------------------------------------------ supporters

    def supporters(self) -> list[Supporter]:
        """Return everybody who ever held a tier and still has a name."""
        held: dict[PersonId, list[Entitlement]] = defaultdict(list)
        for one in self._supporters.entitlements():
            if one.person is not None:
                held[one.person].append(one)
        wishes = {PersonId(row.person): row.joins for row in self._session.scalars(select(SupportWishRow))}
        shown, names = self._supporters.all_shown(), self._people.mxids(held)
        return [
            Supporter(person, names[person], tuple(some), wishes.get(person, False), shown.get(person, NOTHING))
            for person, some in held.items()
            if person in names
        ]

    def supporter(self, person: PersonId, user: UserId) -> Supporter:
        """Return somebody as a supporter, whether they hold anything or not."""
        entitlements = tuple(self._supporters.of(person))
        return Supporter(person, user, entitlements, self.wish(person).joins, self._supporters.shown(person))

    def wish(self, person: PersonId) -> Wish:
        """Return what a supporter wishes; nothing until they say so."""
        row = self._session.get(SupportWishRow, person)
        return Wish() if row is None else Wish(row.joins, row.profile)

    def wishes(self, person: PersonId, *, joins: bool | None = None, profile: bool | None = None) -> Wish:
        """Note what a supporter wishes; ``None`` leaves it as it is."""
        row = self._session.get(SupportWishRow, person)
        if row is None:
            row = SupportWishRow(person=person, joins=False, profile=False, said_at=self._now)
            self._session.add(row)
        row.joins = row.joins if joins is None else joins
        row.profile = row.profile if profile is None else profile
        row.said_at = self._now
        self._session.flush()
        if joins:  # whoever left, and says so now, is asked once more
            self._session.execute(delete(SupportGuestRow).where(SupportGuestRow.person == person))
        touch(self._session, TOPIC, person)
        return Wish(row.joins, row.profile)

    def forget(self, person: PersonId) -> None:
        """Take out what is known of somebody here, while they still have a name.

        Whoever keeps the rooms finds in them somebody who is no guest; their profile is owed to be as it was before.
        """
        row, user = self._session.get(SupportWishRow, person), self._people.mxid(person)
        if row is not None and row.written is not None and user is not None:
            self._owe_profile({"user": user}, f"forgotten:{person}")
        for table in (SupportGuestRow, SupportWishRow, SupportToldRow):
            self._session.execute(delete(table).where(table.person == person))
        touch(self._session, TOPIC, person)

    # ------------------------------------------------------------------------------------------------ profiles

    def writes_profile_of(self, user: UserId) -> bool:
        """Tell whether we could write somebody's profile, if they want that."""
        return server_of(user) == self._place.profiles_of

    def check_profile(self, user: UserId) -> None:
        """Raise ``Forbidden`` where we cannot write somebody's profile."""
        if not self.writes_profile_of(user):
            raise Forbidden("profile_not_ours", "Only your own app, or your own homeserver, can write your profile.")

    def profiles_behind(self) -> list[PersonId]:
        """Return whose profile is to say something else than was last owed; only reads."""
        rows = self._session.scalars(select(SupportWishRow).where(SupportWishRow.profile | _WRITTEN))
        found = {PersonId(row.person): row for row in rows}
        names = self._people.mxids(found)
        return [one for one, row in found.items() if one in names and self._profile(row, names[one]) != row.written]

    def owe_profile(self, person: PersonId) -> None:
        """Owe somebody that their profile says what it is to say now."""
        row, user = self._session.get(SupportWishRow, person), self._people.mxid(person)
        if row is not None and user is not None:
            row.written = self._profile(row, user)
            digest = sha256(json.dumps(row.written, sort_keys=True).encode()).hexdigest()[:16]
            self._owe_profile({"person": person}, f"{person}:{self._now.isoformat()}:{digest}")

    def profile(self, payload: Mapping[str, Any]) -> tuple[UserId, Mapping[str, Any] | None] | None:
        """Return whose profile is to say what, by what is owed; ``None`` where there is nobody any more."""
        if "user" in payload:
            return UserId(payload["user"]), None
        person = PersonId(payload["person"])
        row, user = self._session.get(SupportWishRow, person), self._people.mxid(person)
        return None if row is None or user is None else (user, row.written)

    def _profile(self, row: SupportWishRow, user: UserId) -> dict[str, Any] | None:
        if not row.profile or not self.writes_profile_of(user):
            return None
        one = self.supporter(PersonId(row.person), user)
        return flair(self._supporters.tiers(), one, self._now, self._place.url) if one.showing.flair else None

    def _owe_profile(self, payload: Mapping[str, Any], key: str) -> None:
        outbox.append(self._session, kind=PROFILE, key=f"{PROFILE}:{key}", payload=payload, now=self._now)

    # ------------------------------------------------------------------------------------------------ telling

    def untold(self) -> list[PersonId]:
        """Return those who are to be told something; only reads."""
        if self._supporters.document() is None:
            return []
        tiers = self._supporters.tiers()
        held: dict[PersonId, dict[str, list[Entitlement]]] = defaultdict(lambda: defaultdict(list))
        for one in self._supporters.entitlements():
            if one.person is not None:
                held[one.person][one.tier].append(one)
        before: dict[tuple[PersonId, str], Told] = {}
        for row in self._session.scalars(select(SupportToldRow).where(SupportToldRow.tier != NO_TIER)):
            before[PersonId(row.person), row.tier] = _told(row)
        found = self._small.untold()
        for person, tier in {*before, *((person, tier) for person, some in held.items() for tier in some)}:
            some = held[person][tier] if person in held and tier in held[person] else []
            after = told_of(of_tier(some, tier, self._now), self._now, tiers.spans)
            told = before.get((person, tier))
            if told != after and not (told is None and after.phase is Phase.LAPSED):
                found.add(person)
        return sorted(found)

    def tell(self, person: PersonId) -> list[News]:
        """Owe somebody what there is to tell of their tiers, one message for what is alike, and note it."""
        if self._supporters.document() is None:
            return []
        tiers = self._supporters.tiers()
        held = self._supporters.of(person)
        theirs = SupportToldRow.person == person, SupportToldRow.tier != NO_TIER
        rows = self._session.scalars(select(SupportToldRow).where(*theirs))
        before = {row.tier: row for row in rows}
        alike: dict[tuple[News, datetime | None], list[tuple[str, Entitlement | None]]] = defaultdict(list)
        with_all = self._supporters.without_taking_back(person)
        for tier in sorted({*before, *(one.tier for one in held)}, key=lambda tier: -tiers.rank(tier)):
            entitlement, row = of_tier(held, tier, self._now), before.get(tier)
            after = told_of(entitlement, self._now, tiers.spans)
            taken_back = of_tier(with_all, tier, self._now) is not None
            found = news(None if row is None else _told(row), after, self._now, taken_back=taken_back)
            if found is not None:
                ends = entitlement.until if entitlement is not None and found in (News.ENDING, News.GRACE) else None
                alike[found, ends].append((tier, entitlement))
            self._note(person, tier, row, after)
        for (found, _), some in alike.items():
            self._owe(person, found, some)
        small = self._small.tell(person, quietly=bool(alike))
        return [*(found for found, _ in alike), *([] if small is None else [small])]

    def _owe(self, person: PersonId, found: News, some: Sequence[tuple[str, Entitlement | None]]) -> None:
        """Owe somebody one message of some tiers, the highest first."""
        tiers = self._supporters.tiers()
        known = [(tiers.find(tier), tier, entitlement) for tier, entitlement in some]
        gives = [_given(tier, entitlement) for tier, _, entitlement in known if tier is not None]
        highest = known[0][2]
        values: dict[str, object] = {
            "titles": [name if tier is None else tier.title for tier, name, _ in known],
            "gives": [name for name in PERKS if any(getattr(one, name) for one in gives)],
            "rooms": [room.title for room in tiers.rooms if any(room.id in one.rooms for one in gives)],
            "until": _moment(None if highest is None else highest.until),
            "grace": _moment(None if highest is None else highest.grace_until),
            "invites": any(one.space for one in gives) and not self.wish(person).joins,
        }
        self._notices.supporter(person, found.value, some[0][0], values)

    def _note(self, person: PersonId, tier: str, row: SupportToldRow | None, after: Told) -> None:
        if row is None:
            if after.phase is Phase.LAPSED:
                return
            row = SupportToldRow(person=person, tier=tier)
            self._session.add(row)
        row.phase, row.until, row.told_at = after.phase.value, after.until, self._now
        self._session.flush()


def _given(tier: Tier, entitlement: Entitlement | None) -> Gives:
    """Return what somebody has of a tier: thanks alone, where they have it by what forbids more."""
    if entitlement is not None and entitlement.thanks_only:
        return Gives(flair=tier.gives.flair, wall=tier.gives.wall)
    return tier.gives


def _told(row: SupportToldRow) -> Told:
    return Told(Phase(row.phase), row.until)


def _moment(at: datetime | None) -> int | None:
    return None if at is None else unix(at)
