"""The signer, as a port: a key that signs transactions for us and never leaves where it is kept.

That is all that a key of the service signs. Digests (a payer's permit or authorization, a message that links a wallet)
are signed by people's own wallets alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kit.identifiers import Address, Hash32


@dataclass(frozen=True, slots=True)
class Transaction:
    """An EIP-1559 call, ready to be signed; wei and gas are whole numbers. ``to=None`` creates a contract."""

    chain_id: int
    nonce: int
    to: Address | None
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction: its raw bytes and its hash, known before it is ever sent."""

    raw: bytes
    hash: Hash32


class Signer(Protocol):
    """One key, in a file of ours (``contracts.signers``) or elsewhere (``contracts.remote_signer``).

    Its secret is shown nowhere: not in ``repr``, logs or errors.
    """

    @property
    def address(self) -> Address:
        """The key's address."""
        ...

    def sign_transaction(self, transaction: Transaction) -> SignedTransaction:
        """Sign a transaction. Raises ``SignerUnavailable`` where the key is elsewhere, and is not to be had now."""
        ...
