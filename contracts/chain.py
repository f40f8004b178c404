"""The chain, as a port: what we may ask of a node and send to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeVar

from contracts.events import BlockRef, ChainEvent
from kit.identifiers import Address, Hash32

T = TypeVar("T")
BlockTag = Literal["latest", "safe", "finalized"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Our contracts on one chain, and the block from which on there is anything of ours to read.

    ``pledges``: ``None`` where gifts have no contract there, else it stands since block ``pledges_block``. So too
    ``checkout`` and ``checkout_block``, the contract for what is sold, and ``distributor`` and ``distributor_block``,
    the one that pays rewards.
    """

    chain_id: int
    token: Address
    escrow: Address
    deployed_block: int
    pledges: Address | None = None
    pledges_block: int | None = None
    checkout: Address | None = None
    checkout_block: int | None = None
    distributor: Address | None = None
    distributor_block: int | None = None

    @property
    def later(self) -> dict[Address, int]:
        """The contracts that may have come later than token and escrow, each with the block from which it stands."""
        found = {
            self.pledges: self.pledges_block,
            self.checkout: self.checkout_block,
            self.distributor: self.distributor_block,
        }
        return {place: since for place, since in found.items() if place is not None and since is not None}


class RawLog(NamedTuple):
    """A log as the node tells it, undecoded."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    block_hash: Hash32
    log_index: int
    transaction: Hash32


@dataclass(slots=True)
class BlockLogs:
    """A block and its logs of the addresses that were asked for, in log order.

    ``doubtful``: its bloom filter says that a contract may have written something that matters, of which the node told
    nothing; and there are too many logs in the block, by whomever, to settle it.
    """

    ref: BlockRef
    logs: list[RawLog] = field(default_factory=list)
    doubtful: bool = False
    events: Sequence[ChainEvent] | None = field(default=None, compare=False)
    """What the logs mean, where somebody has read that already."""


Read = Callable[[Sequence[BlockLogs]], None]
"""Takes blocks that were read before anybody asked for them; raises nothing."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction; ``gas_price`` is what each gas cost, in wei, where the node tells."""

    transaction: Hash32
    block_hash: Hash32
    block_number: int
    succeeded: bool
    gas_used: int
    gas_price: int | None = None


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees, in wei per gas."""

    max_fee: int
    priority_fee: int


class Chain(Protocol):
    """A node, or several. Every method raises ``ChainUnavailable`` where none answers, or answers nonsense."""

    @property
    def chain_id(self) -> int:
        """The chain's id, asked once and checked against what the operator set."""
        ...

    def at_one(self, questions: Callable[[Chain], T]) -> T:
        """Put questions that belong together, and only read, to one node; all of them again to another if it fails."""
        ...

    def block(self, which: int | Hash32 | BlockTag) -> BlockRef | None:
        """Return a block by number, hash or tag; ``None`` where the node has no such block."""
        ...

    def stand_on(self, block: BlockRef) -> None:
        """Make sure that a block which must never leave the chain is in it, as far as the node has come.

        Raises ``ChainMismatch`` where another stands in its place, or the chain is another; what says so is not
        believed from then on, until it says otherwise.
        """
        ...

    def read(self, which: int | Hash32, wanted: Mapping[Address, Collection[Hash32]]) -> BlockLogs | None:
        """Return a block by number or hash with its logs, checked as in ``stretch``; ``None`` where there is no such.

        The logs are asked for by the block's hash (EIP-234), so a chain that changes meanwhile mixes nothing up.
        """
        ...

    def stretch(self, first: int, last: int, wanted: Mapping[Address, Collection[Hash32]]) -> list[BlockLogs]:
        """Return the final blocks from ``first`` to ``last`` (numbers, both included), each with its logs, in order.

        ``wanted``: the contracts, each with the first topics by which their logs matter. All of it was checked: each
        block is the parent of the next, each log is of its block and in its bloom filter; and where that speaks of logs
        that did not come, all logs of the block were asked for, and make up that very filter; or they are too many, and
        the block is ``doubtful``. The same node says at the end that the last of them is final. For blocks that may
        still leave the chain ask one by one (``read``).
        """
        ...

    def expect(self, first: int, last: int, wanted: Mapping[Address, Collection[Hash32]], *, read: Read | None) -> None:
        """Know that ``stretch`` comes next for these blocks, which are final: what it needs may be asked for meanwhile.

        ``read``: what comes is read and checked meanwhile, too, in a thread, as far as nothing more must be asked for,
        and given to this there; ``None``: that is done when it is called. Nothing is raised, and nothing but time is
        lost where it never is.
        """
        ...

    def call(
        self,
        to: Address | None,
        data: bytes,
        *,
        sender: Address | None = None,
        block: int | Hash32 | BlockTag = "latest",
        gas: int | None = None,
    ) -> bytes:
        """Return what a call answers, at a block by number, hash (EIP-1898) or tag; ``to=None`` runs ``data`` itself.

        ``gas`` bounds what it may take. A revert, or whatever else ends the call before its time, raises
        ``Conflict("reverted", …)`` with the revert data in ``values["data"]`` (``bytes``).
        """
        ...

    def estimate_gas(self, to: Address | None, data: bytes, sender: Address, *, value: int = 0) -> int:
        """Return the gas a transaction would take (``to=None`` creates a contract); a revert raises as in ``call``.

        ``value``: wei that go along.
        """
        ...

    def nonce(self, account: Address, block: BlockTag | Literal["pending"] = "pending") -> int:
        """Return the account's next nonce at a block; by default at the head, pending transactions included."""
        ...

    def fees(self) -> Fees:
        """Return fees with which a transaction is likely to be mined soon."""
        ...

    def send(self, raw: bytes) -> Hash32:
        """Broadcast a signed transaction; sending the same one again is not an error.

        A node that refuses it raises ``Conflict`` with the code ``nonce_too_low``, ``underpriced`` (the fee does not
        suffice, or not to replace what waits at this nonce), ``insufficient_funds`` or ``transaction_refused``.
        """
        ...

    def receipt(self, transaction: Hash32) -> Receipt | None:
        """Return the receipt of a mined transaction, else ``None``."""
        ...

    def balance(self, account: Address) -> int:
        """Return the account's ether, in wei."""
        ...

    def code(self, account: Address) -> bytes:
        """Return the code that stands at an address at the head; empty where there is none."""
        ...
