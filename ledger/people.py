"""People: the one place where a Matrix id stands; everything else knows a person by number."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from kit.errors import Invalid
from kit.identifiers import PersonId, UserId
from ledger.store import holders as wallets
from ledger.store import people as store

_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_LONGEST_ZONE = 64


class People:
    """Numbers for Matrix ids, and what a person wants of us. Ids are compared byte for byte."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def number(self, mxid: UserId) -> PersonId:
        """Return the person's number; whoever has none is given one."""
        found = store.find(self._session, mxid)
        return store.add(self._session, mxid, self._now) if found is None else found

    def find(self, mxid: UserId) -> PersonId | None:
        """Return the person's number, if they have one."""
        return store.find(self._session, mxid)

    def numbers(self, mxids: Collection[UserId]) -> dict[UserId, PersonId]:
        """Return the numbers of many at once; whoever has none is given one."""
        return store.add_all(self._session, mxids, self._now)

    def find_all(self, mxids: Collection[UserId]) -> dict[UserId, PersonId]:
        """Return the numbers of those of many who have one."""
        return store.find_all(self._session, mxids)

    def mxid(self, person: PersonId) -> UserId | None:
        """Return the person's Matrix id; ``None`` where there is no such person, or none any more."""
        return store.mxids(self._session, [person]).get(person)

    def first_seen(self, person: PersonId) -> datetime | None:
        """Return when a person was first heard of here."""
        return store.created_at(self._session, person)

    def mxids(self, people: Iterable[PersonId]) -> dict[PersonId, UserId]:
        """Return the Matrix ids of many at once; whoever has none is absent."""
        return store.mxids(self._session, people)

    def erase(self, person: PersonId) -> None:
        """Forget who this number was: Matrix id, preferences and wallets go, the number stays a tombstone.

        The books keep their amounts. The same Matrix id is a new person from then on. Raises ``NotFound``.
        """
        store.change(
            self._session,
            person,
            mxid=None,
            locale=None,
            time_zone=None,
            notices_stopped_at=self._now,
            erased_at=self._now,
        )
        wallets.forget(self._session, person)

    def lock(self, person: PersonId) -> None:
        """Let nobody else who locks this person go on before the commit: so what is counted of theirs stays so."""
        store.lock(self._session, person)

    def prune(self, candidates: Collection[PersonId]) -> int:
        """Take out those of whom nothing is known but their name; return how many went.

        Whoever anything refers to stays, as does whoever told us a language, a zone or to stop; so do tombstones.
        """
        return store.drop_unreferred(self._session, candidates)

    def locale(self, person: PersonId) -> str | None:
        """Return the person's language tag, if they said one."""
        return store.tongue(self._session, person)[0]

    def set_locale(self, person: PersonId, locale: str | None) -> None:
        """Set the language: a tag such as ``de`` or ``pt-BR``. Raises ``Invalid``, ``NotFound``."""
        if locale is not None and not _LOCALE.fullmatch(locale):
            raise Invalid("locale_malformed", "A language is written like de or pt-BR.")
        store.change(self._session, person, locale=locale)

    def time_zone(self, person: PersonId) -> str | None:
        """Return the person's time zone, if they said one."""
        return store.tongue(self._session, person)[1]

    def set_time_zone(self, person: PersonId, time_zone: str | None) -> None:
        """Set the time zone by its IANA name, such as ``Europe/Vienna``. Raises ``Invalid``, ``NotFound``."""
        if time_zone is not None:
            try:
                ZoneInfo(time_zone[: _LONGEST_ZONE + 1])
            except (KeyError, ValueError, OSError):
                raise Invalid("time_zone_unknown", "A time zone is written like Europe/Vienna.") from None
        store.change(self._session, person, time_zone=time_zone)

    def stop_notices(self, person: PersonId) -> None:
        """Write to this person no more unasked. Raises ``NotFound``."""
        store.change(self._session, person, notices_stopped_at=self._now)

    def resume_notices(self, person: PersonId) -> None:
        """Write to this person again. Raises ``NotFound``."""
        store.change(self._session, person, notices_stopped_at=None)

    def wants_notices(self, person: PersonId) -> bool:
        """Tell whether this person may be written to unasked: they exist and have not said stop."""
        return store.exists(self._session, person) and store.stopped_at(self._session, person) is None
