"""The formula keeps what it promises of any servers: sums, order, availability, and that splitting never pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kit.amounts import UINT256_MAX
from kit.errors import Invalid
from kit.identifiers import ServerName
from payments.rewards.model import BUCKET, Measured, bucket_of, people_in
from payments.rewards.shares import LINEAR, MOST, PRECISION, WHOLE, apportion, count, give_out, share
from tests.support.measured import measured, network, payee, worlds

budgets = st.integers(0, 100) | st.integers(0, UINT256_MAX)
LARGE = 10**24


@given(budgets, worlds())
def test_shares_and_forfeits_sum_to_the_budget_where_anybody_counts(budget: int, servers: list[Measured]) -> None:
    given_out = share(budget, servers)
    anybody = any(one.score for one in count(servers))
    assert given_out.paid + given_out.forfeited == (budget if anybody else 0)
    assert min([0, *given_out.of.values(), given_out.forfeited]) == 0


@given(budgets, worlds(), st.randoms(use_true_random=False))
def test_order_changes_nothing(budget: int, servers: list[Measured], chance: Random) -> None:
    shuffled = list(servers)
    chance.shuffle(shuffled)
    assert share(budget, shuffled) == share(budget, servers)


@given(worlds())
def test_what_is_withheld_makes_no_other_share_larger(servers: list[Measured]) -> None:
    assume(servers)
    free = [replace(one, withheld=False) for one in servers]
    before, after = share(LARGE, free), share(LARGE, [replace(free[0], withheld=True), *free[1:]])
    for payout, amount in after.of.items():
        assert amount <= before.of[payout] + 1  # the last base unit of rounding


@given(budgets, st.lists(st.integers(0, 50) | st.integers(0, 10**40), max_size=12))
def test_everybody_gets_their_proportion_but_for_less_than_one_base_unit(budget: int, scores: list[int]) -> None:
    parts = apportion(budget, {payee(number): score for number, score in enumerate(scores, 1)})
    total = sum(scores)
    for number, score in enumerate(scores, 1):
        assert abs(parts[payee(number)] * total - budget * score) < max(1, total)
    for one, its in enumerate(scores, 1):
        for two, other in enumerate(scores, 1):
            assert its <= other or parts[payee(one)] >= parts[payee(two)]


@given(worlds(withheld=False), st.integers(0, 7), st.integers(1, 1000))
def test_to_be_there_more_never_costs_anything(servers: list[Measured], which: int, more: int) -> None:
    assume(which < len(servers))
    one = servers[which]
    better = replace(one, availability=min(1000, one.availability + more))
    after = [*servers[:which], better, *servers[which + 1 :]]
    scores = [counted.score for counted in count(servers)]
    scores_after = [counted.score for counted in count(after)]
    assert scores_after[which] >= scores[which]
    assert all(new <= old for place, (new, old) in enumerate(zip(scores_after, scores, strict=True)) if place != which)
    if scores[which]:
        assert scores_after[which] * sum(scores) >= scores[which] * sum(scores_after)


@given(worlds(withheld=False), st.integers(0, 7), st.integers(1, 1000))
def test_more_people_never_cost_anything(servers: list[Measured], which: int, more: int) -> None:
    assume(which < len(servers))
    larger = replace(servers[which], people=servers[which].people + more)
    after = [*servers[:which], larger, *servers[which + 1 :]]
    assert count(after)[which].score >= count(servers)[which].score


@st.composite
def splits(draw: st.DrawFn) -> tuple[Measured, list[Measured]]:
    """An operator's one server, and the same people on several, which have one thing in common and may differ else."""
    people = draw(st.integers(1, 400) | st.integers(1, 100_000))
    cuts = sorted(draw(st.lists(st.integers(0, people), max_size=6)))
    sizes = [end - begin for begin, end in zip([0, *cuts], [*cuts, people], strict=True)]
    availability = draw(st.integers(900, 1000))
    common = draw(st.sampled_from(["domain", "payout", "network"]))
    parts = []
    for number, size in enumerate(sizes, 500):
        parts.append(
            measured(
                number,
                people=size,
                domain="split.example" if common == "domain" else f"split{number}.example",
                payout=500 if common == "payout" else number,
                networks=(network(500),) if common == "network" else (network(number),),
                availability=draw(st.integers(0, availability)),
            )
        )
    whole = measured(
        500,
        people=people,
        domain="split.example",
        networks=(network(500),),
        availability=availability,
    )
    return whole, parts


@given(worlds(), splits(), st.integers(0, 10**30))
def test_splitting_never_raises_the_sum(
    others: list[Measured], split: tuple[Measured, list[Measured]], budget: int
) -> None:
    whole, parts = split
    alone, apart = count([*others, whole]), count([*others, *parts])
    assert sum(one.score for one in apart[len(others) :]) <= alone[-1].score
    paid, paid_apart = give_out(budget, alone), give_out(budget, apart)
    payouts = {one.payout for one in parts}
    rounding = len(payouts) - 1  # less than a base unit for each address beyond the first
    assert sum(paid_apart.of[payout] for payout in payouts) <= paid.of[whole.payout] + rounding


def _at_one_domain(number: int) -> Measured:
    return measured(number, name=f"s{number}.farm.example", domain="farm.example", people=0)


def _at_one_address(number: int) -> Measured:
    return measured(number, payout=7, people=0)


def _in_one_network(number: int) -> Measured:
    return measured(number, networks=(network(7),), people=0)


@pytest.mark.parametrize("sybil", [_at_one_domain, _at_one_address, _in_one_network])
@pytest.mark.parametrize("people", [1000, 5000, 1_000_000])
def test_a_thousand_sybils_of_one_operator_get_what_one_server_would(
    sybil: Callable[[int], Measured], people: int
) -> None:
    honest = [measured(number, people=10 * number) for number in range(5001, 5011)]
    sybils = [replace(sybil(number), people=bucket_of(people // 1000)) for number in range(1000, 2000)]
    whole = replace(measured(1000, people=people))
    alone, apart = share(LARGE, [*honest, whole]), share(LARGE, [*honest, *sybils])
    theirs = sum(apart.of[payout] for payout in {one.payout for one in sybils})
    assert theirs <= alone.of[whole.payout] + 1000
    assert sum(apart.of[one.payout] for one in honest) >= sum(alone.of[one.payout] for one in honest) - 1000


def _as_the_page_says(servers: list[Measured]) -> list[Decimal]:
    """What docs/rewards.md says a server counts for, in exact numbers, written without a look at how we compute it."""
    there = [one for one in servers if one.availability >= 900 and one.people and one.weight]
    factors = {
        one.server: Decimal(one.weight) / 100 * (Decimal(1) / 2 + Decimal(one.availability - 900) / 200)
        for one in there
    }

    def groups(one: Measured) -> list[list[Measured]]:
        return [
            [other for other in there if other.domain == one.domain],
            [other for other in there if other.payout == one.payout],
            *([other for other in there if network in other.networks] for network in one.networks),
        ]

    found = []
    for one in servers:
        if one not in there:
            found.append(Decimal(0))
            continue
        sizes = [sum((other.people - 1) * factors[other.server] for other in group) for group in groups(one)]
        largest = Decimal(max(sizes))
        together = largest if largest <= 20 else (20 * min(largest, Decimal(2000))).sqrt()
        used = together * (one.people - 1) * factors[one.server] / largest if largest else Decimal(0)
        found.append(factors[one.server] / max(map(len, groups(one))) + used)
    return found


@given(worlds())
def test_scores_are_those_of_the_page(servers: list[Measured]) -> None:
    with localcontext(prec=100):
        for one, right in zip(count(servers), _as_the_page_says(servers), strict=True):
            lost = right * PRECISION * WHOLE - one.score
            assert Decimal("-0.001") < lost < Decimal("2.001")  # less than one in each of its two parts


@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_parts_have_no_more_full_buckets_than_the_whole(parts: list[int]) -> None:
    assert sum(max(0, bucket_of(part) - 1) for part in parts) <= max(0, bucket_of(sum(parts)) - 1)


@given(st.integers(0, 10**7 - BUCKET))
def test_a_bucket_says_how_many_people_it_may_stand_for(people: int) -> None:
    least, most = people_in(bucket_of(people))
    assert least <= people <= most
    assert most - least < BUCKET


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_nobody_counts_for_more_than_two_hundred_and_one_of_the_smallest(one: int, two: int) -> None:
    small, large = count([measured(1, people=1), measured(2, people=max(one, two))])
    most = PRECISION * WHOLE * (1 + 200)
    assert small.score == PRECISION * WHOLE
    assert large.score <= most
    assert (MOST * LINEAR) ** 0.5 == 200


def test_a_server_counts_once() -> None:
    with pytest.raises(Invalid, match="counts once"):
        count([measured(1), replace(measured(2), server=ServerName("matrix1.s1.example"), domain="s1.example")])
