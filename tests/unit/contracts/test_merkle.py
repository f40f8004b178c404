"""Merkle trees: the published vectors where they are at hand, and what no tree is made of."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from contracts.merkle import MOST_LEAVES, Payouts, Tree, dump, leaf_of, payout_leaf, proves, root_by
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "merkle-tree"
ALICE, BOB = Address(b"\xa1" * 20), Address(b"\xb0" * 20)
PAYOUTS = Payouts.of([(ALICE, 5), (BOB, 0), (Address(b"\xc0" * 20), (1 << 256) - 1)])


@pytest.mark.parametrize("kind", ["sorted", "unsorted"])
def test_the_published_trees_come_out_to_the_byte(kind: str) -> None:
    path = VECTORS / f"standard-v1.{kind}.1_0_6.json"
    if not path.is_file():
        pytest.skip(f"no {path}: OpenZeppelin/merkle-tree's test/dumps go there")
    published = path.read_bytes().rstrip()
    document = json.loads(published)
    values = [value["value"] for value in document["values"]]
    leaves = [leaf_of(encode(document["leafEncoding"], value)) for value in values]
    tree = Tree.over(leaves, in_order=kind == "unsorted")
    assert dump(tree, document["leafEncoding"], values) == published


def test_a_tree_of_one_is_its_leaf() -> None:
    alone = Payouts.of([(ALICE, 5)])
    assert alone.root == payout_leaf(ALICE, 5)
    assert alone.proof(0) == ()


def test_a_payout_is_encoded_as_the_abi_says() -> None:
    assert payout_leaf(ALICE, 5) == leaf_of(encode(["address", "uint256"], [ALICE, 5]))


def test_an_inner_node_is_no_leaf() -> None:
    first, second = sorted(PAYOUTS.tree.nodes[1:3])
    assert root_by(first, [second]) == PAYOUTS.root
    assert not proves(PAYOUTS.root, leaf_of(first + second), [])


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "leaves_out_of_range"),
        ([(ALICE, 1), (BOB, 1), (ALICE, 2)], "payee_twice"),
        ([(ALICE, -1)], "word_out_of_range"),
        ([(ALICE, 1 << 256)], "word_out_of_range"),
        ([(Address(b"short"), 1)], "word_malformed"),
    ],
)
def test_what_no_payouts_are(entries: list[tuple[Address, int]], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        Payouts.of(entries)
    assert refused.value.code == code


def test_what_no_leaves_are() -> None:
    for leaves in ([], [Hash32(b"short")], [payout_leaf(ALICE, 1)] * (MOST_LEAVES + 1)):
        with pytest.raises(Invalid):
            Tree.over(leaves)


def test_a_dump_is_read_back() -> None:
    assert Payouts.load(PAYOUTS.dump()) == PAYOUTS


def changed(**parts: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(json.loads(PAYOUTS.dump()) | parts).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"{}",
        changed(format="simple-v1"),
        changed(leafEncoding=["address", "uint128"]),
        changed(tree=[]),
        changed(tree=None),
        changed(values=[]),
        changed(values=7),
        changed(values=[{"value": ["0x" + "a1" * 20, "5"], "treeIndex": 0}]),
        changed(values=[{"value": ["0x" + "a1" * 20, 5], "treeIndex": 0}]),
        changed(values=[{"value": ["0x" + "a1" * 20, "9" * 5000], "treeIndex": 0}]),
        changed(values=[{"value": ["0x" + "a1" * 20, "05"], "treeIndex": 0}]),
        changed(values=[{"value": ["0x" + "a1" * 20, "-5"], "treeIndex": 0}]),
        changed(values=[{"value": ["0xa1", "5"], "treeIndex": 0}]),
        changed(values=[{"value": ["0x" + "a1" * 20], "treeIndex": 0}]),
        changed(values=[{"value": "ab", "treeIndex": {}}]),
    ],
)
def test_what_no_dump_is(text: bytes) -> None:
    with pytest.raises(Invalid):
        Payouts.load(text)


def test_a_dump_with_one_thing_changed_is_no_dump() -> None:
    document = json.loads(PAYOUTS.dump())
    document["values"][0]["treeIndex"], document["values"][1]["treeIndex"] = 2, 3
    for changed_document in (document, json.loads(PAYOUTS.dump().replace(b'"5"', b'"6"'))):
        with pytest.raises(Invalid) as refused:
            Payouts.load(json.dumps(changed_document).encode())
        assert refused.value.code == "dump_differs"
