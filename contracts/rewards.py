"""The calls and logs of ``RewardDistributor`` (pure): roots proposed, cancelled, accepted; claims with their proofs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.chain import RawLog
from contracts.codec import selector_of, topic_of
from contracts.events import (
    BlockRef,
    Claimed,
    EarlierJoined,
    Position,
    RewardEvent,
    RootAccepted,
    RootCancelled,
    RootProposed,
)
from contracts.words import WORD, address_in, exact, uint_in, word, word_of_address
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

DISPUTE_WINDOW: Final = 72 * 3600
"""``RewardDistributor.DISPUTE_WINDOW``, in seconds: so long a root waits before it counts."""
EARLIER_COUNTS: Final = 180 * 24 * 3600
"""``RewardDistributor.EARLIER_COUNTS``, in seconds."""
MOST_PROOF: Final = 20
"""Hashes in the longest proof that ``contracts.merkle`` makes."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What a distributor is bound to for ever; ``max_budget`` is the most an epoch can cost, in base units."""

    token: Address
    treasury: Address
    proposer: Address
    guardian: Address
    max_budget: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is to be paid by which list: ``cumulative`` base units in all, less what they have had."""

    payee: Address
    cumulative: int
    root: Hash32
    proof: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A root that waits: ``counts_from`` in Unix seconds, ``budget`` in base units."""

    root: Hash32
    budget: int
    counts_from: int
    replaces: bool


def encode_roles(roles: Roles) -> bytes:
    """Encode what the constructor wants, to come after the artifact's creation code."""
    parties = (roles.token, roles.treasury, roles.proposer, roles.guardian)
    return b"".join(map(word_of_address, parties)) + word(roles.max_budget)


def reading_roles(roles: Roles) -> dict[bytes, bytes]:
    """Return each call that reads a role, with the word that must answer it."""
    words = [encode_roles(roles)[start : start + WORD] for start in range(0, _ROLES * WORD, WORD)]
    return dict(zip(READING, words, strict=True))


def roles_in(answers: Sequence[bytes]) -> Roles:
    """Read what answers ``READING``. Raises ``Invalid``."""
    token, treasury, proposer, guardian = (address_in(exact(word, WORD, "role")) for word in answers[:-1])
    return Roles(token, treasury, proposer, guardian, uint_in(exact(answers[-1], WORD, "budget")))


def encode_propose(epoch: int, root: Hash32, budget: int, *, replaces: bool = False) -> bytes:
    """Encode ``propose``: by the proposer; ``replaces`` where the root that counts now was wrong."""
    return _PROPOSE + word(epoch, bits=64) + _root(root) + word(budget) + word(int(replaces))


def encode_cancel(root: Hash32) -> bytes:
    """Encode ``cancel``: by the guardian or the proposer, while the root waits."""
    return _CANCEL + _root(root)


def encode_accept(root: Hash32) -> bytes:
    """Encode ``accept``: by anybody, when the root has waited long enough."""
    return _ACCEPT + _root(root)


def encode_join_earlier() -> bytes:
    """Encode ``joinEarlier``: by anybody, when no new root has come for ``EARLIER_COUNTS``."""
    return _JOIN_EARLIER


def encode_claim(claim: Claim) -> bytes:
    """Encode ``claim``: by anybody; the money goes to the payee. Raises ``Invalid`` for a proof that is too long."""
    if len(claim.proof) > MOST_PROOF:
        raise Invalid("proof_too_long", f"A proof has at most {MOST_PROOF} hashes.")
    head = word_of_address(claim.payee) + word(claim.cumulative) + _root(claim.root) + word(_HEAD_WORDS * WORD)
    return _CLAIM + head + word(len(claim.proof)) + b"".join(map(_root, claim.proof))


def decode_claim(data: bytes) -> Claim:
    """Read a call of ``claim`` that we made. Raises ``Invalid``."""
    least = len(_CLAIM) + (_HEAD_WORDS + 1) * WORD
    if data[: len(_CLAIM)] != _CLAIM or len(data) < least:
        raise Invalid("call_malformed", "This is no claim of a reward.")
    words = [data[start : start + WORD] for start in range(len(_CLAIM), len(data), WORD)]
    payee, cumulative, root, offset, count, *proof = words
    if uint_in(offset) != _HEAD_WORDS * WORD or uint_in(count) != len(proof) or len(proof) > MOST_PROOF:
        raise Invalid("call_malformed", "The claim's proof is not where it belongs.")
    return Claim(address_in(payee), uint_in(cumulative), Hash32(root), tuple(map(_root, proof)))


def encode_claimed(payee: Address) -> bytes:
    """Encode ``claimed``: how much somebody has had in all; answered by a word (``decode_uint``)."""
    return _CLAIMED + word_of_address(payee)


def encode_leaf(payee: Address, cumulative: int) -> bytes:
    """Encode ``leaf``; answered by a word (``decode_hash``), the same as ``merkle.payout_leaf``."""
    return _LEAF + word_of_address(payee) + word(cumulative)


def encode_proposal() -> bytes:
    """Encode ``proposal``; answered by four words (``decode_proposal``)."""
    return _PROPOSAL


def decode_proposal(data: bytes) -> Proposal | None:
    """Read which root waits; ``None`` where none does."""
    exact(data, 4 * WORD, "proposal")
    root, budget, counts_from, replaces = (data[start : start + WORD] for start in range(0, 4 * WORD, WORD))
    if not any(root):
        return None
    return Proposal(Hash32(root), uint_in(budget), uint_in(counts_from, bits=64), bool(uint_in(replaces, bits=1)))


def encode_treasury() -> bytes:
    """Encode ``treasury``: who funds epochs; answered by a word (``decode_address``)."""
    return _TREASURY


def encode_root() -> bytes:
    """Encode ``root``, the one that counts; answered by a word (``decode_hash``), zero before the first."""
    return _ROOT


def encode_earlier_root() -> bytes:
    """Encode ``earlierRoot``, the one before; answered by a word, zero where there is none."""
    return _EARLIER_ROOT


def encode_left() -> bytes:
    """Encode ``left``: base units left of the newest epoch's budget; answered by a word."""
    return _LEFT


def encode_earlier_left() -> bytes:
    """Encode ``earlierLeft``: base units left of all epochs before; answered by a word."""
    return _EARLIER_LEFT


def encode_epoch() -> bytes:
    """Encode ``epoch``: the number of the newest epoch that counts; answered by a word, zero before the first."""
    return _EPOCH


# ------------------------------------------------------------------------------------------------- logs


def decode_log(raw: RawLog, block: BlockRef, *, distributor: Address) -> RewardEvent | None:
    """Read a log of ``block``; ``None`` for whatever is not the distributor's, or none of its events.

    Raises ``Invalid`` for a log that the distributor cannot have written, or one of another block.
    """
    if raw.block_hash != block.hash:
        raise Invalid("log_of_other_block", "The log belongs to another block.")
    reader = _READERS.get(raw.topics[0]) if raw.address == distributor and raw.topics else None
    if reader is None:
        return None
    if [*map(len, raw.topics)] != [WORD] * _TOPICS:
        raise Invalid("log_malformed", f"The distributor's logs have {_TOPICS} topics of {WORD} bytes.")
    return reader(raw, Position(block, raw.log_index, raw.transaction))


def _proposed(raw: RawLog, at: Position) -> RootProposed:
    budget, counts_from, replaces = _words(raw, 3)
    return RootProposed(
        at,
        raw.address,
        epoch=uint_in(raw.topics[1], bits=64),
        root=raw.topics[2],
        budget=uint_in(budget),
        counts_from=uint_in(counts_from, bits=64),
        replaces=bool(uint_in(replaces, bits=1)),
    )


def _accepted(raw: RawLog, at: Position) -> RootAccepted:
    (budget,) = _words(raw, 1)
    return RootAccepted(at, raw.address, uint_in(raw.topics[1], bits=64), raw.topics[2], uint_in(budget))


def _cancelled(raw: RawLog, at: Position) -> RootCancelled:
    _words(raw, 0)
    return RootCancelled(at, raw.address, uint_in(raw.topics[1], bits=64), raw.topics[2])


def _claimed(raw: RawLog, at: Position) -> Claimed:
    amount, cumulative = map(uint_in, _words(raw, 2))
    return Claimed(at, raw.address, address_in(raw.topics[1]), raw.topics[2], amount, cumulative)


def _joined(raw: RawLog, at: Position) -> EarlierJoined:
    (amount,) = _words(raw, 1)
    return EarlierJoined(at, raw.address, uint_in(raw.topics[1], bits=64), raw.topics[2], uint_in(amount))


def _words(raw: RawLog, count: int) -> list[bytes]:
    exact(raw.data, count * WORD, "log of the distributor")
    return [raw.data[start : start + WORD] for start in range(0, count * WORD, WORD)]


def _root(root: bytes) -> Hash32:
    return Hash32(exact(root, WORD, "hash"))


_HEAD_WORDS: Final = 4
READING: Final = tuple(map(selector_of, ("token()", "treasury()", "proposer()", "guardian()", "maxBudget()")))
"""The calls that read the roles, in the order of ``Roles``."""
_TREASURY: Final = selector_of("treasury()")
_ROLES: Final = len(READING)
_PROPOSE: Final = selector_of("propose(uint64,bytes32,uint256,bool)")
_CANCEL: Final = selector_of("cancel(bytes32)")
_ACCEPT: Final = selector_of("accept(bytes32)")
_JOIN_EARLIER: Final = selector_of("joinEarlier()")
_CLAIM: Final = selector_of("claim(address,uint256,bytes32,bytes32[])")
_CLAIMED: Final = selector_of("claimed(address)")
_LEAF: Final = selector_of("leaf(address,uint256)")
_PROPOSAL: Final = selector_of("proposal()")
_ROOT: Final = selector_of("root()")
_EARLIER_ROOT: Final = selector_of("earlierRoot()")
_LEFT: Final = selector_of("left()")
_EARLIER_LEFT: Final = selector_of("earlierLeft()")
_EPOCH: Final = selector_of("epoch()")

PROPOSED: Final = topic_of("RootProposed(uint64,bytes32,uint256,uint64,bool)")
ACCEPTED: Final = topic_of("RootAccepted(uint64,bytes32,uint256)")
CANCELLED: Final = topic_of("RootCancelled(uint64,bytes32)")
CLAIMED: Final = topic_of("Claimed(address,bytes32,uint256,uint256)")
JOINED: Final = topic_of("EarlierJoined(uint64,bytes32,uint256)")
_READERS: Final[dict[Hash32, Callable[[RawLog, Position], RewardEvent]]] = {
    PROPOSED: _proposed,
    ACCEPTED: _accepted,
    CANCELLED: _cancelled,
    CLAIMED: _claimed,
    JOINED: _joined,
}
TOPICS: Final = frozenset(_READERS)
"""The first topics of all that it tells."""
_TOPICS: Final = 3
