"""The root that goes on the chain (pure): a Merkle tree over what each payout address has earned in all.

It is OpenZeppelin's standard tree: a leaf is the double hash of ``abi.encode(address payee, uint256 cumulative)``,
leaves stand in the order of their hashes, and each pair is hashed in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from eth_utils.crypto import keccak

from contracts.words import word, word_of_address
from kit.identifiers import Address, Hash32


def root_of(sums: Mapping[Address, int]) -> Hash32 | None:
    """Return the root of all sums that are more than nothing; ``None`` where there are none."""
    leaves = sorted(keccak(keccak(word_of_address(who) + word(amount))) for who, amount in sums.items() if amount)
    if not leaves:
        return None
    tree = [b""] * (len(leaves) - 1) + leaves[::-1]
    for place in range(len(leaves) - 2, -1, -1):
        left, right = tree[2 * place + 1], tree[2 * place + 2]
        tree[place] = keccak(left + right if left < right else right + left)
    return Hash32(tree[0])
