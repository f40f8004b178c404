"""Lives of a chain loop and a worker on a real node: two stories of a stake, and what must have come of them."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from app import gasless
from app.chain_loop import ChainLoop
from app.container import RELAYER, RESOLVER, Container
from contracts import typed_data
from contracts.chain import Deployment
from contracts.events import Terms
from kit.amounts import Amount
from kit.clock import from_unix
from kit.database import Database, make_engine
from kit.identifiers import Hash32, parse_room_id, parse_server_name, parse_user_id
from kit.outbox import OutboxRow
from ledger.proving import prove
from ledger.tables import AttemptRow, BalanceRow, EntryRow, OutgoingRow
from payments.carrying.tables import CarriedRow
from payments.stakes.model import Answer, terms_of
from payments.stakes.tables import StakeRow
from reputation.model import Knock
from reputation.tables import GrantRow
from tests.support.anvil import ETHER, Anvil
from tests.support.services import a_container

ALICE, BOB = parse_user_id("@alice:example.org"), parse_user_id("@bob:example.org")
_SIX_SECONDS = 6
_TWO_DAYS = 2 * 86_400


P = TypeVar("P", bound="Place")


class Killed(BaseException):
    """The process ends here; nothing of ours catches it."""


class Life:
    """Ends at a point, once; points are passed while it ``counts``."""

    def __init__(self, ends_at: int | None, *, counts: bool = False) -> None:
        self.ends_at = ends_at
        self.points = 0
        self.counts = counts

    def point(self) -> None:
        if not self.counts:
            return
        self.points += 1
        if self.points == self.ends_at:
            raise Killed


class Place:
    """A service on a node and a database; its processes die, and are born again on the same ones."""

    def __init__(self, folder: Path, file: Path, anvil: Anvil, deployment: Deployment, life: Life) -> None:
        self.folder, self.file, self.anvil, self.deployment, self.life = folder, file, anvil, deployment, life
        self.container = self.born()

    def born(self) -> Container:
        database = Database(make_engine(f"sqlite:///{self.file}"))
        return a_container(
            self.folder,
            database,
            deployment=self.deployment,
            rpc_url=self.anvil.url,
            clock=lambda: from_unix(self.anvil.now()),
        )

    def begin(self) -> None:
        """Give the keys ether, and Alice a door that asks for a stake."""
        for role in (RESOLVER, RELAYER):
            self.anvil.set_balance(self.container.signers[role].address, 10 * ETHER)
        with self.container.work() as work:
            work.tenants.add(parse_server_name("example.org"))
            work.doors.ask(work.people.number(ALICE), stake=Amount(5 * ETHER))

    def live(self, doing: Callable[[Container], object]) -> None:
        """Do something in a process; where it dies, another one does it."""
        self.life.counts = True
        try:
            doing(self.container)
        except Killed:
            self.container.close()
            self.container = self.born()
            doing(self.container)
        finally:
            self.life.counts = False

    def passes(self, rounds: int = 4) -> None:
        """Let the loop and the worker do their rounds, and time pass until all is final."""
        for _ in range(rounds):
            self.live(a_round)
            self.live(_sweep)
            self.anvil.rest()
            self.anvil.travel(_SIX_SECONDS)
        self.live(a_round)

    def staked(self) -> Terms:
        """Bob knocks, is held, and signs; the opening is carried."""
        with self.container.work() as work:
            tenant = work.tenants.all()[0]
            knock = Knock(
                tenant.id,
                tenant.server_name,
                BOB,
                ALICE,
                parse_room_id("!one:example.org"),
                at=work.now,
                federated=False,
            )
            quote = work.gate.ask(knock).quote
        assert quote is not None
        wallet = self.anvil.signer("bob")
        terms = terms_of(quote, payer=wallet.address)
        place = self.deployment
        document = typed_data.authorization_to_open(
            terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow
        )
        signature = wallet.sign_digest(document.digest)
        self.live(
            lambda container: gasless.carry(
                container, quote.id, payer=wallet.address, return_to=None, signature=signature
            )
        )
        return terms

    def answers(self, answer: Answer) -> None:
        """Alice says what she says of Bob."""
        with self.container.work() as work:
            work.gate.answer(work.people.number(ALICE), BOB, answer)


def a_round(container: Container) -> None:
    """Let the loop do all there is to do."""
    loop = ChainLoop(container)
    while loop.round():
        continue


def _sweep(container: Container) -> None:
    """Do what the worker does every few seconds."""
    with container.work() as work:
        work.stakes.sweep()


def returned(place: Place) -> None:
    """Alice accepts, and the stake goes back."""
    place.staked()
    place.passes()
    place.answers(Answer.ACCEPT)
    place.passes()


def burned(place: Place) -> None:
    """Alice says spam, and the stake is burned."""
    place.staked()
    place.passes()
    place.answers(Answer.SPAM)
    place.passes()
    place.anvil.travel(_TWO_DAYS)
    place.passes()


def came_of_it(place: Place) -> dict[str, list[Any]]:
    """What the database says in the end, without what chance or the clock chose."""
    with place.container.read() as work:
        session = work.session
        assert prove(work.book.standing(full=True), place.container.chain).holds
        assert work.book.folded() == work.book.balances()
        return {
            "calls": sorted(
                (row.key.partition(":")[0], row.role, row.state, row.reverts)
                for row in session.scalars(select(OutgoingRow))
            ),
            "stakes": [(row.state, row.wish, row.answered, row.surplus) for row in session.scalars(select(StakeRow))],
            "grants": [(row.state, row.answer) for row in session.scalars(select(GrantRow))],
            "openings": [row.outcome for row in session.scalars(select(CarriedRow))],
            "notices": sorted(row.payload["code"] for row in session.scalars(select(OutboxRow))),
            "entries": sorted((row.kind, row.reversal) for row in session.scalars(select(EntryRow))),
            "balances": sorted(row.amount for row in session.scalars(select(BalanceRow))),
        }


def nothing_twice(place: Place) -> None:
    """Every transaction of ours on the chain is the only one of its call, and no call has two nonces."""
    chain = place.container.chain
    with place.container.read() as work:
        attempts = work.session.scalars(select(AttemptRow)).all()
        mined = Counter(row.outgoing_id for row in attempts if chain.receipt(Hash32(row.hash)) is not None)
        assert set(mined.values()) == {1}
        assert all(
            len({row.nonce for row in rows}) == 1
            for _, rows in itertools.groupby(
                sorted(attempts, key=lambda row: row.outgoing_id), key=lambda row: row.outgoing_id
            )
        )
        sent = Counter(row.sender for row in attempts if chain.receipt(Hash32(row.hash)) is not None)
    for role in (RESOLVER, RELAYER):
        key = place.container.signers[role].address
        assert chain.nonce(key) == sent[key]


@contextmanager
def always_alike(
    folder: Path, template: Path, anvil: Anvil, deployment: Deployment
) -> Iterator[Callable[[Callable[[Path], P]], P]]:
    """Give a way to begin a place on an empty database file, each time on the same chain; all are closed at the end."""
    anvil.give_tokens(deployment, anvil.signer("bob").address, 100 * ETHER)
    anvil.set_balance(anvil.signer("bob").address, 0)
    snapshot, begun = anvil.rpc("evm_snapshot"), list[Place]()

    def begin(make: Callable[[Path], P]) -> P:
        nonlocal snapshot
        anvil.rpc("evm_revert", snapshot)
        snapshot = anvil.rpc("evm_snapshot")
        file = folder / f"{len(begun)}.db"
        shutil.copyfile(template, file)
        place = make(file)
        begun.append(place)
        place.begin()
        return place

    try:
        yield begin
    finally:
        for place in begun:
            place.container.close()
