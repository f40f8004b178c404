"""Supporting: what of somebody's support a person's rules may ask about, for whom, and how often; it only reads.

A tier counts here once what it rests on can no longer be taken back, and only one that its operator lets count. It
counts for nobody who called the supporter spam, and towards few strangers a day: money buys no list of addresses.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from kit.identifiers import PersonId
from payments.flair.service import Supporters
from reputation.arrivals import Arrivals
from reputation.store import GateStore

MOST_A_DAY: Final = 10
"""Strangers whose doors let one supporter in by a rule in 24 hours; towards further ones no tier counts."""
_DAY: Final = timedelta(days=1)


class Supporting:
    """Tells of whoever knocks or writes which tiers count for whoever is knocked at, in one transaction."""

    def __init__(self, session: Session, now: datetime, supporters: Supporters) -> None:
        """Read in ``session``."""
        self._store = GateStore(session)
        self._arrivals = Arrivals(session, now)
        self._supporters = supporters

    def tiers(self, viewer: PersonId, sender: PersonId | None, *, at: datetime) -> list[str]:
        """Return the tiers of a sender that count for a viewer at ``at``, by their ids, the lowest first."""
        found = [] if sender is None else self._supporters.counting(sender, at)
        if sender is None or not found or self._store.called_spam(viewer, sender):
            return []
        others = self._arrivals.by_rule(sender, since=at - _DAY, but=viewer, limit=MOST_A_DAY)
        return [] if others >= MOST_A_DAY else found
