"""A chain that is not ours any more: nothing is read, undone or sent, it is said aloud, and it is forgiven."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.chain_loop import ChainLoop
from app.container import KEY_ROLES, Container
from app.following import MISMATCH, NODE, WAITS
from contracts import codec
from contracts.chain import BlockLogs, Deployment
from contracts.events import BlockRef
from contracts.nodes import Nodes
from contracts.rpc import Declined
from contracts.web3_chain import Web3Chain
from kit.clock import system_clock
from kit.database import Database
from kit.errors import ChainMismatch, ChainUnavailable
from kit.identifiers import Address
from ledger.calls import OutgoingState
from ledger.model import wallet
from tests.support.anvil import ETHER, Anvil, running_anvil
from tests.support.services import a_container

NOBODY = Address(b"\x0d" * 20)


class Pair:
    """A service that follows one node or two, which are of one chain until a test says otherwise."""

    def __init__(self, ours: Anvil, other: Anvil, place: Deployment, container: Container) -> None:
        self.ours, self.other, self.place, self.container = ours, other, place, container
        self.loop = ChainLoop(container)

    def follow(self) -> None:
        """Read all there is, and send what is owed, looking at every node first."""
        self.loop._stood_at = float("-inf")
        self.container.chain.look()
        while self.loop.round():
            pass
        self.loop.round()  # which stands on what the last one saw to be final

    def give(self, node: Anvil, amount: int) -> None:
        node.send(node.signer("treasury"), self.place.token, codec.encode_transfer(NOBODY, amount))

    def holds(self) -> int:
        with self.container.read() as work:
            assert work.book.balances() == work.book.folded()
            return work.book.balance(wallet(NOBODY))

    def head(self) -> BlockRef:
        with self.container.read() as work:
            head = work.book.head()
        assert head is not None
        return head

    def owe(self, key: str) -> None:
        with self.container.work() as work:
            data = codec.encode_approve(NOBODY, 1)
            work.outgoing.queue(key=key, role=KEY_ROLES[0], to=self.place.token, data=data)

    def state(self, key: str) -> OutgoingState | None:
        with self.container.read() as work:
            return work.outgoing.state(key)

    def turn_to(self, node: Anvil) -> None:
        """Let another node answer in the place of ours, as behind one address, without an absence."""
        roster = self.container.chain._roster
        roster._nodes[0].chain._provider._url = Nodes([node.url], None)._roster._nodes[0].chain._provider._url

    def break_away(self, blocks: int) -> None:
        """Let our node change its mind from below our final block on; the other one stays as it was."""
        self.ours.reorg(12)
        self.ours.mine(blocks)

    def come_back(self) -> None:
        """Let our node have the chain again that it once had, which has grown meanwhile.

        Of blocks that it took over an anvil has no states; it is asked for that of its final one, which is of its own.
        """
        self.other.mine(60)
        self.ours.follow(self.other)
        self.ours.mine(10)


@pytest.fixture
def two(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Anvil, Anvil, Deployment]]:
    finality = getattr(request, "param", 2)
    with ExitStack() as stack:
        ours, other = (
            stack.enter_context(running_anvil(tmp_path / f"{name}.log", finality=finality))
            for name in ("ours", "other")
        )
        place = ours.deploy()
        for name in ("bob", "treasury"):
            ours.signer(name)
        yield ours, other, place


def paired(folder: Path, database: Database, two: tuple[Anvil, Anvil, Deployment], *urls: str) -> Pair:
    ours, other, place = two
    container = a_container(folder, database, deployment=place, rpc_url=",".join(urls), clock=system_clock)
    for role in KEY_ROLES:
        ours.set_balance(container.signers[role].address, 10 * ETHER)
    pair = Pair(ours, other, place, container)
    pair.give(ours, 5)
    ours.mine(20)
    pair.give(ours, 2)
    other.follow(ours)
    pair.follow()
    assert pair.holds() == 7
    return pair


@pytest.fixture
def pair(tmp_path: Path, database: Database, two: tuple[Anvil, Anvil, Deployment]) -> Iterator[Pair]:
    """Our service knows one node alone."""
    made = paired(tmp_path, database, two, two[0].url)
    yield made
    made.container.close()


@pytest.fixture
def both(tmp_path: Path, database: Database, two: tuple[Anvil, Anvil, Deployment]) -> Iterator[Pair]:
    """Our service knows both nodes."""
    made = paired(tmp_path, database, two, two[0].url, two[1].url)
    yield made
    made.container.close()


@pytest.mark.parametrize("blocks", [3, 40], ids=["a shorter chain", "a longer chain"])
def test_a_chain_that_leads_elsewhere_below_our_final_block_undoes_nothing(pair: Pair, blocks: int) -> None:
    before = pair.head()
    pair.break_away(blocks)
    pair.owe("something")
    for _ in range(3):
        with pytest.raises(ChainMismatch, match="in our books, and must never change"):
            pair.loop.round()
    assert pair.head() == before
    assert pair.holds() == 7
    assert pair.state("something") is OutgoingState.WAITING, "no money moves on what it says"
    pair.come_back()
    pair.follow()
    assert pair.state("something") is OutgoingState.SENT


def test_a_chain_that_ends_below_our_final_block_and_is_another_is_noticed(pair: Pair, tmp_path: Path) -> None:
    before = pair.head()
    with running_anvil(tmp_path / "fresh.log", "--timestamp", "1700000000") as fresh:
        fresh.mine(6)
        pair.turn_to(fresh)
        pair.owe("something")
        with pytest.raises(ChainMismatch, match="in our books, and must never change"):
            pair.loop.round()
    assert pair.head() == before
    assert pair.state("something") is OutgoingState.WAITING


def test_a_chain_whose_id_changes_under_us_is_refused(pair: Pair) -> None:
    pair.ours.rpc("anvil_setChainId", 1)
    pair.ours.mine()
    pair.loop._stood_at = float("-inf")
    before = pair.head()
    with pytest.raises(ChainMismatch, match="serves chain 1, but chain 31337 is wanted"):
        pair.loop.round()
    assert pair.head() == before
    pair.ours.rpc("anvil_setChainId", 31337)
    pair.follow()
    assert pair.head().number == before.number + 1


def test_the_loop_waits_says_so_and_goes_on_by_itself(pair: Pair) -> None:
    pair.break_away(40)
    stop, seen = Event(), WAITS.labels("ChainMismatch")._value.get()
    thread = Thread(target=pair.loop.run, args=(stop,))
    with capture_logs() as logs:
        thread.start()
        while WAITS.labels("ChainMismatch")._value.get() < seen + 3:
            assert thread.is_alive()
        said = pair.loop.following.look()
        assert MISMATCH._value.get() == 1
        pair.come_back()
        while not pair.loop.following.look().ok:
            assert thread.is_alive()
        stop.set()
        thread.join()
    assert not said.ok
    assert "Nothing is read and nothing is sent until it is right again" in said.says
    assert "earnest ledger rebuild --compare" in said.says
    alarms = [line for line in logs if line["event"] == "chain_mismatch"]
    assert [line["log_level"] for line in alarms] == ["error"], "once, however often it is met"
    assert "earnest ledger rebuild --compare" in alarms[0]["mend"]
    assert "chain_matches_again" in [line["event"] for line in logs]
    assert MISMATCH._value.get() == 0
    assert pair.holds() == 7


def test_a_node_that_contradicts_itself_about_a_final_block_is_a_mismatch_too(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that our final block is its own, and gives a next one that does not follow."""
    before = pair.head()
    with pair.container.work() as work:
        work.book.mark_levels(None, before)
    pair.break_away(30)

    def calm(self: Nodes | Web3Chain, block: BlockRef) -> None: ...

    with monkeypatch.context() as patched:
        patched.setattr(Nodes, "stand_on", calm)
        patched.setattr(Web3Chain, "stand_on", calm)
        with pytest.raises(ChainMismatch, match="was final, but the node's chain is another"):
            pair.loop.round()
    assert pair.head() == before


# ------------------------------------------------------------------------------------------------- two nodes


def state_of(pair: Pair) -> list[str]:
    return [report.state.value for report in pair.container.chain.report()]


def rewinds(logs: list[Any]) -> int:
    return sum(line["event"] == "block_rewound" for line in logs)


def test_a_node_behind_takes_over_and_nothing_is_undone(both: Pair) -> None:
    both.ours.mine(1)
    both.follow()
    before = both.head()
    both.ours.silence()
    both.container.chain._roster._nodes[0].chain._provider._timeout = 0.5
    with capture_logs() as logs:
        for _ in range(3):
            assert not both.loop.round()
        assert both.head() == before
        assert state_of(both) == ["silent", "asked"]
        both.ours.speak()
        both.container.chain._roster._nodes[0].chain._provider._timeout = 120
        both.container.chain._roster._nodes[0].again_at = 0.0
        both.follow()
        assert state_of(both) == ["asked", "ready"]
        both.other.follow(both.ours)
        both.give(both.ours, 1)
        both.follow()
    assert rewinds(logs) == 0
    assert both.holds() == 8


def test_final_blocks_come_from_the_node_that_calls_them_final(both: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is asked gives no ranges; the other one would, and is on another branch by now."""

    def no_ranges(*_: object) -> list[BlockLogs]:
        raise Declined("no ranges here")

    both.container.chain._roster._look_at = float("inf")
    both.ours.mine(120)
    both.other.mine()
    both.give(both.other, 3)
    both.other.mine(120)
    monkeypatch.setattr(both.container.chain._roster._nodes[0].chain, "stretch", no_ranges)
    while both.loop.round():
        pass
    assert both.head() == both.ours.chain.block("latest")
    assert both.holds() == 7
    assert state_of(both) == ["asked", "ready"], "whoever gives no ranges is a good node all the same"


def test_a_stretch_is_final_where_it_comes_from(both: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that called it final is gone when it is asked for."""
    asked = Web3Chain.stretch

    def gone(chain: Web3Chain, *about: Any) -> list[BlockLogs]:  # noqa: ANN401 - what a stretch is asked for by
        if chain is both.container.chain._roster._nodes[0].chain:
            raise ChainUnavailable("gone")
        return asked(chain, *about)

    both.container.chain._roster._look_at = float("inf")
    both.ours.mine(60)
    both.other.mine(30)
    monkeypatch.setattr(Web3Chain, "stretch", gone)
    both.loop._length = 30
    both.loop.step()
    with both.container.read() as work:
        final = work.book.final()
    theirs = both.other.chain.block("finalized")
    assert final is not None
    assert theirs is not None
    assert final.number <= theirs.number


@pytest.mark.parametrize("two", [8], indirect=True)
def test_whoever_takes_over_while_blocks_are_taken_back_undoes_no_others(
    both: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is asked has another branch, and is gone once the first block is undone; the next one lies."""
    meets, roster = both.head(), both.container.chain._roster
    both.ours.mine(3)
    both.follow()
    before, (_, honest) = both.head(), roster._nodes
    both.other.mine(4)
    both.break_away(2)
    asked, roster._current = honest.chain._provider._post, honest
    roster._look_at = both.loop._stood_at = float("inf")

    def gone(question: bytes) -> tuple[int, bytes]:
        if both.head() != before:
            raise ChainUnavailable("gone")
        return asked(question)

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(honest.chain._provider, "_post", gone)
        for _ in range(3):
            with pytest.raises(ChainUnavailable):
                both.loop.round()
    assert both.head() == meets
    assert rewinds(logs) == 3
    assert state_of(both) == ["not_believed", "silent"]
    honest.again_at = 0.0
    with capture_logs() as logs:
        both.follow()
    assert both.head() == both.other.chain.block("latest")
    assert rewinds(logs) == 0


@pytest.mark.parametrize("blocks", [1, 14], ids=["the next block", "far ahead"])
@pytest.mark.parametrize("looks", [True, False], ids=["seen at a look", "met on the way"])
def test_a_node_that_leads_elsewhere_is_left_and_the_other_is_followed(both: Pair, *, blocks: int, looks: bool) -> None:
    both.break_away(blocks)
    both.give(both.other, 3)
    both.container.chain._roster._look_at = both.loop._stood_at = float("inf")
    with capture_logs() as logs:
        if looks:
            both.follow()
        while both.loop.round():
            pass
    assert both.holds() == 10
    assert state_of(both) == ["not_believed", "asked"]
    assert rewinds(logs) == 0
    assert [line["log_level"] for line in logs if line["event"] == "node_not_believed"] == ["error"]
    found = both.loop.following.looks()
    (lying,) = [check for name, check in found.items() if not check.ok]
    assert "not believed" in lying.says


def test_metrics_tell_the_state_of_each_node(both: Pair) -> None:
    both.other.process.kill()
    both.other.process.wait()
    stop = Event()
    thread = Thread(target=both.loop.run, args=(stop,))
    place = both.container.chain.report()[1].place
    with capture_logs():
        both.container.chain.look()
        thread.start()
        while NODE.labels(place, "silent")._value.get() != 1:
            assert thread.is_alive()
        stop.set()
        thread.join()
    assert NODE.labels(place, "ready")._value.get() == 0
    assert NODE.labels(both.container.chain.report()[0].place, "asked")._value.get() == 1


def test_no_node_at_all_is_waited_for(both: Pair) -> None:
    for node in (both.ours, both.other):
        node.process.kill()
        node.process.wait()
    for _ in range(2):
        with pytest.raises(ChainUnavailable, match="did not answer"):
            both.loop.round()
