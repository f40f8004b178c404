"""The codec: our contracts' logs read into events, and their calls and answers, by hand, down to the last byte.

Everything is static (Solidity ABI specification, "Formal Specification of the Encoding"), so it is cut into words where
it stands. Whatever is not exactly what our contracts write is refused: a general decoder would take a log with bytes to
spare for a good one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from eth_utils.crypto import keccak

from contracts.chain import RawLog
from contracts.events import (
    BlockRef,
    ChainEvent,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Given,
    Opened,
    Position,
    Returned,
    Terms,
    Transferred,
)
from contracts.words import WORD, address_in, exact, uint_in, word, word_of_address, words_of_signature
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, UserId

_TERMS: Final = (
    "(address,address,uint256,uint256,address,uint256,address,address,address,uint64,uint64,bytes32)"  # Terms' order
)
_TERMS_BYTES: Final = 12 * WORD
_GIVEN_BYTES: Final = 3 * WORD
_TRANSFER_TOPICS: Final = 3


class State(IntEnum):
    """``ContactEscrow.State``, by its number on the chain."""

    NONE = 0
    OPEN = 1
    FORFEIT_ANNOUNCED = 2
    RETURNED = 3
    FORFEITED = 4
    EXPIRED = 5


def topic_of(signature: str) -> Hash32:
    """Return an event's first topic: the hash of its signature."""
    return Hash32(keccak(text=signature))


def selector_of(signature: str) -> bytes:
    """Return the first four bytes of a function's (or error's) signature hash."""
    return keccak(text=signature)[:4]


TRANSFER: Final = topic_of("Transfer(address,address,uint256)")
OPENED: Final = topic_of(f"Opened(bytes32,address,address,{_TERMS})")
RETURNED: Final = topic_of("Returned(bytes32,bool)")
FORFEIT_ANNOUNCED: Final = topic_of("ForfeitAnnounced(bytes32,uint64)")
FORFEITED: Final = topic_of("Forfeited(bytes32)")
EXPIRED: Final = topic_of("Expired(bytes32)")
GIVEN: Final = topic_of("Given(address,address,address,uint256,uint16,bytes32)")


# ------------------------------------------------------------------------------------------------- logs to events


def decode(
    raw: RawLog, block: BlockRef, *, token: Address, escrow: Address, pledges: Address | None = None
) -> ChainEvent | None:
    """Read a log of ``block``; ``None`` for logs we do not read (other contracts, ``Approval``, …).

    Raises ``Invalid`` for a log under one of our topics that our contracts cannot have written: another number of
    topics, another length, dirty high bits, a stake id that is not the hash of its terms; or a log of another block.
    """
    address, topics, data, block_hash, log_index, transaction = raw
    if block_hash != block.hash:
        raise Invalid("log_of_other_block", "The log belongs to another block.")
    if not topics:
        return None
    at = Position(block, log_index, transaction)
    if topics[0] == TRANSFER and address == token:
        if len(topics) != _TRANSFER_TOPICS or len(data) != WORD or len(topics[1]) != WORD or len(topics[2]) != WORD:
            _shape(raw, "Transfer", topics=_TRANSFER_TOPICS, size=WORD)
        return Transferred(at, address, address_in(topics[1]), address_in(topics[2]), int.from_bytes(data))
    if address == pledges:
        return _given(raw, at) if topics[0] == GIVEN else None
    reader = _OF_ESCROW.get(topics[0]) if address == escrow else None
    return reader(raw, at) if reader else None


def _opened(raw: RawLog, at: Position) -> Opened:
    _shape(raw, "Opened", topics=4, size=_TERMS_BYTES)
    event = Opened(at, raw.address, raw.topics[1], decode_terms(raw.data))
    if (address_in(raw.topics[2]), address_in(raw.topics[3])) != (event.terms.payer, event.terms.resolver):
        raise Invalid("log_contradicts_itself", "An Opened log's topics are not its terms' payer and resolver.")
    if event.stake_id != stake_id(event.terms, chain_id=at.block.chain_id, escrow=raw.address):
        raise Invalid("log_contradicts_itself", "An Opened log's stake id is not the hash of its terms.")
    return event


def _returned(raw: RawLog, at: Position) -> Returned:
    _shape(raw, "Returned", topics=2, size=WORD)
    return Returned(at, raw.address, raw.topics[1], decode_bool(raw.data))


def _forfeit_announced(raw: RawLog, at: Position) -> ForfeitAnnounced:
    _shape(raw, "ForfeitAnnounced", topics=2, size=WORD)
    return ForfeitAnnounced(at, raw.address, raw.topics[1], uint_in(raw.data, bits=64))


def _forfeited(raw: RawLog, at: Position) -> Forfeited:
    _shape(raw, "Forfeited", topics=2, size=0)
    return Forfeited(at, raw.address, raw.topics[1])


def _expired(raw: RawLog, at: Position) -> Expired:
    _shape(raw, "Expired", topics=2, size=0)
    return Expired(at, raw.address, raw.topics[1])


def _given(raw: RawLog, at: Position) -> Given:
    _shape(raw, "Given", topics=4, size=_GIVEN_BYTES)
    giver, cause, asset = map(address_in, raw.topics[1:])
    amount, months = uint_in(raw.data[:WORD]), uint_in(raw.data[WORD : 2 * WORD], bits=16)
    return Given(at, raw.address, giver, cause, asset, amount, months, Hash32(raw.data[2 * WORD :]))


_OF_ESCROW: Final[dict[Hash32, Callable[[RawLog, Position], ChainEvent]]] = {
    OPENED: _opened,
    RETURNED: _returned,
    FORFEIT_ANNOUNCED: _forfeit_announced,
    FORFEITED: _forfeited,
    EXPIRED: _expired,
}


def wanted(token: Address, escrow: Address, pledges: Address | None = None) -> dict[Address, frozenset[Hash32]]:
    """Return what we read: each contract with the first topics of its logs that ``decode`` knows."""
    found = {token: frozenset({TRANSFER}), escrow: frozenset(_OF_ESCROW)}
    return found if pledges is None else {**found, pledges: frozenset({GIVEN})}


def _shape(raw: RawLog, name: str, *, topics: int, size: int) -> None:
    if [*map(len, raw.topics)] != [WORD] * topics:
        raise Invalid("log_malformed", f"A {name} log has {topics} topics of {WORD} bytes.", event=name)
    if len(raw.data) != size:
        raise Invalid("log_malformed", f"A {name} log has {size} bytes of data, not {len(raw.data)}.", event=name)


# ------------------------------------------------------------------------------------------------- hashes


def stake_id(terms: Terms, *, chain_id: int, escrow: Address) -> Hash32:
    """Return the stake's id: keccak256(abi.encode(chain id, escrow, terms)), as ``ContactEscrow.stakeId`` does."""
    return Hash32(keccak(word(chain_id) + word_of_address(escrow) + encode_terms(terms)))


def commitment(stranger: UserId, recipient: UserId, salt: Hash32) -> Hash32:
    """Bind a stake to a pair without telling: keccak256(salt ‖ keccak256(stranger) ‖ keccak256(recipient)), in UTF-8.

    With a fresh 32-byte salt nobody can guess the pair from the chain; whoever knows the salt can prove it.
    """
    exact(salt, WORD, "salt")
    return Hash32(keccak(salt + keccak(stranger.encode()) + keccak(recipient.encode())))


# ------------------------------------------------------------------------------------------------- calls: the escrow


def encode_open(terms: Terms) -> bytes:
    """Encode ``open``: by the payer, with an allowance of amount + fee given before."""
    return _OPEN + encode_terms(terms)


def encode_open_with_permit(terms: Terms, deadline: int, signature: bytes) -> bytes:
    """Encode ``openWithPermit``: by the payer; ``signature`` is the 65-byte permit for amount + fee."""
    return _OPEN_WITH_PERMIT + encode_terms(terms) + word(deadline) + words_of_signature(signature)


def encode_open_with_authorization(terms: Terms, signature: bytes) -> bytes:
    """Encode ``openWithAuthorization``: by anybody, with the payer's 65-byte EIP-3009 signature."""
    return _OPEN_WITH_AUTHORIZATION + encode_terms(terms) + words_of_signature(signature)


def encode_return(terms: Terms, *, answered: bool) -> bytes:
    """Encode ``returnStake``; ``answered`` says whether the fee was earned."""
    return _RETURN + encode_terms(terms) + word(int(answered))


def encode_announce_forfeit(terms: Terms) -> bytes:
    """Encode ``announceForfeit``."""
    return _ANNOUNCE_FORFEIT + encode_terms(terms)


def encode_execute_forfeit(terms: Terms) -> bytes:
    """Encode ``executeForfeit``."""
    return _EXECUTE_FORFEIT + encode_terms(terms)


def encode_expire(terms: Terms) -> bytes:
    """Encode ``expire``."""
    return _EXPIRE + encode_terms(terms)


def encode_stake_id(terms: Terms) -> bytes:
    """Encode ``stakeId``; answered by a word (``decode_hash``)."""
    return _STAKE_ID + encode_terms(terms)


def encode_stakes(stake: Hash32) -> bytes:
    """Encode ``stakes``; answered by state and time (``decode_stake``)."""
    return _STAKES + exact(stake, WORD, "stake id")


def encode_token() -> bytes:
    """Encode ``token``: which token the escrow holds; answered by an address (``decode_address``)."""
    return _TOKEN


_OPEN: Final = selector_of(f"open({_TERMS})")
_OPEN_WITH_PERMIT: Final = selector_of(f"openWithPermit({_TERMS},uint256,uint8,bytes32,bytes32)")
_OPEN_WITH_AUTHORIZATION: Final = selector_of(f"openWithAuthorization({_TERMS},uint8,bytes32,bytes32)")
_RETURN: Final = selector_of(f"returnStake({_TERMS},bool)")
_ANNOUNCE_FORFEIT: Final = selector_of(f"announceForfeit({_TERMS})")
_EXECUTE_FORFEIT: Final = selector_of(f"executeForfeit({_TERMS})")
_EXPIRE: Final = selector_of(f"expire({_TERMS})")
_STAKE_ID: Final = selector_of(f"stakeId({_TERMS})")
_STAKES: Final = selector_of("stakes(bytes32)")
_TOKEN: Final = selector_of("token()")


# ------------------------------------------------------------------------------------------------- calls: the token


def encode_transfer(recipient: Address, amount: int) -> bytes:
    """Encode ``transfer`` of base units."""
    return _TRANSFER + word_of_address(recipient) + word(amount)


def encode_approve(spender: Address, amount: int) -> bytes:
    """Encode ``approve`` of base units."""
    return _APPROVE + word_of_address(spender) + word(amount)


def encode_balance_of(account: Address) -> bytes:
    """Encode ``balanceOf``; answered by base units (``decode_uint``)."""
    return _BALANCE_OF + word_of_address(account)


def encode_allowance(owner: Address, spender: Address) -> bytes:
    """Encode ``allowance``; answered by base units (``decode_uint``)."""
    return _ALLOWANCE + word_of_address(owner) + word_of_address(spender)


def encode_total_supply() -> bytes:
    """Encode ``totalSupply``; answered by base units (``decode_uint``)."""
    return _TOTAL_SUPPLY


def encode_nonces(owner: Address) -> bytes:
    """Encode ``nonces``: the owner's next permit nonce; answered by a number (``decode_uint``)."""
    return _NONCES + word_of_address(owner)


def encode_authorization_state(authorizer: Address, nonce: Hash32) -> bytes:
    """Encode ``authorizationState``: whether that EIP-3009 nonce is used up; answered by ``decode_bool``."""
    return _AUTHORIZATION_STATE + word_of_address(authorizer) + exact(nonce, WORD, "nonce")


def encode_domain_separator() -> bytes:
    """Encode ``DOMAIN_SEPARATOR``; answered by a word (``decode_hash``)."""
    return _DOMAIN_SEPARATOR


_TRANSFER: Final = selector_of("transfer(address,uint256)")
_APPROVE: Final = selector_of("approve(address,uint256)")
_BALANCE_OF: Final = selector_of("balanceOf(address)")
_ALLOWANCE: Final = selector_of("allowance(address,address)")
_TOTAL_SUPPLY: Final = selector_of("totalSupply()")
_NONCES: Final = selector_of("nonces(address)")
_AUTHORIZATION_STATE: Final = selector_of("authorizationState(address,bytes32)")
_DOMAIN_SEPARATOR: Final = selector_of("DOMAIN_SEPARATOR()")


# ------------------------------------------------------------------------------------------------- answers


def decode_uint(data: bytes) -> int:
    """Read one word as a number. Raises ``Invalid`` for anything but 32 bytes."""
    return uint_in(exact(data, WORD, "answer"))


def decode_bool(data: bytes) -> bool:
    """Read one word that is 0 or 1."""
    return bool(uint_in(exact(data, WORD, "answer"), bits=1))


def decode_address(data: bytes) -> Address:
    """Read one word as an address; its high 12 bytes must be zero."""
    return address_in(exact(data, WORD, "answer"))


def decode_hash(data: bytes) -> Hash32:
    """Read one word as it is."""
    return Hash32(exact(data, WORD, "answer"))


def decode_stake(data: bytes) -> tuple[State, int]:
    """Read the answer of ``stakes``: the state, and from when (Unix seconds) its forfeit is executable, else 0."""
    exact(data, 2 * WORD, "answer")
    number = uint_in(data[:WORD])
    if number > max(State):
        raise Invalid("word_malformed", "The escrow knows no such state.")
    return State(number), uint_in(data[WORD:], bits=64)


# ------------------------------------------------------------------------------------------------- terms


def encode_terms(terms: Terms) -> bytes:
    """Encode the twelve words of ``Terms``. Raises ``Invalid`` for a value that has no place in its type."""
    return b"".join(
        (
            word_of_address(terms.payer),
            word_of_address(terms.return_to),
            word(terms.amount),
            word(terms.fee),
            word_of_address(terms.fee_payee),
            word(terms.relay_fee),
            word_of_address(terms.relay_receiver),
            word_of_address(terms.resolver),
            word_of_address(terms.guardian),
            word(terms.answer_by, bits=64),
            word(terms.quote_expiry, bits=64),
            exact(terms.commitment, WORD, "commitment"),
        )
    )


def decode_terms(data: bytes) -> Terms:
    """Read twelve words as ``Terms``; the reverse of ``encode_terms``, and as strict."""
    exact(data, _TERMS_BYTES, "terms")
    words = [data[start : start + WORD] for start in range(0, _TERMS_BYTES, WORD)]
    return Terms(
        payer=address_in(words[0]),
        return_to=address_in(words[1]),
        amount=uint_in(words[2]),
        fee=uint_in(words[3]),
        fee_payee=address_in(words[4]),
        relay_fee=uint_in(words[5]),
        relay_receiver=address_in(words[6]),
        resolver=address_in(words[7]),
        guardian=address_in(words[8]),
        answer_by=uint_in(words[9], bits=64),
        quote_expiry=uint_in(words[10], bits=64),
        commitment=Hash32(words[11]),
    )
