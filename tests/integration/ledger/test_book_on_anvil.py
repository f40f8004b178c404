"""The book beside a real node: after transfers, stakes, strays and reorgs every number is the token's own."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select, update

from contracts import codec
from contracts.chain import Deployment
from contracts.events import Terms
from kit.database import Database
from kit.errors import NotFound
from kit.identifiers import ZERO_ADDRESS
from ledger import syncing
from ledger.book import Book
from ledger.model import BURN, UNSOLICITED, Level, address_of, wallet
from ledger.proving import prove
from ledger.reconciling import Line, Reconciliation
from ledger.tables import AccountRow, BalanceRow
from tests.support.anvil import CHAIN_ID, ETHER, SUPPLY, Anvil

NAMES = ("anna", "bert", "cleo")


@dataclass
class Ledger:
    """A node with our contracts, a database, and what moves between them."""

    node: Anvil
    deployment: Deployment
    database: Database
    opened: list[Terms] = field(default_factory=list)

    def follow(self) -> None:
        """Read all there is, as the chain loop does."""
        moved = True
        while moved:
            head = self.node.chain.block("latest")
            assert head is not None
            with self.database.write() as session:
                book = Book(session, chain_id=CHAIN_ID, token=self.deployment.token, escrow=self.deployment.escrow)
                window = book.window()
                match syncing.plan(window, head, self.deployment.deployed_block):
                    case syncing.Read(number):
                        moved = self._read(book, number)
                    case syncing.Rewind(block):
                        moved = book.rewind(block)
                    case syncing.Rest():
                        moved = False
                book.mark_levels(self.node.chain.block("safe"), self.node.chain.block("finalized"))

    def _read(self, book: Book, number: int) -> bool:
        block = self.node.chain.block(number)
        assert block is not None
        window = book.window()
        if not syncing.joins(window, block):
            return book.rewind(window[-1])
        place = self.deployment
        logs = self.node.logs(block.hash, [place.token, place.escrow])
        events = [codec.decode(log, block, token=place.token, escrow=place.escrow) for log in logs]
        return book.record(block, [event for event in events if event is not None])

    def reconcile(self) -> Reconciliation:
        with self.database.read() as session:
            book = Book(session, chain_id=CHAIN_ID, token=self.deployment.token, escrow=self.deployment.escrow)
            standing = book.standing(full=True)
        return prove(standing, self.node.chain)

    def agrees_at_the_head(self) -> bool:
        """Whether every balance at our newest block is what the token says at the same block."""
        with self.database.read() as session:
            book = Book(session, chain_id=CHAIN_ID, token=self.deployment.token, escrow=self.deployment.escrow)
            assert book.head() == self.node.chain.block("latest")
            balances = book.balances()
            assert balances == book.folded()
        wallets = {address: amount for account, amount in balances.items() if (address := address_of(account))}
        assert all(self.node.tokens_of(self.deployment, address) == amount for address, amount in wallets.items())
        return (
            sum(wallets.values()) + self.node.tokens_of(self.deployment, self.deployment.escrow) + balances.get(BURN, 0)
            == SUPPLY
        )

    def something(self, dice: random.Random) -> None:
        """Let one thing happen on the chain that may happen."""
        place, node = self.deployment, self.node
        signer = node.signer(dice.choice(NAMES))
        has = node.tokens_of(place, signer.address)
        match dice.choice(["give", "stray", "open", "end", "end", "nothing"]):
            case "give":
                node.give_tokens(place, signer.address, dice.randrange(1, 9) * ETHER)
            case "stray" if has:
                node.send(signer, place.token, codec.encode_transfer(place.escrow, has // 7))
            case "open" if has > ETHER:
                fee = dice.choice([0, has // 10])
                payee = node.signer("cleo").address if fee else ZERO_ADDRESS
                terms = node.terms(signer.address, amount=has // 2, fee=fee, fee_payee=payee)
                node.send(signer, place.token, codec.encode_approve(place.escrow, terms.amount + fee))
                assert node.send(signer, place.escrow, codec.encode_open(terms)).succeeded
                self.opened.append(terms)
            case "end" if standing := self.standing(codec.State.OPEN):
                terms = dice.choice(standing)
                resolver = node.signer("resolver")
                if dice.random() < 0.5:
                    node.send(resolver, place.escrow, codec.encode_return(terms, answered=dice.random() < 0.5))
                else:
                    node.send(resolver, place.escrow, codec.encode_announce_forfeit(terms))
                    node.travel(48 * 3600)
                    node.send(resolver, place.escrow, codec.encode_execute_forfeit(terms))
            case _:
                node.mine()

    def standing(self, *states: codec.State) -> list[Terms]:
        """The stakes that are in one of these states as the escrow has it; a reorg may have changed any of them."""
        found = []
        for terms in self.opened:
            identity = codec.stake_id(terms, chain_id=CHAIN_ID, escrow=self.deployment.escrow)
            answer = self.node.chain.call(self.deployment.escrow, codec.encode_stakes(identity))
            if codec.decode_stake(answer)[0] in states:
                found.append(terms)
        return found


@pytest.fixture
def ledger(fresh_anvil: Anvil, fresh_deployment: Deployment, database: Database) -> Ledger:
    """A ledger at the beginning."""
    return Ledger(fresh_anvil, fresh_deployment, database)


def test_a_book_without_a_block_cannot_be_reconciled(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.reconcile()


def test_before_anything_is_final_the_newest_block_is_reconciled(ledger: Ledger) -> None:
    block = ledger.node.chain.block(ledger.deployment.deployed_block)
    assert block is not None
    with ledger.database.write() as session:
        book = Book(session, chain_id=CHAIN_ID, token=ledger.deployment.token, escrow=ledger.deployment.escrow)
        ledger._read(book, block.number)
    found = ledger.reconcile()
    assert found.level is Level.SEEN
    assert found.block == block
    assert found.holds


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_the_tokens_own_through_reorgs(ledger: Ledger, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(12):
        for _ in range(dice.randrange(1, 4)):
            ledger.something(dice)
        if dice.random() < 0.5:
            ledger.follow()
        if dice.random() < 0.3:
            ledger.node.reorg(1)
            ledger.node.mine()
        ledger.follow()
        assert ledger.agrees_at_the_head()
        found = ledger.reconcile()
        assert found.level is Level.FINALIZED
        assert found.holds, found.checks
    ledger.node.mine(3)
    ledger.follow()
    found = ledger.reconcile()
    assert found.holds
    assert len(found.checks) > 3
    escrow = ledger.node.tokens_of(ledger.deployment, ledger.deployment.escrow)
    assert found.stakes + found.unsolicited == escrow
    inside = ledger.standing(codec.State.OPEN, codec.State.FORFEIT_ANNOUNCED)
    assert found.stakes == sum(terms.amount + terms.fee for terms in inside)


def test_a_book_that_is_wrong_is_found_out_line_by_line(ledger: Ledger) -> None:
    anna = ledger.node.signer("anna").address
    ledger.node.give_tokens(ledger.deployment, anna, 5)
    ledger.node.send(
        ledger.node.signer("anna"), ledger.deployment.token, codec.encode_transfer(ledger.deployment.escrow, 2)
    )
    ledger.node.mine(3)
    ledger.follow()
    assert ledger.reconcile().holds
    assert ledger.reconcile().unsolicited == 2
    for account, expected in (
        (wallet(anna), {Line.KEPT, Line.ZERO, Line.SUPPLY, Line.WALLET}),
        (UNSOLICITED, {Line.KEPT, Line.ZERO, Line.SUPPLY, Line.ESCROW}),
    ):
        _set(ledger, account, 9)
        found = ledger.reconcile()
        assert not found.holds
        assert {check.line for check in found.differences} == expected
        assert account in {check.account for check in found.differences}
        _set(ledger, account, 3 if account == wallet(anna) else 2)
    assert ledger.reconcile().holds


def _set(ledger: Ledger, account: str, amount: int) -> None:
    with ledger.database.write() as session:
        numbers = select(AccountRow.id).where(AccountRow.account == account)
        session.execute(update(BalanceRow).where(BalanceRow.account_id.in_(numbers)).values(amount=amount))
