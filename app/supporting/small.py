"""Small gifts: who is to be told that theirs came, though it reaches no tier, and what is missing; once for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.supporting.tables import SupportToldRow
from app.supporting.telling import News
from kit.amounts import Amount, show
from kit.identifiers import PersonId
from ledger.model import Level
from payments.flair.entitling import entitled
from payments.flair.model import Gift, Kind, Phase, Tier, Tiers
from payments.flair.recent import newest_gifts
from payments.flair.service import Supporters
from reputation.notices import Notices

NEWS_FOR: Final = timedelta(days=7)
"""How old a gift may be of which something is told: nobody is thanked for what is long past."""
NO_TIER: Final = ""
"""Stands where a tier does, in what people were told: ``until`` is when the newest gift was given that they know of."""
_MOST: Final = 200
"""Gifts of one person beyond which nothing is reckoned of them."""


class Small:
    """What is told of gifts that reach no tier, in one transaction."""

    def __init__(self, session: Session, now: datetime, supporters: Supporters, notices: Notices) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._supporters = supporters
        self._notices = notices

    def untold(self) -> set[PersonId]:
        """Return those who are to be told something; only reads."""
        came = newest_gifts(self._session, self._now - NEWS_FOR)
        query = select(SupportToldRow).where(SupportToldRow.tier == NO_TIER, SupportToldRow.until.is_not(None))
        told = {PersonId(row.person): row.until for row in self._session.scalars(query)}
        return {one for one in {*came, *told} if self._changed(told.get(one), came.get(one)) is not None}

    def tell(self, person: PersonId, *, quietly: bool) -> News | None:
        """Owe somebody what there is to tell of gifts without a tier, and note it; noted alone while they hold one.

        ``quietly``: it is noted alone, too, since what is told of a tier tells of it.
        """
        tiers = self._supporters.tiers()
        row = self._session.get(SupportToldRow, (person, NO_TIER))
        came = newest_gifts(self._session, self._now - NEWS_FOR, person).get(person)
        found = self._changed(None if row is None else row.until, came)
        if found is None:
            return None
        if row is None:
            row = SupportToldRow(person=person, tier=NO_TIER)
            self._session.add(row)
        row.phase, row.until, row.told_at = (Phase.LAPSED if came is None else Phase.AHEAD).value, came, self._now
        self._session.flush()
        if quietly or any(one.holds(self._now) for one in self._supporters.of(person)):
            return None
        self._notices.supporter(person, found.value, NO_TIER, {} if came is None else self._values(person, tiers))
        return found

    def _changed(self, told: datetime | None, came: datetime | None) -> News | None:
        if told is not None and told <= self._now - NEWS_FOR:
            told = None
        if came is not None and (told is None or came > told):
            return News.SMALL
        return News.SMALL_GONE if told is not None and (came is None or came < told) else None

    def _values(self, person: PersonId, tiers: Tiers) -> dict[str, object]:
        gifts = [one for one in self._supporters.gifts_of(person) if _stands(one)]
        lowest = next((tier for tier in tiers.tiers if not tier.corporate), None)
        lacks = None if lowest is None or len(gifts) > _MOST else missing(gifts, lowest, tiers, self._now)
        if lowest is None or lacks is None:
            return {"titles": [lowest.title] if lowest is not None else []}
        name, decimals = self._supporters.assets.name(gifts[-1].asset)
        return {"titles": [lowest.title], "missing": f"{show(Amount(lacks), decimals)} {name}"}


def missing(gifts: Sequence[Gift], tier: Tier, tiers: Tiers, now: datetime) -> int | None:
    """Return how much more of what was given last, for a month and now, reaches a tier: the least, in minor units.

    ``None`` where no amount of it does.
    """
    asset = gifts[-1].asset
    ways = [one.amount for one in tier.thresholds if one.asset == asset and one.kind is not Kind.STREAK]
    if not ways:
        return None

    def reaches(amount: int) -> bool:
        more = replace(
            gifts[-1], key="more", amount=amount, at=now, months=1, recurring=None, since=None, until=None, total=None
        )
        return any(one.tier == tier.id for one in entitled([*gifts, more], tiers))

    least, most = 0, min(ways)
    if not reaches(most):
        return None
    while least + 1 < most:
        middle = (least + most) // 2
        least, most = (least, middle) if reaches(middle) else (middle, most)
    return most


def _stands(gift: Gift) -> bool:
    return gift.taken_back is None and gift.level is not Level.ORPHANED
