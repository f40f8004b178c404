"""Orders: for whom a payment on the chain is, known as long as it may come, and never told to anybody else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kit.database import Database
from kit.errors import NotFound
from payments.content.orders import GOOD_FOR, KEPT_FOR, MOST_OPEN, Order, Orders
from tests.support.stalls import Stall, key


@pytest.fixture
def stall(database: Database, tmp_path: Path) -> Stall:
    """A stall at which nothing is sold yet."""
    return Stall(database, tmp_path / "contents")


def ordered(stall: Stall, listing: str) -> Order:
    with stall.database.write() as session:
        return Orders(session, stall.now).order(stall.kim, listing)


def test_whom_a_payment_is_for_is_known_longer_than_its_link_is_shown(stall: Stall) -> None:
    listing = stall.put_up()
    made = ordered(stall, listing.id)
    assert ordered(stall, listing.id) == made, "asked again at once it is the same"
    stall.now += GOOD_FOR - timedelta(hours=1)
    assert ordered(stall, listing.id).token != made.token, "but one that is nearly over helps nobody"
    with stall.database.write() as session:
        assert Orders(session, stall.now).find(made.token) == made
        late = Orders(session, made.created_at + KEPT_FOR)
        assert (late.find(made.token), late.of_memo(made.memo)) == (None, made)
        assert (late.of_memo(key(1)), late.prune(limit=10)) == (None, 0)
        gone = Orders(session, made.created_at + KEPT_FOR + timedelta(seconds=1))
        assert (gone.prune(limit=10), gone.of_memo(made.memo)) == (1, None)


def test_orders_are_bounded_and_go_with_the_person_or_the_listing(stall: Stall) -> None:
    kept = stall.put_up()
    first = ordered(stall, kept.id)
    for _ in range(MOST_OPEN):
        ordered(stall, stall.put_up().id)
    last = ordered(stall, kept.id)
    assert last.token != first.token, "the oldest made room"
    with stall.work() as content:
        content.forget(stall.lea)
    with stall.database.write() as session:
        orders = Orders(session, stall.now)
        assert orders.find(last.token) is None, "what nobody paid for goes with its seller"
    kept = stall.put_up()
    mine = ordered(stall, kept.id)
    with stall.database.write() as session:
        orders = Orders(session, stall.now)
        orders.forget(stall.kim)
        assert orders.of_memo(mine.memo) is None
        with pytest.raises(NotFound):
            orders.order(stall.kim, "x" * 22)
