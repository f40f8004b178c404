"""Estimates from what is noted of an epoch: what the formula gives to the server when all of it is counted anew."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from kit.identifiers import Address
from payments.rewards.estimating import would_make
from payments.rewards.finding import Finding, rows_of
from payments.rewards.model import Measured
from payments.rewards.shares import share
from tests.support.epochs import closed
from tests.support.measured import drawn, measured, worlds

SOMEBODY = Address(b"\xee" * 20)


class Kept(Finding):
    """What is noted, in memory."""

    def __init__(self, servers: list[Measured]) -> None:
        super().__init__(Session())
        self.epoch = closed(1, servers)
        self.rows = dict(rows_of(self.epoch))

    def _rows(self, _: int, *places: str) -> dict[str, bytes]:
        return {place: self.rows[place] for place in places if place in self.rows}


@given(world=worlds(), one=drawn(1, lines=False), known=st.booleans())
@example(world=[measured(1), measured(2, domain="s1.example")], one=measured(3, domain="s1.example"), known=False)
@example(world=[measured(1, payout=7), measured(2, payout=7)], one=measured(1, payout=7), known=True)
@example(world=[measured(1, people=0)], one=measured(1), known=True)
@example(world=[], one=measured(1, people=0), known=False)
def test_it_is_what_counting_all_of_it_anew_gives(world: list[Measured], one: Measured, *, known: bool) -> None:
    one = replace(one, payout=SOMEBODY)
    if not known:
        one = replace(one, server=measured(99, domain=one.domain).server)
    kept = Kept(world)
    near = kept.near(1, one)
    assert near is not None
    budget = kept.epoch.budget
    found = would_make(budget, one, kept.neighbourhood(1, near))
    others = [each for each in world if each.server != one.server]
    exact = share(budget, [*others, one]).of.get(SOMEBODY, 0)
    assert exact - found in (0, 1), "rounded down, where the formula may round up"
