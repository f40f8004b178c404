"""What must hold of the books: at every moment, and once all is read and final. Each check says what differs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app import books, rebuilding
from app.container import Container
from contracts import codec
from kit.identifiers import Address, Hash32
from kit.outbox import OutboxRow
from ledger.calls import OutgoingState
from ledger.model import UNSOLICITED, Level, is_stake, wallet
from ledger.tables import AccountRow, AttemptRow, BlockRow, EntryRow, OutgoingRow, PostingRow
from payments.stakes.folding import KINDS
from payments.stakes.model import StakeState
from payments.stakes.tables import StakeEventRow, StakeRow
from reputation.model import GrantState
from reputation.tables import GrantRow
from tests.support.databases import sqlite_copy
from tests.support.services import a_container
from tests.support.torture import PEOPLE, World

_STATES = {
    codec.State.NONE: StakeState.ORPHANED,
    codec.State.OPEN: StakeState.OPEN,
    codec.State.FORFEIT_ANNOUNCED: StakeState.FORFEIT_ANNOUNCED,
    codec.State.RETURNED: StakeState.RETURNED,
    codec.State.FORFEITED: StakeState.FORFEITED,
    codec.State.EXPIRED: StakeState.EXPIRED,
}
_OUTCOMES = [word for word in KINDS.values() if word in {"returned", "forfeited", "expired"}]
Line = tuple[Any, ...]


@dataclass
class Trail:
    """All entries and their postings that were ever seen."""

    entries: list[Line] = field(default_factory=list)
    postings: list[Line] = field(default_factory=list)

    def holds(self, container: Container) -> None:
        """Nothing that was seen before has changed, or is gone; what is new stands after it."""
        with container.read(one_moment=True) as work:
            entries = [tuple(row) for row in work.session.execute(select(*EntryRow.__table__.c).order_by(EntryRow.id))]
            lines = select(*PostingRow.__table__.c).order_by(PostingRow.entry_id, PostingRow.line)
            postings = [tuple(row) for row in work.session.execute(lines)]
        assert entries[: len(self.entries)] == self.entries, "entries are not what they were"
        assert postings[: len(self.postings)] == self.postings, "postings are not what they were"
        self.entries, self.postings = entries, postings


def at_every_moment(world: World) -> None:
    """What must hold wherever the process is, or was killed."""
    with world.container.read(one_moment=True) as work:
        if work.book.head() is None:
            return
        wrong = [check for check in work.book.standing(full=True).checks if not check.holds]
        assert not wrong, wrong
        chain = [row.hash for row in work.session.scalars(select(BlockRow).where(BlockRow.level != Level.ORPHANED))]
        ours = [number for number, _ in work.book.blocks_until(2**62)]
        assert ours == list(range(ours[0], ours[0] + len(chain))), "the blocks of our chain leave a gap, or fork"
        _resolved_once(work.session)


def in_the_end(world: World, trail: Trail) -> None:
    """What must hold once all is read and final."""
    trail.holds(world.container)
    at_every_moment(world)
    _is_the_chain(world)
    _equals_a_fresh_read(world)
    _equals_balances(world)
    _stakes_are_those_of_the_chain(world)
    _every_call_once(world)


def _is_the_chain(world: World) -> None:
    head, final = world.head(), world.anvil.chain.block("finalized")
    with world.container.read() as work:
        assert work.book.head() == head, "our head is not the node's"
        assert work.book.final() == final, "our final block is not the node's"


def _equals_a_fresh_read(world: World) -> None:
    """The chain read once, into a second ledger, makes the same blocks, entries, balances and stakes."""
    folder = world.ground.folder / "second"
    folder.mkdir(exist_ok=True)
    with sqlite_copy(world.ground.template, folder / "earnest.db") as database:
        second = a_container(folder, database, deployment=world.place, rpc_url=world.anvil.url)
        found = rebuilding.rebuild(world.container, second, told=lambda *_: None)
        second.chain.close()
    assert found.equal, found.differences
    assert found.entries > 0


def _equals_balances(world: World) -> None:
    """Promise 1 by the product's own lines, and every account by the token's own word, those of nothing too."""
    found = books.verify(world.container)
    assert found.holds, found.differences
    with world.container.read(one_moment=True) as work:
        block = work.book.final()
        assert block is not None
        balances = work.book.balances_until(block.number)
        named = work.session.scalars(select(AccountRow.account)).all()
    people = {world.person(name).address for name in PEOPLE}
    people |= {Address(bytes.fromhex(name[-40:])) for name in named if name.startswith("wallet:")}

    def ask(data: bytes) -> int:
        return codec.decode_uint(world.anvil.chain.call(world.place.token, data, block=block.hash))

    told = {wallet(one): ask(codec.encode_balance_of(one)) for one in people}
    wrong = {account: (balances.get(account, 0), amount) for account, amount in told.items()}
    wrong = {account: both for account, both in wrong.items() if both[0] != both[1]}
    assert not wrong, f"books and balanceOf differ: {wrong}"
    escrow = sum(amount for account, amount in balances.items() if is_stake(account) or account == UNSOLICITED)
    assert escrow == ask(codec.encode_balance_of(world.place.escrow))
    assert sum(told.values()) + escrow == ask(codec.encode_total_supply())


def _stakes_are_those_of_the_chain(world: World) -> None:
    """Every stake that was ever seen is what the escrow says, and its grant is what the stake says."""
    with world.container.read(one_moment=True) as work:
        stakes = {Hash32(row.id): row.state for row in work.session.scalars(select(StakeRow))}
        grants = {
            Hash32(row.stake_id): (row.state == GrantState.OPEN, row.answer is None)
            for row in work.session.scalars(select(GrantRow))
        }
    for stake_id, ours in stakes.items():
        state, _ = codec.decode_stake(world.anvil.chain.call(world.place.escrow, codec.encode_stakes(stake_id)))
        assert _STATES[state] == ours, f"stake {stake_id.hex()}: {state.name} on the chain, {ours} in the books"
        world.tally.stakes[ours] += 1
    for stake_id, (is_open, unanswered) in grants.items():
        assert is_open == (stakes[stake_id] == StakeState.OPEN and unanswered), f"grant of {stake_id.hex()}"


def _resolved_once(session: Any) -> None:  # noqa: ANN401 - a session
    standing = select(StakeEventRow.stake_id).where(
        StakeEventRow.orphaned.is_(False), StakeEventRow.kind.in_(_OUTCOMES)
    )
    twice = [stake.hex() for stake, times in Counter(session.scalars(standing)).items() if times > 1]
    assert not twice, f"resolved more than once: {twice}"


def _every_call_once(world: World) -> None:
    """Of what our keys have on this chain, no two transactions do one call's work, and none is under way still."""
    chain = world.anvil.chain
    with world.container.read(one_moment=True) as work:
        calls = {row.id: (row.key, row.state) for row in work.session.scalars(select(OutgoingRow))}
        attempts = [(row.hash, row.outgoing_id, row.sender) for row in work.session.scalars(select(AttemptRow))]
        keys = [row.key for row in work.session.scalars(select(OutboxRow))]
    done, mined = Counter[int](), Counter[bytes]()
    for attempt, call, sender in attempts:
        receipt = chain.receipt(Hash32(attempt))
        done[call] += receipt is not None and receipt.succeeded
        mined[sender] += receipt is not None
    assert max(done.values(), default=0) <= 1, "a call was done twice"
    for number, (key, state) in calls.items():
        assert state not in (OutgoingState.SENT, OutgoingState.MINED), f"{key} is under way: {state}"
        assert (state == OutgoingState.DONE) == bool(done[number]), f"{key} is {state}"
    for address, before in world.nonces.items():
        assert chain.nonce(address, "latest") - before == mined[address], (
            "the chain has a transaction that we know nothing of"
        )
    assert len(set(keys)) == len(keys)
