"""Standing: what no edge can be, what nobody learns of others, what is explained, and what is kept in bounds."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from kit.errors import Invalid
from reputation.trust.caching import Views
from reputation.trust.explaining import Share, explain, turn
from reputation.trust.formula import PRODUCT, Formula, bond_factor, prior_with_stake
from reputation.trust.graph import MOST_HEARD, Audience, Edge, Graph
from reputation.trust.views import Viewing

ALICE, BOB, CAROL, DAVE, ERIN, SPY = range(6)
ALL = Audience.EVERYONE
ALONE = replace(PRODUCT, quorum=1)


def a_word(by: int, of: int, said: float = 1.0, audience: Audience = ALL) -> Edge:
    return Edge(by, of, said, 0.0, audience)


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": -1},
        {"of": 10**9},
        {"of": 0},
        {"said": 0.0},
        {"said": math.nan},
        {"said": 1.5},
        {"said": math.inf},
        {"day": math.nan},
        {"day": 1e12},
        {"bond": 0.5},
        {"bond": math.nan},
    ],
)
def test_what_nobody_can_have_said_is_refused_alone_and_among_others(wrong: dict[str, float]) -> None:
    fine = {"by": 0, "of": 1, "said": 1.0, "day": 0.0, "bond": 1.0}
    with pytest.raises(Invalid):
        Edge(**(fine | wrong))  # type: ignore[arg-type]
    before = {"by": 2, "of": 3, "said": 1.0, "day": 0.0, "bond": 1.0}
    columns = {name: np.array([before[name], value]) for name, value in (fine | wrong).items()}
    with pytest.raises(Invalid, match="edge 1"):
        Graph.of_arrays(**columns)  # type: ignore[arg-type]


def test_one_pair_has_one_edge() -> None:
    with pytest.raises(Invalid, match="0 rates 1 twice"):
        Graph.of([a_word(0, 1), a_word(0, 1, -1.0)])
    graph = Graph.of([a_word(0, 1)])
    graph.put(a_word(0, 1, -1.0))
    assert [edge.said for edge in graph.edges_of(0)] == [-1.0]
    assert graph.drop(0, 1)
    assert not graph.drop(0, 1)
    assert not graph.drop(7, 9)
    assert list(graph.edges_of(0)) == []


@pytest.mark.parametrize("name", ["restart", "tolerance", "quorum", "prior", "half_life", "weight"])
def test_numbers_that_make_no_formula_are_refused(name: str) -> None:
    for value in (-1, math.nan, math.inf):
        with pytest.raises(Invalid):
            Formula(**{name: value})  # type: ignore[arg-type]


def test_a_stake_buys_a_hearing_and_never_trust() -> None:
    assert prior_with_stake(0.1, 0) == pytest.approx(0.1)
    assert 0.1 < prior_with_stake(0.1, 1) < prior_with_stake(0.1, 10) <= 0.5
    assert prior_with_stake(0.1, 1e9, shift=1.0) == 0.5
    assert prior_with_stake(0.9, 1e9) == 0.9
    assert bond_factor(0) == 1
    assert 1 < bond_factor(1) < bond_factor(1e9) == 3
    for wrong in (math.nan, -1.0):
        with pytest.raises(Invalid):
            bond_factor(wrong)
        with pytest.raises(Invalid):
            prior_with_stake(0.1, wrong)


def test_a_sybil_that_trusts_one_person_reads_nothing_of_theirs() -> None:
    """Not by name, not in a sum, not by a path, and not by what would change a verdict."""
    theirs = [Edge(ALICE, who, 1.0, 0.0) for who in (BOB, CAROL, DAVE)] + [Edge(BOB, ERIN, 1.0, 0.0)]
    viewing = Viewing(Graph.of([*theirs, Edge(SPY, ALICE, 1.0, 0.0)]), ALONE)
    view = viewing.build(SPY)
    for who in (BOB, CAROL, DAVE, ERIN):
        told = explain(viewing, view, who, 0.0)
        assert told.nobody
        assert (told.standing.reputation, told.standing.confidence) == (PRODUCT.prior, 0.0)
        assert (told.shares, told.path, told.through) == ((), (), None)
    assert {int(one["who"]) for one in view.places[: view.count]} == {SPY, ALICE}
    assert set(turn(viewing, view, BOB, 0.0, 0.95).people) <= {SPY, ALICE}


def test_whom_alice_trusts_sees_what_she_meant_for_them_and_what_is_hers_alone_stays_so() -> None:
    mine = [Edge(ALICE, BOB, 1.0, 0.0), Edge(ALICE, CAROL, 1.0, 0.0), Edge(ALICE, DAVE, -1.0, 0.0, Audience.NOBODY)]
    viewing = Viewing(Graph.of([*mine, Edge(BOB, ALICE, 1.0, 0.0)]), ALONE)
    of_bob, of_alice = viewing.build(BOB), viewing.build(ALICE)
    assert viewing.standing(of_bob, CAROL, 0.0).good > 0
    assert viewing.standing(of_bob, DAVE, 0.0).confidence == 0
    assert viewing.standing(of_alice, DAVE, 0.0).bad > 0
    viewing.graph.put(Edge(ALICE, BOB, 1.0, 0.0, Audience.NOBODY))
    of_bob = viewing.follow(of_bob)
    assert viewing.standing(of_bob, CAROL, 0.0).confidence == 0, "a secret vouch would tell of itself by what it opened"


def test_shares_the_path_and_the_one_friend_through_whom_all_comes() -> None:
    edges = [a_word(ALICE, BOB), a_word(BOB, CAROL), a_word(CAROL, ERIN), a_word(BOB, DAVE), a_word(DAVE, ERIN, -1.0)]
    viewing = Viewing(Graph.of(edges), ALONE)
    view = viewing.build(ALICE)
    told = explain(viewing, view, ERIN, 0.0)
    assert told.shares == (Share(CAROL, 50, good=True), Share(DAVE, 50, good=False))
    assert told.path == (ALICE, BOB, CAROL)
    assert told.through == BOB
    strict = explain(viewing, view, ERIN, 0.0, quorum=2)
    assert strict.standing.confidence == 0
    assert strict.alone == told.standing
    assert not strict.nobody, "somebody knows them, though not two"
    viewing.graph.put(a_word(ALICE, DAVE))
    assert explain(viewing, viewing.follow(view), ERIN, 0.0).through is None


def test_what_would_change_a_verdict_does() -> None:
    friends = [a_word(ALICE, who) for who in (BOB, CAROL, DAVE)]
    viewing = Viewing(Graph.of([*friends, a_word(BOB, ERIN, -1.0)]), replace(ALONE, prior=0.5))
    view = viewing.build(ALICE)
    needed = turn(viewing, view, ERIN, 0.0, 0.6)
    assert needed.good
    assert needed.enough
    assert BOB not in needed.people
    for who in needed.people:
        viewing.graph.put(a_word(who, ERIN))
    assert viewing.standing(viewing.follow(view), ERIN, 0.0).reputation >= 0.6
    assert not turn(viewing, view, ERIN, 0.0, 0.999).enough
    with pytest.raises(Invalid):
        turn(viewing, view, ERIN, 0.0, math.nan)


def test_only_the_newest_words_of_anybody_are_heard() -> None:
    many = [Edge(0, 1 + at, 1.0, float(at), ALL) for at in range(MOST_HEARD + 30)]
    at_once, one_by_one = Graph.of(many), Graph()
    for edge in many:
        one_by_one.put(edge)
    assert list(at_once.edges_of(0)) == list(one_by_one.edges_of(0)) == many[30:]
    assert [len(one_by_one.into.of(edge.of)) for edge in many] == [0] * 30 + [1] * MOST_HEARD
    one_by_one.put(Edge(0, 999, 1.0, -5.0, ALL))
    assert list(one_by_one.edges_of(0)) == many[30:]
    assert len(one_by_one.into.of(999)) == 0
    one_by_one.put(Edge(0, 999, 1.0, 0.0, Audience.NOBODY))
    assert len(list(one_by_one.edges_of(0))) == MOST_HEARD + 1, "one audience's words take no other's place"


def test_all_that_one_says_at_once_is_as_if_it_had_been_so_from_the_start() -> None:
    """An older word comes back for a newer one that was taken back, or is for others now: whatever the order."""
    before = [Edge(0, 1 + at, 1.0, float(at), ALL) for at in range(MOST_HEARD + 30)]
    graph = Graph.of(before)
    older, elsewhere = replace(before[-1], day=-1.0), replace(before[-1], audience=Audience.NOBODY)
    for changed in ([*before[:-1], older], [*before[:-1], elsewhere], before[:-1], before[:3], [], before):
        for said in (changed, changed[::-1]):
            graph.say(0, said)
            anew = Graph.of(changed, graph.people)
            assert list(graph.edges_of(0)) == list(anew.edges_of(0))
            assert [sorted(graph.into.of(one).tolist()) for one in range(graph.people)] == [
                sorted(anew.into.of(one).tolist()) for one in range(graph.people)
            ]
    assert graph.changes == 6, "who says again what they said changes nothing"
    for wrong in ([a_word(1, 2)], [a_word(0, 1), a_word(0, 1, -1.0)]):
        with pytest.raises(Invalid):
            graph.say(0, wrong)


def test_whoever_has_many_accounts_rate_makes_no_score_another() -> None:
    """Beyond a point the voices are gone through instead of those who rated: to the same end."""
    edges = [a_word(ALICE, BOB), a_word(BOB, CAROL, -1.0)]
    farm = [Edge(100 + at, CAROL, 1.0, 0.0, ALL) for at in range(500)]
    few, many = (Viewing(Graph.of([*edges, *more], 700), ALONE) for more in ((), farm))
    assert few.standing(few.build(ALICE), CAROL, 9.0) == many.standing(many.build(ALICE), CAROL, 9.0)
    assert many.standing(many.build(ALICE), CAROL, 9.0).bad > 0


def test_nobody_is_heard_through_somebody_whom_the_last_has_ceased_to_trust() -> None:
    """Carol says so much that little is passed on through her; she is let go in two steps, the second a small one."""
    viewer, dave, erin = 10, 500, 501
    edges = [a_word(viewer, who) for who in (ALICE, BOB, *range(11, 109))]
    edges += [a_word(ALICE, CAROL), *(a_word(BOB, who) for who in (CAROL, 11, 12))]
    edges += [a_word(CAROL, dave), a_word(dave, erin), *(a_word(CAROL, 200 + at, -1.0) for at in range(MOST_HEARD - 1))]
    viewing = Viewing(Graph.of(edges), ALONE)
    view = viewing.build(viewer)
    assert viewing.standing(view, erin, 0.0).good > 0
    for friend in (ALICE, BOB):
        viewing.graph.drop(friend, CAROL)
        view = viewing.follow(view)
    assert explain(viewing, view, erin, 0.0) == explain(viewing, viewing.build(viewer), erin, 0.0)
    assert explain(viewing, view, erin, 0.0).nobody


def test_views_stay_within_their_memory_and_follow_the_graph() -> None:
    chance = np.random.default_rng(1)
    pairs = {(int(by), int(of)) for by, of in chance.integers(0, 200, (1500, 2)) if by != of}
    graph = Graph.of([a_word(*pair) for pair in sorted(pairs)])
    views = Views(graph, PRODUCT, most_bytes=50_000)
    for viewer in range(100):
        views.standing(viewer, 7, 0.0)
        assert views.bytes <= 50_000
    assert 1 <= len(views) < 100
    said = [edge for edge in graph.edges_of(99) if edge.of != 150]
    views.say(99, [*said, a_word(99, 150, -1.0)])
    assert views.standing(99, 150, 0.0).bad > 0
    assert views.explain(99, 150, 0.0).shares
    views.say(99, said)
    fresh = Viewing(graph)
    now, anew = views.standing(99, 150, 0.0), fresh.standing(fresh.build(99), 150, 0.0)
    assert (now.good, now.bad) == pytest.approx((anew.good, anew.bad), abs=1e-2)


def test_three_must_have_a_word_where_three_are_asked() -> None:
    friends = (1, 2, 3)
    trusting = [a_word(0, friend) for friend in friends]
    for vouching in range(4):
        said = [a_word(friend, 4) for friend in friends[:vouching]]
        viewing = Viewing(Graph.of([*trusting, *said, a_word(4, 5)], 6), replace(PRODUCT, quorum=3))
        assert (viewing.standing(viewing.build(0), 5, 0.0).good > 0) == (vouching == 3)


def test_nobody_who_does_not_score_pays_for_the_compiler() -> None:
    program = "import sys, api.main, app.container, app.worker, bot.main; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
