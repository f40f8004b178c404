"""The chain over JSON-RPC: one real node. It believes nothing: what a node says is checked before it is a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, NoReturn, TypeVar

from eth_utils.crypto import keccak

from contracts import stretch as stretches
from contracts.ahead import Ahead
from contracts.chain import BlockLogs, BlockTag, Chain, Fees, RawLog, Read, Receipt
from contracts.events import BlockRef
from contracts.reverts import refused, revert_data, reverted_because
from contracts.rpc import MOST_BYTES, TIMEOUT, Answered, BoundedProvider, Declined, NodeError, TooMuch
from contracts.stretch import Header
from kit.errors import ChainMismatch, ChainUnavailable, Conflict, Invalid
from kit.identifiers import Address, Hash32, show_address, show_hash

T = TypeVar("T")
_Told = tuple[list[Header], list[BlockLogs]]
_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_MOST_LOGS: Final = 20_000
_TIMES_MORE: Final = 5  # as much of our own in one block is read, where it is more than that
_MOST_CODE_BYTES: Final = 2**16
_MOST_ANSWER_BYTES: Final = 2**18
_MOST_GAS: Final = 30_000_000
_MOST_FEE: Final = 10**14  # 100,000 gwei: a lying node must not make us burn our ether
_MOST_NUMBER: Final = 2**63 - 1  # what a database counts to
_REVERTED: Final = 3
_FAILED: Final = re.compile(  # in the words of several nodes: the code that was called ended before its time
    r"revert|out ?of ?gas|invalid ?(?:fe)?opcode|opcode ?not ?found|invalid ?jump|stack ?(?:under|over)flow|"
    r"(?:init|contract) ?code ?size|max code size|intrinsic ?gas|gas ?floor",
    re.IGNORECASE,
)
_SAYS_NO: Final = frozenset({-32000, -32003, -32010, _REVERTED})
_NO_SUCH_BLOCK: Final = ("not found", "unknown block", "no such block", "could not find block")


class Web3Chain:
    """A node behind an http(s) URL (``contracts.chain.Chain``). Safe to share between threads."""

    def __init__(self, rpc_url: str, expected_chain_id: int | None, *, timeout: float = TIMEOUT) -> None:
        """Ask the node at ``rpc_url``; nothing is asked yet.

        A node that serves another chain than ``expected_chain_id`` is refused with ``ChainMismatch`` at every
        question; ``None`` takes whatever it serves. ``timeout``: seconds that one question may take in all.
        """
        self._provider = BoundedProvider(rpc_url, timeout=timeout)
        self._patient = BoundedProvider(rpc_url, timeout=timeout, most_bytes=_TIMES_MORE * MOST_BYTES)
        self._ahead = Ahead[Callable[..., _Told]]()
        self._expected = expected_chain_id
        self._found: int | None = None

    def __repr__(self) -> str:
        return f"<Web3Chain {self._provider.place}>"

    @property
    def place(self) -> str:
        """Where the node is: host and port, never the URL."""
        return self._provider.place

    def close(self) -> None:
        """Close the connections to the node."""
        self._ahead.close(self._provider.close)
        self._patient.close()

    @property
    def chain_id(self) -> int:
        """The chain's id; asked again after the node was away, for another may have come back in its place."""
        found = self._found
        if found is None:
            try:
                answer = self._provider.ask("eth_chainId")
            except NodeError as error:
                raise self._unavailable(error) from None
            found = self._number(answer, "chain id")
            if found != (self._expected or found):
                raise ChainMismatch(
                    f"The node at {self._provider.place} serves chain {found}, but chain {self._expected} is wanted: "
                    "check EARNEST_RPC_URL and EARNEST_CHAIN_ID."
                )
            self._found = found
        return found

    def at_one(self, questions: Callable[[Chain], T]) -> T:
        """Put questions that belong together to this node."""
        return questions(self)

    def block(self, which: int | Hash32 | BlockTag) -> BlockRef | None:
        """Return a block by number, hash or tag; ``None`` where the node has no such block (or no such tag)."""
        header = self._header(which)
        return None if header is None else header.ref

    def stand_on(self, block: BlockRef) -> None:
        """Make sure that ``block`` is in the node's chain, as far as that goes; see ``Chain.stand_on``."""
        self._found = None  # another chain may have come in its place without an absence
        found = self.block(block.number)
        if found is not None and found.hash != block.hash:
            raise ChainMismatch(
                f"The node at {self._provider.place} says that block {block.number} is {show_hash(found.hash)}, but it "
                f"is {show_hash(block.hash)} in our books, and must never change."
            )

    def read(self, which: int | Hash32, wanted: Mapping[Address, Collection[Hash32]]) -> BlockLogs | None:
        """Return a block by number or hash with the logs of ``wanted``; see ``Chain.read``."""
        header = self._header(which)
        if header is None:
            return None
        (found,) = self._settle([header], self._assembled([header], self._ours(header, wanted), wanted), wanted)
        return found

    def stretch(self, first: int, last: int, wanted: Mapping[Address, Collection[Hash32]]) -> list[BlockLogs]:
        """Return the blocks from ``first`` to ``last``, with the logs of ``wanted``; see ``Chain.stretch``."""
        asked = (self.chain_id, range(first, last + 1), wanted)
        try:
            questions = stretches.questions(*asked[1:])
            begun = self._ahead.take(asked) or partial(self._told, self._provider.put_all(questions))
            found = self._settle(*begun(*asked), wanted)
        except ChainUnavailable:
            self._found = None
            raise
        self._make_sure_is_final(found[-1].ref)
        return found

    def expect(self, first: int, last: int, wanted: Mapping[Address, Collection[Hash32]], *, read: Read | None) -> None:
        """Begin to ask for a stretch, and to read it; see ``Chain.expect``."""
        if self._found is None:
            return
        asked = (self._found, range(first, last + 1), wanted)

        def ask() -> Callable[..., _Told]:
            begun = partial(self._told, self._provider.put_all(stretches.questions(*asked[1:])))
            if read is not None:
                read((told := begun(*asked))[1])
            return begun if read is None else lambda *_: told

        self._ahead.begin(asked, ask)

    def _told(
        self, answered: Answered, chain_id: int, numbers: range, wanted: Mapping[Address, Collection[Hash32]]
    ) -> _Told:
        """Read what the node said of a stretch, and check it as far as nothing more must be asked for."""
        try:
            *blocks, logs = self._provider.results(answered)
        except NodeError as error:
            raise self._unavailable(error) from None
        headers = [self._read_header(block, chain_id) for block in blocks]
        if [header.ref.number for header in headers] != list(numbers):
            raise self._nonsense("other blocks than those asked for")
        return headers, self._assembled(headers, self._logs(logs), wanted)

    def _make_sure_is_final(self, last: BlockRef) -> None:
        """Ask once more, after all else: who asked for final blocks may have heard from another node that they are."""
        final = self._header("finalized")
        if final is None or final.ref.number < last.number:
            raise Declined(f"The chain's node at {self._provider.place} does not call block {last.number} final.")
        stands = final if final.ref.number == last.number else self._header(last.number)
        if stands is None or stands.ref != last:
            raise self._nonsense(f"final blocks that do not lead to its block {last.number}")

    def call(
        self,
        to: Address | None,
        data: bytes,
        *,
        sender: Address | None = None,
        block: int | Hash32 | BlockTag = "latest",
        gas: int | None = None,
    ) -> bytes:
        """Return what a call answers; a failed one raises ``Conflict("reverted", …)`` with ``values["data"]``."""
        transaction = _transaction(to, data, sender) | ({} if gas is None else {"gas": hex(gas)})
        where = {"blockHash": show_hash(block)} if isinstance(block, bytes) else _block_name(block)
        try:
            answer = self._ask("eth_call", transaction, where)
        except NodeError as error:
            self._raise_execution(error)
        return self._bytes(answer, "call's answer", _MOST_ANSWER_BYTES)

    def estimate_gas(self, to: Address | None, data: bytes, sender: Address, *, value: int = 0) -> int:
        """Return the gas a transaction would take (``to=None`` creates a contract); a revert raises as in ``call``."""
        try:
            going = {"value": hex(value)} if value else {}
            answer = self._ask("eth_estimateGas", _transaction(to, data, sender) | going)
        except NodeError as error:
            self._raise_execution(error)
        return self._number(answer, "gas estimate", most=_MOST_GAS)

    def nonce(self, account: Address, block: BlockTag | Literal["pending"] = "pending") -> int:
        """Return the account's next nonce at a block; by default at the head, pending transactions included."""
        return self._number(self._ask_plainly("eth_getTransactionCount", show_address(account), block), "nonce")

    def fees(self) -> Fees:
        """Return twice the next block's base fee plus the tip that the node suggests: good for six full blocks."""
        tip = self._number(self._ask_plainly("eth_maxPriorityFeePerGas"), "priority fee", most=_MOST_FEE)
        history = self._fields(self._ask_plainly("eth_feeHistory", "0x1", "latest", []), "fee history")
        base_fees = history.get("baseFeePerGas")
        if not isinstance(base_fees, list) or not base_fees:
            raise self._nonsense("a fee history without base fees")
        base = self._number(base_fees[-1], "base fee", most=_MOST_FEE)
        return Fees(max_fee=2 * base + tip, priority_fee=tip)

    def send(self, raw: bytes) -> Hash32:
        """Broadcast a signed transaction; sending the same one again is not an error. See ``Chain.send``."""
        expected = Hash32(keccak(raw))
        try:
            answer = self._ask("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeError as error:
            # Nodes say "already known", "nonce too low", … of one they have; so ask for it instead of reading words.
            if self._knows(expected):
                return expected
            if error.code in _SAYS_NO:
                raise refused(str(error)) from None
            raise self._unavailable(error) from None
        if self._hash(answer, "transaction hash") != expected:
            raise self._nonsense("another transaction's hash")
        return expected

    def receipt(self, transaction: Hash32) -> Receipt | None:
        """Return the receipt of a mined transaction, else ``None``."""
        answer = self._ask_plainly("eth_getTransactionReceipt", show_hash(transaction))
        if answer is None:
            return None
        fields = self._fields(answer, "receipt")
        if self._hash(fields.get("transactionHash"), "transaction hash") != transaction:
            raise self._nonsense("another transaction's receipt")
        if fields.get("blockHash", "") is None:
            return None  # some nodes give a receipt to what is still waiting
        price = fields.get("effectiveGasPrice")
        return Receipt(
            transaction=transaction,
            block_hash=self._hash(fields.get("blockHash"), "block hash"),
            block_number=self._number(fields.get("blockNumber"), "block number"),
            succeeded=self._number(fields.get("status"), "receipt's status", most=1) == 1,
            gas_used=self._number(fields.get("gasUsed"), "gas used"),
            gas_price=None if price is None else self._number(price, "gas price", most=_MOST_FEE),
        )

    def balance(self, account: Address) -> int:
        """Return the account's ether, in wei."""
        return self._number(self._ask_plainly("eth_getBalance", show_address(account), "latest"), "balance", 2**256 - 1)

    def code(self, account: Address) -> bytes:
        """Return the code that stands at an address at the head; empty where there is none."""
        return self._bytes(self._ask_plainly("eth_getCode", show_address(account), "latest"), "code", _MOST_CODE_BYTES)

    # -------------------------------------------------------------------------------------------------- asking

    def _ask(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON, checked by whoever asked
        try:
            _ = self.chain_id
            return self._provider.ask(method, *params)
        except ChainUnavailable:
            self._found = None
            raise

    def _ask_plainly(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON, checked by whoever asked
        try:
            return self._ask(method, *params)
        except NodeError as error:
            raise self._unavailable(error) from None

    def _knows(self, transaction: Hash32) -> bool:
        answer = self._ask_plainly("eth_getTransactionByHash", show_hash(transaction))
        return answer is not None and self._hash(self._fields(answer, "transaction").get("hash"), "hash") == transaction

    def _raise_execution(self, error: NodeError) -> NoReturn:
        if error.code == _REVERTED or _FAILED.search(error.message):
            data = revert_data(error.data, most=_MOST_ANSWER_BYTES)
            raise Conflict("reverted", reverted_because(data), data=data) from None
        if error.code in _SAYS_NO and "insufficient" in error.message.lower():
            raise refused(str(error)) from None
        raise self._unavailable(error) from None

    def _unavailable(self, error: NodeError) -> Declined:
        return Declined(f"The chain's node at {self._provider.place} says: {error}.")

    def _nonsense(self, what: str) -> ChainUnavailable:
        return ChainUnavailable(f"The chain's node at {self._provider.place} answered nonsense: {what}.")

    # ------------------------------------------------------------------------------------------------- checking

    def _header(self, which: int | Hash32 | BlockTag) -> Header | None:
        method = "eth_getBlockByHash" if isinstance(which, bytes) else "eth_getBlockByNumber"
        chain_id = self.chain_id
        try:
            answer = self._ask(method, _block_name(which), False)  # noqa: FBT003 - the wire's own order
        except NodeError as error:
            if any(words in error.message.lower() for words in _NO_SUCH_BLOCK):
                return None
            raise self._unavailable(error) from None
        if answer is None:
            return None
        header = self._read_header(answer, chain_id)
        if which not in (header.ref.number, header.ref.hash) and not isinstance(which, str):
            raise self._nonsense("another block than the one asked for")
        return header

    def _read_header(self, answer: object, chain_id: int) -> Header:
        try:
            return stretches.read_header(answer, chain_id)
        except Invalid as error:
            raise self._nonsense(error.message) from None

    def _assembled(
        self, headers: Sequence[Header], logs: Sequence[RawLog], wanted: Mapping[Address, Collection[Hash32]]
    ) -> list[BlockLogs]:
        try:
            return stretches.assemble(headers, logs, wanted)
        except Invalid as error:
            raise self._nonsense(error.message) from None

    def _settle(
        self, headers: Sequence[Header], found: list[BlockLogs], wanted: Mapping[Address, Collection[Hash32]]
    ) -> list[BlockLogs]:
        """Ask once more for what is doubtful, which then has to prove itself."""
        for header, block in zip(headers, found, strict=True):
            if block.doubtful:
                try:
                    block.events, (block.logs, block.doubtful) = None, self._settled(header, wanted)
                except Invalid as error:
                    raise self._nonsense(error.message) from None
        return found

    def _settled(self, header: Header, wanted: Mapping[Address, Collection[Hash32]]) -> tuple[list[RawLog], bool]:
        """Return what ``wanted`` wrote in a doubtful block, and whether a doubt is left.

        Anybody can fill a block with more logs than are ever told: then the node is taken at its word about ours.
        """
        try:
            whole = self._logs(self._ask_plainly("eth_getLogs", {"blockHash": show_hash(header.ref.hash)}))
        except Declined:
            (block,) = stretches.assemble([header], self._ours(header, wanted), wanted)
            return block.logs, block.doubtful
        return stretches.settle(header, whole, wanted), False

    def _ours(self, header: Header, wanted: Collection[Address]) -> list[RawLog]:
        """Return what ``wanted`` wrote in one block. There is no less to ask for, so where it is much, more is read."""
        about = {"blockHash": show_hash(header.ref.hash), "address": [show_address(one) for one in wanted]}
        try:
            return self._logs(self._ask_plainly("eth_getLogs", about))
        except TooMuch:
            try:
                answer = self._patient.ask("eth_getLogs", about)
            except NodeError as error:
                raise self._unavailable(error) from None
            return self._logs(answer, _TIMES_MORE * _MOST_LOGS)

    def _logs(self, answer: object, most: int = _MOST_LOGS) -> list[RawLog]:
        if not isinstance(answer, list):
            raise self._nonsense("no list of logs")
        if len(answer) > most:
            raise TooMuch(f"The chain's node at {self.place} answered nonsense: more than {most} logs.")
        try:
            return stretches.read_logs(answer)
        except Invalid as error:
            raise self._nonsense(error.message) from None

    def _fields(self, answer: object, what: str) -> dict[str, object]:
        if not isinstance(answer, dict):
            raise self._nonsense(f"a {what} without fields")
        return answer

    def _number(self, text: object, what: str, most: int = _MOST_NUMBER) -> int:
        if isinstance(text, str) and _QUANTITY.fullmatch(text):
            value = int(text, 0)
            if value <= most:
                return value
        raise self._nonsense(f"a {what} that is none")

    def _hash(self, text: object, what: str) -> Hash32:
        return Hash32(self._bytes(text, what, 32, exactly=True))

    def _bytes(self, text: object, what: str, most: int, *, exactly: bool = False) -> bytes:
        if isinstance(text, str) and text.startswith("0x") and len(text) <= 2 + 2 * most:
            try:
                value = bytes.fromhex(text[2:])
            except ValueError:
                value = b""
            # ``fromhex`` skips blanks, so the lengths are compared.
            if 2 + 2 * len(value) == len(text) and (not exactly or len(value) == most):
                return value
        raise self._nonsense(f"a {what} that is none")


def _block_name(which: int | Hash32 | BlockTag) -> str:
    if isinstance(which, bytes):
        return show_hash(which)
    return which if isinstance(which, str) else hex(which)


def _transaction(to: Address | None, data: bytes, sender: Address | None) -> dict[str, str]:
    transaction = {"data": "0x" + data.hex()}
    if to is not None:
        transaction["to"] = show_address(to)
    if sender is not None:
        transaction["from"] = show_address(sender)
    return transaction
