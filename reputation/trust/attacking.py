"""What a farm of made-up accounts gains against standing, the viewer's own contacts tricked or not (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kit.errors import Invalid
from reputation.trust.evaluating import area
from reputation.trust.formula import PRODUCT, Formula
from reputation.trust.graph import Audience, Edge, Graph
from reputation.trust.ratings import Ratings
from reputation.trust.views import Viewing

MOST_SYBILS = 100_000
MOST_FARM_EDGES = 20_000_000
_PASSING = 0.8
_BADMOUTHED = 5
_CONTACTS = 5
"""Viewers know at least so many people: two who are tricked are never all whom they know."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A farm: how large, how dense inside, how many honest people it tricked, and how many of each viewer's own."""

    sybils: int = 1_000
    tricked: int = 50
    own: int = 1
    densities: tuple[int, ...] = (20, 200, 900)
    seeds: int = 5
    viewers: int = 24
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse an attack that cannot be played."""
        if not 1 < self.sybils <= MOST_SYBILS or not self.tricked >= 0 or not 0 <= self.own <= _CONTACTS:
            raise Invalid("attack", f"2 to {MOST_SYBILS} sybils, and at most {_CONTACTS} own contacts")
        if not self.densities or not all(1 <= density < self.sybils for density in self.densities):
            raise Invalid("attack", f"a density lies between 1 and {self.sybils - 1}: edges to each sybil from others")
        if max(self.densities) * self.sybils > MOST_FARM_EDGES:
            raise Invalid("attack", f"more than {MOST_FARM_EDGES} edges inside the farm")


@dataclass(frozen=True, slots=True)
class Gain:
    """What came of an attack at one density: means over seeds and viewers."""

    density: int
    own: int
    quorum: int
    auc: float
    """How often an honest person stands higher than a sybil; equal counts half."""
    leak: float
    """The part of the sybils above the bar that is meant to let four fifths of honest people pass."""
    honest_pass: float
    """The part of honest people above it: less, where fewer stand above nothing at all."""


def attacked(
    ratings: Ratings,
    attack: Attack,
    formula: Formula = PRODUCT,
    *,
    audience: Audience = Audience.EVERYONE,
    step: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Gain]:
    """Play an attack at each density against viewers drawn anew for each seed."""
    world = _World(ratings, audience)
    if len(world.honest) <= attack.tricked or len(world.watching) < 1:
        raise Invalid("attack", f"too few honest people, or nobody who trusts {_CONTACTS} others")
    gains = []
    rounds = attack.seeds * len(attack.densities)
    for at, density in enumerate(attack.densities):
        found: list[tuple[float, float, float]] = []
        for number in range(attack.seeds):
            chance = np.random.default_rng([attack.seed, number])
            found += _played(world, attack, density, formula, chance)
            step(at * attack.seeds + number + 1, rounds)
        means = np.array(found).mean(axis=0)
        gains.append(Gain(density, attack.own, formula.quorum, *(float(value) for value in means)))
    return gains


class _World:
    """The honest part: what everybody said, once for each pair, and who counts as honest and as a viewer."""

    def __init__(self, ratings: Ratings, audience: Audience) -> None:
        pairs = ratings.by * ratings.people + ratings.of
        _, last = np.unique(pairs[::-1], return_index=True)
        kept = np.sort(len(pairs) - 1 - last)
        self.by, self.of = ratings.by[kept], ratings.of[kept]
        self.said, self.day = ratings.said[kept], ratings.day[kept]
        self.people, self.audience = ratings.people, audience
        self.now = float(ratings.day[-1])
        trusting = np.bincount(self.of[self.said > 0], minlength=self.people)
        warning = np.bincount(self.of[self.said < 0], minlength=self.people)
        self.honest = np.flatnonzero(trusting > warning)
        contacts = np.bincount(self.by[self.said > 0], minlength=self.people)
        self.watching = np.intersect1d(np.flatnonzero(contacts >= _CONTACTS), self.honest)


def _played(
    world: _World, attack: Attack, density: int, formula: Formula, chance: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Play one farm against its viewers."""
    sybils = np.arange(world.people, world.people + attack.sybils)
    one = int(chance.choice(sybils))
    together = attack.own > 1
    viewers = chance.choice(world.watching, min(attack.viewers, len(world.watching)), replace=False)
    tricked = chance.choice(world.honest, attack.tricked, replace=False)
    vouched = np.full(attack.tricked, one) if together else chance.choice(sybils, attack.tricked)
    graph = _farm(world, attack, density, tricked, vouched, sybils, chance)
    viewing = Viewing(graph, formula)
    found = []
    for viewer in map(int, viewers):
        contacts = [edge.of for edge in graph.edges_of(viewer) if edge.said > 0 and edge.of < world.people]
        fooled = chance.choice(contacts, min(attack.own, len(contacts)), replace=False)
        laid = []
        for contact in map(int, fooled):
            of = one if together else int(chance.choice(sybils))
            if all(edge.of != of for edge in graph.edges_of(contact)):
                graph.put(Edge(contact, of, 1.0, world.now, world.audience))
                laid.append((contact, of))
        found.append(_told_apart(viewing, viewer, world, sybils, formula))
        for by, of in laid:
            graph.drop(by, of)
    return found


def _told_apart(
    viewing: Viewing, viewer: int, world: _World, sybils: npt.NDArray[np.int64], formula: Formula
) -> tuple[float, float, float]:
    """Return how well a viewer tells honest people from sybils, as one to whom strangers are nothing."""
    honest = world.honest[world.honest != viewer]
    subjects = np.concatenate([honest, sybils]).astype(np.int32)
    good, bad = viewing.evidence(viewing.build(viewer), subjects, world.now)
    scores = good / (good + bad + formula.weight)
    kinds = np.arange(len(subjects)) < len(honest)
    bar = float(np.quantile(scores[kinds], 1 - _PASSING, method="lower"))
    passing = scores >= bar if bar > 0 else scores > 0
    return area(scores, kinds), float(passing[~kinds].mean()), float(passing[kinds].mean())


def _farm(
    world: _World,
    attack: Attack,
    density: int,
    tricked: npt.NDArray[np.int64],
    vouched: npt.NDArray[np.int64],
    sybils: npt.NDArray[np.int64],
    chance: np.random.Generator,
) -> Graph:
    """Make the graph with the farm in it: each sybil rated by so many others, each rating a few honest people badly."""
    inside = [_others(place, density, attack.sybils, chance) for place in range(attack.sybils)]
    victims = min(_BADMOUTHED, len(world.honest))
    bad = [chance.choice(world.honest, victims, replace=False) for _ in range(attack.sybils)]
    by = [world.by, tricked, world.people + np.concatenate(inside), np.repeat(sybils, victims)]
    of = [world.of, vouched, np.repeat(sybils, density), np.concatenate(bad)]
    farm = np.ones(len(tricked) + density * attack.sybils)
    said = np.concatenate([world.said, farm, -np.ones(victims * attack.sybils)])
    day = np.concatenate([world.day, np.full(len(said) - len(world.day), world.now)])
    return Graph.of_arrays(
        np.concatenate(by),
        np.concatenate(of),
        said,
        day,
        np.full(len(said), world.audience),
        people=int(sybils[-1]) + 1,
    )


def _others(place: int, density: int, sybils: int, chance: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw so many different others than one."""
    drawn = chance.choice(sybils - 1, density, replace=False)
    return drawn + (drawn >= place)
