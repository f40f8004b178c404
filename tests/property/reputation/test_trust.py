"""Standing agrees with its formula written plainly, follows changes exactly, and keeps its two bounds on any farm."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.trust.explaining import explain
from reputation.trust.formula import PRODUCT, Formula
from reputation.trust.graph import Audience, Edge, Graph
from reputation.trust.views import LEAST_NEAR, View, Viewing
from tests.support.dense import dense, usable

PEOPLE = 9
EXACT = replace(PRODUCT, tolerance=1e-9)
ALL = Audience.EVERYONE

people = st.integers(0, PEOPLE - 1)
words = st.tuples(
    st.sampled_from([1.0, 1.0, 0.5, 0.25, -1.0, -0.5]),
    st.floats(0, 2000, width=32),
    st.sampled_from(Audience),
    st.sampled_from([1.0, 1.5, 3.0]),
)
# So many that most viewers know somebody who knows somebody: of few words hardly ever does any come to a viewer.
spoken = st.lists(
    st.tuples(people, people, words).filter(lambda word: word[0] != word[1]),
    min_size=15,
    max_size=60,
    unique_by=lambda word: word[:2],
)
graphs = spoken.map(lambda found: [Edge(by, of, *word) for by, of, word in found])
quorums = st.integers(1, 3)
formulas = st.builds(
    lambda quorum, nearest, budget: replace(EXACT, quorum=quorum, nearest=nearest, budget=budget),
    quorums,
    st.sampled_from([2, 4, 50]),
    st.sampled_from([1, 2, 20]),
)


def seen(edges: Sequence[Edge], viewer: int, formula: Formula = EXACT, number: int = PEOPLE) -> tuple[Viewing, View]:
    viewing = Viewing(Graph.of(edges, number), formula)
    return viewing, viewing.build(viewer)


def reach(view: View) -> dict[int, float]:
    return {int(place["who"]): float(place["reach"]) for place in view.places[: view.count] if place["reach"]}


@given(graphs, people, formulas, st.floats(0, 3000))
def test_it_is_the_formula_written_plainly(edges: list[Edge], viewer: int, formula: Formula, day: float) -> None:
    plain = dense(edges, PEOPLE, viewer, formula)
    viewing, view = seen(edges, viewer, formula)
    found = reach(view)
    assert [found.get(who, 0.0) for who in range(PEOPLE)] == pytest.approx(plain.reach, abs=1e-5)
    for subject in range(PEOPLE):
        standing = viewing.standing(view, subject, day)
        good, bad = plain.evidence(subject, day)
        assert (standing.good, standing.bad) == pytest.approx((good, bad), rel=5e-3, abs=5e-3)
        whole = good + bad + formula.weight
        assert standing.reputation == pytest.approx((good + formula.weight * formula.prior) / whole, abs=5e-3)
        assert standing.confidence == pytest.approx((good + bad) / whole, abs=5e-3)


@given(graphs, st.lists(st.tuples(people, people, words, st.booleans()), max_size=12), people, quorums)
def test_a_view_that_follows_is_one_made_anew(
    edges: list[Edge],
    changes: list[tuple[int, int, tuple[float, float, Audience, float], bool]],
    viewer: int,
    quorum: int,
) -> None:
    formula = replace(EXACT, quorum=quorum)
    viewing, view = seen(edges, viewer, formula)
    now = {(edge.by, edge.of): edge for edge in edges}
    for by, of, word, taken in changes:
        if by == of:
            continue
        if taken:
            assert viewing.graph.drop(by, of) == ((by, of) in now)
            now.pop((by, of), None)
        else:
            now[by, of] = Edge(by, of, *word)
            viewing.graph.put(now[by, of])
        view = viewing.follow(view)
    fresh = viewing.build(viewer)
    other, anew = seen(list(now.values()), viewer, formula)
    assert reach(fresh) == reach(anew), "a graph that changed is the one that was so from the start"
    assert {who: p for who, p in reach(view).items() if p > 1e-5} == pytest.approx(
        {who: p for who, p in reach(fresh).items() if p > 1e-5}, abs=1e-5
    )
    for subject in range(PEOPLE):
        mine, theirs = viewing.standing(view, subject, 2000), other.standing(anew, subject, 2000)
        assert (mine.good, mine.bad) == pytest.approx((theirs.good, theirs.bad), abs=2e-2)


@given(graphs, people, people, quorums)
def test_what_is_not_for_the_viewer_changes_nothing_at_all(
    edges: list[Edge], viewer: int, subject: int, quorum: int
) -> None:
    """To the last bit, in numbers, names, paths and hints: then nothing can be read from it, by whatever means."""
    formula = replace(PRODUCT, quorum=quorum)
    allowed = usable(edges, viewer)
    with_all, view = seen(edges, viewer, formula)
    with_allowed, bare = seen(allowed, viewer, formula)
    assert view.places[: view.count].tobytes() == bare.places[: bare.count].tobytes()
    assert with_all.voices(view)[0].tobytes() == with_allowed.voices(bare)[0].tobytes()
    told = explain(with_all, view, subject, 1000)
    assert told == explain(with_allowed, bare, subject, 1000)
    known = {(edge.by, edge.of) for edge in allowed}
    assert all(step in known for step in zip(told.path, told.path[1:], strict=False))
    assert all((share.who, subject) in known for share in told.shares)


@given(graphs, people, people, quorums, st.floats(0, 3000))
def test_shares_add_up_to_a_hundred(edges: list[Edge], viewer: int, subject: int, quorum: int, day: float) -> None:
    viewing, view = seen(edges, viewer, replace(EXACT, quorum=quorum))
    told = explain(viewing, view, subject, day)
    assert sum(share.percent for share in told.shares) == (100 if told.standing.confidence > 0 else 0)
    assert all(share.percent >= 0 for share in told.shares)
    whole = told.standing.good + told.standing.bad
    for good, evidence in ((True, told.standing.good), (False, told.standing.bad)):
        percent = sum(share.percent for share in told.shares if share.good is good)
        assert abs(percent - (100 * evidence / whole if whole else 0)) <= len(told.shares)
    assert told.nobody == (told.alone.confidence == 0)


@given(graphs, people, people)
def test_the_path_is_the_best_and_all_comes_through_whom_it_is_said_to(
    edges: list[Edge], viewer: int, subject: int
) -> None:
    told = explain(*seen(edges, viewer, replace(EXACT, quorum=1)), subject, 0)
    if not told.shares:
        assert (told.path, told.through) == ((), None)
        return
    good = [edge for edge in usable(edges, viewer) if edge.said > 0]
    said = {who: sum(edge.said for edge in good if edge.by == who) for who in range(PEOPLE)}
    parts = {(edge.by, edge.of): (1 - EXACT.restart) * edge.said / said[edge.by] for edge in good}
    best = {viewer: 1.0}
    for _ in range(PEOPLE):
        for (by, of), part in parts.items():
            best[of] = max(best.get(of, 0.0), best.get(by, 0.0) * part)
    assert (told.path[0], told.path[-1]) == (viewer, told.shares[0].who)
    steps = [parts[step] for step in zip(told.path, told.path[1:], strict=False)]
    assert np.prod(steps) == pytest.approx(best[told.path[-1]], rel=1e-4)
    raters = {share.who for share in told.shares}
    if viewer not in raters:
        alone = not raters & came(parts, viewer, told.path[1])
        assert told.through == (told.path[1] if alone else None)


def came(parts: Collection[tuple[int, int]], viewer: int, without: int) -> set[int]:
    """Return to whom reach comes from the viewer if none goes by one contact."""
    known = {viewer}
    for _ in range(PEOPLE):
        known |= {of for by, of in parts if by in known and of != without}
    return known


inside = st.lists(
    st.tuples(st.integers(0, 29), st.integers(0, 29)).filter(lambda pair: pair[0] != pair[1]), max_size=200
)
attacks = st.lists(st.tuples(people, st.integers(0, 29)), min_size=1, max_size=6, unique=True)


@given(graphs, inside, attacks, people)
@settings(max_examples=60)
def test_a_farm_is_bounded_by_the_edges_into_it(
    edges: list[Edge], farm: list[tuple[int, int]], into: list[tuple[int, int]], viewer: int
) -> None:
    """Both inequalities of docs/standing.md, whatever the farm does within."""
    honest = [replace(edge, audience=ALL, bond=1.0) for edge in edges]
    tricked = [Edge(by, PEOPLE + to, 1.0, 0, ALL) for by, to in into]
    grown = [Edge(PEOPLE + by, PEOPLE + to, 1.0, 0, ALL) for by, to in set(farm)]
    formula = replace(EXACT, quorum=1)
    viewing, view = seen([*honest, *tricked, *grown], viewer, formula, PEOPLE + 30)
    found = reach(view)
    sybils = set(range(PEOPLE, PEOPLE + 30))
    gained = sum(found.get(who, 0.0) for who in sybils)
    flowing = 0.0
    for edge in tricked:
        row = [one.said for one in (*honest, *tricked) if one.by == edge.by and one.said > 0]
        flowing += found.get(edge.by, 0.0) * edge.said / sum(row)
    assert gained <= (1 - formula.restart) / formula.restart * flowing + 1e-5
    made = sum(
        float(voice["word"]) * sum(1 for edge in grown if edge.by == voice["who"])
        for voice in viewing.voices(view)[0]
        if int(voice["who"]) in sybils
    )
    # A viewer who is a sybil's contact is none the wiser: the bar is at least LEAST_NEAR.
    reached = sorted(found.values(), reverse=True)
    bar = max(LEAST_NEAR, reached[formula.nearest - 1] if len(reached) >= formula.nearest else 0.0)
    assert made <= formula.budget * gained / bar + 1e-3


@given(st.integers(2, 40), quorums.filter(lambda quorum: quorum > 1), st.booleans())
def test_a_ring_of_vouches_behind_one_friend_has_no_voice(size: int, quorum: int, ring: bool) -> None:  # noqa: FBT001 - drawn
    """One tricked friend lets one in, and nobody through it, however many vouch for each other."""
    friends = [Edge(0, who, 1.0, 0, ALL) for who in (1, 2, 3)]
    sybils = range(10, 10 + size)
    vouching = [Edge(by, of, 1.0, 0, ALL) for by in sybils for of in sybils if by != of and (not ring or of == by + 1)]
    bad = [Edge(by, 2, -1.0, 0, ALL) for by in sybils]
    edges = [*friends, Edge(1, 10, 1.0, 0, ALL), *vouching, *bad]
    viewing, view = seen(edges, 0, replace(EXACT, quorum=quorum), 60)
    assert viewing.standing(view, 10, 0).good > 0
    for sybil in sybils[1:]:
        assert viewing.standing(view, sybil, 0).confidence == 0
    assert viewing.standing(view, 2, 0).bad == 0, "bad-mouthing by whoever has no voice says nothing"


@given(graphs, people, people, quorums)
def test_whoever_comes_with_a_new_name_is_a_stranger(edges: list[Edge], viewer: int, subject: int, quorum: int) -> None:
    """Whitewashing wins the prior and nothing else; and nobody stands better than by good words alone."""
    formula = replace(EXACT, quorum=quorum, prior=0.2)
    renamed = [*edges, Edge(PEOPLE, subject, 1.0, 0, ALL)]
    viewing, view = seen(renamed, viewer, formula, PEOPLE + 1)
    fresh = viewing.standing(view, PEOPLE, 0)
    assert (fresh.reputation, fresh.confidence) == (0.2, 0.0)
    before, old = seen(edges, viewer, formula)
    for who in range(PEOPLE):
        assert viewing.standing(view, who, 0) == before.standing(old, who, 0), "a word of nobody's says nothing"


@given(st.integers(1, 12), st.floats(0, 1500))
def test_a_good_account_that_turns_falls_with_every_word_and_faster_than_it_rose(count: int, later: float) -> None:
    friends = range(1, 1 + count)
    edges = [Edge(0, friend, 1.0, 0, ALL) for friend in friends]
    edges += [Edge(friend, 20, 1.0, 0, ALL) for friend in friends]
    viewing = Viewing(Graph.of(edges, 21), EXACT)
    last = viewing.standing(viewing.build(0), 20, later)
    for friend in friends:
        viewing.graph.put(Edge(friend, 20, -1.0, later, ALL))
        now = viewing.standing(viewing.build(0), 20, later)
        assert now.reputation < last.reputation
        last = now
    assert last.good == 0
    assert last.reputation <= (EXACT.weight * EXACT.prior) / (EXACT.weight + count) + 1e-6


@given(graphs, people, people, people)
def test_one_more_bad_word_helps_nobody_at_quorum_one(edges: list[Edge], viewer: int, by: int, of: int) -> None:
    if by == of or any(edge.by == by for edge in edges):
        return  # an author's other words get less of the budget: another matter
    viewing, view = seen(edges, viewer, replace(EXACT, quorum=1))
    before = viewing.standing(view, of, 0)
    viewing.graph.put(Edge(by, of, -1.0, 0, ALL))
    after = viewing.standing(viewing.build(viewer), of, 0)
    assert after.reputation <= before.reputation + 1e-6
    assert np.isfinite(after.reputation)
