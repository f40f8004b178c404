"""Outgoing: each call is done once, on a real node, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import codec
from contracts.chain import Deployment
from contracts.events import BlockRef
from contracts.nodes import Nodes
from contracts.rpc import Declined
from contracts.signer import Signer, Transaction
from kit.database import Database
from kit.errors import ChainUnavailable, Conflict
from kit.identifiers import Address, Hash32
from ledger.book import Book
from ledger.calls import WITHOUT_END, Bounds, Call, OutgoingState
from ledger.outgoing import Outgoing, send_due
from ledger.tables import AttemptRow, OutgoingRow
from tests.support.anvil import CHAIN_ID, ETHER, Anvil, running_anvil

ROLE = "relayer"
TARGET = Address(b"\x7a" * 20)


class Crash(BaseException):
    """The process dies here."""


class Disguised:
    """A node that is not what it was: whoever asks for several things together asks it, too."""

    def at_one(self, questions: Callable[[Any], object]) -> object:
        return questions(self)


class Dying(Disguised):
    """Passes everything on, and dies just before (or just after) the ``at``-th thing it is asked for."""

    def __init__(self, inner: Any, *, at: int, before: bool, names: tuple[str, ...]) -> None:  # noqa: ANN401
        self._inner = inner
        self._at = at
        self._before = before
        self._names = names
        self.asked = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def passed_on(*arguments: object, **named: object) -> object:
            self.asked += 1
            if self.asked == self._at and self._before:
                raise Crash
            answer = found(*arguments, **named)
            if self.asked == self._at:
                raise Crash
            return answer

        return passed_on


class DyingDatabase(Database):
    """Dies just before (or just after) the ``at``-th writing transaction is committed."""

    def __init__(self, inner: Database, *, at: int, before: bool) -> None:
        super().__init__(inner.engine)
        self._at = at
        self._before = before
        self.asked = 0

    @contextmanager
    def write(self) -> Iterator[Session]:
        self.asked += 1
        with super().write() as session:
            yield session
            if self.asked == self._at and self._before:
                raise Crash
        if self.asked == self._at:
            raise Crash


@dataclass
class Desk:
    """A node, our contracts on it, a database, and the key of one role."""

    node: Anvil
    deployment: Deployment
    database: Database
    now: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)
    others: dict[str, Signer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.signer = self.node.signer(ROLE)
        self.node.give_tokens(self.deployment, self.signer.address, 1000)

    @contextmanager
    def outgoing(self) -> Iterator[Outgoing]:
        with self.database.write() as session:
            yield Outgoing(session, self.now, CHAIN_ID)

    def queue(
        self,
        key: str = "one",
        *,
        amount: int = 1,
        after_block: Hash32 | None = None,
        role: str = ROLE,
        bounds: Bounds = WITHOUT_END,
    ) -> bool:
        """Owe the target ``amount`` tokens: what it has in the end tells how often that was done."""
        data, to = codec.encode_transfer(TARGET, amount), self.deployment.token
        with self.outgoing() as outgoing:
            return outgoing.queue(key=key, role=role, to=to, data=data, after_block=after_block, bounds=bounds)

    def round(self, *, seconds: float = 16, chain: Any = None, database: Database | None = None) -> int:  # noqa: ANN401
        """Let time pass and the sender run once."""
        self.now += timedelta(seconds=seconds)
        return send_due(database or self.database, chain or self.node.chain, {ROLE: self.signer}, self.now)

    def settle(self) -> None:
        """Let everything be mined and final, and noted as such."""
        for _ in range(3):
            self.round()
            self.node.mine(3)
        self.round()

    def call(self, key: str = "one") -> Call:
        with self.database.read() as session:
            found = Outgoing(session, self.now, CHAIN_ID).find(key)
        assert found is not None
        return found

    def state(self, key: str = "one") -> OutgoingState:
        return self.call(key).state

    def got(self) -> int:
        """What the target has."""
        return self.node.tokens_of(self.deployment, TARGET)

    def signed(self) -> list[Hash32]:
        """The hashes of all transactions ever signed."""
        with self.database.read() as session:
            return [Hash32(found) for found in session.scalars(select(AttemptRow.hash).order_by(AttemptRow.made_at))]

    def nonces(self) -> list[int | None]:
        with self.database.read() as session:
            return list(session.scalars(select(OutgoingRow.nonce).order_by(OutgoingRow.id)))

    def by_hand(self, *, nonce: int | None = None) -> Hash32:
        """Use the key past us: an empty transaction to itself, at the key's next nonce or the one given."""
        chain, fees = self.node.chain, self.node.chain.fees()
        number = chain.nonce(self.signer.address) if nonce is None else nonce
        transaction = Transaction(
            CHAIN_ID, number, self.signer.address, b"", 21_000, fees.max_fee * 2, fees.priority_fee * 2
        )
        return chain.send(self.signer.sign_transaction(transaction).raw)

    def stop_mining(self) -> None:
        """Let transactions wait until somebody calls ``node.mine``."""
        self.node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON

    def mine_at_once(self) -> None:
        """Let each transaction be mined when it comes, as at the beginning."""
        self.node.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON


@pytest.fixture
def desk(fresh_anvil: Anvil, fresh_deployment: Deployment, database: Database) -> Desk:
    """Everything that a call needs."""
    return Desk(fresh_anvil, fresh_deployment, database)


def test_a_call_is_sent_mined_and_final(desk: Desk) -> None:
    assert desk.queue()
    assert desk.state() is OutgoingState.WAITING
    assert desk.round() == 1
    assert desk.state() is OutgoingState.SENT
    desk.round()
    assert desk.state() is OutgoingState.MINED
    desk.node.mine(3)
    desk.round()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 1


def test_a_key_is_taken_once_for_ever(desk: Desk) -> None:
    assert desk.queue()
    assert not desk.queue()
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert not desk.queue()
    desk.settle()
    assert desk.got() == 1


def test_calls_go_out_in_their_order_each_with_its_own_nonce(desk: Desk) -> None:
    desk.stop_mining()
    first = desk.node.chain.nonce(desk.signer.address)
    for number in range(5):
        desk.queue(f"call {number}", amount=10**number % 977)
    assert desk.round() == 5
    assert desk.nonces() == [first + number for number in range(5)]
    desk.mine_at_once()
    desk.settle()
    assert {desk.state(f"call {number}") for number in range(5)} == {OutgoingState.DONE}
    assert desk.got() == sum(10**number % 977 for number in range(5))


NODE = ("block", "nonce", "estimate_gas", "balance", "fees", "send", "receipt")


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("where", ["node", "database"])
def test_a_crash_anywhere_does_nothing_twice_and_loses_nothing(desk: Desk, where: str, before: bool) -> None:  # noqa: FBT001
    owed = 0
    at = 1
    while True:
        desk.queue(f"first {at}")
        desk.queue(f"second {at}")
        owed += 2
        chain = Dying(desk.node.chain, at=at if where == "node" else 0, before=before, names=NODE)
        database = DyingDatabase(desk.database, at=at if where == "database" else 0, before=before)
        try:
            for _ in range(3):
                desk.round(chain=chain, database=database)
                desk.node.mine(3)
        except Crash:
            pass
        else:
            break
        desk.settle()
        assert desk.got() == owed
        assert desk.state(f"first {at}") is desk.state(f"second {at}") is OutgoingState.DONE
        at += 1
    assert at > 6, "the round was meant to be long enough to die in many places"
    assert desk.got() == owed


def test_a_transaction_that_was_stored_but_never_broadcast_is_broadcast_later(desk: Desk) -> None:
    desk.queue()
    with pytest.raises(Crash):
        desk.round(chain=Dying(desk.node.chain, at=1, before=True, names=("send",)))
    assert desk.got() == 0
    (stored,) = desk.signed()
    desk.settle()
    assert desk.signed() == [stored]
    assert desk.node.chain.receipt(stored) is not None
    assert desk.got() == 1


@pytest.mark.parametrize("depth", [1, 2])
def test_what_a_reorg_drops_is_sent_again_and_done_once(desk: Desk, depth: int) -> None:
    desk.queue()
    desk.round()
    desk.node.mine(depth - 1)
    desk.round()
    assert desk.state() is OutgoingState.MINED
    desk.node.reorg(depth)
    assert desk.got() == 0
    desk.round()
    assert desk.state() is OutgoingState.SENT
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 1
    assert len(desk.signed()) == 1


def test_a_call_that_would_revert_is_not_signed_but_tried_again(desk: Desk) -> None:
    desk.queue(amount=5000)
    for _ in range(3):
        desk.round(seconds=60)
    call = desk.call()
    assert call.state is OutgoingState.WAITING
    assert call.tries == 3
    assert call.last_error is not None
    assert "ERC20InsufficientBalance" in call.last_error
    assert desk.signed() == []
    desk.node.give_tokens(desk.deployment, desk.signer.address, 5000)
    desk.round(seconds=60)
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 5000


def test_a_failing_call_is_tried_more_and_more_seldom_and_holds_up_no_other(desk: Desk) -> None:
    desk.queue("hopeless", amount=5000)
    for _ in range(100):
        desk.round(seconds=10)
    assert 6 < desk.call("hopeless").tries < 20
    desk.queue("good")
    desk.settle()
    assert desk.state("good") is OutgoingState.DONE


def test_a_call_that_reverts_when_mined_is_tried_again_a_few_times(desk: Desk) -> None:
    lender = desk.node.signer("lender")
    desk.node.give_tokens(desk.deployment, lender.address, 1)
    approve = codec.encode_approve(desk.signer.address, 1)
    revoke = codec.encode_approve(desk.signer.address, 0)
    selector = codec.selector_of("transferFrom(address,address,uint256)")
    words = [lender.address.rjust(32, b"\0"), TARGET.rjust(32, b"\0"), (1).to_bytes(32)]
    with desk.outgoing() as outgoing:
        outgoing.queue(key="one", role=ROLE, to=desk.deployment.token, data=selector + b"".join(words))
    desk.stop_mining()
    for reverts in range(1, 6):
        _send(desk, lender, approve)
        desk.node.mine()
        desk.now += timedelta(minutes=10)
        assert desk.round() == 1
        _send(desk, lender, revoke, eager=True)
        desk.node.mine(4)
        desk.round()
        call = desk.call()
        assert call.reverts == reverts
        assert call.state is (OutgoingState.WAITING if reverts < 5 else OutgoingState.GIVEN_UP)
    _send(desk, lender, approve)
    desk.mine_at_once()
    desk.settle()
    assert desk.got() == 0
    assert len(desk.signed()) == 5


def _send(desk: Desk, signer: Signer, data: bytes, *, eager: bool = False) -> None:
    """Send a call to the token, to be mined before all others where it is ``eager``."""
    chain, fees = desk.node.chain, desk.node.chain.fees()
    tip = fees.priority_fee * (10 if eager else 1)
    transaction = Transaction(
        CHAIN_ID, chain.nonce(signer.address), desk.deployment.token, data, 100_000, fees.max_fee + tip, tip
    )
    chain.send(signer.sign_transaction(transaction).raw)


def test_a_nonce_that_was_used_past_us_is_given_up_only_when_that_is_final(desk: Desk) -> None:
    desk.queue()
    with pytest.raises(Crash):
        desk.round(chain=Dying(desk.node.chain, at=1, before=True, names=("send",)))
    desk.by_hand()
    (nonce,) = desk.nonces()
    desk.round()
    assert desk.nonces() == [nonce], "the other transaction may still leave the chain, and ours take its place"
    assert desk.call().last_error is not None
    desk.node.mine(3)
    desk.round()
    desk.now += timedelta(minutes=1)
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert nonce is not None
    assert desk.nonces() == [nonce + 1]
    assert desk.got() == 1


class Slow(Disguised):
    """A node whose first answer about a receipt comes so late that ``meanwhile`` happens before it is acted on."""

    def __init__(self, inner: Any, meanwhile: Callable[[], object]) -> None:  # noqa: ANN401
        self._inner = inner
        self._meanwhile: Callable[[], object] | None = meanwhile

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def receipt(self, transaction: Hash32) -> Any:  # noqa: ANN401
        answer = self._inner.receipt(transaction)
        if self._meanwhile is not None:
            act, self._meanwhile = self._meanwhile, None
            act()
        return answer


def test_a_slow_sender_does_not_undo_what_another_did_meanwhile(desk: Desk) -> None:
    desk.queue()
    with pytest.raises(Crash):
        desk.round(chain=Dying(desk.node.chain, at=1, before=True, names=("send",)))
    desk.by_hand()
    desk.node.mine(3)

    def another() -> None:
        """Find out that the nonce is lost, and do the call with the next one."""
        desk.round()
        desk.round()
        assert desk.state() is OutgoingState.SENT

    desk.round(chain=Slow(desk.node.chain, another))
    assert desk.state() is OutgoingState.SENT
    assert desk.got() == 1
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 1


def test_a_gap_of_nonces_is_filled(desk: Desk) -> None:
    desk.stop_mining()
    foreign = desk.by_hand()
    desk.queue()
    assert desk.round() == 1
    (nonce,) = desk.nonces()
    assert nonce is not None
    desk.node.rpc("anvil_dropTransaction", "0x" + foreign.hex())
    desk.node.rpc("anvil_dropTransaction", "0x" + desk.signed()[0].hex())
    desk.round()
    assert sorted(number for number in desk.nonces() if number is not None) == [nonce - 1, nonce]
    desk.mine_at_once()
    desk.node.mine()
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 1


def test_a_stuck_transaction_is_replaced_by_a_dearer_one_with_the_same_nonce(desk: Desk) -> None:
    desk.stop_mining()
    desk.queue()
    desk.round()
    desk.round(seconds=30)
    assert len(desk.signed()) == 1
    for _ in range(30):
        desk.round(seconds=61)
    signed = desk.signed()
    assert 2 <= len(signed) < 20, "a fee that is many times what is asked for is raised no more"
    pool = desk.node.rpc("txpool_content")["pending"]
    ((waiting,),) = [list(by_nonce.values()) for by_nonce in pool.values()]
    assert bytes.fromhex(waiting["hash"][2:]) == signed[-1]
    desk.mine_at_once()
    desk.node.mine()
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 1
    assert len(set(desk.nonces())) == 1


def test_a_key_without_ether_waits_for_it(desk: Desk) -> None:
    desk.node.set_balance(desk.signer.address, 0)
    desk.queue()
    desk.round()
    call = desk.call()
    assert call.state is OutgoingState.WAITING
    assert call.last_error is not None
    assert "insufficient" in call.last_error
    desk.node.set_balance(desk.signer.address, ETHER)
    desk.settle()
    assert desk.got() == 1


def test_a_call_of_a_role_without_a_key_waits(desk: Desk) -> None:
    desk.queue(role="resolver")
    desk.settle()
    assert desk.state() is OutgoingState.WAITING
    assert desk.call().tries == 0


def _book(desk: Desk, *blocks: BlockRef) -> None:
    with desk.database.write() as session:
        for block in blocks:
            book = Book(session, chain_id=CHAIN_ID, token=desk.deployment.token, escrow=desk.deployment.escrow)
            book.record(block, [])


def _with_book(desk: Desk, act: Callable[[Book], object]) -> None:
    with desk.database.write() as session:
        act(Book(session, chain_id=CHAIN_ID, token=desk.deployment.token, escrow=desk.deployment.escrow))


def test_money_waits_for_the_block_it_rests_on_to_be_final(desk: Desk) -> None:
    head = desk.node.chain.block("latest")
    assert head is not None
    _book(desk, head)
    desk.queue(after_block=head.hash)
    for level in ("seen", "safe"):
        desk.settle()
        assert (level, desk.state()) == (level, OutgoingState.WAITING)
        _with_book(desk, lambda book: book.mark_levels(head, None))
    assert desk.got() == 0
    _with_book(desk, lambda book: book.mark_levels(head, head))
    desk.settle()
    assert desk.state() is OutgoingState.DONE
    assert desk.got() == 1


def test_money_that_rests_on_a_block_that_left_does_not_move(desk: Desk) -> None:
    head = desk.node.chain.block("latest")
    assert head is not None
    child = BlockRef(CHAIN_ID, head.number + 1, Hash32(b"\x0c" * 32), head.hash, head.timestamp + 1)
    other = BlockRef(CHAIN_ID, head.number + 1, Hash32(b"\x0d" * 32), head.hash, head.timestamp + 1)
    _book(desk, head, child)
    desk.queue(after_block=child.hash)
    _with_book(desk, lambda book: book.rewind(child))
    assert desk.state() is OutgoingState.WITHDRAWN
    desk.settle()
    assert desk.got() == 0
    _book(desk, other)
    assert desk.queue(after_block=other.hash), "the same wish, resting on another block"
    assert desk.state() is OutgoingState.WAITING
    _with_book(desk, lambda book: book.mark_levels(other, other))
    desk.settle()
    assert desk.got() == 1


def test_a_block_that_comes_back_brings_its_calls_back(desk: Desk) -> None:
    head = desk.node.chain.block("latest")
    assert head is not None
    _book(desk, head)
    desk.queue(after_block=head.hash)
    _with_book(desk, lambda book: book.rewind(head))
    assert desk.state() is OutgoingState.WITHDRAWN
    _book(desk, head)
    assert desk.state() is OutgoingState.WAITING
    _with_book(desk, lambda book: book.mark_levels(head, head))
    desk.settle()
    assert desk.got() == 1


def test_what_nobody_wants_any_more_is_withdrawn_only_before_it_is_signed(desk: Desk) -> None:
    desk.queue()
    with desk.outgoing() as outgoing:
        assert outgoing.withdraw("one")
        assert not outgoing.withdraw("one")
        assert not outgoing.withdraw("never queued")
        assert outgoing.state("never queued") is None
    desk.settle()
    assert desk.state() is OutgoingState.WITHDRAWN
    assert desk.got() == 0
    assert desk.queue(), "it may be wanted again"
    desk.round()
    with desk.outgoing() as outgoing:
        assert not outgoing.withdraw("one")
    desk.settle()
    assert desk.got() == 1


def test_two_senders_at_once_send_everything_once(desk: Desk) -> None:
    for number in range(12):
        desk.queue(f"call {number}")
    desk.now += timedelta(seconds=1)
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def send() -> None:
        start.wait()
        try:
            for second in range(6):
                send_due(desk.database, desk.node.chain, {ROLE: desk.signer}, desk.now + timedelta(seconds=second))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    desk.now += timedelta(seconds=10)
    desk.settle()
    assert desk.got() == 12
    assert len(set(desk.nonces())) == 12


class Away(Disguised):
    """A node that does not answer what is in ``names``."""

    def __init__(self, inner: Any, names: tuple[str, ...]) -> None:  # noqa: ANN401
        self._inner = inner
        self._names = names

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name not in self._names:
            return getattr(self._inner, name)

        def silent(*_: object, **__: object) -> None:
            raise ChainUnavailable("nobody there")

        return silent


def test_calls_behind_one_that_no_node_took_yet_get_nonces_after_it(desk: Desk) -> None:
    for number in range(2):
        desk.queue(f"call {number}")
    desk.round(chain=Away(desk.node.chain, ("send",)))
    first = desk.node.chain.nonce(desk.signer.address)
    assert desk.nonces() == [first, first + 1]
    assert desk.got() == 0
    desk.settle()
    assert desk.got() == 2


@pytest.mark.parametrize("names", [("send",), ("estimate_gas",), ("nonce",), ("receipt",), ("block",)], ids="-".join)
def test_a_node_that_is_away_only_delays(desk: Desk, names: tuple[str, ...]) -> None:
    for number in range(5):
        desk.queue(f"call {number}")
    for _ in range(4):
        try:
            desk.round(chain=Away(desk.node.chain, names))
        except ChainUnavailable as error:
            assert str(error) == "nobody there"  # noqa: PT017 - it may also go well
    desk.now += timedelta(minutes=10)
    desk.settle()
    assert desk.got() == 5


def test_what_it_took_is_kept_once_it_is_final(desk: Desk) -> None:
    before = desk.node.chain.balance(desk.signer.address)
    desk.queue()
    desk.settle()
    assert desk.call().spent_wei == before - desk.node.chain.balance(desk.signer.address) > 0
    assert desk.call().final_block is not None


def test_an_impatient_call_that_would_revert_is_given_up_and_may_be_asked_for_anew(desk: Desk) -> None:
    impatient = Bounds(patient=False)
    desk.queue(amount=5000, bounds=impatient)
    desk.round()
    call = desk.call()
    assert (call.state, call.reverts, call.spent_wei) == (OutgoingState.GIVEN_UP, 0, 0)
    assert desk.signed() == []
    desk.node.give_tokens(desk.deployment, desk.signer.address, 5000)
    desk.settle()
    assert desk.got() == 0
    assert desk.queue(amount=5000, bounds=impatient)
    desk.settle()
    assert desk.got() == 5000
    assert not desk.queue(amount=5000, bounds=impatient)


@pytest.fixture
def other_node(tmp_path: Path) -> Iterator[Anvil]:
    with running_anvil(tmp_path / "other.log") as node:
        yield node


@pytest.fixture
def both(desk: Desk, other_node: Anvil) -> Iterator[Nodes]:
    """The desk's node and another one of the same chain; no look at them is ever due again."""
    other_node.follow(desk.node)
    nodes = Nodes([desk.node.url, other_node.url], CHAIN_ID, timeout=120, clock=lambda: 1000.0)
    assert nodes.block("latest") == other_node.chain.block("latest")
    yield nodes
    nodes.close()


def decline(nodes: Nodes, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first node be one that cannot tell something."""

    def declined(*_: object) -> None:
        raise Declined("that is pruned here")

    monkeypatch.setattr(nodes._roster._nodes[0].chain, name, declined)


def test_a_nonce_of_one_node_and_a_receipt_of_another_are_not_held_together(
    desk: Desk, both: Nodes, other_node: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one lags and cannot tell what is final; for the other one all is mined and final."""
    desk.stop_mining()
    desk.queue()
    desk.round(chain=both)
    other_node.rest()
    other_node.mine(3)
    decline(both, "nonce", monkeypatch)
    for _ in range(2):
        desk.round(chain=both)
    assert len(desk.signed()) == 1, "a second transaction would be too many"
    assert desk.state() is OutgoingState.DONE


def test_a_receipt_of_one_node_and_a_final_block_of_another_are_not_held_together(
    desk: Desk, both: Nodes, other_node: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was mined on a branch of the second one is in no block of the first, which is far ahead."""
    other_node.mine(3)
    desk.stop_mining()
    desk.queue()
    desk.round(chain=both)
    other_node.rest()
    desk.node.rpc("anvil_dropAllTransactions")
    desk.node.mine(10)
    decline(both, "receipt", monkeypatch)
    desk.round(chain=both)
    assert desk.state() is OutgoingState.MINED
    assert desk.got() == 0


def test_a_call_is_done_in_no_block_that_our_books_do_not_hold_final(desk: Desk) -> None:
    desk.queue()
    desk.round()
    mined = desk.node.chain.receipt(desk.signed()[0])
    assert mined is not None
    desk.node.mine(3)
    parent = desk.node.chain.block(mined.block_number - 1)
    block = desk.node.chain.block(mined.block_number)
    assert parent is not None
    assert block is not None
    _book(desk, parent, replace(block, hash=Hash32(b"\x66" * 32)))
    desk.round()
    assert desk.state() is OutgoingState.MINED, "another block stands in its place"
    _with_book(desk, lambda book: book.rewind(replace(block, hash=Hash32(b"\x66" * 32))))
    _book(desk, block)
    desk.round()
    assert desk.state() is OutgoingState.MINED, "it may still leave"
    _with_book(desk, lambda book: book.mark_levels(None, block))
    desk.round()
    assert desk.state() is OutgoingState.DONE


class Strict(Disguised):
    """A node that tries nothing out for a key without ether."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401
        self._inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def estimate_gas(self, *_: object) -> int:
        raise Conflict("insufficient_funds", "insufficient funds for gas")


def test_an_impatient_call_waits_for_ether_all_the_same(desk: Desk) -> None:
    desk.node.set_balance(desk.signer.address, 0)
    desk.queue(bounds=Bounds(patient=False))
    desk.round(chain=Strict(desk.node.chain))
    assert desk.state() is OutgoingState.WAITING
    desk.node.set_balance(desk.signer.address, ETHER)
    desk.settle()
    assert desk.got() == 1


def test_a_nonce_lost_to_another_transaction_is_no_revert(desk: Desk) -> None:
    desk.stop_mining()
    desk.queue(amount=1000, bounds=Bounds(most_reverts=1))
    desk.round()
    chain, fees = desk.node.chain, desk.node.chain.fees()
    (nonce,) = desk.nonces()
    assert nonce is not None
    desk.node.rpc("anvil_dropTransaction", "0x" + desk.signed()[0].hex())
    away = codec.encode_transfer(desk.node.signer("sink").address, 1000)
    first = Transaction(CHAIN_ID, nonce, desk.deployment.token, away, 100_000, fees.max_fee, fees.priority_fee)
    chain.send(desk.signer.sign_transaction(first).raw)
    desk.node.mine(4)
    desk.round()
    assert (desk.state(), desk.call().reverts) == (OutgoingState.WAITING, 0)


def test_nothing_is_signed_after_a_calls_last_moment(desk: Desk) -> None:
    desk.queue("early", bounds=Bounds(not_after=desk.now + timedelta(seconds=17)))
    desk.queue("late", bounds=Bounds(not_after=desk.now + timedelta(seconds=16)))
    desk.round(seconds=16)
    assert desk.state("early") is OutgoingState.SENT
    call = desk.call("late")
    assert call.state is OutgoingState.GIVEN_UP
    assert call.last_error is not None
    assert call.last_error.startswith("too_late")
    desk.settle()
    assert desk.got() == 1


def test_a_call_costs_no_more_than_it_may(desk: Desk) -> None:
    desk.queue("cheap", bounds=Bounds(most_wei=1))
    desk.round()
    call = desk.call("cheap")
    assert call.state is OutgoingState.WAITING
    assert call.last_error is not None
    assert call.last_error.startswith("too_dear")
    gas = desk.node.chain.estimate_gas(desk.deployment.token, call.data, desk.signer.address) * 6 // 5
    most = gas * desk.node.chain.fees().max_fee * 3 // 2
    desk.stop_mining()
    desk.queue("stuck", bounds=Bounds(most_wei=most))
    for _ in range(30):
        desk.round(seconds=61)
    with desk.database.read() as session:
        dearest = max(row.gas * row.max_fee for row in session.scalars(select(AttemptRow)))
    assert len(desk.signed()) > 1
    assert dearest <= most


def test_a_crowd_of_one_roles_calls_keeps_no_other_roles_call_waiting(desk: Desk) -> None:
    for number in range(60):
        desk.queue(f"crowd {number}", amount=5000)
    other = desk.node.signer("resolver")
    desk.node.give_tokens(desk.deployment, other.address, 1)
    desk.queue("other", role="resolver")
    desk.now += timedelta(seconds=1)
    send_due(desk.database, desk.node.chain, {ROLE: desk.signer, "resolver": other}, desk.now)
    assert desk.state("other") is OutgoingState.SENT
