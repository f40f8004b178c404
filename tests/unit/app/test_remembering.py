"""What the gate remembers: bounded, keyed, and ended by the change of whoever it is about."""

from __future__ import annotations

from dataclasses import replace

from app import remembering
from app.remembering import Arrived, Moments, Pairs
from reputation.verdict import Code
from tests.support.knocks import KNOCK

ANN, BOB = 7, 8
FOREVER = 10**9


def keep(pairs: Pairs, key: int, subjects: tuple[int, int] = (ANN, 0), *, moment: int = 0) -> None:
    pairs.keep(key, Code.EXEMPT, subjects, moment=moment, until=FOREVER)


def test_a_pair_ends_with_a_change_of_either_of_its_people() -> None:
    for changed in (ANN, BOB):
        moments = Moments()
        pairs = Pairs(moments)
        keep(pairs, 1, (ANN, BOB))
        moments.heard({9})
        assert pairs.passes(1, 0) is Code.EXEMPT
        moments.heard({changed})
        assert pairs.passes(1, 0) is None
        assert pairs.knows(1), "it still waits behind no stranger"
        keep(pairs, 1, (ANN, BOB), moment=moments.now)
        assert pairs.passes(1, 0) is Code.EXEMPT


def test_a_change_of_anybody_ends_all_and_so_do_more_changes_than_are_remembered() -> None:
    for subjects in (None, range(10, 10 + remembering.MOST_CHANGED + 1)):
        moments = Moments()
        pairs = Pairs(moments)
        keep(pairs, 1)
        moments.heard(subjects)
        assert pairs.passes(1, 0) is None
        keep(pairs, 2, moment=moments.now - 1)  # read before, kept after
        assert pairs.passes(2, 0) is None


def test_a_pair_ends_with_its_time() -> None:
    pairs = Pairs(Moments())
    pairs.keep(1, Code.ACCEPTED_BEFORE, (ANN, 0), moment=0, until=100)
    assert pairs.passes(1, 99.9) is Code.ACCEPTED_BEFORE
    assert pairs.passes(1, 100) is None


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    pairs = Pairs(Moments(), most=100)
    for key in range(1_000):
        keep(pairs, key)
        assert len(pairs) <= 101
    assert pairs.passes(999, 0) is Code.EXEMPT
    assert pairs.passes(1, 0) is None


def test_a_key_is_of_this_tenant_and_these_two_and_nobody_can_foresee_it() -> None:
    pairs = Pairs(Moments())
    keys = {pairs.key(1, "@a:x", "@b:y"), pairs.key(2, "@a:x", "@b:y"), pairs.key(1, "@b:y", "@a:x")}
    keys |= {pairs.key(1, "@a:x@", "b:y"), Pairs(Moments()).key(1, "@a:x", "@b:y")}
    assert len(keys) == 5
    assert pairs.key(1, "@a:x", "@b:y") in keys


def test_numbers_too_large_for_it_are_not_remembered() -> None:
    pairs = Pairs(Moments())
    keep(pairs, 1, (1 << 40, 0))
    keep(pairs, 2, ((1 << 40) - 1, (1 << 40) - 1))
    assert pairs.passes(1, 0) is None
    assert pairs.passes(2, 0) is Code.EXEMPT


def test_of_whom_an_open_door_let_in_nothing_is_kept_that_they_wrote() -> None:
    arrived = Arrived()
    arrived.note(replace(KNOCK, told={"knock.text": "x" * 60_000}))
    assert arrived.take(1) == [KNOCK]
