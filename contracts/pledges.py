"""The calls of ``Pledges`` (pure): gifts written down to the last byte, and the hash that names a signed one."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

from contracts.codec import selector_of
from contracts.events import SignedGift
from contracts.words import WORD, address_in, exact, uint_in, word, word_of_address, words_of_signature
from kit.identifiers import Address, Hash32

MOST_MONTHS: Final = 120
"""``Pledges.MAX_MONTHS``."""
NO_MEMO: Final = Hash32(bytes(WORD))
"""A memo that says nothing."""

_GIFT: Final = "(address,address,uint256,uint16,bytes32,uint256,address,uint64,bytes32)"  # SignedGift's order
_GIFT_WORDS: Final = 9


def gift_id(gift: SignedGift, *, chain_id: int, pledges: Address) -> Hash32:
    """Return the gift's id: keccak256(abi.encode(chain id, pledges, gift)), as ``Pledges.giftId`` does."""
    return Hash32(keccak(word(chain_id) + word_of_address(pledges) + encode_gift(gift)))


def encode_give(cause: Address, asset: Address, amount: int, months: int, memo: Hash32) -> bytes:
    """Encode ``give``: by the giver, with an allowance of ``amount`` base units of ``asset`` given before."""
    return _GIVE + word_of_address(cause) + word_of_address(asset) + word(amount) + _months(months) + _memo(memo)


def encode_give_ether(cause: Address, months: int, memo: Hash32) -> bytes:
    """Encode ``giveEther``: the ether itself goes along as the transaction's value."""
    return _GIVE_ETHER + word_of_address(cause) + _months(months) + _memo(memo)


def encode_give_with_authorization(gift: SignedGift, signature: bytes) -> bytes:
    """Encode ``giveWithAuthorization``: by anybody, with the giver's 65-byte EIP-3009 signature."""
    return _GIVE_WITH_AUTHORIZATION + encode_gift(gift) + words_of_signature(signature)


def decode_give_with_authorization(data: bytes) -> SignedGift:
    """Read a call of ``giveWithAuthorization`` that we made; the signature is left out. Raises ``Invalid``."""
    exact(data, len(_GIVE_WITH_AUTHORIZATION) + (_GIFT_WORDS + 3) * WORD, "call")
    words = [data[start : start + WORD] for start in range(len(_GIVE_WITH_AUTHORIZATION), len(data), WORD)]
    return SignedGift(
        giver=address_in(words[0]),
        cause=address_in(words[1]),
        amount=uint_in(words[2]),
        months=uint_in(words[3], bits=16),
        memo=Hash32(words[4]),
        relay_fee=uint_in(words[5]),
        relay_receiver=address_in(words[6]),
        valid_before=uint_in(words[7], bits=64),
        salt=Hash32(words[8]),
    )


def encode_gift_id(gift: SignedGift) -> bytes:
    """Encode ``giftId``; answered by a word (``decode_hash``)."""
    return _GIFT_ID + encode_gift(gift)


def encode_gift(gift: SignedGift) -> bytes:
    """Encode the nine words of ``Pledges.Gift``. Raises ``Invalid`` for a value that has no place in its type."""
    return b"".join(
        (
            word_of_address(gift.giver),
            word_of_address(gift.cause),
            word(gift.amount),
            _months(gift.months),
            _memo(gift.memo),
            word(gift.relay_fee),
            word_of_address(gift.relay_receiver),
            word(gift.valid_before, bits=64),
            exact(gift.salt, WORD, "salt"),
        )
    )


def _months(months: int) -> bytes:
    return word(months, bits=16)


def _memo(memo: Hash32) -> bytes:
    return exact(memo, WORD, "memo")


_GIVE: Final = selector_of("give(address,address,uint256,uint16,bytes32)")
_GIVE_ETHER: Final = selector_of("giveEther(address,uint16,bytes32)")
_GIVE_WITH_AUTHORIZATION: Final = selector_of(f"giveWithAuthorization({_GIFT},uint8,bytes32,bytes32)")
_GIFT_ID: Final = selector_of(f"giftId({_GIFT})")
