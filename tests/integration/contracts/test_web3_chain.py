"""The real port on a real node, and on several: blocks, tags, logs, reorganisations, calls, transactions and fees."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from contracts import codec
from contracts.chain import Deployment
from contracts.nodes import Nodes
from contracts.signer import Transaction
from contracts.web3_chain import Web3Chain
from kit.errors import ChainUnavailable, Conflict
from kit.identifiers import Address, Hash32
from tests.support.anvil import CHAIN_ID, ETHER, Anvil

NOBODY = Address(b"\x0d" * 20)
HOW = ["one node", "several nodes"]


def seen_by(how: str, node: Anvil) -> Iterator[Anvil]:
    """The node behind the port: by itself, or behind a node that is not there, and by two names."""
    if how == "one node":
        yield node
        return
    nodes = Nodes(["http://127.0.0.1:1", node.url, node.url.replace("127.0.0.1", "localhost")], CHAIN_ID)
    yield replace(node, chain=nodes)
    nodes.close()


@pytest.fixture(scope="session", params=HOW)
def anvil(request: pytest.FixtureRequest, anvil: Anvil) -> Iterator[Anvil]:
    yield from seen_by(request.param, anvil)


@pytest.fixture(params=HOW)
def fresh_anvil(request: pytest.FixtureRequest, fresh_anvil: Anvil) -> Iterator[Anvil]:
    yield from seen_by(request.param, fresh_anvil)


def transaction(node: Anvil, name: str, to: Address, data: bytes = b"", **changes: int) -> bytes:
    """A signed transaction of that account, as the chain asks for it unless changed."""
    fees = node.chain.fees()
    fields = {
        "nonce": node.chain.nonce(node.signer(name).address),
        "gas": 100_000,
        "max_fee": fees.max_fee,
        "priority_fee": fees.priority_fee,
        "value": 0,
    } | changes
    return node.signer(name).sign_transaction(Transaction(chain_id=CHAIN_ID, to=to, data=data, **fields)).raw


def test_a_block_is_the_same_by_number_hash_and_tag(fresh_anvil: Anvil) -> None:
    fresh_anvil.mine(5)
    chain = fresh_anvil.chain
    head = chain.block("latest")
    assert head is not None
    assert (head.chain_id, head.number) == (CHAIN_ID, 5)
    assert chain.block(5) == chain.block(head.hash) == head
    parent = chain.block(4)
    assert parent is not None
    assert head.parent_hash == parent.hash
    assert head.timestamp > parent.timestamp


def test_safe_and_finalized_follow_the_head(fresh_anvil: Anvil) -> None:
    fresh_anvil.mine(5)
    safe, finalized = fresh_anvil.chain.block("safe"), fresh_anvil.chain.block("finalized")
    assert safe is not None
    assert finalized is not None
    assert (safe.number, finalized.number) == (4, 3)


def test_a_block_that_is_not_there_is_none(anvil: Anvil) -> None:
    assert anvil.chain.block(10**9) is None
    assert anvil.chain.block(Hash32(b"\x01" * 32)) is None


def test_the_logs_of_a_block_that_is_not_there_are_none_and_not_empty(anvil: Anvil) -> None:
    wanted = {NOBODY: [codec.TRANSFER]}
    assert anvil.chain.read(Hash32(b"\x01" * 32), wanted) is None
    assert anvil.chain.read(10**9, wanted) is None


def test_a_reorganisation_shows_in_hashes_and_takes_the_logs_away(
    fresh_anvil: Anvil, fresh_deployment: Deployment
) -> None:
    node, place = fresh_anvil, fresh_deployment
    node.mine(3)
    receipt = node.send(node.signer("treasury"), place.token, codec.encode_transfer(NOBODY, 7))
    node.mine(1)
    chain = node.chain
    before = chain.block(receipt.block_number)
    root = chain.block(receipt.block_number - 1)
    assert before is not None
    assert len(node.logs(before.hash, [place.token])) == 1

    node.reorg(2)

    after = chain.block(receipt.block_number)
    assert after is not None
    assert after.hash != before.hash
    assert root is not None
    assert after.parent_hash == root.hash == before.parent_hash, "what is deeper stands"
    assert node.logs(after.hash, [place.token]) == []
    assert chain.read(before.hash, {place.token: [codec.TRANSFER]}) is None
    assert chain.block(before.hash) is None
    assert chain.receipt(receipt.transaction) is None
    assert node.tokens_of(place, NOBODY) == 0


def test_logs_are_those_of_the_block_and_the_contracts_asked_for(
    fresh_anvil: Anvil, fresh_deployment: Deployment
) -> None:
    node, place = fresh_anvil, fresh_deployment
    node.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    treasury = node.signer("treasury")
    nonce = node.chain.nonce(treasury.address)
    for number in range(3):
        data = codec.encode_transfer(NOBODY, 10 + number)
        node.chain.send(transaction(node, "treasury", place.token, data, nonce=nonce + number))
    node.mine()
    head = node.chain.block("latest")
    assert head is not None
    logs = node.logs(head.hash, [place.token, place.escrow])
    assert [codec.decode_uint(log.data) for log in logs] == [10, 11, 12]
    assert [log.log_index for log in logs] == [0, 1, 2]
    assert {log.block_hash for log in logs} == {head.hash}
    assert node.logs(head.hash, [place.escrow]) == []
    assert node.logs(head.parent_hash, [place.token]) == []


def test_a_call_may_be_asked_of_any_block(fresh_anvil: Anvil, fresh_deployment: Deployment) -> None:
    node, place = fresh_anvil, fresh_deployment
    before = node.chain.block("latest")
    assert before is not None
    node.send(node.signer("treasury"), place.token, codec.encode_transfer(NOBODY, 7))
    node.mine(3)
    question = codec.encode_balance_of(NOBODY)
    for block, balance in ((before.number, 0), (before.hash, 0), ("latest", 7), ("finalized", 7)):
        assert codec.decode_uint(node.chain.call(place.token, question, block=block)) == balance  # type: ignore[arg-type]


def test_a_revert_tells_its_error(anvil: Anvil, deployment: Deployment) -> None:
    terms = anvil.terms(anvil.signer("bob").address)
    for ask in (
        lambda: anvil.chain.call(deployment.escrow, codec.encode_open(terms), sender=NOBODY),
        lambda: anvil.chain.estimate_gas(deployment.escrow, codec.encode_open(terms), NOBODY),
    ):
        with pytest.raises(Conflict) as refused:
            ask()
        assert refused.value.code == "reverted"
        assert refused.value.message == "NotThePayer(0x" + "0d" * 20 + ")"
        assert refused.value.values["data"] == codec.selector_of("NotThePayer(address)") + NOBODY.rjust(32, b"\0")


def test_a_call_to_nobody_is_answered_by_nothing(anvil: Anvil) -> None:
    assert anvil.chain.call(NOBODY, b"\x01\x02\x03\x04") == b""
    assert anvil.chain.code(NOBODY) == b""


def test_balances_and_nonces_are_told(anvil: Anvil) -> None:
    anvil.set_balance(NOBODY, 12345)
    assert anvil.chain.balance(NOBODY) == 12345
    carol = anvil.signer("carol of the nonces")
    assert anvil.chain.balance(carol.address) == 100 * ETHER
    assert anvil.chain.nonce(carol.address) == 0
    assert anvil.send(carol, NOBODY, b"").succeeded
    assert anvil.chain.nonce(carol.address) == 1


def test_the_nonce_counts_what_is_waiting(fresh_anvil: Anvil) -> None:
    fresh_anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    bob = fresh_anvil.signer("bob").address
    fresh_anvil.chain.send(transaction(fresh_anvil, "bob", NOBODY))
    assert fresh_anvil.chain.nonce(bob) == 1
    assert fresh_anvil.chain.nonce(bob, "latest") == 0
    fresh_anvil.mine()
    assert [fresh_anvil.chain.nonce(bob, block) for block in ("latest", "safe", "finalized")] == [1, 0, 0]


def test_a_transaction_may_be_sent_any_number_of_times(fresh_anvil: Anvil) -> None:
    node = fresh_anvil
    node.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    raw = transaction(node, "bob", NOBODY)
    sent = node.chain.send(raw)
    assert sent == keccak(raw)
    assert node.chain.send(raw) == sent, "while it waits"
    assert node.chain.receipt(sent) is None
    node.mine()
    assert node.chain.send(raw) == sent, "and when it is mined"
    receipt = node.chain.receipt(sent)
    head = node.chain.block("latest")
    assert receipt is not None
    assert head is not None
    assert (receipt.transaction, receipt.block_hash, receipt.block_number) == (sent, head.hash, head.number)
    assert receipt.succeeded
    assert receipt.gas_used == 21_000


def test_a_transaction_that_fails_on_the_chain_has_a_receipt_that_says_so(anvil: Anvil, deployment: Deployment) -> None:
    data = codec.encode_transfer(NOBODY, 1)
    receipt = anvil.send(anvil.signer("pauper of the receipts"), deployment.token, data, gas=100_000)
    assert not receipt.succeeded


def test_a_spent_nonce_is_refused_as_such(anvil: Anvil) -> None:
    anvil.send(anvil.signer("bob of the spent nonce"), NOBODY, b"")
    with pytest.raises(Conflict) as refused:
        anvil.chain.send(transaction(anvil, "bob of the spent nonce", NOBODY, nonce=0, value=1))
    assert refused.value.code == "nonce_too_low"


def test_an_account_without_ether_is_refused_as_such(anvil: Anvil) -> None:
    pauper = anvil.signer("pauper")
    anvil.set_balance(pauper.address, 0)
    with pytest.raises(Conflict) as refused:
        anvil.chain.send(transaction(anvil, "pauper", NOBODY))
    assert refused.value.code == "insufficient_funds"


def test_a_replacement_that_pays_no_more_is_refused_as_such(fresh_anvil: Anvil) -> None:
    node = fresh_anvil
    node.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    node.chain.send(transaction(node, "bob", NOBODY, nonce=0))
    with pytest.raises(Conflict) as refused:
        node.chain.send(transaction(node, "bob", NOBODY, nonce=0, value=1))
    assert refused.value.code == "underpriced"
    fees = node.chain.fees()
    higher = transaction(
        node, "bob", NOBODY, nonce=0, value=1, max_fee=fees.max_fee * 2, priority_fee=fees.priority_fee * 2
    )
    sent = node.chain.send(higher)
    node.mine()
    receipt = node.chain.receipt(sent)
    assert receipt is not None
    assert receipt.succeeded


def test_a_fee_below_the_base_fee_is_refused_as_such(fresh_anvil: Anvil) -> None:
    with pytest.raises(Conflict) as refused:
        fresh_anvil.chain.send(transaction(fresh_anvil, "bob", NOBODY, max_fee=1, priority_fee=1))
    assert refused.value.code == "underpriced"


def test_what_is_no_transaction_is_not_sent(anvil: Anvil) -> None:
    with pytest.raises((Conflict, ChainUnavailable)):
        anvil.chain.send(b"\x02\xc0")


def test_fees_cover_the_next_blocks(anvil: Anvil) -> None:
    fees = anvil.chain.fees()
    assert fees.priority_fee > 0
    assert fees.max_fee > fees.priority_fee


def test_a_node_that_ended_is_unavailable(fresh_anvil: Anvil) -> None:
    assert fresh_anvil.chain.block("latest") is not None
    fresh_anvil.process.kill()
    fresh_anvil.process.wait()
    with pytest.raises(ChainUnavailable):
        fresh_anvil.chain.block("latest")


def test_a_node_of_another_chain_is_refused(anvil: Anvil) -> None:
    chain = Web3Chain(anvil.url, 1)
    with pytest.raises(ChainUnavailable, match="serves chain 31337, but chain 1 is wanted"):
        chain.block("latest")
    chain.close()


def test_time_travels(fresh_anvil: Anvil) -> None:
    before = fresh_anvil.now()
    assert fresh_anvil.travel(48 * 3600) >= before + 48 * 3600
