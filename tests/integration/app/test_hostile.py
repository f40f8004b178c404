"""Tokens that lie, garbage, sums beyond all sums, blocks full of logs, a chain without any: a word or the truth.

The token's code is really exchanged on a real node for one that writes whatever log it is told to write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app import books
from app.chain_loop import ChainLoop, Progress
from app.container import Container
from app.reading import UNPROVED
from app.rebuilding import rebuild
from contracts import codec
from contracts.chain import Deployment
from contracts.codec import FORFEIT_ANNOUNCED, OPENED, TRANSFER
from contracts.words import word, word_of_address
from kit.clock import system_clock
from kit.database import Database
from kit.errors import ChainMismatch, ChainUnavailable, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, show_address
from ledger.model import MINT, wallet
from ledger.proving import silent
from ledger.reconciling import Line
from tests.support.anvil import CHAIN_ID, Anvil
from tests.support.databases import sqlite_copy
from tests.support.services import a_container

ANNA, BERT = Address(b"\xa1" * 20), Address(b"\xb2" * 20)
MOST = 2**256 - 1
MANY = 10_000


def writer(topics: int) -> str:
    """Code that writes the log it is called with: so many topics, and the rest of the call as data."""
    skipped = 32 * topics
    code = f"60{skipped:02x}360380" + f"60{skipped:02x}600037"
    code += "".join(f"60{32 * topic:02x}35" for topic in reversed(range(topics)))
    return f"0x{code}{0x80 + topics:02x}6000{0xA0 + topics:02x}00"


@dataclass
class Liar:
    """A node on which the token and the escrow say whatever a test wants them to."""

    anvil: Anvil
    place: Deployment
    container: Container
    loop: ChainLoop
    sender: str

    def say(self, *topics: bytes, data: bytes = b"", at: Address | None = None) -> None:
        """Let the token (or whoever stands at ``at``) write a log, in a block of its own."""
        where = show_address(at or self.place.token)
        true_code = self.anvil.rpc("eth_getCode", where, "latest")
        self.anvil.rpc("anvil_setCode", where, writer(len(topics)))
        call = {"from": self.sender, "to": where, "data": "0x" + (b"".join(topics) + data).hex(), "gas": hex(10**6)}
        sent = self.anvil.rpc("eth_sendTransaction", call)
        self.anvil.rest()
        receipt = self.anvil.rpc("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1"
        assert len(receipt["logs"]) == 1
        self.anvil.rpc("anvil_setCode", where, true_code)

    def transfer(self, sender: Address, recipient: Address, amount: int) -> None:
        self.say(TRANSFER, word_of_address(sender), word_of_address(recipient), data=word(amount))

    def follow(self) -> None:
        """Read all there is; block by block, for the node is never far ahead."""
        while self.loop.step() is not Progress.NONE:
            pass
        self.loop._settle_levels()

    def bury(self) -> None:
        """Let enough blocks pass for all before them to be read in stretches."""
        self.anvil.mine(40)

    def holds(self, account: Address) -> int:
        with self.container.read() as work:
            assert work.book.balances() == work.book.folded()
            return work.book.balance(wallet(account))

    def read_up_to(self) -> int:
        with self.container.read() as work:
            head = work.book.head()
        return head.number if head else 0


@pytest.fixture
def liar(tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[Liar]:
    container = a_container(
        tmp_path, database, deployment=fresh_deployment, rpc_url=fresh_anvil.url, clock=system_clock
    )
    made = Liar(fresh_anvil, fresh_deployment, container, ChainLoop(container), fresh_anvil.rpc("eth_accounts")[0])
    made.follow()
    yield made
    container.close()


# ------------------------------------------------------------------------------------------------- a token that lies


def test_transfers_of_what_nobody_has_are_booked_and_the_books_are_said_to_differ(liar: Liar) -> None:
    liar.transfer(ANNA, BERT, 10**30)
    liar.anvil.mine(3)
    liar.follow()
    assert (liar.holds(ANNA), liar.holds(BERT)) == (-(10**30), 10**30)
    with capture_logs() as logs:
        kept = books.reconcile(liar.container)
    assert kept is not None
    assert {one.account for one in kept.differences if one.line is Line.WALLET} == {wallet(ANNA), wallet(BERT)}
    assert [line["log_level"] for line in logs if line["event"] == "books_differ"] == ["error"]
    assert "earnest ledger verify" in books.health(kept, kept.block.number, kept.checked_at).says


@pytest.mark.parametrize(
    ("code", "says"),
    [("0x", "The node has no token at block"), ("0x60016000f3", "The token does not say what it must")],
    ids=["nothing", "half a word"],
)
def test_a_token_that_says_nothing_is_waited_for(liar: Liar, code: str, says: str) -> None:
    liar.anvil.rpc("anvil_setCode", show_address(liar.place.token), code)
    liar.anvil.mine(3)
    liar.follow()
    with pytest.raises(ChainUnavailable, match=says):
        books.reconcile(liar.container)
    with capture_logs() as logs:
        books.regular(liar.container)
    assert [line["event"] for line in logs] == ["reconciliation_waits"]


@pytest.mark.parametrize("stretched", [False, True], ids=["at the head", "in a stretch"])
def test_the_largest_amount_there_is_is_exact(liar: Liar, *, stretched: bool) -> None:
    liar.transfer(ZERO_ADDRESS, ANNA, MOST)
    liar.transfer(ANNA, BERT, MOST)
    if stretched:
        liar.bury()
    liar.follow()
    assert liar.holds(BERT) == MOST
    assert liar.holds(ANNA) == 0
    with liar.container.read() as work:
        assert work.book.balance(MINT) < -MOST


@pytest.mark.parametrize("stretched", [False, True], ids=["at the head", "in a stretch"])
def test_sums_beyond_all_sums_stop_the_reading_with_a_word(liar: Liar, *, stretched: bool) -> None:
    before = liar.read_up_to()
    for _ in range(9):
        liar.transfer(ZERO_ADDRESS, ANNA, MOST)
    if stretched:
        liar.bury()
    for _ in range(2):
        with pytest.raises(ChainMismatch, match="moves more than any token could hold"):
            liar.follow()
    assert liar.holds(ANNA) < 10**78
    assert liar.read_up_to() <= before + 8


# ------------------------------------------------------------------------------------------------- logs of garbage

A, B = word_of_address(ANNA), word_of_address(BERT)
GARBAGE: dict[str, tuple[Sequence[bytes], bytes]] = {
    "a transfer without data": ((TRANSFER, A, B), b""),
    "a transfer with half a word": ((TRANSFER, A, B), bytes(16)),
    "a transfer with a word too many": ((TRANSFER, A, B), bytes(64)),
    "a transfer with its amount as a topic": ((TRANSFER, A, B, word(1)), b""),
    "a transfer with one topic": ((TRANSFER,), A + B + word(1)),
    "a transfer from what is no address": ((TRANSFER, b"\xff" * 32, B), word(1)),
}
NOT_OURS: dict[str, tuple[Sequence[bytes], bytes]] = {
    "no topic at all": ((), b"anything"),
    "a topic of nobody's": ((b"\xee" * 32,), b"\xff" * 5_000),
    "four topics of nobody's": ((b"\xee" * 32,) * 4, b""),
    "an event of the escrow, told by the token": ((OPENED, bytes(32), A, B), bytes(384)),
}


@pytest.mark.parametrize("stretched", [False, True], ids=["at the head", "in a stretch"])
@pytest.mark.parametrize("garbage", GARBAGE, ids=GARBAGE.keys())
def test_what_our_token_cannot_have_written_is_refused_with_a_word(
    liar: Liar, garbage: str, *, stretched: bool
) -> None:
    before = liar.read_up_to()
    topics, data = GARBAGE[garbage]
    liar.say(*topics, data=data)
    if stretched:
        liar.bury()
    for _ in range(2):
        with pytest.raises(ChainUnavailable, match="The node tells of a log that cannot be"):
            liar.follow()
    assert liar.read_up_to() == before
    with liar.container.read() as work:
        assert work.book.balances() == work.book.folded()


@pytest.mark.parametrize("stretched", [False, True], ids=["at the head", "in a stretch"])
@pytest.mark.parametrize("other", NOT_OURS, ids=NOT_OURS.keys())
def test_what_we_do_not_read_is_passed_over(liar: Liar, other: str, *, stretched: bool) -> None:
    topics, data = NOT_OURS[other]
    liar.say(*topics, data=data)
    liar.transfer(ZERO_ADDRESS, ANNA, 7)
    if stretched:
        liar.bury()
    liar.follow()
    assert liar.holds(ANNA) == 7


@pytest.mark.parametrize(
    ("topics", "data", "why"),
    [
        ((FORFEIT_ANNOUNCED, b"\x01" * 32), word(2**64 - 1), "its time is beyond all times"),
        ((FORFEIT_ANNOUNCED, b"\x01" * 32), word(2**64), "does not fit in 64 bits"),
        ((OPENED, b"\x01" * 32, A, B), bytes(384), "topics are not its terms' payer"),
        ((OPENED, b"\x01" * 32, bytes(32), bytes(32)), bytes(384), "not the hash of its terms"),
        ((OPENED, b"\x01" * 32, bytes(32), bytes(32)), b"\xff" * 384, "dirty high bits"),
        ((OPENED, b"\x01" * 32, bytes(32), bytes(32)), bytes(383), "384 bytes"),
    ],
    ids=["a late time", "a later time", "another payer", "another id", "dirt", "a byte too few"],
)
def test_what_our_escrow_cannot_have_written_is_refused_with_a_word(
    liar: Liar, topics: Sequence[bytes], data: bytes, why: str
) -> None:
    before = liar.read_up_to()
    liar.say(*topics, data=data, at=liar.place.escrow)
    with pytest.raises(ChainUnavailable, match=why):
        liar.follow()
    assert liar.read_up_to() == before


def test_a_stake_that_was_never_opened_ends_nothing(liar: Liar) -> None:
    liar.say(codec.RETURNED, b"\x01" * 32, data=word(1), at=liar.place.escrow)
    liar.say(codec.FORFEITED, b"\x01" * 32, at=liar.place.escrow)
    liar.say(codec.EXPIRED, b"\x02" * 32, at=liar.place.escrow)
    before = liar.anvil.chain.block("latest")
    liar.follow()
    with liar.container.read() as work:
        assert work.book.head() == before
        assert work.book.balances() == work.book.folded()
        assert not [account for account in work.book.balances() if account.startswith("stake:")]


# ------------------------------------------------------------------------------------------------- many, and none


# Writes a transfer from address 1 to address 2 for every number from the one that it is called with down to 1.
MANY_TRANSFERS = "0x" + "".join(
    (
        "600035",  # n
        "5b8015603e57",  # loop: to the end where n is 0
        "806000526002600",
        f"17f{TRANSFER.hex()}60206000a3",  # memory: n; LOG3
        "600190036003565b00",  # n - 1, and again; end
    )
)


@pytest.mark.parametrize("stretched", [False, True], ids=["at the head", "in a stretch"])
def test_ten_thousand_logs_in_one_block_are_booked_to_the_last(liar: Liar, *, stretched: bool) -> None:
    node, token, parts = liar.anvil, show_address(liar.place.token), 4
    node.rpc("anvil_setCode", token, MANY_TRANSFERS)
    node.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    for _ in range(parts):
        call = {"from": liar.sender, "to": token, "gas": hex(6_000_000), "data": "0x" + word(MANY // parts).hex()}
        node.rpc("eth_sendTransaction", call)
    node.mine()
    full = node.chain.block("latest")
    assert full is not None
    assert len(node.logs(full.hash, [liar.place.token])) == MANY
    if stretched:
        liar.bury()
    with capture_logs() as logs:
        liar.follow()
    assert ("blocks_read" in [line["event"] for line in logs]) == stretched
    each = sum(range(1, MANY // parts + 1))
    assert liar.holds(Address((2).to_bytes(20))) == parts * each
    with liar.container.read() as work:
        booked = [entry for entry in work.book.entries_until(full.number) if entry.block_number == full.number]
    assert [entry.log_index for entry in booked] == list(range(MANY))


# Writes a log of one topic for every number from the one that it is called with down to 1, the number its topic.
SPAM = "0x" + "600035" + "5b80156016578060006000a1" + "600190036003565b00"
SPAMMER = Address(b"\x5b" * 20)


def spam(liar: Liar, logs: int) -> None:
    """Let somebody write so many logs that the next block's bloom filter speaks of everything there is."""
    liar.anvil.rpc("anvil_setCode", show_address(SPAMMER), SPAM)
    for part in range(3):
        count = word(logs // 3 + part)
        call = {"from": liar.sender, "to": show_address(SPAMMER), "gas": hex(9_000_000), "data": "0x" + count.hex()}
        liar.anvil.rpc("eth_sendTransaction", call)


@pytest.mark.parametrize("stretched", [False, True], ids=["at the head", "in a stretch"])
def test_a_block_that_somebody_filled_with_logs_stops_nobody(liar: Liar, *, stretched: bool) -> None:
    node, token = liar.anvil, show_address(liar.place.token)
    node.rpc("anvil_setCode", token, MANY_TRANSFERS)
    node.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    spam(liar, 21_000)
    node.rpc("eth_sendTransaction", {"from": liar.sender, "to": token, "gas": hex(10**6), "data": "0x" + word(2).hex()})
    node.mine()
    spam(liar, 21_000)
    node.mine()
    last = node.chain.block("latest")
    assert last is not None
    if stretched:
        liar.bury()
    before = UNPROVED._value.get()
    with capture_logs() as logs:
        liar.follow()
    assert liar.holds(Address((2).to_bytes(20))) == 2 + 1
    assert liar.read_up_to() >= last.number
    told = [(line["log_level"], line["number"]) for line in logs if line["event"] == "block_unproved"]
    assert told == [("warning", last.number - 1), ("warning", last.number)]
    assert UNPROVED._value.get() == before + 2


def test_a_chain_without_any_block_of_ours_is_waited_for(
    tmp_path: Path, database: Database, fresh_anvil: Anvil
) -> None:
    place = Deployment(CHAIN_ID, Address(b"\x70" * 20), Address(b"\xe5" * 20), 1)
    container = a_container(tmp_path, database, deployment=place, rpc_url=fresh_anvil.url, clock=system_clock)
    loop = ChainLoop(container)
    assert not loop.round()
    assert books.reconcile(container) is None
    with pytest.raises(NotFound, match="No block was booked yet"):
        books.verify(container)
    with pytest.raises(NotFound, match="No block of the books is final yet"):
        rebuild(container, container, told=silent)
    fresh_anvil.mine(5)
    loop.round()
    with container.read() as work:
        assert work.book.head() == fresh_anvil.chain.block("latest")
        assert work.book.balances() == {}
    container.close()


def test_a_genesis_that_is_ours_is_read_too(tmp_path: Path, sqlite_template: Path, fresh_anvil: Anvil) -> None:
    place = Deployment(CHAIN_ID, Address(b"\x70" * 20), Address(b"\xe5" * 20), 0)
    with sqlite_copy(sqlite_template, tmp_path / "genesis.db") as database:
        container = a_container(tmp_path, database, deployment=place, rpc_url=fresh_anvil.url, clock=system_clock)
        ChainLoop(container).round()
        with container.read() as work:
            assert work.book.head() == fresh_anvil.chain.block(0)
        container.close()
