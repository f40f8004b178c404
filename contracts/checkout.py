"""The calls and logs of ``Checkout`` (pure): what is sold and who buys, to the last byte, and the hashes of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from eth_utils.crypto import keccak

from contracts.chain import RawLog
from contracts.codec import selector_of, topic_of
from contracts.events import BlockRef, Bought, Position, Refunded
from contracts.words import WORD, address_in, exact, uint_in, word, word_of_address, words_of_signature
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32

WHOLE: Final = 10_000
"""Basis points in all of something."""
MOST_FEE_BPS: Final = 1_000
"""``Checkout.MAX_FEE_BPS``."""
MOST_SHARES: Final = 16
"""``Checkout.MAX_SHARES``."""


class Share(NamedTuple):
    """Who sells along, and which part of what the fee leaves is theirs, in basis points (1 to 10,000)."""

    payee: Address
    bps: int


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """``Checkout.Terms``: what is sold, by whom and for how much, as its seller published it.

    ``price`` is base units of ``asset`` (uint256), all that a buyer pays but for a relay fee; ``fee_bps`` 0 to 1,000 of
    it are the shop's, and the seller gets what fee and ``shares`` leave. ``listing`` names the listing, ``content``
    commits to text, licence and version. ``valid_until``: Unix seconds of chain time (uint64), no longer from then on.
    """

    seller: Address
    asset: Address
    price: int
    listing: Hash32
    content: Hash32
    valid_until: int
    fee_bps: int = 0
    fee_receiver: Address = ZERO_ADDRESS
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """``Checkout.Order``: who buys, in its order; with the terms it makes the purchase's id.

    ``memo`` commits to what the buyer wants to be known to whoever can open it, such as for whom it is. ``relay_fee``
    is base units, due only where somebody else carries the order. ``valid_before``: Unix seconds of chain time.
    """

    buyer: Address
    memo: Hash32
    relay_fee: int
    relay_receiver: Address
    valid_before: int
    salt: Hash32


class Part(NamedTuple):
    """So many base units of a price, and whose they are."""

    payee: Address
    amount: int


# ------------------------------------------------------------------------------------------------- rules and hashes


def parts(terms: SaleTerms) -> tuple[Part, ...]:
    """Return who gets how much of the price, in the order in which it is paid; parts of nothing are left out.

    The fee and each share are rounded down and the seller gets the rest, so they sum to the price exactly.
    """
    fee = terms.price * terms.fee_bps // WHOLE
    net = terms.price - fee
    shares = [Part(share.payee, net * share.bps // WHOLE) for share in terms.shares]
    rest = net - sum(part.amount for part in shares)
    paid = (Part(terms.fee_receiver, fee), *shares, Part(terms.seller, rest))
    return tuple(part for part in paid if part.amount)


def check(terms: SaleTerms, *, checkout: Address) -> None:
    """Make sure that ``Checkout`` takes these terms in time and from a buyer who is none of the payees.

    Raises ``Invalid``. Whether a contract stands at the asset's address only the chain can say.
    """
    if not 0 < terms.price <= _MOST_PRICE:
        raise Invalid("price_out_of_range", "A price is more than nothing, and fits in 256 bits ten thousand times.")
    if not 0 <= terms.fee_bps <= MOST_FEE_BPS:
        raise Invalid("fee_out_of_range", f"A fee is 0 to {MOST_FEE_BPS} basis points.")
    if len(terms.shares) > MOST_SHARES:
        raise Invalid("too_many_shares", f"At most {MOST_SHARES} can sell along.")
    if any(share.bps < 1 for share in terms.shares) or sum(share.bps for share in terms.shares) > WHOLE:
        raise Invalid("shares_out_of_range", f"A share is at least 1 basis point, and all of them at most {WHOLE}.")
    payees = {terms.seller, *(share.payee for share in terms.shares)} | (
        {terms.fee_receiver} if terms.fee_bps else set()
    )
    if payees & {ZERO_ADDRESS, checkout}:
        raise Invalid("bad_payee", "Neither nobody nor the checkout itself can be paid.")


def terms_hash(terms: SaleTerms) -> Hash32:
    """Return the hash that stands for the terms on any chain: keccak256(abi.encode(terms)), as ``termsHash`` does."""
    return Hash32(keccak(word(WORD) + encode_terms(terms)))


def purchase_id(terms: SaleTerms, order: Order, *, chain_id: int, checkout: Address) -> Hash32:
    """Return the purchase's id, as ``Checkout.purchaseId`` does: of chain, checkout, terms' hash and order.

    It is the EIP-3009 nonce too.
    """
    return Hash32(keccak(word(chain_id) + word_of_address(checkout) + terms_hash(terms) + encode_order(order)))


# ------------------------------------------------------------------------------------------------- calls


def encode_buy(terms: SaleTerms, order: Order) -> bytes:
    """Encode ``buy``: by the buyer, with an allowance of the price given before."""
    return _BUY + _with_terms(terms, encode_order(order))


def encode_buy_with_permit(terms: SaleTerms, order: Order, deadline: int, signature: bytes) -> bytes:
    """Encode ``buyWithPermit``: by the buyer; ``signature`` is the 65-byte permit for the price."""
    rest = encode_order(order) + word(deadline) + words_of_signature(signature)
    return _BUY_WITH_PERMIT + _with_terms(terms, rest)


def encode_buy_with_authorization(terms: SaleTerms, order: Order, signature: bytes) -> bytes:
    """Encode ``buyWithAuthorization``: by anybody, with the buyer's 65-byte EIP-3009 signature."""
    return _BUY_WITH_AUTHORIZATION + _with_terms(terms, encode_order(order) + words_of_signature(signature))


def decode_buy_with_authorization(data: bytes) -> tuple[SaleTerms, Order]:
    """Read a call of ``buyWithAuthorization`` that we made; the signature is left out. Raises ``Invalid``."""
    head = len(_BUY_WITH_AUTHORIZATION)
    order_end = head + (1 + _ORDER_WORDS) * WORD
    terms_start = order_end + _SIGNATURE_WORDS * WORD
    if data[:head] != _BUY_WITH_AUTHORIZATION or data[head : head + WORD] != word(terms_start - head):
        raise Invalid("call_malformed", "The call is none that buys by a signature.")
    return decode_terms(data[terms_start:]), decode_order(data[head + WORD : order_end])


def encode_refund(purchase: Hash32, to: Address, asset: Address, amount: int) -> bytes:
    """Encode ``refund``: by whoever pays back, with an allowance of ``amount`` base units given before."""
    return _REFUND + exact(purchase, WORD, "purchase") + word_of_address(to) + word_of_address(asset) + word(amount)


def encode_bought(purchase: Hash32) -> bytes:
    """Encode ``bought``: whether there was that purchase; answered by ``decode_bool``."""
    return _BOUGHT + exact(purchase, WORD, "purchase")


def encode_terms_hash(terms: SaleTerms) -> bytes:
    """Encode ``termsHash``; answered by a word (``decode_hash``)."""
    return _TERMS_HASH + _with_terms(terms, b"")


def encode_purchase_id(terms: SaleTerms, order: Order) -> bytes:
    """Encode ``purchaseId``; answered by a word (``decode_hash``)."""
    return _PURCHASE_ID + _with_terms(terms, encode_order(order))


def _with_terms(terms: SaleTerms, rest: bytes) -> bytes:
    """Lay out arguments that begin with the terms: where they are, the others, and then the terms themselves."""
    return word(WORD + len(rest)) + rest + encode_terms(terms)


# ------------------------------------------------------------------------------------------------- structs


def encode_terms(terms: SaleTerms) -> bytes:
    """Encode ``Terms`` as they stand behind their offset. Raises ``Invalid`` for a value without place in its type."""
    return b"".join(
        (
            word_of_address(terms.seller),
            word_of_address(terms.asset),
            word(terms.price),
            word(terms.fee_bps, bits=16),
            word_of_address(terms.fee_receiver),
            word(_TERMS_WORDS * WORD),
            exact(terms.listing, WORD, "listing"),
            exact(terms.content, WORD, "content"),
            word(terms.valid_until, bits=64),
            word(len(terms.shares)),
            *(word_of_address(share.payee) + word(share.bps, bits=16) for share in terms.shares),
        )
    )


def decode_terms(data: bytes) -> SaleTerms:
    """Read ``Terms``; the reverse of ``encode_terms``, and as strict. At most ``MOST_SHARES`` shares."""
    exact(data[: (_TERMS_WORDS + 1) * WORD], (_TERMS_WORDS + 1) * WORD, "terms")
    words = [data[start : start + WORD] for start in range(0, (_TERMS_WORDS + 1) * WORD, WORD)]
    count = uint_in(words[9])
    if words[5] != word(_TERMS_WORDS * WORD) or count > MOST_SHARES:
        raise Invalid("terms_malformed", "The shares are not where we write them, or too many.")
    tail = exact(data[(_TERMS_WORDS + 1) * WORD :], count * 2 * WORD, "shares")
    return SaleTerms(
        seller=address_in(words[0]),
        asset=address_in(words[1]),
        price=uint_in(words[2]),
        fee_bps=uint_in(words[3], bits=16),
        fee_receiver=address_in(words[4]),
        listing=Hash32(words[6]),
        content=Hash32(words[7]),
        valid_until=uint_in(words[8], bits=64),
        shares=tuple(
            Share(address_in(tail[at : at + WORD]), uint_in(tail[at + WORD : at + 2 * WORD], bits=16))
            for at in range(0, len(tail), 2 * WORD)
        ),
    )


def encode_order(order: Order) -> bytes:
    """Encode the six words of ``Order``. Raises ``Invalid`` for a value that has no place in its type."""
    return b"".join(
        (
            word_of_address(order.buyer),
            exact(order.memo, WORD, "memo"),
            word(order.relay_fee),
            word_of_address(order.relay_receiver),
            word(order.valid_before, bits=64),
            exact(order.salt, WORD, "salt"),
        )
    )


def decode_order(data: bytes) -> Order:
    """Read six words as ``Order``; the reverse of ``encode_order``, and as strict."""
    exact(data, _ORDER_WORDS * WORD, "order")
    words = [data[start : start + WORD] for start in range(0, _ORDER_WORDS * WORD, WORD)]
    return Order(
        buyer=address_in(words[0]),
        memo=Hash32(words[1]),
        relay_fee=uint_in(words[2]),
        relay_receiver=address_in(words[3]),
        valid_before=uint_in(words[4], bits=64),
        salt=Hash32(words[5]),
    )


# ------------------------------------------------------------------------------------------------- logs


def decode_log(raw: RawLog, block: BlockRef, *, checkout: Address) -> Bought | Refunded | None:
    """Read a log of ``block``; ``None`` for whatever is not the checkout's, or none of its two events.

    Raises ``Invalid`` for a log that the checkout cannot have written, or one of another block.
    """
    if raw.block_hash != block.hash:
        raise Invalid("log_of_other_block", "The log belongs to another block.")
    reader = _READERS.get(raw.topics[0]) if raw.address == checkout and raw.topics else None
    if reader is None:
        return None
    if [*map(len, raw.topics)] != [WORD] * _TOPICS:
        raise Invalid("log_malformed", f"The checkout's logs have {_TOPICS} topics of {WORD} bytes.")
    return reader(raw, Position(block, raw.log_index, raw.transaction))


def _bought(raw: RawLog, at: Position) -> Bought:
    data = exact(raw.data, 5 * WORD, "Bought log")
    return Bought(
        at,
        raw.address,
        purchase=raw.topics[1],
        buyer=address_in(raw.topics[2]),
        seller=address_in(raw.topics[3]),
        asset=address_in(data[:WORD]),
        amount=uint_in(data[WORD : 2 * WORD]),
        listing=Hash32(data[2 * WORD : 3 * WORD]),
        terms=Hash32(data[3 * WORD : 4 * WORD]),
        memo=Hash32(data[4 * WORD :]),
    )


def _refunded(raw: RawLog, at: Position) -> Refunded:
    data = exact(raw.data, 2 * WORD, "Refunded log")
    return Refunded(
        at,
        raw.address,
        purchase=raw.topics[1],
        sender=address_in(raw.topics[2]),
        recipient=address_in(raw.topics[3]),
        asset=address_in(data[:WORD]),
        amount=uint_in(data[WORD:]),
    )


BOUGHT: Final = topic_of("Bought(bytes32,address,address,address,uint256,bytes32,bytes32,bytes32)")
REFUNDED: Final = topic_of("Refunded(bytes32,address,address,address,uint256)")
_READERS: Final[dict[Hash32, Callable[[RawLog, Position], Bought | Refunded]]] = {
    BOUGHT: _bought,
    REFUNDED: _refunded,
}
TOPICS: Final = frozenset(_READERS)
"""The first topics of all that it tells."""
_TOPICS: Final = 4
_TERMS_WORDS: Final = 9  # in their head; the shares stand behind it
_ORDER_WORDS: Final = 6
_SIGNATURE_WORDS: Final = 3
_MOST_PRICE: Final = (2**256 - 1) // WHOLE

_TERMS: Final = "(address,address,uint256,uint16,address,(address,uint16)[],bytes32,bytes32,uint64)"
_ORDER: Final = "(address,bytes32,uint256,address,uint64,bytes32)"
_BUY: Final = selector_of(f"buy({_TERMS},{_ORDER})")
_BUY_WITH_PERMIT: Final = selector_of(f"buyWithPermit({_TERMS},{_ORDER},uint256,uint8,bytes32,bytes32)")
_BUY_WITH_AUTHORIZATION: Final = selector_of(f"buyWithAuthorization({_TERMS},{_ORDER},uint8,bytes32,bytes32)")
_REFUND: Final = selector_of("refund(bytes32,address,address,uint256)")
_BOUGHT: Final = selector_of("bought(bytes32)")
_TERMS_HASH: Final = selector_of(f"termsHash({_TERMS})")
_PURCHASE_ID: Final = selector_of(f"purchaseId({_TERMS},{_ORDER})")
