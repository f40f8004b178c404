"""Several nodes as one chain: the preferred one is asked, another takes its place; who lags or lies is noticed.

One node is asked until it does not answer, lags or is not believed, so that two heads are not taken for one that jumps.
The preferred one gets its place back only once it knows the other's head: then nothing has to be undone for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from contracts.chain import BlockLogs, BlockTag, Chain, Fees, Read, Receipt
from contracts.events import BlockRef
from contracts.roster import Node, NodeReport, Roster
from contracts.rpc import TIMEOUT, Declined
from contracts.web3_chain import Web3Chain
from kit.errors import ChainUnavailable, Invalid, Refusal
from kit.identifiers import Address, Hash32

T = TypeVar("T")
Declining = Literal["fails", "is passed over", "is heard"]
"""What becomes of a node that says that it cannot tell something: it fails like one that does not answer; another is
asked for once; or whoever asked hears it, to ask for less."""
_Sent = Hash32 | Refusal | ChainUnavailable


class Nodes:
    """One chain behind one or several URLs, in the order of preference (``contracts.chain.Chain``). Safe to share.

    A node that contradicts our final block (``stand_on``), that serves another chain or other contracts, or whose final
    block is not what most say, is not believed until a look finds it right. Where two stand against each other with
    nothing to tell which one lies, neither is: money would move on what it says.
    """

    def __init__(
        self,
        urls: Sequence[str],
        expected_chain_id: int | None,
        *,
        prove: Callable[[Chain], None] | None = None,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the nodes at ``urls``; nothing is asked yet. Raises ``Invalid`` for what is no http(s) URL, or none.

        ``prove`` raises ``Invalid`` where a node serves other contracts than ours; it is put to each of several nodes
        when it comes, and comes back. ``timeout``: seconds that one question to one node may take in all.
        """
        if not urls:
            raise Invalid("rpc_url_missing", "There is no node to ask: set EARNEST_RPC_URL.")
        chains = [Web3Chain(url, expected_chain_id, timeout=timeout) for url in urls]
        self._roster = Roster(chains, prove=prove, clock=clock)

    def __repr__(self) -> str:
        return f"<Nodes {', '.join(node.place for node in self.report())}>"

    def close(self) -> None:
        """Close the connections to the nodes."""
        self._roster.close()

    def report(self) -> list[NodeReport]:
        """Say what is known of each node, without asking any."""
        return self._roster.report()

    def look(self) -> None:
        """Look at every node now, and hold them against each other."""
        self._roster.look()

    # -------------------------------------------------------------------------------------------------- the port

    @property
    def chain_id(self) -> int:
        """The chain's id; the same at every node that is believed."""
        return self._ask(lambda chain: chain.chain_id)

    def at_one(self, questions: Callable[[Chain], T]) -> T:
        """Put questions that belong together to one node; where it may not tell one of them, all of them to another."""
        return self._ask(questions, declining="is passed over")

    def block(self, which: int | Hash32 | BlockTag) -> BlockRef | None:
        """Return a block by number, hash or tag, as the node that is asked now has it."""
        return self._ask(lambda chain: chain.block(which))

    def stand_on(self, block: BlockRef) -> None:
        """Believe no node that has another block in the place of ``block``; see ``Chain.stand_on``.

        The node that is asked is held against it now, the others at the next look.
        """
        anchor = self._roster.anchor
        if anchor is None or block.number > anchor.number:
            self._roster.anchor = block

        def stand(chain: Web3Chain) -> None:
            chain.stand_on(block)

        self._ask(stand)
        if self._roster.alone:
            self._roster.believe(self._roster.candidates()[0])

    def read(self, which: int | Hash32, wanted: Mapping[Address, Collection[Hash32]]) -> BlockLogs | None:
        """Return a block with its logs; see ``Chain.read``."""
        return self._ask(lambda chain: chain.read(which, wanted))

    def stretch(self, first: int, last: int, wanted: Mapping[Address, Collection[Hash32]]) -> list[BlockLogs]:
        """Return blocks with their logs, all of them from the node that is asked now; see ``Chain.stretch``."""
        return self._ask(lambda chain: chain.stretch(first, last, wanted), declining="is heard")

    def expect(self, first: int, last: int, wanted: Mapping[Address, Collection[Hash32]], *, read: Read | None) -> None:
        """Have the node that would be asked now begin with a stretch; see ``Chain.expect``."""
        for node in self._roster.candidates()[:1]:
            node.chain.expect(first, last, wanted, read=read)

    def call(
        self,
        to: Address | None,
        data: bytes,
        *,
        sender: Address | None = None,
        block: int | Hash32 | BlockTag = "latest",
        gas: int | None = None,
    ) -> bytes:
        """Return what a call answers; see ``Chain.call``."""
        return self._ask(
            lambda chain: chain.call(to, data, sender=sender, block=block, gas=gas), declining="is passed over"
        )

    def estimate_gas(self, to: Address | None, data: bytes, sender: Address, *, value: int = 0) -> int:
        """Return the gas a transaction would take; see ``Chain.estimate_gas``."""
        return self._ask(lambda chain: chain.estimate_gas(to, data, sender, value=value), declining="is passed over")

    def nonce(self, account: Address, block: BlockTag | Literal["pending"] = "pending") -> int:
        """Return the account's next nonce at a block."""
        return self._ask(lambda chain: chain.nonce(account, block))

    def fees(self) -> Fees:
        """Return fees with which a transaction is likely to be mined soon."""
        return self._ask(lambda chain: chain.fees(), declining="is passed over")

    def send(self, raw: bytes) -> Hash32:
        """Broadcast to every node that answers. One that takes it is enough, else the first one's no is raised."""
        self._roster.look_if_due()
        asked = self._roster.candidates()
        if len(asked) <= 1:
            return self._ask(lambda chain: chain.send(raw), declining="is passed over")
        with ThreadPoolExecutor(len(asked)) as pool:
            answers = list(pool.map(lambda node: self._sent(node, raw), asked))
        ranks = (bytes, Refusal, ChainUnavailable)
        best = min(
            answers, key=lambda answer: next(rank for rank, kind in enumerate(ranks) if isinstance(answer, kind))
        )
        if isinstance(best, Exception):
            raise best
        return best

    def receipt(self, transaction: Hash32) -> Receipt | None:
        """Return the receipt of a mined transaction, else ``None``."""
        return self._ask(lambda chain: chain.receipt(transaction))

    def balance(self, account: Address) -> int:
        """Return the account's ether, in wei."""
        return self._ask(lambda chain: chain.balance(account), declining="is passed over")

    def code(self, account: Address) -> bytes:
        """Return the code that stands at an address at the head."""
        return self._ask(lambda chain: chain.code(account), declining="is passed over")

    # --------------------------------------------------------------------------------------------------- asking

    def _ask(self, question: Callable[[Web3Chain], T], *, declining: Declining = "fails") -> T:
        """Put a question to one node after the other until one answers.

        Whoever may decline (a range too long, a state that it has no more) is a good node all the same.
        """
        self._roster.look_if_due()
        failure: ChainUnavailable | None = None
        declined = False
        for node in self._roster.candidates():
            try:
                answer = question(node.chain)
            except ChainUnavailable as error:
                failure = failure or error
                if declining == "fails" or not isinstance(error, Declined):
                    self._roster.failed(node, error)
                elif declining == "is heard":
                    raise
                else:
                    declined = True
                continue
            except Refusal:
                self._roster.answered(node, once=declined)
                raise
            self._roster.answered(node, once=declined)
            return answer
        raise failure or self._roster.none_believed()

    def _sent(self, node: Node, raw: bytes) -> _Sent:
        try:
            return node.chain.send(raw)
        except Refusal as refusal:
            return refusal
        except ChainUnavailable as error:
            if not isinstance(error, Declined):
                self._roster.failed(node, error)
            return error
