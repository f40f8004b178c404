"""The token's signed transfers (pure, EIP-3009): written down to the last byte, and the logs that tell of their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.chain import RawLog
from contracts.codec import TRANSFER, selector_of, topic_of
from contracts.words import WORD, exact, word, word_of_address, words_of_signature
from kit.identifiers import Address, Hash32

USED: Final = topic_of("AuthorizationUsed(address,bytes32)")
CANCELED: Final = topic_of("AuthorizationCanceled(address,bytes32)")


@dataclass(frozen=True, slots=True)
class Authorization:
    """A transfer as its payer signs it; ``amount`` in base units, times Unix seconds of chain time, both exclusive."""

    payer: Address
    recipient: Address
    amount: int
    valid_after: int
    valid_before: int
    nonce: Hash32


def encode_transfer_with_authorization(signed: Authorization, signature: bytes) -> bytes:
    """Encode ``transferWithAuthorization``: by anybody, with the payer's 65-byte signature."""
    return b"".join(
        (
            _TRANSFER_WITH_AUTHORIZATION,
            word_of_address(signed.payer),
            word_of_address(signed.recipient),
            word(signed.amount),
            word(signed.valid_after),
            word(signed.valid_before),
            exact(signed.nonce, WORD, "nonce"),
            words_of_signature(signature),
        )
    )


def ends(log: RawLog, token: Address, signed: Authorization) -> bool:
    """Tell whether a log says that the nonce is used up: by a transfer, whichever it was, or by taking it back."""
    return log.address == token and log.topics in (
        (USED, _topic(signed.payer), signed.nonce),
        (CANCELED, _topic(signed.payer), signed.nonce),
    )


def paid_in(logs: Sequence[RawLog], token: Address, signed: Authorization) -> Hash32 | None:
    """Return the transaction, of a block's logs of the token, in which exactly this transfer was made.

    A nonce may have gone to another transfer (``receiveWithAuthorization`` to somebody else), so the token's own
    Transfer must follow at once. That is how OpenZeppelin's tokens and Circle's write them.
    """
    moved = (TRANSFER, _topic(signed.payer), _topic(signed.recipient))
    by_place = {(log.transaction, log.log_index): log for log in logs if log.address == token}
    for log in by_place.values():
        if log.topics != (USED, _topic(signed.payer), signed.nonce):
            continue
        after = by_place.get((log.transaction, log.log_index + 1))
        if after is not None and after.topics == moved and after.data == word(signed.amount):
            return log.transaction
    return None


def made_by(logs: Sequence[RawLog], token: Address, signed: Authorization, transaction: Hash32) -> bool:
    """Tell whether a token says that a transaction of ours, which called it for just this transfer, has made it.

    Nobody else had a part in it, so the two logs may stand in any order.
    """
    theirs = [log for log in logs if log.address == token and log.transaction == transaction]
    moved = (TRANSFER, _topic(signed.payer), _topic(signed.recipient))
    used = any(log.topics == (USED, _topic(signed.payer), signed.nonce) for log in theirs)
    return used and any(log.topics == moved and log.data == word(signed.amount) for log in theirs)


def _topic(address: Address) -> Hash32:
    return Hash32(word_of_address(address))


_TRANSFER_WITH_AUTHORIZATION: Final = selector_of(
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"
)
