"""The first knock, end to end on the real contracts: what the recipient says is what the escrow does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from contracts import codec
from contracts.chain import Deployment
from contracts.events import StakeEvent, Terms
from kit.amounts import Amount
from kit.clock import from_unix
from kit.database import Database
from kit.identifiers import UserId
from ledger.outgoing import send_due
from payments.stakes.model import Answer, Quote, Stake, StakeState, terms_of
from reputation.bonds import Bond, bonds
from reputation.verdict import Code
from tests.support.anvil import CHAIN_ID, ETHER, SUPPLY, Anvil
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, OTHER_ROOM
from tests.support.stakes import PAYEE

STAKE, FEE = 5 * ETHER, ETHER
CAROL = UserId("@carol:away.example")


@dataclass
class World:
    """A house on a real chain, and the loop that reads it."""

    house: House
    node: Anvil
    place: Deployment
    read: int

    def follow(self) -> None:
        """Read all new blocks, send what we owe, until nothing is owed that can be sent."""
        while self._read() or self._send():
            pass

    def _read(self) -> bool:
        self.house.time = self.node.now()
        head = self.node.chain.block("latest")
        assert head is not None
        for number in range(self.read, head.number + 1):
            block = self.node.chain.block(number)
            assert block is not None
            logs = self.node.logs(block.hash, [self.place.token, self.place.escrow])
            decoded = [codec.decode(log, block, token=self.place.token, escrow=self.place.escrow) for log in logs]
            events = [event for event in decoded if event is not None]
            with self.house.work() as rooms:
                rooms.book.record(block, events)
                for event in events:
                    if isinstance(event, StakeEvent):
                        for change in rooms.stakes.apply(event):
                            rooms.gate.stake_changed(change)
        with self.house.work() as rooms:
            rooms.book.mark_levels(self.node.chain.block("safe"), self.node.chain.block("finalized"))
        more, self.read = head.number + 1 > self.read, head.number + 1
        return more

    def _send(self) -> bool:
        signers = {role: self.node.signer(role) for role in ("resolver", "relayer")}
        with self.house.work() as rooms:
            rooms.stakes.sweep()
        return send_due(self.house.database, self.node.chain, signers, from_unix(self.house.time)) > 0

    def settle(self) -> None:
        """Let enough blocks pass for everything to become final, and be sent, and become final."""
        for _ in range(4):
            self.follow()
            self.node.mine(3)
        self.follow()

    def open(self, quote: Quote, name: str = "bob") -> Stake:
        """Stake on a quote from a wallet of that name; the stake goes back to a friend of its own."""
        payer, friend = self.node.signer(name), self.node.signer(f"friend of {name}").address
        terms: Terms = terms_of(quote, payer=payer.address, return_to=friend)
        self.node.give_tokens(self.place, payer.address, STAKE + FEE)
        self.node.send(payer, self.place.token, codec.encode_approve(self.place.escrow, STAKE + FEE))
        assert self.node.send(payer, self.place.escrow, codec.encode_open(terms)).succeeded
        self._read()
        return self.house.stake(codec.stake_id(terms, chain_id=CHAIN_ID, escrow=self.place.escrow))

    def back(self, name: str = "bob") -> int:
        """What went back to the friend of that name, in base units."""
        return self.node.tokens_of(self.place, self.node.signer(f"friend of {name}").address)

    def holds(self) -> tuple[int, int, int]:
        """What the escrow holds, what the payee of fees has, and how much there is at all."""
        supply = codec.decode_uint(self.node.chain.call(self.place.token, codec.encode_total_supply()))
        return (
            self.node.tokens_of(self.place, self.place.escrow),
            self.node.tokens_of(self.place, PAYEE),
            supply,
        )


@pytest.fixture
def world(database: Database, fresh_anvil: Anvil, fresh_deployment: Deployment) -> World:
    """Alice asks for a stake and a fee, on a chain of this test's own."""
    house = House(database)
    house.escrow = replace(
        house.escrow,
        token=fresh_deployment.token,
        escrow=fresh_deployment.escrow,
        resolver=fresh_anvil.signer("resolver").address,
        guardian=fresh_anvil.signer("guardian").address,
    )
    house.time = fresh_anvil.now()
    alice = house.asking()
    house.link_wallet(alice, PAYEE)
    with house.work() as rooms:
        rooms.doors.ask(alice, stake=Amount(STAKE), fee=Amount(FEE))
    made = World(house, fresh_anvil, fresh_deployment, 0)
    made.follow()
    return made


@pytest.mark.parametrize("answer", [Answer.ACCEPT, Answer.RETURN])
def test_an_answer_brings_the_stake_back_and_earns_the_fee(world: World, answer: Answer) -> None:
    stake = world.open(world.house.quote())
    assert stake.opens
    assert [reason.code for reason in world.house.knock().verdict.because] == [Code.STAKED]
    world.house.answer(answer)
    assert (
        send_due(
            world.house.database,
            world.node.chain,
            {"resolver": world.node.signer("resolver")},
            from_unix(world.house.time),
        )
        == 0
    ), "money moves out on finalized facts only"
    world.settle()
    assert world.house.stake(stake.id).state is StakeState.RETURNED
    assert world.house.stake(stake.id).answered
    assert world.back() == STAKE
    assert world.holds() == (0, FEE, SUPPLY)
    code = Code.ACCEPTED_BEFORE if answer is Answer.ACCEPT else Code.ASKS_STAKE
    assert [reason.code for reason in world.house.knock(room=OTHER_ROOM).verdict.because] == [code]


def test_spam_burns_the_stake_after_48_hours(world: World) -> None:
    stake = world.open(world.house.quote())
    world.house.knock()
    world.house.answer(Answer.SPAM)
    world.settle()
    assert world.house.stake(stake.id).state is StakeState.FORFEIT_ANNOUNCED
    world.node.travel(48 * 3600)
    world.settle()
    assert world.house.stake(stake.id).state is StakeState.FORFEITED
    assert world.back() == 0
    assert world.holds() == (0, FEE, SUPPLY - STAKE)
    assert [reason.code for reason in world.house.knock().verdict.because] == [Code.CALLED_SPAM]


@pytest.mark.parametrize("answer", [Answer.ACCEPT, Answer.SPAM, None])
def test_money_behind_a_vouch_comes_back_or_burns_as_its_recipient_says(world: World, answer: Answer | None) -> None:
    """Carol, who vouches for Bob, pays his stake from a wallet of hers: it is her bond, and no contract knows of it."""
    house, wallet = world.house, world.node.signer("carol").address
    with house.work() as rooms:
        alice, bob, carol = (rooms.people.number(name) for name in (ALICE, BOB, CAROL))
        rooms.vouches.vouch(carol, bob)
    house.link_wallet(carol, wallet)

    def open_bonds() -> list[Bond]:
        with house.database.read() as session:
            return bonds(session)

    stake = world.open(house.quote(), "carol")
    house.knock()
    assert open_bonds() == [Bond(carol, bob, alice, STAKE)]
    if answer is None:
        world.node.travel(stake.terms.answer_by - world.node.now())
    else:
        house.answer(answer)
        assert open_bonds() == []
    world.settle()
    if answer is Answer.SPAM:
        world.node.travel(48 * 3600)
        world.settle()
    assert open_bonds() == []
    burned = STAKE if answer is Answer.SPAM else 0
    assert world.holds()[2] == SUPPLY - burned
    assert world.back("carol") == {Answer.ACCEPT: STAKE, Answer.SPAM: 0, None: STAKE + FEE}[answer]


def test_spam_can_be_undone_before(world: World) -> None:
    stake = world.open(world.house.quote())
    world.house.knock()
    world.house.answer(Answer.SPAM)
    world.settle()
    world.node.travel(47 * 3600)
    world.follow()
    with world.house.work() as rooms:
        rooms.gate.undo(rooms.people.number(ALICE), BOB)
    world.settle()
    world.node.travel(2 * 3600)
    world.settle()
    assert world.house.stake(stake.id).state is StakeState.RETURNED
    assert world.back() == STAKE
    assert world.holds() == (0, FEE, SUPPLY)


def test_silence_brings_everything_back(world: World) -> None:
    stake = world.open(world.house.quote())
    world.house.knock()
    world.node.travel(stake.terms.answer_by - world.node.now())
    world.settle()
    assert world.house.stake(stake.id).state is StakeState.EXPIRED
    assert world.back() == STAKE + FEE
    assert world.holds() == (0, 0, SUPPLY)


def test_what_was_paid_twice_or_for_nothing_comes_back_whole(world: World) -> None:
    quote = world.house.quote()
    unused = world.house.quote(inviter=CAROL)
    first = world.open(quote)
    second = world.open(quote, "a second payer")
    assert (first.surplus, second.surplus) == (False, True)
    alice = world.house.person(ALICE)
    world.node.mine()
    world.follow()
    with world.house.work() as rooms:
        rooms.stakes.void(alice, rooms.people.number(CAROL))
    world.node.travel(60)
    late = world.open(unused, "carol")
    assert late.surplus
    world.settle()
    assert world.back("a second payer") == world.back("carol") == STAKE + FEE
    assert world.house.stake(first.id).opens
    assert world.holds() == (STAKE + FEE, 0, SUPPLY)


def test_a_forgetful_recipient_keeps_nobodys_money(world: World) -> None:
    stake = world.open(world.house.quote())
    world.house.knock()
    with world.house.work() as rooms:
        alice = rooms.people.number(ALICE)
        rooms.gate.forget(alice)
        rooms.people.erase(alice)
    world.settle()
    assert world.house.stake(stake.id).state is StakeState.RETURNED
    assert world.back() == STAKE + FEE
    assert world.holds() == (0, 0, SUPPLY)
