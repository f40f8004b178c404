"""Contract wallets: whether one calls a signature its own (EIP-1271), also one that is not deployed yet (ERC-6492).

A contract has no key. What counts as its signature is what it says of it, at the newest block, and that can change: its
owner can, and so can its rules. Everything here is asked of code that strangers wrote, so whatever is not exactly the
answer for yes is a no, and none of it can take more gas than ``GAS`` or longer than the node's one deadline.
"""

from __future__ import annotations

from typing import Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from contracts.chain import Chain
from contracts.deployment import artifact
from contracts.words import word
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, Hash32

GAS: Final = 5_000_000
"""More than a wallet takes that is deployed on the way and checks a passkey's signature by itself."""
UNDEPLOYED: Final = bytes.fromhex("6492" * 16)
"""What a signature of a wallet that is not deployed yet ends with (ERC-6492)."""


def says(chain: Chain, wallet: Address, digest: Hash32, signature: bytes) -> bool:
    """Tell whether ``wallet``, as it stands at the newest block, calls ``signature`` its own over ``digest``.

    A signature in the wrapping of ERC-6492 names a factory that would deploy the wallet. It is asked to, in a call that
    changes nothing, where nothing stands at the address; where something does, that alone is asked. The question is put
    by a contract of ours that is never deployed, so the answer is one word whatever the wallet returns. Raises
    ``ChainUnavailable``, and ``Invalid`` for a wrapping that holds something else.
    """
    factory, deployment, inner = "0x" + "00" * 20, b"", signature
    if signature.endswith(UNDEPLOYED):
        factory, deployment, inner = _unwrapped(signature)
    question = encode(
        ["address", "bytes32", "address", "bytes", "bytes"], [bytes(wallet), digest, factory, deployment, inner]
    )
    try:
        return chain.call(None, artifact("SignatureCheck").creation + question, gas=GAS) == word(1)
    except Conflict:
        return False  # it failed, which is its way of saying no


def _unwrapped(signature: bytes) -> tuple[str, bytes, bytes]:
    """Return the factory, what to call it with, and the wallet's own signature."""
    try:
        factory, deployment, inner = decode(["address", "bytes", "bytes"], signature[: -len(UNDEPLOYED)])
    except (DecodingError, OverflowError, ValueError):
        raise Invalid("signature_malformed", "The signature's wrapping (ERC-6492) is damaged.") from None
    return factory, deployment, inner
