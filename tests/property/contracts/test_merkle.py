"""Merkle trees of any shape: every leaf is proved, nothing else is, and many hashes at once are the same hashes."""

import random
from itertools import pairwise

import numpy as np
import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts.keccaks import keccaks
from contracts.merkle import Payouts, Tree, payout_leaf, proves
from kit.errors import Invalid
from kit.identifiers import Address, Hash32
from tests.support.terms import addresses, amounts, hashes

some_payouts = st.lists(st.tuples(addresses, amounts), min_size=1, max_size=40, unique_by=lambda entry: entry[0])


def slowly(leaves: list[Hash32]) -> Hash32:
    """The root as the format tells of it: leaves from the end, each pair hashed in order of size."""
    nodes = [b""] * (len(leaves) - 1) + sorted(leaves, reverse=True)
    for place in reversed(range(len(leaves) - 1)):
        nodes[place] = keccak(b"".join(sorted(nodes[2 * place + 1 : 2 * place + 3])))
    return Hash32(nodes[0])


@given(some_payouts)
def test_the_root_is_the_one_that_is_computed_node_by_node(entries: list[tuple[Address, int]]) -> None:
    assert Payouts.of(entries).root == slowly([payout_leaf(*entry) for entry in entries])


@given(some_payouts)
def test_each_is_proved(entries: list[tuple[Address, int]]) -> None:
    payouts = Payouts.of(entries)
    for number, (payee, cumulative) in enumerate(entries):
        proof = payouts.proof(number)
        assert len(proof) <= len(entries).bit_length()
        assert proves(payouts.root, payout_leaf(payee, cumulative), proof)
        assert not proves(payouts.root, payout_leaf(payee, cumulative ^ 1), proof)


@given(some_payouts, addresses, amounts)
def test_nobody_else_is_proved_by_anybodys_proof(
    entries: list[tuple[Address, int]], payee: Address, amount: int
) -> None:
    payouts = Payouts.of(entries)
    leaf = payout_leaf(payee, amount)
    proofs = [payouts.proof(number) for number in range(len(entries))]
    assert any(proves(payouts.root, leaf, proof) for proof in proofs) == ((payee, amount) in entries)


@given(some_payouts, st.randoms(use_true_random=False))
def test_order_changes_nothing(entries: list[tuple[Address, int]], chance: random.Random) -> None:
    mixed = chance.sample(entries, len(entries))
    ordered, other = Payouts.of(entries), Payouts.of(mixed)
    assert ordered.root == other.root
    assert ordered.tree.nodes == other.tree.nodes


@given(some_payouts, st.data())
def test_any_change_changes_the_root(entries: list[tuple[Address, int]], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(amounts.filter(lambda amount: amount != entries[number][1]))
    changed = [*entries[:number], (entries[number][0], other), *entries[number + 1 :]]
    assert Payouts.of(entries).root != Payouts.of(changed).root
    if len(entries) > 1:
        assert Payouts.of(entries).root != Payouts.of(entries[:number] + entries[number + 1 :]).root


@given(some_payouts)
def test_a_dump_is_read_back(entries: list[tuple[Address, int]]) -> None:
    payouts = Payouts.of(entries)
    assert Payouts.load(payouts.dump()) == payouts


@given(st.lists(hashes, min_size=1, max_size=40), st.booleans())
def test_leaves_that_are_alike_are_leaves_too(leaves: list[Hash32], in_order: bool) -> None:  # noqa: FBT001
    tree = Tree.over(leaves, in_order=in_order)
    assert [tree.nodes[place] for place in tree.places] == leaves
    assert sorted(tree.places) == list(range(len(leaves) - 1, 2 * len(leaves) - 1))
    assert all(proves(tree.root, leaf, tree.proof(number)) for number, leaf in enumerate(leaves))
    if not in_order:
        assert all(one >= other for one, other in pairwise(tree.nodes[len(leaves) - 1 :]))


def test_a_great_tree_is_the_one_that_is_computed_node_by_node() -> None:
    entries = [(Address(keccak(bytes([number >> 8, number & 255]))[:20]), number) for number in range(9_001)]
    assert Payouts.of(entries).root == slowly([payout_leaf(*entry) for entry in entries])


@pytest.mark.parametrize("size", [0, 1, 7, 8, 31, 32, 64, 134, 135])
@pytest.mark.parametrize("count", [0, 1, 256, 257, 4096, 4097])
def test_many_hashes_at_once_are_the_same_hashes(size: int, count: int) -> None:
    messages = np.random.default_rng(size + count).integers(0, 256, (count, size), np.uint8)
    assert [row.tobytes() for row in keccaks(messages)] == [keccak(row.tobytes()) for row in messages]


def test_what_does_not_fit_in_a_block_is_refused() -> None:
    with pytest.raises(Invalid):
        keccaks(np.zeros((1, 136), np.uint8))
