"""The chain loop on a real node and both databases: a stake opens its door, answers reach the escrow, reorgs undo."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import books, chain_loop
from app.chain_loop import ChainLoop
from app.container import RELAYER, RESOLVER, Container
from contracts import codec
from contracts.chain import Deployment, RawLog
from contracts.events import Terms
from contracts.web3_chain import Web3Chain
from kit.amounts import Amount
from kit.clock import from_unix
from kit.database import Database
from kit.errors import ChainUnavailable
from kit.identifiers import UserId, parse_room_id, parse_server_name, parse_user_id
from ledger.calls import OutgoingState
from ledger.model import UNSOLICITED
from ledger.store import holders
from ledger.telling import Event, Mode
from payments.stakes.model import Answer, Quote, StakeState, terms_of
from reputation.model import Knock, Tenant
from reputation.verdict import Admit, Hold, Refuse, Verdict
from tests.support.anvil import ETHER, Anvil
from tests.support.services import a_container

ALICE, BOB = parse_user_id("@alice:example.org"), parse_user_id("@bob:example.org")
PRICE = 5 * ETHER


class Street:
    """One door that asks 5 ERN, one stranger with tokens, and the loop between them."""

    def __init__(self, container: Container, anvil: Anvil, deployment: Deployment) -> None:
        self.container, self.anvil, self.deployment = container, anvil, deployment
        self.loop = ChainLoop(container)
        self.bob = anvil.signer("bob")
        anvil.give_tokens(deployment, self.bob.address, 100 * ETHER)
        for role in (RESOLVER, RELAYER):
            anvil.set_balance(container.signers[role].address, 10 * ETHER)
        with container.work() as work:
            work.tenants.add(parse_server_name("example.org"))
            work.doors.ask(work.people.number(ALICE), stake=Amount(PRICE))
        self.rooms = 0

    def tenant(self) -> Tenant:
        with self.container.read() as work:
            return work.tenants.all()[0]

    def knock(self) -> tuple[Verdict, Quote | None]:
        self.rooms += 1
        tenant, room = self.tenant(), parse_room_id(f"!room{self.rooms}:example.org")
        with self.container.work() as work:
            answer = work.gate.ask(Knock(tenant.id, tenant.server_name, BOB, ALICE, room, at=work.now, federated=False))
        return answer.verdict, answer.quote

    def stake(self, quote: Quote, **changes: int) -> Terms:
        terms = terms_of(quote, payer=self.bob.address)
        if changes:
            terms = Terms(**{**{name: getattr(terms, name) for name in Terms.__slots__}, **changes})
        escrow, token = self.deployment.escrow, self.deployment.token
        self.anvil.send(self.bob, token, codec.encode_approve(escrow, terms.amount + terms.fee))
        assert self.anvil.send(self.bob, escrow, codec.encode_open(terms)).succeeded
        return terms

    def settle(self, rounds: int = 6) -> None:
        """Let the loop read and send until nothing is left; every round mines, so that finality moves on."""
        for _ in range(rounds):
            while self.loop.round():
                pass
            self.anvil.mine()
        while self.loop.round():
            pass

    def answer(self, answer: Answer) -> None:
        with self.container.work() as work:
            work.gate.answer(work.people.number(ALICE), BOB, answer)

    def state(self, terms: Terms) -> StakeState:
        stake = codec.stake_id(terms, chain_id=self.deployment.chain_id, escrow=self.deployment.escrow)
        with self.container.read() as work:
            return work.stakes.get(stake).state

    def on_chain(self, terms: Terms) -> codec.State:
        stake = codec.stake_id(terms, chain_id=self.deployment.chain_id, escrow=self.deployment.escrow)
        return codec.decode_stake(self.anvil.chain.call(self.deployment.escrow, codec.encode_stakes(stake)))[0]

    def balance(self) -> int:
        return self.anvil.tokens_of(self.deployment, self.bob.address)


@pytest.fixture
def street(tmp_path: Path, database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> Iterator[Street]:
    container = a_container(
        tmp_path,
        database,
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        clock=lambda: from_unix(fresh_anvil.now()),
    )
    yield Street(container, fresh_anvil, fresh_deployment)
    container.chain.close()


def held(street: Street) -> Quote:
    verdict, quote = street.knock()
    assert isinstance(verdict, Hold)
    assert quote is not None
    return quote


def test_a_stake_opens_the_door_and_comes_back_on_accept(street: Street) -> None:
    quote = held(street)
    terms = street.stake(quote)
    assert isinstance(street.knock()[0], Hold), "not read yet, so the door is still shut"
    street.settle(1)
    assert isinstance(street.knock()[0], Admit)
    street.answer(Answer.ACCEPT)
    street.settle()
    assert street.on_chain(terms) is codec.State.RETURNED
    assert street.state(terms) is StakeState.RETURNED
    assert street.balance() == 100 * ETHER
    assert isinstance(street.knock()[0], Admit), "accepted people pass free, in any room"


def test_spam_burns_the_stake_after_two_days_and_shuts_the_door(street: Street) -> None:
    quote = held(street)
    terms = street.stake(quote)
    street.settle(1)
    street.knock()
    street.answer(Answer.SPAM)
    street.settle()
    assert street.on_chain(terms) is codec.State.FORFEIT_ANNOUNCED
    assert isinstance(street.knock()[0], Refuse)
    supply = codec.decode_uint(street.anvil.chain.call(street.deployment.token, codec.encode_total_supply()))
    street.anvil.travel(48 * 3600 + 1)
    street.settle(1)
    with street.container.work() as work:
        work.stakes.sweep()
    street.settle()
    assert street.on_chain(terms) is codec.State.FORFEITED
    assert street.state(terms) is StakeState.FORFEITED
    left = codec.decode_uint(street.anvil.chain.call(street.deployment.token, codec.encode_total_supply()))
    assert supply - left == PRICE


def test_silence_returns_it_by_itself(street: Street) -> None:
    terms = street.stake(held(street))
    street.settle(1)
    street.anvil.travel(9 * 86400)
    street.settle(1)
    with street.container.work() as work:
        work.stakes.sweep()
    street.settle()
    assert street.on_chain(terms) is codec.State.EXPIRED
    assert street.balance() == 100 * ETHER
    assert isinstance(street.knock()[0], Hold), "an unanswered stake buys nothing for ever"


def test_other_terms_are_booked_and_open_nothing(street: Street) -> None:
    quote = held(street)
    terms = street.stake(quote, amount=PRICE - 1)
    street.settle(1)
    assert isinstance(street.knock()[0], Hold)
    with street.container.read() as work:
        stake = codec.stake_id(terms, chain_id=street.deployment.chain_id, escrow=street.deployment.escrow)
        assert work.stakes.get(stake).quote_id is None
        assert sum(balance for account, balance in work.book.balances().items() if account.startswith("stake:")) == (
            PRICE - 1
        )
        assert work.book.balance(UNSOLICITED) == 0


def test_a_reorg_shuts_the_door_again(street: Street) -> None:
    terms = street.stake(held(street))
    street.loop.round()
    assert street.state(terms) is StakeState.OPEN
    street.anvil.reorg(1)
    street.anvil.mine()
    street.settle(1)
    assert street.on_chain(terms) is codec.State.NONE
    assert street.state(terms) is StakeState.ORPHANED
    assert isinstance(street.knock()[0], Hold)
    with street.container.read() as work:
        assert work.book.balance(UNSOLICITED) == 0
        assert work.book.balances() == work.book.folded()


def test_the_books_agree_with_the_chain(street: Street) -> None:
    street.stake(held(street))
    street.anvil.send(street.bob, street.deployment.token, codec.encode_transfer(street.deployment.escrow, 7))
    street.settle()
    with street.container.read() as work:
        assert work.book.balance(UNSOLICITED) == 7
    found = books.verify(street.container)
    assert found.holds, found


def test_what_is_newly_owed_is_sent_though_no_block_comes(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_loop, "_IDLE_SECONDS", 3600)
    street.settle()
    rested, stop = threading.Event(), threading.Event()
    loop = ChainLoop(street.container, beat=rested.set)
    thread = threading.Thread(target=loop.run, args=(stop,), name="chain loop")
    thread.start()
    try:
        assert rested.wait(60)
        data = codec.encode_approve(street.deployment.escrow, 1)
        with street.container.work() as work:
            work.outgoing.queue(key="one", role=RELAYER, to=street.deployment.token, data=data)
        state = OutgoingState.WAITING
        for _ in range(600):
            with street.container.read() as work:
                state = work.outgoing.state("one") or state
            if state is not OutgoingState.WAITING:
                break
            time.sleep(0.1)
    finally:
        stop.set()
        loop.wake.set()
        thread.join()
    assert state is not OutgoingState.WAITING


def test_a_silent_node_is_waited_for(street: Street, tmp_path: Path) -> None:
    nowhere = a_container(tmp_path, street.container.database, deployment=street.deployment)
    with pytest.raises(ChainUnavailable):
        ChainLoop(nowhere).round()
    nowhere.chain.close()


def test_a_log_that_our_contracts_cannot_have_written_is_the_nodes_fault_and_not_booked(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = street.stake(held(street))
    truth = Web3Chain._logs

    def forged(self: Web3Chain, answer: object) -> list[RawLog]:
        return [log._replace(data=log.data + b"\0") for log in truth(self, answer)]

    with monkeypatch.context() as lying:
        lying.setattr(Web3Chain, "_logs", forged)
        with pytest.raises(ChainUnavailable, match="cannot be"):
            street.settle(1)
    with street.container.read() as work:
        assert work.book.balances() == {}
    street.settle(1)
    assert street.state(terms) is StakeState.OPEN


def told(street: Street, who: UserId, mode: Mode = Mode.ALL) -> list[Event]:
    with street.container.read() as work:
        person = work.people.find(who)
        assert person is not None
        return list(work.feed.page(person, None, limit=100, mode=mode).events)


def kinds(street: Street, who: UserId, mode: Mode = Mode.ALL) -> list[str]:
    return [event.type for event in told(street, who, mode)]


def test_what_a_reorg_takes_back_is_told_to_both(street: Street) -> None:
    street.stake(held(street))
    street.loop.round()
    assert kinds(street, ALICE) == ["knock.held", "stake.opened", "grant.opened"]
    street.anvil.reorg(1)
    street.anvil.mine()
    street.settle(1)
    for who, before in ((ALICE, 1), (BOB, 0)):
        events = told(street, who)[before:]
        assert [(event.type, event.level.value) for event in events] == [
            ("stake.opened", "seen"),
            ("grant.opened", "seen"),
            ("stake.opened.reversed", "orphaned"),
            ("grant.opened.reversed", "orphaned"),
        ]
        assert [event.takes_back for event in events[2:]] == [event.number for event in events[:2]]
    assert kinds(street, BOB, Mode.FINALIZED) == []


def test_whoever_hears_only_what_is_final_hears_of_no_end_before_the_beginning(street: Street) -> None:
    street.stake(held(street))
    street.loop.round()
    with street.container.work() as work:
        work.doors.open(work.people.number(ALICE))
    assert kinds(street, BOB)[-1] == "grant.closed"
    assert kinds(street, BOB, Mode.FINALIZED) == []
    street.settle()
    street.settle()
    for who, before in ((ALICE, 1), (BOB, 0)):
        assert kinds(street, who, Mode.FINALIZED)[before:] == [
            "stake.opened",
            "grant.opened",
            "grant.closed",
            "stake.returned",
        ]


@pytest.mark.parametrize("answer", [Answer.RETURN, Answer.SPAM])
def test_an_answer_that_ends_a_grant_says_so_to_both_but_not_which_it_was(street: Street, answer: Answer) -> None:
    street.stake(held(street))
    street.settle(4)
    street.answer(answer)
    for who in (ALICE, BOB):
        closed = told(street, who)[-1]
        assert (closed.type, closed.data["because"]) == ("grant.closed", "answered")
    assert kinds(street, ALICE)[-2] == "stake.answered"
    street.settle()
    for mode in (Mode.INSTANT, Mode.FINALIZED):
        assert kinds(street, BOB, mode).count("grant.closed") == 1


def test_whoever_hears_only_what_is_final_hears_a_stakes_whole_life_once(street: Street) -> None:
    wallet = street.bob.address
    street.settle(1)  # what the wallet got before it was linked is told to nobody
    with street.container.work() as work:
        holders.link(work.session, work.people.number(BOB), wallet, is_primary=True, now=work.now)
    street.stake(held(street))
    street.loop.round()
    assert kinds(street, BOB, Mode.FINALIZED) == []
    street.settle(4)
    street.answer(Answer.ACCEPT)
    street.settle()
    street.settle()
    final = told(street, BOB, Mode.FINALIZED)
    assert [event.type for event in final if not event.type.startswith("transfer")] == [
        "stake.opened",
        "grant.opened",
        "stake.returned",
    ]
    moved = [(event.type, int(event.data["amount"])) for event in final if event.type.startswith("transfer")]
    assert moved == [("transfer.sent", PRICE), ("transfer.received", PRICE)]
    first = {event.number: event for event in told(street, BOB, Mode.INSTANT)}
    for event in final:
        assert event.confirms is None or first[event.confirms].data == event.data
    assert len({event.number for event in told(street, BOB)}) == len(told(street, BOB))
