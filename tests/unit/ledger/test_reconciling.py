"""Reconciling: which wallets have their turn, and which line says what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import Address, Hash32
from ledger import model, reconciling
from ledger.reconciling import Check, Line

WALLETS = [Address(bytes([number]) * 20) for number in range(1, 11)]
STAKE = model.stake(Hash32(b"\1" * 32))
OTHER = model.stake(Hash32(b"\2" * 32))


def test_few_wallets_all_have_their_turn() -> None:
    assert reconciling.turn(WALLETS, after=WALLETS[3], doubted=[], most=10) == WALLETS


@given(most=st.integers(1, 9), doubted=st.lists(st.sampled_from(WALLETS), max_size=3, unique=True))
def test_many_take_turns_and_every_one_comes(most: int, doubted: list[Address]) -> None:
    seen: set[Address] = set()
    after = None
    for _ in range(-(-len(WALLETS) // most)):
        chosen = reconciling.turn(WALLETS, after=after, doubted=doubted, most=most)
        assert len(set(chosen)) == len(chosen) <= most + len(doubted)
        assert set(doubted) <= set(chosen)
        seen |= set(chosen[-most:])
        after = chosen[-1]
    assert seen == set(WALLETS)


def test_a_wallet_in_doubt_that_holds_nothing_any_more_is_asked_for() -> None:
    gone = Address(b"\xee" * 20)
    assert gone in reconciling.turn(WALLETS, after=None, doubted=[gone], most=3)
    assert gone in reconciling.turn(WALLETS, after=None, doubted=[gone], most=30)


def test_stakes_are_held_against_their_terms_one_by_one_where_they_differ() -> None:
    found = list(reconciling.stake_checks({STAKE: 5, model.MINT: -5}, {STAKE: 5}))
    assert found == [Check(Line.STAKES, 5, 5)]
    found = list(reconciling.stake_checks({STAKE: 5}, {OTHER: 5}))
    assert found == [Check(Line.STAKES, 5, 5), Check(Line.STAKES, 5, 0, STAKE), Check(Line.STAKES, 0, 5, OTHER)]


def test_an_entry_out_of_balance_and_a_balance_that_no_posting_made_are_told() -> None:
    found = list(reconciling.folded_checks({STAKE: 5, OTHER: 1}, {STAKE: 5, OTHER: 2}, entries=3, in_balance=2))
    assert [one for one in found if not one.holds] == [
        Check(Line.ENTRIES, 2, 3),
        Check(Line.KEPT, 1, 2),
        Check(Line.KEPT, 1, 2, OTHER),
    ]
    assert [one.counts for one in found] == [True, True, False]
