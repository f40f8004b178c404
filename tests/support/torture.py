"""A service on a real chain to which everything happens that may: people who pay and stake, forks, faults and deaths.

Every choice is a small number that any state can make sense of, so that any list of steps can be played, and again.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_utils.crypto import keccak
from sqlalchemy import Engine, select

from app import gasless
from app.container import RELAYER, RESOLVER, Container
from app.reactions import REACTIONS
from app.reading import final_events
from contracts import codec, typed_data
from contracts.events import BlockRef, Terms
from contracts.signer import Transaction
from contracts.signers import KeySigner
from kit.amounts import Amount
from kit.clock import from_unix
from kit.database import Database, make_engine
from kit.errors import ChainUnavailable, Refusal
from kit.identifiers import (
    ZERO_ADDRESS,
    Address,
    Hash32,
    parse_room_id,
    parse_server_name,
    parse_user_id,
    show_address,
)
from ledger.calls import OutgoingState
from ledger.model import Level
from ledger.tables import BlockRow, OutgoingRow
from payments.stakes.model import Answer, Quote, terms_of
from reputation.model import Knock
from tests.support.anvil import CHAIN_ID, ETHER, Anvil, running_anvil
from tests.support.chain_lives import TIMEOUT, Death, Lives, Told, lives
from tests.support.databases import empty
from tests.support.faulty_node import Fault, FaultyNode, faulty_node
from tests.support.services import a_container

FINALITY: Final = 12
"""So many blocks below the head is the final one: reorgs are at most as deep."""
PEOPLE: Final = ("anna", "bert", "cleo", "dora")
STRANGERS: Final = tuple(parse_user_id(f"@{name}:away.example") for name in PEOPLE)
RECIPIENTS: Final = (parse_user_id("@alice:example.org"), parse_user_id("@bob:example.org"))
SECONDS: Final = (7, 700, 49 * 3600, 8 * 86_400)
"""How long time may pass at once: until calls are looked at, tried again, until a forfeit is due, a stake expired."""
_GAS: Final = 500_000
_ROUNDS: Final = 30
_PATIENCE: Final = 20
_BURN: Final = codec.selector_of("burn(uint256)")


@dataclass
class Tally:
    """What happened so far."""

    runs: int = 0
    steps: int = 0
    forks: int = 0
    """Reorgs of the node."""
    reorgs: int = 0
    """Those of them that left a block which was booked."""
    kills: Counter[str] = field(default_factory=Counter)
    """Deaths in the middle of work, by where."""
    restarts: int = 0
    """Deaths between two rounds."""
    repeats: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    blocks: int = 0
    entries: int = 0
    reversals: int = 0
    stakes: Counter[str] = field(default_factory=Counter)


@dataclass
class Ground:
    """What all runs share: a node, a proxy or two before it, whoever gives birth to chain processes, a database.

    Our process knows the proxies, ``standby`` as the second one, where there is one, for nodes of one chain.
    """

    anvil: Anvil
    node: FaultyNode
    lives: Lives
    folder: Path
    template: Path
    postgresql: Engine | None
    standby: FaultyNode | None = None
    tally: Tally = field(default_factory=Tally)

    def nodes(self) -> list[FaultyNode]:
        """All proxies, the preferred one first."""
        return [self.node] if self.standby is None else [self.node, self.standby]

    def database(self) -> Database:
        """An empty database of this ground's kind."""
        if self.postgresql is not None:
            empty(Database(self.postgresql))
            return Database(self.postgresql)
        file = self.folder / "earnest.db"
        for old in self.folder.glob("earnest.db*"):
            old.unlink()
        shutil.copyfile(self.template, file)
        return Database(make_engine(f"sqlite:///{file}"))


@contextmanager
def ground(folder: Path, template: Path, postgresql: Engine | None, *, two_nodes: bool = False) -> Iterator[Ground]:
    """Make the ground for the block: on PostgreSQL where an engine is given, else on copies of a SQLite file."""
    with (
        running_anvil(folder / "anvil.log", finality=FINALITY) as anvil,
        faulty_node(anvil.url) as node,
        faulty_node(anvil.url) if two_nodes else nullcontext() as standby,
        lives(folder / "lives.log") as born,
    ):
        yield Ground(anvil, node, born, folder, template, postgresql, standby)


class World:
    """One run: a fresh deployment, an empty database, and a chain process between them."""

    def __init__(self, ground: Ground, *, patience: float = TIMEOUT) -> None:
        """Deploy, endow everybody, and let the process be born, which waits ``patience`` seconds for an answer."""
        self.ground = ground
        self.anvil, self.node, self.lives, self.tally = ground.anvil, ground.node, ground.lives, ground.tally
        self._spare()
        self.raws: dict[str, str] = {}
        self.terms: list[Terms] = []
        self.rooms = 0
        self.now = 0
        self.touched = True
        """Whether our process, or what was delivered again, may have changed something that nobody looked at yet."""
        self.anvil.rpc("evm_setAutomine", True)  # noqa: FBT003 - the wire's own order
        self.place = self.anvil.deploy()
        self.database = ground.database()
        self.container = self._container()
        for role in (RESOLVER, RELAYER):
            self.anvil.set_balance(self.container.signers[role].address, 100 * ETHER)
        keys = [signer.address for signer in self.container.signers.values()]
        self.nonces = {key: self.anvil.chain.nonce(key) for key in keys}
        """What our keys had sent before."""
        for name in PEOPLE:
            self.anvil.give_tokens(self.place, self.person(name).address, 10_000 * ETHER)
        for name in ("resolver", "guardian"):
            self.anvil.signer(name)
        self.anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - the wire's own order
        self.mine(FINALITY + 1)
        with self.container.work() as work:
            work.tenants.add(parse_server_name("example.org"))
            for number, recipient in enumerate(RECIPIENTS):
                work.doors.ask(work.people.number(recipient), stake=Amount((5 + number) * ETHER))
        url = self.database.engine.url.render_as_string(hide_password=False)
        self.lives.begin(self.container.settings, url, ground.nodes(), now=self.now, patience=patience)

    def _container(self) -> Container:
        return a_container(
            self.ground.folder,
            self.database,
            deployment=self.place,
            rpc_url=self.anvil.url,
            clock=lambda: from_unix(self.now),
        )

    def close(self) -> None:
        """End the run's process, and what it holds."""
        self._spare()
        self.lives.end()
        self.container.chain.close()
        if self.ground.postgresql is None:
            self.database.engine.dispose()

    # ------------------------------------------------------------------------------------------------ the chain

    def person(self, name: str) -> KeySigner:
        """Somebody's key."""
        return self.anvil.signer(name)

    def head(self) -> BlockRef:
        """The node's newest block."""
        found = self.anvil.chain.block("latest")
        assert found is not None
        self.now = max(self.now, found.timestamp)
        return found

    def mine(self, blocks: int = 1) -> None:
        """Mine what waits, and empty blocks after it."""
        self.anvil.mine(blocks)
        self.head()

    def travel(self, which: int) -> None:
        """Let time pass, for the chain and for us: a branch that is days behind the one that left catches up."""
        self.head()
        self.anvil.rpc("evm_setNextBlockTimestamp", self.now + SECONDS[which % len(SECONDS)])
        self.mine()

    def sign(self, signer: KeySigner, to: Address, data: bytes, nonce: int) -> tuple[str, str]:
        """Sign a transaction; its hash and bytes."""
        fees = 20 * 10**9, 10**9
        raw = signer.sign_transaction(Transaction(CHAIN_ID, nonce, to, data, _GAS, *fees)).raw
        identity = "0x" + keccak(raw).hex()
        self.raws[identity] = "0x" + raw.hex()
        return identity, self.raws[identity]

    def send(self, signer: KeySigner, to: Address, data: bytes) -> None:
        """Let somebody send a call; it waits for a block, in which it may revert."""
        _, raw = self.sign(signer, to, data, self.anvil.chain.nonce(signer.address))
        self.broadcast(raw)

    def broadcast(self, raw: str) -> None:
        """Bring a signed transaction to the node, whatever that says of it."""
        with suppress(Refusal):
            self.anvil.chain.send(bytes.fromhex(raw[2:]))

    def reorg(self, depth: int, kept: int, others: int, chance: int, *, again: bool) -> None:
        """Replace the last blocks by other ones.

        ``kept``: what becomes of the transactions in them: 0 nothing, 1 all are mined again, 2 some and elsewhere;
        ``others``: how many new ones are mined there; ``again``: what is left out is sent to the node once more.
        """
        head = self.head()
        depth = max(1, min(depth, FINALITY, head.number - self.place.deployed_block - FINALITY))
        blocks = [self._block(number) for number in range(head.number - depth + 1, head.number + 1)]
        left = [identity for block in blocks for identity in block["transactions"]]
        with self.container.read() as work:
            ours = work.book.head()
        booked = ours is not None and ours.hash in {Hash32(bytes.fromhex(block["hash"][2:])) for block in blocks}
        pairs = _composed(
            [(self._sender(identity), self.raw(identity)) for identity in left],
            kept=kept,
            depth=depth,
            chance=random.Random(chance),
        )
        pairs += self._others(head.number - depth, pairs, others, depth)
        self.anvil.rpc("anvil_reorg", depth, sorted(pairs, key=lambda pair: pair[1]))
        found = self.anvil.chain.block("latest")
        assert found is not None
        self.tally.forks += found.hash != head.hash  # the same transactions at the same times make the same blocks
        self.tally.reorgs += booked and found.hash != head.hash
        if found.timestamp < head.timestamp:  # a branch may be behind, but time goes on
            self.anvil.rpc("evm_increaseTime", head.timestamp - found.timestamp)
        if again:
            mined = {raw for raw, _ in pairs}
            for identity in left:
                if self.raw(identity) not in mined:
                    self.broadcast(self.raw(identity))

    def _others(self, ancestor: int, kept: list[tuple[str, int]], count: int, depth: int) -> list[tuple[str, int]]:
        """New transactions for a new branch, after those that are mined there again."""
        made = []
        senders = Counter(self._sender("0x" + keccak(bytes.fromhex(raw[2:])).hex()) for raw, _ in kept)
        for number in range(count):
            who, whom = self.person(PEOPLE[number % 4]), self.person(PEOPLE[(number + 1) % 4])
            at = self.anvil.rpc("eth_getTransactionCount", show_address(who.address), hex(ancestor))
            nonce = int(at, 16) + senders[who.address]
            senders[who.address] += 1
            data = codec.encode_transfer(whom.address, 1 + number + ancestor)
            made.append((self.sign(who, self.place.token, data, nonce)[1], depth - 1))
        return made

    def raw(self, identity: str) -> str:
        """A transaction's bytes: one of the world's, or one that our process sent."""
        sent = (node.raws.get(identity) for node in self.ground.nodes())
        return self.raws.get(identity) or next(raw for raw in sent if raw is not None)

    def _sender(self, identity: str) -> Address:
        return Address(bytes.fromhex(Account.recover_transaction(self.raw(identity))[2:]))

    def _block(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.anvil.rpc("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 - the wire's own
        return found

    # ------------------------------------------------------------------------------------------------- people

    def pay(self, who: int, whom: int, much: int) -> None:
        """Let somebody send tokens: to another, to themselves, to the escrow unasked; nothing, some, or too many."""
        targets = (*(self.person(name).address for name in PEOPLE), self.place.escrow, Address(b"\x77" * 20))
        amount = (0, 1, much, 5 * ETHER, 10**24)[much % 5]
        data = codec.encode_transfer(targets[whom % len(targets)], amount)
        self.send(self.person(PEOPLE[who % 4]), self.place.token, data)

    def burn(self, who: int, much: int) -> None:
        """Let somebody burn tokens of theirs."""
        self.send(self.person(PEOPLE[who % 4]), self.place.token, _BURN + (much * 10**15).to_bytes(32))

    def open(self, who: int, whom: int, much: int) -> None:
        """Let somebody put down a stake of their own making, with a fee or none."""
        payer, payee = self.person(PEOPLE[who % 4]), self.person(PEOPLE[whom % 4])
        fee = (0, ETHER)[much % 2]
        terms = self.anvil.terms(
            payer.address,
            return_to=payee.address if much % 3 else payer.address,
            amount=(much + 1) * ETHER // 4,
            fee=fee,
            fee_payee=payee.address if fee else ZERO_ADDRESS,
            quote_expiry=self.head().timestamp + 2 * 86_400,
            commitment=Hash32((len(self.terms) + 1).to_bytes(32)),
        )
        self.terms.append(terms)
        self._open(payer, terms)

    def _open(self, payer: KeySigner, terms: Terms) -> None:
        self.send(payer, self.place.token, codec.encode_approve(self.place.escrow, terms.amount + terms.fee))
        self.send(payer, self.place.escrow, codec.encode_open(terms))

    def end(self, which: int, how: int) -> None:
        """Try to end a stake of somebody's own making; where its time has not come, or is over, it reverts."""
        if not self.terms:
            return
        terms = self.terms[which % len(self.terms)]
        calls = (
            codec.encode_return(terms, answered=True),
            codec.encode_return(terms, answered=False),
            codec.encode_announce_forfeit(terms),
            codec.encode_execute_forfeit(terms),
            codec.encode_expire(terms),
        )
        signer = "guardian" if how >= len(calls) else "resolver"
        self.send(self.person(signer), self.place.escrow, calls[how % len(calls)])

    def knock(self, who: int, whom: int, *, carried: bool) -> None:
        """Let a stranger knock, and pay where they are asked to; ``carried``: they sign, and the service brings it."""
        self.rooms += 1
        self.head()
        stranger, recipient = STRANGERS[who % 4], RECIPIENTS[whom % 2]
        with self.container.work() as work:
            tenant = work.tenants.all()[0]
            room = parse_room_id(f"!room{self.rooms}:away.example")
            quote = work.gate.ask(
                Knock(tenant.id, tenant.server_name, stranger, recipient, room, at=work.now, federated=False)
            ).quote
        if quote is None:
            return
        payer = self.person(PEOPLE[who % 4])
        if carried:
            self._carry(payer, quote)
        else:
            self._open(payer, terms_of(quote, payer=payer.address))

    def _carry(self, payer: KeySigner, quote: Quote) -> None:
        place = self.place
        terms = terms_of(quote, payer=payer.address)
        document = typed_data.authorization_to_open(
            terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow
        )
        signature = payer.sign_digest(document.digest)
        with suppress(Refusal, ChainUnavailable):
            gasless.carry(self.container, quote.id, payer=payer.address, return_to=None, signature=signature)

    def answer(self, who: int, whom: int, what: int) -> None:
        """Let a recipient say what they say of a stranger, whether or not there is anything to answer."""
        self.head()
        with suppress(Refusal), self.container.work() as work:
            recipient = work.people.number(RECIPIENTS[whom % 2])
            work.gate.answer(recipient, STRANGERS[who % 4], list(Answer)[what % 3])

    # ---------------------------------------------------------------------------------------------- our process

    def follow(self, rounds: int = _ROUNDS, *, death: Death | None = None) -> Told:
        """Let the process do its rounds, until there is nothing more to do or so many were done."""
        self.head()
        return self._told(self.lives.tell("follow", now=self.now, death=death, rounds=rounds))

    def sweep(self, *, death: Death | None = None) -> Told:
        """Let it do what the worker does every few seconds."""
        self.head()
        return self._told(self.lives.tell("sweep", now=self.now, death=death))

    def _told(self, told: Told) -> Told:
        self.touched = True
        for trouble in told.troubles:
            self.tally.troubles[trouble.partition(":")[0]] += 1
        return told

    def kill(self, kind: str, number: int) -> None:
        """Kill the process at a point while it follows; where it never gets there, afterwards."""
        if self.follow(3, death=Death(kind, number)).died:
            self.tally.kills[kind] += 1
        else:
            self.tally.restarts += 1
            self.lives.restart()

    def disturb(self, faults: list[str]) -> None:
        """Spoil the answers that come next: a fault each, or none."""
        self.node.plan.extend(Fault(one) if one else None for one in faults)

    def turn(self, which: int, mood: str) -> None:
        """Let one node be as it is told from now on, and every other one good."""
        self._spare()
        self.ground.nodes()[which].mood = Fault(mood) if mood else None

    def _spare(self) -> None:
        for node in self.ground.nodes():
            node.spare()

    def repeat(self, which: int) -> None:
        """Deliver again what was delivered before: a block of ours, and a block's leaving that was taken in."""
        self.head()
        self.touched = True
        with self.container.read() as work:
            block = work.book.window()
            query = select(BlockRow).where(BlockRow.level == Level.ORPHANED.value)
            gone = [
                BlockRef(row.chain_id, row.number, Hash32(row.hash), Hash32(row.parent_hash), row.timestamp)
                for row in work.session.scalars(query.order_by(BlockRow.number, BlockRow.hash))
            ]
        if block:
            self._book_again(block[which % len(block)])
        if gone:
            ref = gone[which % len(gone)]
            with self.container.work() as work:
                assert not work.book.rewind(ref), f"block {ref.number} was taken back twice"
                assert work.stakes.rewind(ref.hash) == [], f"the stakes of block {ref.number} were taken back twice"
            self.tally.repeats += 1

    def _book_again(self, block: BlockRef) -> None:
        ((found, events),) = final_events(self.container, block.number, block.number)
        if found != block:
            return  # the node has left it: nobody could deliver it again
        with self.container.work() as work:
            assert not work.book.record(block, events), f"block {block.number} was booked twice"
            for event in events:
                REACTIONS[type(event)](work, event)
        self.tally.repeats += 1

    def settle(self) -> None:
        """Let the world tell the truth and our process catch up, until all is final and nothing is under way."""
        self._spare()
        for number in range(_PATIENCE):
            self.mine()
            self._catch_up()
            assert not self.sweep().troubles
            self.travel(1 if number % 3 == 2 else 0)
            if number > FINALITY // 2 and not self._owes():
                break
        self.mine(FINALITY)
        self._catch_up()
        self.now += 6
        self._catch_up()

    def _owes(self) -> bool:
        with self.container.read() as work:
            live = [OutgoingState.WAITING.value, OutgoingState.SENT.value, OutgoingState.MINED.value]
            return work.session.scalar(select(OutgoingRow.id).where(OutgoingRow.state.in_(live)).limit(1)) is not None

    def _catch_up(self) -> None:
        told = self.follow()
        for _ in range(20):
            if not told.busy:
                return
            told = self.follow()
        message = f"our process does not catch up: {told.troubles}"
        raise AssertionError(message)


def _composed(
    left: list[tuple[Address, str]], *, kept: int, depth: int, chance: random.Random
) -> list[tuple[str, int]]:
    """Choose which of the transactions of a left branch are mined in the new one, and in which of its blocks.

    Whoever is left out has all that follows of the same sender left out too, for nonces have no gaps.
    """
    if kept % 3 == 0:
        return []
    if kept % 3 == 1:
        return [(raw, 0) for _, raw in left]
    pairs, out, lowest = [], set[Address](), dict[Address, int]()
    for sender, raw in left:
        if sender in out or chance.random() < 0.3:
            out.add(sender)
            continue
        place = chance.randrange(lowest.get(sender, 0), depth)
        lowest[sender] = place
        pairs.append((raw, place))
    return pairs
