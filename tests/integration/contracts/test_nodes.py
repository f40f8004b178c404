"""Several real nodes as one chain: whoever ends, falls silent, lags or lies is noticed, and the others go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts import codec
from contracts.chain import Chain, Deployment
from contracts.deployment import check
from contracts.nodes import Nodes
from contracts.roster import LOOK_EVERY, NodeState, contradicted
from contracts.rpc import Declined
from contracts.signer import Transaction
from kit.errors import ChainMismatch, ChainUnavailable, Conflict, Invalid
from kit.identifiers import Address, Hash32
from tests.support.anvil import CHAIN_ID, ETHER, Anvil, running_anvil

ASKED, READY, LAGS, SILENT, LIES = (
    NodeState.ASKED,
    NodeState.READY,
    NodeState.LAGS,
    NodeState.SILENT,
    NodeState.NOT_BELIEVED,
)
NOBODY = Address(b"\x0d" * 20)
PATIENCE = 120
"""Seconds: a machine that is busy must not make a node look silent."""


class Watch:
    """A clock that stands until it is turned: no look is due, and no pause over, before a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Anvil]]:
    """Three nodes of one chain, all at one head."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(running_anvil(tmp_path / f"anvil{number}.log")) for number in range(3)]
        nodes[0].deploy()
        nodes[0].mine(10)
        for other in nodes[1:]:
            other.follow(nodes[0])
        yield nodes


@contextmanager
def seen(nodes: Sequence[Anvil], watch: Watch, **options: Any) -> Iterator[Nodes]:  # noqa: ANN401 - any of them
    chain = Nodes([node.url for node in nodes], CHAIN_ID, timeout=PATIENCE, clock=watch, **options)
    try:
        yield chain
    finally:
        chain.close()


def states(chain: Nodes) -> list[NodeState]:
    return [report.state for report in chain.report()]


def look(chain: Nodes, watch: Watch) -> list[NodeState]:
    """Look at all nodes when every pause is over."""
    watch.now += 100
    chain.look()
    return states(chain)


def number(chain: Chain) -> int:
    head = chain.block("latest")
    assert head is not None
    return head.number


def impatient(chain: Nodes, at: int, seconds: float) -> None:
    chain._roster._nodes[at].chain._provider._timeout = seconds


def transfer(node: Anvil, **changes: int) -> bytes:
    fees = node.chain.fees()
    signer = node.signer("bob")
    fields = {"nonce": node.chain.nonce(signer.address), "gas": 21_000, "value": 1} | changes
    return signer.sign_transaction(
        Transaction(CHAIN_ID, to=NOBODY, data=b"", max_fee=fees.max_fee, priority_fee=fees.priority_fee, **fields)
    ).raw


# ------------------------------------------------------------------------------------------------- who is asked


def test_the_preferred_node_is_asked(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        three[0].mine()
        assert number(chain) == number(three[0].chain) == number(three[1].chain) + 1
        assert states(chain) == [ASKED, READY, READY]


def test_another_takes_the_place_of_one_that_ended(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        before = chain.block("latest")
        three[0].process.kill()
        three[0].process.wait()
        assert chain.block("latest") == before
        assert states(chain) == [SILENT, ASKED, READY]
        three[1].process.kill()
        three[1].process.wait()
        assert chain.block("latest") == before
        assert states(chain) == [SILENT, SILENT, ASKED]
        three[2].process.kill()
        three[2].process.wait()
        with pytest.raises(ChainUnavailable, match="did not answer"):
            chain.block("latest")


def test_one_that_is_silent_is_not_asked_again_before_its_pause_is_over(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[0].silence()
        impatient(chain, 0, 0.5)
        assert number(chain)
        impatient(chain, 0, PATIENCE)  # whoever asked it now would wait
        chain.look()
        assert number(chain)
        assert states(chain) == [SILENT, ASKED, READY]
        three[0].speak()
        assert look(chain, watch) == [ASKED, READY, READY]


def test_the_preferred_node_gets_its_place_back_only_once_it_knows_the_head(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[0].silence()
        impatient(chain, 0, 0.5)
        three[1].mine()
        assert number(chain) == number(three[1].chain)
        three[0].speak()
        impatient(chain, 0, PATIENCE)
        assert look(chain, watch) == [READY, ASKED, READY], "its head would be one back"
        assert number(chain) == number(three[1].chain)
        three[0].mine()
        assert look(chain, watch) == [READY, ASKED, READY], "its head would be another one"
        assert chain.block("latest") == three[1].chain.block("latest")
        three[0].follow(three[1])
        assert look(chain, watch) == [ASKED, READY, READY]


def test_what_one_cannot_tell_another_may_and_keeps_its_place(
    three: list[Anvil], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pruned(*_: object, **__: object) -> bytes:
        raise Declined("missing trie node")

    with seen(three, watch) as chain:
        monkeypatch.setattr(chain._roster._nodes[0].chain, "call", pruned)
        assert chain.call(NOBODY, b"") == b""
        assert states(chain) == [ASKED, READY, READY]


def test_what_became_of_transactions_is_asked_at_one_node(
    three: list[Anvil], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pruned(*_: object, **__: object) -> int:
        raise Declined("missing trie node")

    three[1].mine()
    bob = three[0].signer("bob").address

    def questions(one: Chain) -> tuple[int, int]:
        return number(one), one.nonce(bob)

    with seen(three, watch) as chain:
        monkeypatch.setattr(chain._roster._nodes[0].chain, "nonce", pruned)
        assert chain.at_one(questions)[0] == number(three[1].chain), "all of it comes from another"
        assert number(chain) == number(three[0].chain)
        assert states(chain) == [ASKED, READY, READY]
        assert chain.nonce(bob) == 0
        assert number(chain) == number(three[1].chain), "whoever was asked for it alone is asked on"
        assert states(chain) == [SILENT, ASKED, READY]


def test_while_it_is_asked_the_others_are_looked_at_now_and_then(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[1].process.kill()
        three[1].process.wait()
        assert number(chain)
        assert states(chain) == [ASKED, READY, READY], "nobody asked it"
        watch.now += LOOK_EVERY
        assert number(chain)
        looker = chain._roster._looker
        assert looker is not None
        looker.join()
        assert states(chain) == [ASKED, SILENT, READY]


# ------------------------------------------------------------------------------------------------- who lags


def test_one_that_lags_is_asked_last(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[1].mine(150)
        three[2].follow(three[1])
        assert look(chain, watch) == [LAGS, READY, READY]
        assert number(chain) == number(three[1].chain)
        assert states(chain) == [LAGS, ASKED, READY]
        for node in three[1:]:
            node.process.kill()
            node.process.wait()
        assert number(chain) == number(three[0].chain), "better than none"


def test_one_whose_time_stands_still_lags(three: list[Anvil], watch: Watch) -> None:
    with seen(three[:2], watch) as chain:
        assert number(chain)
        three[1].mine()
        three[1].travel(300)
        assert look(chain, watch) == [LAGS, READY]


def test_one_of_two_does_not_take_over_by_naming_a_high_head(three: list[Anvil], watch: Watch) -> None:
    with seen(three[:2], watch) as chain:
        assert number(chain)
        grown = []
        for _ in range(3):
            three[2].mine()
            grown.append(three[2].rpc("anvil_dumpState"))
        three[1].follow(three[2])
        three[1].mine(500)
        for state in grown:
            three[0].rpc("anvil_loadState", state)
            assert look(chain, watch) == [ASKED, READY], "it goes on, and more is known of nobody"
            assert number(chain) == number(three[0].chain)
        assert look(chain, watch) == [LAGS, READY], "by our clock it stands still"
        assert number(chain) == number(three[1].chain)
        three[0].mine()
        assert look(chain, watch) == [READY, ASKED]


def test_one_that_is_behind_our_own_books_lags_though_it_goes_on(three: list[Anvil], watch: Watch) -> None:
    with seen(three[:2], watch) as chain:
        assert number(chain)
        three[1].mine(500)
        final = three[1].chain.block("finalized")
        assert final is not None
        chain.stand_on(final)
        three[0].mine()
        assert look(chain, watch) == [LAGS, READY]
        assert number(chain) == number(three[1].chain)


def test_one_alone_makes_no_laggards_of_many(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        three[2].mine(150)
        assert number(chain) == number(three[0].chain)
        assert states(chain) == [ASKED, READY, READY]


# ------------------------------------------------------------------------------------------------- who lies


def test_one_of_another_chain_is_not_believed(three: list[Anvil], watch: Watch) -> None:
    three[0].rpc("anvil_setChainId", 1)
    with seen(three, watch) as chain, capture_logs() as logs:
        assert number(chain) == number(three[1].chain)
        assert states(chain) == [LIES, ASKED, READY]
        told = [line for line in logs if line["event"] == "node_not_believed"]
        assert [line["log_level"] for line in told] == ["error"]
        assert "serves chain 1, but chain 31337 is wanted" in told[0]["reason"]


def test_a_final_block_that_most_say_is_another_is_a_lie(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[0].mine(5)
        three[1].mine(5)
        three[2].follow(three[1])
        assert look(chain, watch) == [LIES, READY, READY]
        assert chain.block("latest") == three[1].chain.block("latest")
        three[0].follow(three[1])
        assert look(chain, watch) == [ASKED, READY, READY], "believed again, now that it is right"


def test_of_two_that_contradict_each_other_neither_is_believed(three: list[Anvil], watch: Watch) -> None:
    with seen(three[:2], watch) as chain:
        assert number(chain)
        three[0].mine(5)
        three[1].mine(5)
        assert look(chain, watch) == [LIES, LIES]
        with pytest.raises(ChainMismatch, match="No node is believed"):
            chain.block("latest")
        with pytest.raises(ChainMismatch, match="No node is believed"):
            chain.send(transfer(three[0]))


def test_one_that_lags_hides_no_lie(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[0].mine(5)
        three[1].mine(5)
        assert look(chain, watch) == [LIES, LIES, READY], (
            "of what the third does not know yet they say different things"
        )
        assert number(chain) == number(three[2].chain)


def test_who_is_wrong_where_most_are_right_counts_for_nothing_above(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[0].mine(3)
        three[2].follow(three[0])
        three[0].mine(4)
        three[1].mine(7)
        assert look(chain, watch) == [ASKED, LIES, READY]


def test_a_contradiction_does_not_end_with_the_silence_of_one(three: list[Anvil], watch: Watch) -> None:
    with seen(three[:2], watch) as chain:
        assert number(chain)
        three[0].mine(5)
        three[1].mine(5)
        assert look(chain, watch) == [LIES, LIES]
        three[0].silence()
        impatient(chain, 0, 0.5)
        for _ in range(2):
            assert look(chain, watch) == [LIES, LIES]
            with pytest.raises(ChainMismatch, match="No node is believed"):
                chain.block("latest")
        three[0].speak()
        impatient(chain, 0, PATIENCE)
        three[0].follow(three[1])
        assert look(chain, watch) == [ASKED, READY], "they agree again"


def test_a_third_ends_a_contradiction_only_by_what_it_knows_of_it(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        three[2].silence()
        impatient(chain, 2, 0.5)
        three[0].mine(5)
        three[1].mine(5)
        assert look(chain, watch) == [LIES, LIES, SILENT]
        three[0].process.kill()
        three[0].process.wait()
        three[2].speak()
        impatient(chain, 2, PATIENCE)
        assert look(chain, watch) == [LIES, LIES, READY], "what it agrees about was never in doubt"
        assert number(chain) == number(three[2].chain)
        three[2].follow(three[1])
        assert look(chain, watch) == [LIES, ASKED, READY]


def test_whoever_contradicts_our_final_block_lies_though_most_say_so(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        three[0].mine(5)
        ours = three[0].chain.block(number(three[0].chain) - 2)
        assert ours is not None
        three[1].mine(6)
        three[2].follow(three[1])
        chain.stand_on(ours)
        assert look(chain, watch) == [ASKED, LIES, LIES]
        three[0].process.kill()
        three[0].process.wait()
        with pytest.raises(ChainUnavailable, match="did not answer"):
            chain.block("latest")
        assert states(chain) == [SILENT, LIES, LIES], "nobody who lies is asked for want of others"


def test_standing_on_a_block_finds_the_lie_at_once(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        assert number(chain)
        three[1].mine(5)
        ours = three[1].chain.block(number(three[1].chain) - 2)
        assert ours is not None
        three[0].mine(5)
        chain.stand_on(ours)
        assert states(chain)[:2] == [LIES, ASKED]


def test_one_alone_is_asked_again_and_again(three: list[Anvil], watch: Watch) -> None:
    with seen(three[:1], watch) as chain:
        three[1].mine(5)
        ours = three[1].chain.block(number(three[1].chain) - 2)
        assert ours is not None
        three[0].mine(5)
        for _ in range(2):
            with pytest.raises(ChainMismatch, match="and must never change"):
                chain.stand_on(ours)
            assert states(chain) == [LIES]
        three[0].follow(three[1])
        chain.stand_on(ours)
        assert states(chain) == [ASKED]


def test_one_with_other_contracts_is_not_believed(three: list[Anvil], watch: Watch) -> None:
    place = three[0].deploy()

    def prove(chain: Chain) -> None:
        check(chain, Deployment(CHAIN_ID, place.token, place.escrow, place.deployed_block))

    with seen(three[1:] + three[:1], watch, prove=prove) as chain:
        assert number(chain) == number(three[0].chain)
        assert states(chain) == [LIES, LIES, ASKED]
        assert "No contract stands at" in chain.report()[0].why


@pytest.mark.parametrize(
    ("says", "wrong"),
    [("", ""), ("a", ""), ("aa", ""), ("ab", "ab"), ("aab", "b"), ("aabb", "ab"), ("abc", "abc"), ("aaabc", "bc")],
)
def test_most_are_right(says: str, wrong: str) -> None:
    assert contradicted([Hash32(one.encode() * 32) for one in says]) == {Hash32(one.encode() * 32) for one in wrong}


# ------------------------------------------------------------------------------------------------- sending


def waiting(node: Anvil) -> int:
    return int(node.rpc("txpool_status")["pending"], 16)


def test_a_transaction_goes_to_all_that_answer(three: list[Anvil], watch: Watch) -> None:
    for node in three:
        node.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    three[1].process.kill()
    three[1].process.wait()
    with seen(three, watch) as chain:
        three[2].set_balance(three[0].signer("bob").address, ETHER)
        raw = transfer(three[0])
        assert chain.send(raw) == chain.send(raw)
        assert [waiting(three[0]), waiting(three[2])] == [1, 1]


def test_one_that_takes_it_is_enough_and_a_no_of_all_is_a_no(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        raw = transfer(three[2], nonce=0)  # the others know of no ether that bob has
        sent = chain.send(raw)
        assert chain.send(raw) == sent
        three[2].rest()
        assert three[2].chain.receipt(sent) is not None
        with pytest.raises(Conflict) as refused:
            chain.send(transfer(three[2], value=1000 * ETHER))
        assert refused.value.code == "insufficient_funds"
        assert states(chain) == [ASKED, READY, READY], "a no is an answer"


# ------------------------------------------------------------------------------------------------- the rest


def test_the_urls_are_shown_nowhere(three: list[Anvil], watch: Watch) -> None:
    urls = [node.url.replace("http://", "http://user:s3cret@") + "/?key=k3y" for node in three]
    with capture_logs() as logs:
        chain = Nodes(urls, CHAIN_ID, clock=watch)
        assert number(chain)
        for node in three:
            node.process.kill()
            node.process.wait()
        with pytest.raises(ChainUnavailable) as told:
            chain.block("latest")
        shown = f"{chain!r} {chain.report()} {told.value} {logs}"
        chain.close()
    assert "node_silent" in shown
    assert "s3cret" not in shown
    assert "k3y" not in shown


def test_two_at_one_place_have_two_names() -> None:
    chain = Nodes(["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"], CHAIN_ID)
    assert [report.place for report in chain.report()] == ["127.0.0.1:1", "127.0.0.1:1 (2)"]


def test_without_a_node_there_is_no_chain() -> None:
    with pytest.raises(Invalid, match="EARNEST_RPC_URL"):
        Nodes([], CHAIN_ID)


def test_a_block_and_its_logs_come_from_one_node(three: list[Anvil], watch: Watch) -> None:
    with seen(three, watch) as chain:
        found = chain.read(1, {NOBODY: [codec.TRANSFER]})
        assert found is not None
        assert found.ref == three[2].chain.block(1)
        assert [block.ref.number for block in chain.stretch(2, 6, {NOBODY: [codec.TRANSFER]})] == [2, 3, 4, 5, 6]
