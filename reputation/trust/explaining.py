"""Why somebody stands as they do with a viewer: whose words, by which path, through whom (pure)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from kit.errors import Invalid
from reputation.trust.rows import BOND_UNIT
from reputation.trust.searching import come_without, way
from reputation.trust.views import Standing, View, Viewing
from reputation.trust.weighing import parts_of

_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Share:
    """One person's part in all that is known: per cent of the evidence, and for or against."""

    who: int
    percent: int
    good: bool
    bonded: bool = False
    """Whether money stands behind it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of it is made of edges that the viewer may use: none of it tells of others."""

    standing: Standing
    alone: Standing
    """The same with a quorum of one: as far as it is above, all hangs on single friends' words."""
    shares: tuple[Share, ...]
    """Largest first; they add up to 100, or there are none."""
    path: tuple[int, ...]
    """From the viewer to whoever has the largest share, by the edges along which most reach flows."""
    through: int | None
    """The one contact through whom all of it comes, whatever the quorum."""

    @property
    def nobody(self) -> bool:
        """Whether nobody whom the viewer knows knows them."""
        return not self.shares and self.alone.confidence == 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What would turn a verdict: so much more evidence for (or against) them, and the fewest whose word could be it."""

    good: bool
    evidence: float
    people: tuple[int, ...]
    """Of those whose word counts for the viewer, and who have not spoken yet, the ones with the weightiest."""
    enough: bool
    """Whether all of these together would do."""


def explain(
    viewing: Viewing, view: View, subject: int, day: float, *, quorum: int | None = None, prior: float | None = None
) -> Explanation:
    """Explain how somebody stands."""
    parts = _parts(viewing, view, subject, day, quorum)
    known = _parts(viewing, view, subject, day, 1)
    largest = max(parts or known, key=lambda part: (abs(part[1]), -part[0]), default=None)
    path = () if largest is None else _path(viewing, view, largest[0])
    return Explanation(
        viewing.standing(view, subject, day, quorum=quorum, prior=prior),
        viewing.standing(view, subject, day, quorum=1, prior=prior),
        _shares(parts, _bonded(viewing, subject)),
        path,
        _through(viewing, view, [who for who, _ in known], path),
    )


def turn(
    viewing: Viewing,
    view: View,
    subject: int,
    day: float,
    bar: float,
    *,
    quorum: int | None = None,
    prior: float | None = None,
) -> Turn:
    """Say what would bring somebody's reputation to the other side of a bar."""
    if not math.isfinite(bar) or not 0 < bar < 1:
        raise Invalid("bar", "a bar lies between 0 and 1")
    found = viewing.standing(view, subject, day, quorum=quorum, prior=prior)
    weight = viewing.formula.weight
    held = found.reputation * (found.good + found.bad + weight)
    whole = found.good + found.bad + weight
    good = found.reputation < bar
    needed = (bar * whole - held) / (1 - bar) if good else held / bar - whole
    spoke = {who for who, _ in _parts(viewing, view, subject, day, quorum)} | {subject, view.viewer}
    voices, _ = viewing.voices(view, quorum)
    people, given = [], 0.0
    for place in np.argsort(-voices["word"], kind="stable"):
        if given >= needed:
            break
        who = int(voices[place]["who"])
        if who not in spoke:
            people.append(who)
            given += float(voices[place]["word"])
    return Turn(good, max(0.0, needed), tuple(people), given >= needed)


def _parts(viewing: Viewing, view: View, subject: int, day: float, quorum: int | None) -> list[tuple[int, float]]:
    """Return each rater's signed part of the evidence."""
    graph = viewing.graph
    if not 0 <= subject < graph.people:
        return []
    voices, index = viewing.voices(view, quorum)
    who, part = np.zeros(len(voices), np.int32), np.zeros(len(voices))
    into = graph.into
    count = parts_of(into.heads, into.edges, voices, index, subject, day, viewing.formula.half_life, who, part)
    return [(int(voices[who[place]]["who"]), float(part[place])) for place in range(count) if part[place]]


def _bonded(viewing: Viewing, subject: int) -> frozenset[int]:
    """Return who has put money behind their word for somebody, whether or not the viewer hears them."""
    if not 0 <= subject < viewing.graph.people:
        return frozenset()
    row = viewing.graph.into.of(subject)
    return frozenset(row["other"][row["bond"] > BOND_UNIT].tolist())


def _shares(parts: Sequence[tuple[int, float]], bonded: Collection[int]) -> tuple[Share, ...]:
    """Round parts to whole per cents that add up: what is left over goes to the largest remainders."""
    whole = math.fsum(abs(part) for _, part in parts)
    if not whole:
        return ()
    exact = sorted(
        ((abs(part) / whole * _WHOLE, who, part > 0) for who, part in parts), key=lambda one: (-one[0], one[1])
    )
    percents = [math.floor(share) for share, _, _ in exact]
    left = _WHOLE - sum(percents)
    for place in sorted(range(len(exact)), key=lambda place: (percents[place] - exact[place][0], place))[:left]:
        percents[place] += 1
    return tuple(
        Share(who, percent, good, who in bonded) for percent, (_, who, good) in zip(percents, exact, strict=True)
    )


def _path(viewing: Viewing, view: View, goal: int) -> tuple[int, ...]:
    """Find the path along which most reach flows from the viewer."""
    out = viewing.graph.out
    found = way(view.places, view.index, out.heads, out.edges, view.viewer, goal, viewing.formula.restart)
    return tuple(reversed(found)) if found[-1] == view.viewer else ()


def _through(viewing: Viewing, view: View, raters: Sequence[int], path: Sequence[int]) -> int | None:
    """Return the contact without whom no reach would come to any of the raters."""
    if len(path) < 2 or view.viewer in raters:  # noqa: PLR2004 - the viewer, and a contact
        return None
    contact, out = path[1], viewing.graph.out
    others = np.array([rater for rater in raters if rater != contact], np.int32)
    apart = come_without(view.places, view.index, out.heads, out.edges, view.viewer, contact, others)
    return None if apart else contact
