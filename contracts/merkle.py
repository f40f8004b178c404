"""Merkle trees (pure): who is due how much in all, as one root, with a proof for each.

The tree is OpenZeppelin's "standard-v1" (@openzeppelin/merkle-tree, README "Standard Merkle Trees"), to the byte: a
leaf is hashed twice, so that no inner node passes for one; a pair is hashed in order of size, so that a proof needs no
sides; leaves are sorted, so that the same entries give the same root in whatever order they come.
``RewardDistributor`` reads the proofs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from eth_hash.auto import keccak

from contracts.keccaks import HASH_BYTES, Bytes2D, keccaks
from contracts.words import WORD, word, word_of_address
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, parse_address, show_address

FORMAT: Final = "standard-v1"
"""What the format calls itself in a dump."""
PAYOUT_ENCODING: Final = ("address", "uint256")
"""A payout's leaf: whom, and how much in all until now, in base units."""
MOST_LEAVES: Final = 1 << 20
"""More are ``Invalid``: a proof has at most 20 hashes."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree over leaves; ``nodes`` as the format has them (the root first), ``places`` tells where each leaf went."""

    nodes: tuple[Hash32, ...]
    places: tuple[int, ...]

    @classmethod
    def over(cls, leaves: Sequence[Hash32], *, in_order: bool = False) -> Tree:
        """Build the tree over leaves that are hashes already; ``in_order`` leaves them unsorted.

        Raises ``Invalid`` where there is no leaf, or more than ``MOST_LEAVES``, or one that is no hash.
        """
        if not 0 < len(leaves) <= MOST_LEAVES:
            raise Invalid("leaves_out_of_range", f"A tree has 1 to {MOST_LEAVES} leaves, not {len(leaves)}.")
        if any(len(leaf) != HASH_BYTES for leaf in leaves):
            raise Invalid("leaf_malformed", f"A leaf has {HASH_BYTES} bytes.")
        return _built(np.frombuffer(b"".join(leaves), np.uint8).reshape(-1, HASH_BYTES), in_order=in_order)

    @property
    def root(self) -> Hash32:
        return self.nodes[0]

    def proof(self, number: int) -> tuple[Hash32, ...]:
        """Return what proves the leaf that came as this one (from 0): its sibling, its parent's sibling, and so on."""
        nodes, place, found = self.nodes, self.places[number], []
        while place:
            found.append(nodes[place + 1 if place & 1 else place - 1])
            place = (place - 1) >> 1
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Payouts:
    """Who is due how much in all (base units), in the order they came, and the tree over it."""

    entries: tuple[tuple[Address, int], ...]
    tree: Tree

    @classmethod
    def of(cls, entries: Iterable[tuple[Address, int]]) -> Payouts:
        """Build the tree of payouts; the root is the same in whatever order they come.

        Raises ``Invalid`` for a payee who comes twice, an amount that is no uint256, or too few or too many.
        """
        kept = tuple(entries)
        if len({payee for payee, _ in kept}) != len(kept):
            raise Invalid("payee_twice", "A payee has more than one leaf.")
        if not 0 < len(kept) <= MOST_LEAVES:
            raise Invalid("leaves_out_of_range", f"A tree has 1 to {MOST_LEAVES} leaves, not {len(kept)}.")
        encoded = b"".join(word_of_address(payee) + word(cumulative) for payee, cumulative in kept)
        rows = np.frombuffer(encoded, np.uint8).reshape(-1, 2 * WORD)
        return cls(kept, _built(keccaks(keccaks(rows)), in_order=False))

    @property
    def root(self) -> Hash32:
        return self.tree.root

    def proof(self, number: int) -> tuple[Hash32, ...]:
        """Return what ``RewardDistributor.claim`` wants of the entry that came as this one (from 0)."""
        return self.tree.proof(number)

    def dump(self) -> bytes:
        """Write it as JavaScript's ``JSON.stringify(tree.dump())`` does, which ``StandardMerkleTree.load`` reads."""
        values = [[show_address(payee), str(cumulative)] for payee, cumulative in self.entries]
        return dump(self.tree, PAYOUT_ENCODING, values)

    @classmethod
    def load(cls, text: bytes) -> Payouts:
        """Read a dump and compute it anew. Raises ``Invalid`` where it is no dump of payouts, or differs."""
        try:
            written = json.loads(text)
            if written["format"] != FORMAT or tuple(written["leafEncoding"]) != PAYOUT_ENCODING:
                raise Invalid("dump_foreign", "This is no tree of payouts.")
            payouts = cls.of(_entry(value["value"]) for value in written["values"])
            places = tuple(value["treeIndex"] for value in written["values"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise Invalid("dump_malformed", "This is no dump of a Merkle tree.") from error
        shown = ["0x" + node.hex() for node in payouts.tree.nodes]
        if written.get("tree") != shown or places != payouts.tree.places:
            raise Invalid("dump_differs", "The tree is not the one over its values.")
        return payouts


def leaf_of(encoded: bytes) -> Hash32:
    """Return the leaf of a value as the ABI encodes it: hashed twice."""
    return Hash32(keccak(keccak(encoded)))


def payout_leaf(payee: Address, cumulative: int) -> Hash32:
    """Return the leaf of a payout, as ``RewardDistributor.leaf`` does; ``cumulative`` in base units."""
    return leaf_of(word_of_address(payee) + word(cumulative))


def root_by(leaf: Hash32, proof: Iterable[Hash32]) -> Hash32:
    """Return the root that a leaf and its proof lead to."""
    node = bytes(leaf)
    for other in proof:
        node = keccak(node + other if node <= other else other + node)
    return Hash32(node)


def proves(root: Hash32, leaf: Hash32, proof: Iterable[Hash32]) -> bool:
    """Tell whether the proof shows that the leaf is under the root."""
    return root_by(leaf, proof) == root


def dump(tree: Tree, encoding: Sequence[str], values: Sequence[Sequence[Any]]) -> bytes:
    """Write a tree as ``JSON.stringify(tree.dump())`` does; ``values`` as JSON has them, in the order of the leaves."""
    document: Mapping[str, Any] = {
        "format": FORMAT,
        "leafEncoding": list(encoding),
        "tree": ["0x" + node.hex() for node in tree.nodes],
        "values": [
            {"value": list(value), "treeIndex": place} for value, place in zip(values, tree.places, strict=True)
        ],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _entry(value: Any) -> tuple[Address, int]:  # noqa: ANN401 - out of JSON
    payee, cumulative = value
    if not isinstance(payee, str) or not isinstance(cumulative, str) or not cumulative.isascii():
        raise Invalid("dump_malformed", "A payout is an address and a decimal number, both in quotes.")
    if not cumulative.isdecimal() or len(cumulative) > len(str(1 << 256)):
        raise Invalid("dump_malformed", "A payout's amount is no decimal number of 256 bits.")
    if str(amount := int(cumulative)) != cumulative:
        raise Invalid("dump_malformed", "A payout's amount has zeros before it.")
    return parse_address(payee), amount


def _built(leaves: Bytes2D, *, in_order: bool) -> Tree:
    count = len(leaves)
    last = 2 * count - 2
    order = np.arange(count) if in_order else _sorted(leaves)
    places = np.empty(count, np.int64)
    places[order] = last - np.arange(count)
    nodes = np.empty((last + 1, HASH_BYTES), np.uint8)
    nodes[places] = leaves
    for depth in reversed(range((count - 1).bit_length())):  # all inner nodes of a depth at once
        first, end = (1 << depth) - 1, min((2 << depth) - 1, count - 1)
        nodes[first:end] = _pairs(nodes[2 * first + 1 : 2 * end + 1].reshape(-1, 2 * HASH_BYTES))
    flat = nodes.tobytes()
    return Tree(
        nodes=tuple(Hash32(flat[start : start + HASH_BYTES]) for start in range(0, len(flat), HASH_BYTES)),
        places=tuple(places.tolist()),
    )


def _sorted(leaves: Bytes2D) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the order of the leaves by size, equal ones as they came."""
    columns = np.ascontiguousarray(leaves).view(">u8").astype(np.uint64)
    return np.lexsort(columns.T[::-1])


def _pairs(pairs: Bytes2D) -> Bytes2D:
    """Hash each pair, the smaller one first."""
    left, right = pairs[:, :HASH_BYTES], pairs[:, HASH_BYTES:]
    differ = left != right
    column = differ.argmax(axis=1)
    rows = np.arange(len(pairs))
    swapped = left[rows, column] > right[rows, column]
    ordered = np.where(swapped[:, None], np.concatenate((right, left), axis=1), pairs)
    return keccaks(ordered)
