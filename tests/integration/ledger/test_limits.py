"""Daily limits of keys, on a real node and both databases: what is beyond them waits in its order, and none is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from contracts import codec
from contracts.chain import Deployment
from contracts.signer import SignedTransaction, Signer, Transaction
from kit.database import Database
from kit.identifiers import Address
from ledger.calls import Bounds, Call, OutgoingState
from ledger.limits import Day, DayLimit, Limits
from ledger.outgoing import Outgoing, send_due
from ledger.tables import AttemptRow
from tests.support.anvil import CHAIN_ID, ETHER, Anvil

TARGET = Address(b"\x7b" * 20)
MANY = 1000


@dataclass
class Desk:
    """A node, our token on it, a database, and two keys with limits of their own."""

    node: Anvil
    deployment: Deployment
    database: Database
    now: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)
    limits: dict[str, DayLimit] = field(default_factory=dict)
    reached: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.signers: dict[str, Signer] = {role: self.node.signer(role) for role in ("resolver", "relayer")}
        for signer in self.signers.values():
            self.node.give_tokens(self.deployment, signer.address, 1000)

    def queue(self, *keys: str, role: str = "resolver", amount: int = 1, bounds: Bounds | None = None) -> None:
        """Owe the target some tokens."""
        with self.database.write() as session:
            outgoing = Outgoing(session, self.now, CHAIN_ID)
            for key in keys:
                data = codec.encode_transfer(TARGET, amount)
                outgoing.queue(
                    key=key, role=role, to=self.deployment.token, data=data, bounds=bounds or Bounds(patient=True)
                )

    def round(self, **span: float) -> int:
        """Let time pass, and a sender that remembers nothing run once."""
        self.now += timedelta(**span or {"seconds": 6})
        limits = Limits(self.limits, hear=lambda role, why: self.reached.append((role, why)))
        return send_due(self.database, self.node.chain, self.signers, self.now, limits)

    def settle(self) -> None:
        """Let everything be mined and final, and noted as such."""
        for _ in range(3):
            self.round()
            self.node.mine(3)
        self.round()

    def call(self, key: str) -> Call:
        with self.database.read() as session:
            found = Outgoing(session, self.now, CHAIN_ID).find(key)
        assert found is not None
        return found

    def waiting(self, *keys: str) -> list[str]:
        return [key for key in keys if self.call(key).state is OutgoingState.WAITING]

    def day(self, role: str = "resolver") -> Day:
        with self.database.read() as session:
            return Outgoing(session, self.now, CHAIN_ID).day(self.signers[role].address)

    def held(self, role: str = "resolver") -> int:
        with self.database.read() as session:
            found = Outgoing(session, self.now, CHAIN_ID).held(role)
        return found.calls if found else 0

    def caps(self) -> list[int]:
        with self.database.read() as session:
            rows = session.scalars(select(AttemptRow).order_by(AttemptRow.made_at, AttemptRow.max_fee))
            return [row.gas * row.max_fee for row in rows]

    def attempts(self) -> list[bytes]:
        with self.database.read() as session:
            return list(session.scalars(select(AttemptRow.hash).order_by(AttemptRow.made_at)))

    def got(self) -> int:
        return self.node.tokens_of(self.deployment, TARGET)


@pytest.fixture
def desk(fresh_anvil: Anvil, fresh_deployment: Deployment, database: Database) -> Desk:
    return Desk(fresh_anvil, fresh_deployment, database)


def test_what_is_beyond_a_days_transactions_waits_in_its_order_for_the_next_day(desk: Desk) -> None:
    desk.limits["resolver"] = DayLimit(2, MANY * ETHER)
    desk.queue("a", "b", "c", "d", "e")
    assert desk.round() == 2
    assert desk.waiting("a", "b", "c", "d", "e") == ["c", "d", "e"]
    desk.settle()
    assert desk.got() == 2
    assert desk.held() == 3, "the first of them waits for its key, the others behind it"
    assert desk.call("c").last_error == "daily_limit: 2 of 2 transactions are sent"
    assert desk.call("c").tries == 0, "it is no fault of the call"
    desk.now += timedelta(hours=23)
    desk.round()
    assert desk.waiting("a", "b", "c", "d", "e") == ["c", "d", "e"]
    desk.round(hours=1)
    assert desk.waiting("a", "b", "c", "d", "e") == ["e"]
    desk.settle()
    desk.round(hours=24)
    desk.settle()
    assert desk.got() == 5
    assert desk.held() == 0


def test_a_limit_is_said(desk: Desk) -> None:
    desk.limits["resolver"] = DayLimit(1, MANY * ETHER)
    desk.queue("a")
    desk.round()
    assert desk.reached == []
    desk.queue("b")
    desk.round()
    assert desk.reached == [("resolver", "daily_limit: 1 of 1 transactions are sent")]


def test_a_limit_of_one_key_never_delays_the_other(desk: Desk) -> None:
    desk.limits.update(resolver=DayLimit(0, MANY * ETHER), relayer=DayLimit(9, MANY * ETHER))
    desk.queue("a", "b")
    desk.queue("c", "d", role="relayer")
    desk.settle()
    assert desk.waiting("a", "b", "c", "d") == ["a", "b"]
    assert desk.got() == 2
    assert (desk.held("resolver"), desk.held("relayer")) == (2, 0)


def test_gas_counts_at_the_fee_cap_until_its_cost_is_final(desk: Desk) -> None:
    desk.node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    desk.queue("a")
    desk.round()
    (cap,) = desk.caps()
    assert desk.day() == Day({0: cap})
    desk.limits["resolver"] = DayLimit(9, cap * 3 // 2)
    desk.queue("b")
    desk.round()
    assert desk.waiting("b") == ["b"]
    before = desk.node.chain.balance(desk.signers["resolver"].address)
    desk.node.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON
    desk.node.mine(4)
    spent = before - desk.node.chain.balance(desk.signers["resolver"].address)
    assert 0 < spent < cap
    desk.round()  # finds it final, and only then has room
    assert desk.day().costs[0] == spent
    desk.settle()
    assert desk.got() == 2


def test_a_cheaper_call_does_not_overtake_one_that_has_no_room(desk: Desk) -> None:
    desk.node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    desk.queue("first")
    desk.round()
    (cap,) = desk.caps()
    desk.limits["resolver"] = DayLimit(9, cap * 3 // 2)
    desk.queue("dear")
    with desk.database.write() as session:
        outgoing = Outgoing(session, desk.now, CHAIN_ID)
        outgoing.queue(key="cheap", role="resolver", to=TARGET, data=b"")
    for _ in range(4):
        desk.round(seconds=2)
    assert desk.waiting("dear", "cheap") == ["dear", "cheap"]
    desk.limits.clear()
    desk.round()
    assert desk.waiting("dear", "cheap") == []


def test_a_fee_is_raised_within_the_limit_alone(desk: Desk) -> None:
    desk.node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    desk.queue("a")
    desk.round()
    (cap,) = desk.caps()
    desk.limits["resolver"] = DayLimit(1, cap * 3 // 2)
    for _ in range(20):
        desk.round(seconds=61)
    caps = desk.caps()
    assert len(caps) > 1, "a dearer one for the same nonce is no further transaction"
    assert max(caps) <= cap * 3 // 2
    assert desk.day() == Day({0: max(caps)}), "one of them can be mined"
    assert desk.reached, "that it is raised no more is said"
    desk.node.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON
    desk.node.mine()
    desk.settle()
    assert desk.got() == 1


def test_what_was_signed_the_day_before_counts_while_it_may_still_be_mined(desk: Desk) -> None:
    desk.node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    desk.limits["resolver"] = DayLimit(1, MANY * ETHER)
    desk.queue("a")
    desk.round()
    desk.queue("b")
    desk.limits["resolver"] = DayLimit(1, 0)  # so that its fee is not raised either
    desk.round(hours=30)
    assert desk.day().transactions == 1
    desk.limits["resolver"] = DayLimit(1, MANY * ETHER)
    desk.round()
    assert desk.waiting("b") == ["b"]


def test_a_call_whose_time_runs_out_at_a_limit_is_given_up_as_late(desk: Desk) -> None:
    desk.limits["resolver"] = DayLimit(0, MANY * ETHER)
    desk.queue("a", bounds=Bounds(not_after=desk.now + timedelta(minutes=1)))
    desk.queue("b")
    desk.round()
    assert desk.held() == 2
    desk.limits["resolver"] = DayLimit(1, MANY * ETHER)
    desk.round(minutes=2)
    assert desk.call("a").state is OutgoingState.GIVEN_UP
    assert desk.call("b").state is OutgoingState.SENT


def test_what_nobody_wants_any_more_holds_nothing_up(desk: Desk) -> None:
    desk.limits["resolver"] = DayLimit(1, MANY * ETHER)
    desk.queue("a", "b", "c")
    desk.round()
    with desk.database.write() as session:
        assert Outgoing(session, desk.now, CHAIN_ID).withdraw("b")
    desk.limits["resolver"] = DayLimit(2, MANY * ETHER)
    desk.round(seconds=1)
    assert desk.call("c").state is OutgoingState.SENT


def test_a_gap_is_filled_the_next_day_though_what_waits_behind_it_uses_up_the_limit(desk: Desk) -> None:
    desk.node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    resolver = desk.signers["resolver"]
    foreign = resolver.sign_transaction(Transaction(CHAIN_ID, 0, TARGET, b"", 21_000, 10**10, 10**9))
    desk.node.chain.send(foreign.raw)
    desk.limits["resolver"] = DayLimit(1, MANY * ETHER)
    desk.queue("a")
    desk.round()
    assert desk.call("a").nonce == 1
    for dropped in (foreign.hash, desk.attempts()[0]):
        desk.node.rpc("anvil_dropTransaction", "0x" + dropped.hex())
    for _ in range(30):
        desk.round(seconds=61)
    assert set(desk.day().costs) == {1}, "the limit holds for what fills gaps, too"
    desk.round(hours=24)
    desk.round()
    assert set(desk.day().costs) == {0, 1}
    desk.node.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON
    desk.node.mine()
    desk.settle()
    assert desk.call("a").state is OutgoingState.DONE
    assert desk.got() == 1


def test_a_slow_signer_keeps_a_round_for_seconds_and_no_longer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are read between rounds, and the other key has its turn."""
    moment = [0.0]
    monkeypatch.setattr("ledger.signing.monotonic", lambda: moment[0], raising=False)
    prompt = desk.signers["resolver"]

    class Slow:
        """Signs well, and takes three seconds for it."""

        address = prompt.address

        def sign_transaction(self, transaction: Transaction) -> SignedTransaction:
            moment[0] += 3.0
            return prompt.sign_transaction(transaction)

    desk.signers["resolver"] = Slow()
    desk.queue("a", "b", "c", "d", "e")
    desk.queue("f", role="relayer")
    assert desk.round(seconds=1) == 3
    assert desk.waiting("a", "b", "c", "d", "e", "f") == ["c", "d", "e"]
    assert desk.held() == 0, "nothing is wrong with it"
    assert desk.round(seconds=1) == 2
    assert desk.waiting("c", "d", "e") == ["e"]
