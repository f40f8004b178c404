"""Chain events as frozen values: blocks, where a log stands, the terms of a stake, and one class per log we read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from kit.identifiers import Address, Hash32


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block: its chain, number, hash, parent and time (Unix seconds)."""

    chain_id: int
    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp: int


class Position(NamedTuple):
    """Where a log stands; (chain, block hash, log index) names it for ever, whatever the chain does next."""

    block: BlockRef
    log_index: int
    transaction: Hash32


@dataclass(frozen=True, slots=True)
class Terms:
    """All terms of a stake, in the order of ``ContactEscrow.Terms``; their hash is the stake's id and EIP-3009 nonce.

    Amounts are base units (uint256), times Unix seconds of chain time (uint64).
    """

    payer: Address
    return_to: Address
    amount: int
    fee: int
    fee_payee: Address
    relay_fee: int
    relay_receiver: Address
    resolver: Address
    guardian: Address
    answer_by: int
    quote_expiry: int
    commitment: Hash32


class Transferred(NamedTuple):
    """``Token.Transfer``: tokens moved; from the zero address it is a mint, to it a burn."""

    at: Position
    token: Address
    sender: Address
    recipient: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Opened:
    """``ContactEscrow.Opened``: a stake was put down; its transfers stand before it in the same transaction."""

    at: Position
    escrow: Address
    stake_id: Hash32
    terms: Terms


@dataclass(frozen=True, slots=True)
class Returned:
    """``ContactEscrow.Returned``: the resolver gave it back; the fee was paid where the recipient ``answered``."""

    at: Position
    escrow: Address
    stake_id: Hash32
    answered: bool


@dataclass(frozen=True, slots=True)
class ForfeitAnnounced:
    """``ContactEscrow.ForfeitAnnounced``: from ``executable_at`` (Unix seconds) on, anybody may have it burned."""

    at: Position
    escrow: Address
    stake_id: Hash32
    executable_at: int


@dataclass(frozen=True, slots=True)
class Forfeited:
    """``ContactEscrow.Forfeited``: the stake was burned."""

    at: Position
    escrow: Address
    stake_id: Hash32


@dataclass(frozen=True, slots=True)
class Expired:
    """``ContactEscrow.Expired``: nobody answered in time; stake and fee went back."""

    at: Position
    escrow: Address
    stake_id: Hash32


@dataclass(frozen=True, slots=True)
class SignedGift:
    """A gift of our token as its giver signs it, in the order of ``Pledges.Gift``; its hash is its EIP-3009 nonce.

    Amounts are base units (uint256), ``valid_before`` Unix seconds of chain time (uint64), ``months`` 0 to 120.
    """

    giver: Address
    cause: Address
    amount: int
    months: int
    memo: Hash32
    relay_fee: int
    relay_receiver: Address
    valid_before: int
    salt: Hash32


@dataclass(frozen=True, slots=True)
class Given:
    """``Pledges.Given``: so much has arrived at ``cause``; its transfers stand before it in the same transaction.

    ``asset``: the token's contract, the zero address for ether; ``amount`` in its base units. ``months``: 0 once, else
    so many prepaid months. ``memo``: zero, or what commits to what the giver wants to be known.
    """

    at: Position
    pledges: Address
    giver: Address
    cause: Address
    asset: Address
    amount: int
    months: int
    memo: Hash32


@dataclass(frozen=True, slots=True)
class Bought:
    """``Checkout.Bought``: everybody has been paid; their transfers stand before it in the same transaction.

    ``amount`` is the price, in base units of ``asset``. ``purchase`` is its id, ``terms`` the hash of what the seller
    published; ``memo``: zero, or what commits to what the buyer wants to be known.
    """

    at: Position
    checkout: Address
    purchase: Hash32
    buyer: Address
    seller: Address
    asset: Address
    amount: int
    listing: Hash32
    terms: Hash32
    memo: Hash32


@dataclass(frozen=True, slots=True)
class Refunded:
    """``Checkout.Refunded``: ``sender`` has paid back so many base units of ``asset``, and says for which purchase.

    Anybody can say so of any purchase: whose word counts is for the reader to decide.
    """

    at: Position
    checkout: Address
    purchase: Hash32
    sender: Address
    recipient: Address
    asset: Address
    amount: int


@dataclass(frozen=True, slots=True)
class RootProposed:
    """``RewardDistributor.RootProposed``: a root waits until ``counts_from`` (Unix seconds).

    ``budget``: base units that its epoch costs. ``replaces``: the root that counts now was wrong and is passed over.
    """

    at: Position
    distributor: Address
    epoch: int
    root: Hash32
    budget: int
    counts_from: int
    replaces: bool


@dataclass(frozen=True, slots=True)
class RootAccepted:
    """``RewardDistributor.RootAccepted``: a root counts, and its ``budget`` has come; its transfer stands before it."""

    at: Position
    distributor: Address
    epoch: int
    root: Hash32
    budget: int


@dataclass(frozen=True, slots=True)
class RootCancelled:
    """``RewardDistributor.RootCancelled``: a root that waited will never count, unless it is proposed again."""

    at: Position
    distributor: Address
    epoch: int
    root: Hash32


@dataclass(frozen=True, slots=True)
class Claimed:
    """``RewardDistributor.Claimed``: a payee got ``amount`` base units, and has had ``cumulative`` in all."""

    at: Position
    distributor: Address
    payee: Address
    root: Hash32
    amount: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class EarlierJoined:
    """``RewardDistributor.EarlierJoined``: what was left of earlier epochs is paid under the root that counts."""

    at: Position
    distributor: Address
    epoch: int
    root: Hash32
    amount: int


StakeEvent = Opened | Returned | ForfeitAnnounced | Forfeited | Expired
SaleEvent = Bought | Refunded
RewardEvent = RootProposed | RootAccepted | RootCancelled | Claimed | EarlierJoined
ChainEvent = Transferred | StakeEvent | Given | SaleEvent | RewardEvent


def contract_of(event: ChainEvent) -> Address:
    """Return which contract wrote an event."""
    if isinstance(event, Transferred):
        return event.token
    if isinstance(event, Given):
        return event.pledges
    if isinstance(event, SaleEvent):
        return event.checkout
    return event.distributor if isinstance(event, RewardEvent) else event.escrow
