"""Flairs, in one transaction: what those who show it support, as a signed statement, and the keys that sign it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from kit.clock import unix
from kit.identifiers import PersonId, UserId
from kit.kept_keys import KeptKeys
from kit.sealing import Seal
from ledger.people import People
from payments.flair.key_tables import FlairKeyRow
from payments.flair.model import TOPIC, Entitlement, Gives, Tier
from payments.flair.service import Supporters
from payments.flair.statement import DAY, LIFE, Statement, day_of
from payments.flair.totals import Totals

_WHAT: Final = "flair"
TOPICS: Final = (TOPIC, f"{_WHAT}_keys")
"""What the change counter counts all under that a signed statement depends on, but for time."""
_HOUR: Final = 3_600
"""Statements are issued on the full hour, so that all processes say the same and nobody reads it twice."""


def of_flair(gives: Gives) -> bool:
    """Tell whether a tier gives a flair."""
    return gives.flair


def of_wall(gives: Gives) -> bool:
    """Tell whether a tier gives a place on the wall."""
    return gives.wall


@dataclass(frozen=True, slots=True)
class FlairKey:
    """A key by its name; ``since`` and ``until`` it signs (Unix seconds; ``None``: it signs now)."""

    name: str
    since: int
    until: int | None


class Flairs:
    """Whose flair shows, as statements of the service at ``service``, its public address."""

    def __init__(
        self,
        session: Session,
        *,
        now: datetime,
        people: People,
        supporters: Supporters,
        seal: Callable[[], Seal],
        service: str,
    ) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps the keys."""
        self._now = now
        self._people = people
        self._supporters = supporters
        self.service: Final = service
        self.totals: Final = Totals(session, now)
        self.keys: Final = KeptKeys(session, now, seal, rows=FlairKeyRow, what=_WHAT)

    # -------------------------------------------------------------------------------------------- what somebody has

    def held(self, person: PersonId, which: Callable[[Gives], bool]) -> tuple[Entitlement, Tier] | None:
        """Return a person's highest tier now of those that give something, and by what they have it."""
        tiers = self._supporters.tiers()
        found: tuple[int, Entitlement, Tier] | None = None
        for one in self._supporters.of(person):
            tier, rank = tiers.find(one.tier), tiers.rank(one.tier)
            if tier is not None and which(tier.gives) and one.holds(self._now) and (found is None or rank > found[0]):
                found = (rank, one, tier)
        return None if found is None else found[1:]

    def statement(self, user: UserId) -> Statement | None:
        """Return somebody's flair; ``None`` for who has none now, does not show it, or was never here."""
        person = self._people.find(user)
        if person is None or not self._supporters.shown(person).flair:
            return None
        return self.unshown(person, user)

    def unshown(self, person: PersonId, user: UserId) -> Statement | None:
        """Return the flair that somebody would show; for nobody's eyes but theirs until they do."""
        held = self.held(person, of_flair)
        if held is None:
            return None
        one, tier = held
        issued = _begun(unix(self._now), _HOUR)
        ends = issued + int(LIFE.total_seconds())
        return Statement(
            mxid=user,
            tier=tier.id,
            title=tier.title,
            since=day_of(one.since),
            until=None if one.until is None else _over(unix(one.until), DAY),
            service=self.service,
            issued=issued,
            expires=ends if one.grace_until is None else min(ends, _over(unix(one.grace_until), _HOUR)),
        )

    def signed(self, user: UserId) -> dict[str, Any] | None:
        """Return somebody's flair as it is published; ``None`` as ``statement``.

        Raises ``NotFound`` where there is no key yet (``keys.make``), ``Conflict`` under another seal.
        """
        found = self.statement(user)
        return None if found is None else found.signed(self.keys.current())

    # -------------------------------------------------------------------------------------------- keys and hours

    def good_until(self, user: UserId) -> int:
        """Return when somebody's flair is to be looked at anew: it is issued anew, or ends (Unix seconds)."""
        person, again = self._people.find(user), _begun(unix(self._now), _HOUR) + _HOUR
        held = None if person is None else self.held(person, of_flair)
        return again if held is None or held[0].grace_until is None else min(again, unix(held[0].grace_until))

    def good_keys(self) -> list[FlairKey]:
        """Return the keys whose statements may still count, the one that signs first."""
        found: list[FlairKey] = []
        ended: int | None = None
        for name, since in self.keys.all():
            if ended is None or ended + LIFE.total_seconds() > unix(self._now):
                found.append(FlairKey(name, unix(since), ended))
            ended = unix(since)
        return found


def _begun(seconds: int, span: int) -> int:
    return seconds // span * span


def _over(seconds: int, span: int) -> int:
    return -(-seconds // span) * span
