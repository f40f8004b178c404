"""The wall: who chose to be seen as a supporter, companies apart, and sums of all that was given."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

from app.container import Container, Work
from app.showing import given_by
from kit.changes import counters
from kit.identifiers import PersonId, UserId
from payments.flair.flairs import TOPICS
from payments.flair.model import Entitlement, Showing, Tier
from payments.flair.statement import day_of
from payments.flair.summing import Given

MOST_PLACES: Final = 2_000
"""On the wall; who comes later has to wait until somebody leaves it."""
_REST_SECONDS: Final = 5.0
"""How long a wall stands at least: whoever gives and takes all the time keeps nobody busy."""
_LAST_SECONDS: Final = 60.0
"""How long it stands at most, for tiers end by time alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody on the wall, as they chose: with a name or without, with what they gave or without.

    ``since``: the day, with a name alone.
    """

    mxid: UserId | None
    tier: Tier
    since: int | None
    given: tuple[Given, ...] | None


@dataclass(frozen=True, slots=True)
class Sponsor:
    """A company on the wall, as the operator calls it."""

    name: str
    tier: Tier
    since: int


@dataclass(frozen=True, slots=True)
class Wall:
    """The wall. ``supporters``: how many have a tier now, seen or not. Places: the highest tier first, then by time."""

    supporters: int
    totals: tuple[Given, ...]
    sponsors: tuple[Sponsor, ...]
    places: tuple[Place, ...]


class Walls:
    """One process's wall, made anew when somebody asks and something has changed."""

    def __init__(self, container: Container) -> None:
        """Read from the container's database."""
        self._container = container
        self._lock = threading.Lock()
        self._wall: Wall | None = None
        self._made_at = self._looked_at = float("-inf")
        self._seen: tuple[int, ...] = ()

    def current(self) -> Wall:
        """Return the wall as it was not long ago. Raises ``DatabaseUnavailable``."""
        with self._lock:  # of many that ask at once, one makes it
            now = time.monotonic()
            if self._wall is not None and now - self._looked_at < _REST_SECONDS:
                return self._wall
            with self._container.read(one_moment=True) as work:
                counted = counters(work.session)
                seen = tuple(counted.get(topic, 0) for topic in TOPICS)
                if self._wall is None or seen != self._seen or now - self._made_at > _LAST_SECONDS:
                    self._wall, self._seen, self._made_at = wall(work), seen, now
            self._looked_at = now
            return self._wall


def wall(work: Work) -> Wall:
    """Return the wall as it is now."""
    tiers, shown = work.supporters.tiers(), work.supporters.all_shown()
    ranks = {tier.id: (rank, tier) for rank, tier in enumerate(tiers.tiers, 1)}
    best: dict[PersonId, tuple[int, Entitlement, Tier]] = {}
    holding = work.supporters.holding()
    for one in holding:
        rank, tier = ranks.get(one.tier, (0, None))
        if one.person is None or tier is None or not tier.gives.wall or not _on(shown.get(one.person)):
            continue
        if one.person not in best or rank > best[one.person][0]:
            best[one.person] = (rank, one, tier)
    order = sorted(best.items(), key=lambda item: (-item[1][0], item[1][1].since, item[0]))[:MOST_PLACES]
    names = work.people.mxids({person for person, _ in order if shown[person].name})
    return Wall(
        supporters=len({(one.person, one.giver) for one in holding}),
        totals=tuple(work.flairs.totals.given(tiers.spans)),
        sponsors=_sponsors(work),
        places=tuple(
            Place(
                mxid=names.get(person) if shown[person].name else None,
                tier=tier,
                since=day_of(one.since) if shown[person].name else None,
                given=tuple(given_by(work, person)) if shown[person].amount else None,
            )
            for person, (_, one, tier) in order
        ),
    )


def _on(showing: Showing | None) -> bool:
    return showing is not None and showing.wall


def _sponsors(work: Work) -> tuple[Sponsor, ...]:
    """Return each company once, with its highest tier that gives a place."""
    tiers = work.supporters.tiers()
    found: dict[str, Sponsor] = {}
    for name, tier_id, since in sorted(work.flairs.totals.sponsors(), key=lambda one: -tiers.rank(one[1])):
        tier = tiers.find(tier_id)
        if tier is not None and tier.gives.wall:
            found.setdefault(name, Sponsor(name, tier, day_of(since)))
    return tuple(found.values())
