"""The roster: what is known of each node of one chain, how they are looked at, and how one is chosen to be asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from contracts.chain import Chain
from contracts.events import BlockRef
from contracts.web3_chain import Web3Chain
from kit.errors import ChainMismatch, ChainUnavailable, Refusal
from kit.identifiers import Hash32, show_hash

LOG = structlog.get_logger(__name__)

LOOK_EVERY: Final = 5.0
"""Seconds between two looks at all nodes."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_MOST_DOUBLINGS: Final = 6
_FAR_BEHIND: Final = 100
_BEHIND: Final = 2
_LONG_BEHIND_SECONDS: Final = 60
_ENOUGH_TO_DOUBT_ONE: Final = 3
_NEVER: Final = float("-inf")


class NodeState(StrEnum):
    """What a node is to us now."""

    ASKED = "asked"
    READY = "ready"
    LAGS = "lags"
    SILENT = "silent"
    NOT_BELIEVED = "not_believed"


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What is known of one node. ``place`` (host and port) may be shown to anybody, and so may ``why``."""

    place: str
    state: NodeState
    head: int | None
    why: str


@dataclass(slots=True, eq=False)
class Node:
    """A node and what is thought of it: ``lie`` and ``failure`` say why it is not believed, or does not answer.

    ``disputed``: the highest final block about which it stood against others. That ends where another says the same of
    this block, or of a later one; that the others are silent ends nothing.
    """

    chain: Web3Chain
    place: str
    head: BlockRef | None = None
    moved_at: float = 0.0
    final: BlockRef | None = None
    lags: bool = False
    lie: str = ""
    disputed: int | None = None
    failure: str = ""
    failures: int = 0
    again_at: float = 0.0
    proved: bool = False

    @property
    def why(self) -> str:
        """Why it is not asked, in a sentence; nothing where it could be."""
        return self.lie or self.failure or ("It is behind the others." if self.lags else "")


class Roster:
    """The nodes in the order of preference, and which one is asked now. Safe to share between threads."""

    def __init__(
        self,
        chains: Sequence[Web3Chain],
        *,
        prove: Callable[[Chain], None] | None,
        clock: Callable[[], float],
    ) -> None:
        """Begin with the first of ``chains``; ``prove`` raises ``Invalid`` for one with other contracts than ours."""
        self._nodes: list[Node] = []
        for chain in chains:
            same = sum(node.chain.place == chain.place for node in self._nodes)
            self._nodes.append(Node(chain, f"{chain.place} ({same + 1})" if same else chain.place))
        self._current = self._nodes[0]
        self._prove = prove
        self._clock = clock
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._look_at = _NEVER
        self._looker: threading.Thread | None = None
        self._closed = False
        self.anchor: BlockRef | None = None
        """A block that must never leave the chain: whoever has another in its place lies."""

    @property
    def alone(self) -> bool:
        """Whether there is one node only: then there is nobody to ask instead, and nothing to hold it against."""
        return len(self._nodes) == 1

    def close(self) -> None:
        """Wait for the look that goes on, if one does, and close the connections to the nodes."""
        self._closed = True
        if self._looker is not None:
            self._looker.join()
        for node in self._nodes:
            node.chain.close()

    def report(self) -> list[NodeReport]:
        """Say what is known of each node, without asking any."""
        with self._lock:
            return [
                NodeReport(node.place, self._state(node), node.head.number if node.head else None, node.why)
                for node in self._nodes
            ]

    def _state(self, node: Node) -> NodeState:
        if node.lie:
            return NodeState.NOT_BELIEVED
        if node.failure:
            return NodeState.SILENT
        if node.lags:
            return NodeState.LAGS
        return NodeState.ASKED if node is self._current else NodeState.READY

    # --------------------------------------------------------------------------------------------------- asking

    def candidates(self) -> list[Node]:
        """Return whom to ask, in order: laggards last; of those that are silent one, and that for want of others."""
        if self.alone:
            return self._nodes
        with self._lock:
            believed = [node for node in self._nodes if not node.lie]
            there = [node for node in believed if not node.failure]
            there.sort(key=lambda node: (node.lags, node is not self._current))
            return there or sorted(believed, key=lambda node: node.again_at)[:1]

    def answered(self, node: Node, *, once: bool = False) -> None:
        """Note that a node answered: it is the one that is asked from now on, unless it was to be for ``once``."""
        with self._lock:
            back, node.failure, node.failures = node.failure, "", 0
            before, self._current = self._current, self._current if once else node
            if self.alone and self.anchor is None:
                node.lie = ""
        if back and not self.alone:
            LOG.info("node_answers_again", node=node.place)
        if before is not self._current:
            LOG.warning("node_asked_instead", node=node.place, before=before.place, because=before.why)

    def failed(self, node: Node, error: ChainUnavailable) -> None:
        """Note that a node did not answer, and leave it alone for a while, longer each time; or that it lies."""
        if isinstance(error, ChainMismatch):
            self._disbelieve(node, str(error))
            return
        with self._lock:
            new, node.failure, node.proved = not node.failure, str(error), False
            pause = min(_FIRST_PAUSE * 2 ** min(node.failures, _MOST_DOUBLINGS), _LONGEST_PAUSE)
            node.failures += 1
            node.again_at = self._clock() + pause
        if new and not self.alone:  # of one alone, whoever asked tells
            LOG.warning("node_silent", node=node.place, reason=str(error), seconds=pause)

    def believe(self, node: Node) -> None:
        """Note that nothing speaks against a node."""
        with self._lock:
            before, node.lie, node.disputed = node.lie, "", None
        if before and not self.alone:
            LOG.warning("node_believed_again", node=node.place)

    def none_believed(self) -> ChainMismatch:
        """Say why nobody can be asked."""
        return ChainMismatch("No node is believed. " + " ".join(node.lie for node in self._nodes))

    def _disbelieve(self, node: Node, why: str) -> None:
        with self._lock:
            new, node.lie, node.proved = not node.lie, why, False
        if new and not self.alone:
            LOG.error("node_not_believed", node=node.place, reason=why, mend="Look at that node, or leave it out.")

    # -------------------------------------------------------------------------------------------------- looking

    def look_if_due(self) -> None:
        """Look at all nodes before the first question; later, now and then, while questions go on."""
        if self.alone or self._closed or self._clock() < self._look_at:
            return
        if self._look_at == _NEVER:
            self.look(again=False)
            return
        with self._lock:
            if self._looker is None or not self._looker.is_alive():
                self._looker = threading.Thread(target=self.look, name="nodes-looked-at", daemon=True)
                self._looker.start()

    def look(self, *, again: bool = True) -> None:
        """Look at every node, save those whose pause is not over, and hold them against each other."""
        with self._looking:
            if not again and self._look_at != _NEVER:
                return
            due = [node for node in self._nodes if node.again_at <= self._clock()]
            if due:
                with ThreadPoolExecutor(len(due)) as pool:
                    seen = [node for node, well in zip(due, pool.map(self._glance, due), strict=True) if well]
                self._hold_together(seen)
                self._choose()
            self._look_at = self._clock() + LOOK_EVERY

    def _glance(self, node: Node) -> bool:
        """Look at one node by itself; ``False`` where there is nothing to hold against others."""
        try:
            if self.anchor is not None:
                node.chain.stand_on(self.anchor)
            head, final = node.chain.block("latest"), node.chain.block("finalized")
            if head is None:
                raise ChainUnavailable(f"The node at {node.place} has no head block.")  # noqa: TRY301 - as if silent
            if self._prove is not None and not node.proved:
                self._prove(node.chain)
        except Refusal as error:
            self._disbelieve(node, f"The node at {node.place}: {error.message}")
            return False
        except ChainUnavailable as error:
            self.failed(node, error)
            return False
        with self._lock:
            if head != node.head:
                node.moved_at = self._clock()
            node.head, node.final, node.proved = head, final, True
            node.failure, node.failures = "", 0
        return True

    def _hold_together(self, seen: Sequence[Node]) -> None:
        """Compare each block that one of them calls its last final (the genesis, where there is none), lowest first.

        Whoever lags has a say up to where it knows what is final, and hides nothing above that.
        """
        finals = {node: node.final.number for node in seen if node.final}
        heights = sorted({*finals.values()}) or [0]
        backed = dict.fromkeys(seen, -1)  # those who are right so far, and up to where another says the same
        for height in heights:
            asked = [node for node in backed if finals.get(node, heights[0]) >= height]
            says = self._say(asked, height)
            times, wrong = Counter(says.values()), contradicted(list(says.values()))
            for node in asked:
                block_hash = says.get(node)
                if block_hash is None or block_hash in wrong:
                    del backed[node]
                elif times[block_hash] > 1:
                    backed[node] = height
                if block_hash in wrong:
                    node.disputed = max(height, node.disputed or 0)
                    told = f"says that final block {height} is {show_hash(block_hash)}, and not all others say so"
                    self._disbelieve(node, f"The node at {node.place} {told}.")
        for node, up_to in backed.items():
            if node.disputed is None or up_to >= node.disputed:
                self.believe(node)

    def _say(self, asked: Sequence[Node], height: int) -> dict[Node, Hash32]:
        """Return what each of them says that the block of this number is, if it answers."""
        says: dict[Node, Hash32] = {}
        for node in asked:
            try:
                block = node.chain.block(height)
                if block is None:
                    raise ChainUnavailable(f"The node at {node.place} lacks block {height}.")  # noqa: TRY301 - as above
            except ChainUnavailable as error:
                self.failed(node, error)
            else:
                says[node] = block.hash
        return says

    def _choose(self) -> None:
        """Note who lags, and give a better node its place back where nothing has to be undone for it."""
        with self._lock:
            there = [node for node in self._nodes if not node.lie and not node.failure]
            heads = sorted((node.head for node in there if node.head), key=lambda head: head.number)
            # One node alone must not make laggards of all others by telling of a head that nobody else has.
            many = len(heads) >= _ENOUGH_TO_DOUBT_ONE
            for node in there:
                if node.head is not None:
                    newest = heads[-2 if many else -1]
                    node.lags = behind(node.head, newest) and (many or self._stands_still(node, node.head))
            current = self._current
        for node in self._better(there, current):
            try:
                knows = current.head is None or node.chain.block(current.head.hash) is not None
            except ChainUnavailable as error:
                self.failed(node, error)
                continue
            if knows:
                with self._lock:
                    self._current = node
                LOG.info("node_asked_again", node=node.place, before=current.place)
                return

    def _stands_still(self, node: Node, head: BlockRef) -> bool:
        """Tell by our own clock and books whether a node is behind, where one other alone says so."""
        long_ago = self._clock() - node.moved_at > _LONG_BEHIND_SECONDS
        return long_ago or (self.anchor is not None and head.number < self.anchor.number)

    def _better(self, there: Collection[Node], current: Node) -> Iterator[Node]:
        for node in self._nodes:
            if node is current:
                return
            if node in there and not node.lags:
                yield node


def contradicted(says: Sequence[Hash32]) -> set[Hash32]:
    """Return which of these are not believed, all about one block: what fewer say than all others; of a tie, all."""
    counts = Counter(says)
    if len(counts) <= 1:
        return set()
    most, times = counts.most_common(1)[0]
    return set(counts) - ({most} if 2 * times > len(says) else set())


def behind(head: BlockRef, newest: BlockRef) -> bool:
    """Tell whether a head is so far behind the newest that its node lags: by many blocks, or by some and a minute."""
    blocks = newest.number - head.number
    return blocks > _FAR_BEHIND or (blocks >= _BEHIND and newest.timestamp - head.timestamp > _LONG_BEHIND_SECONDS)
