"""The book of our token and of gifts on one chain: blocks come in, entries are made; what left is visibly undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from contracts.events import (
    BlockRef,
    ChainEvent,
    contract_of,
)
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, Hash32, show_hash
from kit.leases import Seat
from ledger import reconciling, sheets
from ledger.comparing import Booked
from ledger.model import Account, Asset, Level, Moves
from ledger.movements import Recorded
from ledger.posting import entry_for
from ledger.reconciling import Check, Kept, Line, Reconciliation, Standing
from ledger.sheets import Ours, Sheet
from ledger.store import balances as held
from ledger.store import books as store
from ledger.store import reads
from ledger.store import reconciliations as checks_store
from ledger.store import recorded as records


def seat(chain_id: int) -> Seat:
    """Return the seat of whoever reads a chain: one process at a time."""
    return store.seat(chain_id)


class Book:
    """Blocks and entries, in one transaction.

    After every block the balances are those that reading the canonical chain once would give, whatever was read,
    taken back, repeated or crashed before. Nothing written is ever changed or deleted.
    """

    def __init__(
        self, session: Session, *, chain_id: int, token: Address, escrow: Address, later: Collection[Address] = ()
    ) -> None:
        """Keep the book of ``token``, ``escrow`` and contracts that may have come ``later`` on chain ``chain_id``."""
        self._session = session
        self._chain_id = chain_id
        self._token = token
        self._escrow = escrow
        self._ours = Ours(chain_id, token, escrow, later)
        self._asset = self._ours.asset

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._chain_id

    # --------------------------------------------------------------------------------------------------- blocks

    def window(self) -> list[BlockRef]:
        """Return our blocks that are not final and the last final one before them, ascending."""
        final = store.last_final(self._session, self._chain_id)
        return [*([final] if final else []), *store.pending(self._session, self._chain_id)]

    def head(self) -> BlockRef | None:
        """Return our newest block."""
        return store.head(self._session, self._chain_id)

    def final(self) -> BlockRef | None:
        """Return our last final block."""
        return store.last_final(self._session, self._chain_id)

    def at(self, number: int) -> BlockRef | None:
        """Return the block of this number in our chain."""
        return store.standing_at(self._session, self._chain_id, number)

    def finalized_number(self) -> int | None:
        """Return the number of our last final block."""
        final = self.final()
        return final.number if final else None

    def level(self, block_hash: Hash32) -> Level:
        """Return how surely a block that we booked stays in the chain. Raises ``NotFound`` for any other."""
        found = store.block(self._session, self._chain_id, block_hash)
        if found is None:
            raise NotFound("block_unknown", f"No block {show_hash(block_hash)} was booked.")
        return found[1]

    def record(self, block: BlockRef, events: Iterable[ChainEvent]) -> bool:
        """Book the next block of our chain; ``False`` (and nothing done) where it is in our chain already.

        ``events``: all of the block that are ours. Raises ``Conflict`` for a block that does not continue our chain,
        ``Invalid`` for events of another block, chain or contract, or two of one log.
        """
        return bool(self.record_all([(block, events)]))

    def record_all(self, blocks: Iterable[tuple[BlockRef, Iterable[ChainEvent]]]) -> list[BlockRef]:
        """Book blocks that follow each other, each with all its events that are ours; return those that were news.

        All or nothing, and the same as booking them one by one. Raises as ``record`` does.
        """
        return self.record_sheet(sheets.sheet(self._ours, blocks))

    def record_sheet(self, sheet: Sheet) -> list[BlockRef]:
        """Book what was made of blocks before; as ``record_all``, but for what that refuses of events."""
        ordered = sheet.blocks
        store.lock(self._session, self._chain_id)
        known = store.blocks(self._session, self._chain_id, [block.hash for block, _ in ordered])
        head, news, turns = self.head(), list[BlockRef](), dict[Hash32, int]()
        for block, _ in ordered:
            _, level, turn = known.get(block.hash, (block, Level.ORPHANED, 0))
            if level is not Level.ORPHANED and not news:
                continue
            if head is not None and (block.parent_hash, block.number) != (head.hash, head.number + 1):
                raise Conflict("block_does_not_join", f"Block {block.number} does not continue ours at {head.number}.")
            head, turns[block.hash] = block, turn + 1
            news.append(block)
        if head is None or not news:
            return []
        store.put_blocks(self._session, news, turns)
        if sheet.ready is not None and len(news) == len(ordered) and set(turns.values()) == {1}:
            store.add_lines(self._session, self._asset, sheet.ready)
        else:
            events = [event for block, its in ordered if block.hash in turns for event in its]
            self._add(self._asset, sheets.moves(self._ours, filter(_is_of_first, events), self.balance), turns)
            self._add_others([event for event in events if not _is_of_first(event)], turns)
        store.set_head(self._session, self._chain_id, head.hash)
        return news

    def reads(self, contract: Address, since: int) -> int:
        """Return from which block on a contract has been read; noted now, where it was not: from our next block on.

        ``contract``: one that may have come later, which stands from block ``since``. What it told before it was known
        is missing in what was booked.
        """
        known = reads.first(self._session, self._chain_id, contract)
        if known is None:
            head = self.head()
            known = since if head is None else max(since, head.number + 1)
            reads.note(self._session, self._chain_id, contract, known)
        return known

    def read_since(self, contract: Address) -> int | None:
        """Return from which block on a contract has been read, as noted; ``None`` where nothing is noted yet."""
        return reads.first(self._session, self._chain_id, contract)

    def add_late(
        self, contract: Address, first: int, blocks: Iterable[tuple[BlockRef, Iterable[ChainEvent]]]
    ) -> list[ChainEvent]:
        """Book what a contract told in final blocks that were booked without it, from block ``first`` on; return that.

        What is in the books already is left out. Raises ``Conflict`` for a block that is not in our chain.
        """
        store.lock(self._session, self._chain_id)
        late: list[ChainEvent] = []
        for block, events in blocks:
            known = store.block(self._session, self._chain_id, block.hash)
            if known is None or known[1] is not Level.FINALIZED:
                raise Conflict("block_does_not_join", f"Block {block.number} is not the final one in our books.")
            booked = reads.booked_logs(self._session, block)
            its = [event for event in sheets.in_order(self._ours, block, events) if contract_of(event) == contract]
            self._add_others([event for event in its if event.at.log_index not in booked], {block.hash: known[2]})
            late += its
        reads.note(self._session, self._chain_id, contract, first)
        return late

    def rewind(self, block: BlockRef) -> bool:
        """Take back our newest block, because it left the chain: an opposite entry for each of its entries.

        ``False`` (and nothing done) where it was taken back already. Raises ``Conflict`` for a final block, which must
        never leave, and for one that is not our newest.
        """
        store.lock(self._session, self._chain_id)
        known = store.block(self._session, self._chain_id, block.hash)
        if known is None:
            raise NotFound("block_unknown", f"No block {show_hash(block.hash)} was booked.")
        found, level, turn = known
        if level is Level.ORPHANED:
            return False
        if level is Level.FINALIZED:
            raise Conflict("final_block_left", f"Block {found.number} was final, but the node's chain is another.")
        head = self.head()
        if head is None or head.hash != found.hash:
            raise Conflict("not_the_newest", f"Block {found.number} is not our newest; those above it go first.")
        store.reverse_entries(self._session, found, turn=turn)
        store.orphan(self._session, found)
        parent = store.block(self._session, self._chain_id, found.parent_hash)
        store.set_head(self._session, self._chain_id, parent[0].hash if parent else None)
        return True

    def mark_levels(self, safe: BlockRef | None, finalized: BlockRef | None) -> None:
        """Note up to where the node calls the chain safe and final; a level is never lowered.

        Each is a block that is at that level now, with its hash: one that is not in our chain (not read yet, or of a
        branch that we have still to follow) says nothing about ours, and nothing is marked. While we are behind, ask
        the node for the block at our own head's number instead of the far one: below a final block, all is final.
        """
        store.lock(self._session, self._chain_id)
        for block, level in ((safe, Level.SAFE), (finalized, Level.FINALIZED)):
            if block is None:
                continue
            known = store.block(self._session, self._chain_id, block.hash)
            if known is not None and known[1] is not Level.ORPHANED:
                store.raise_level(self._session, known[0], level)

    # ------------------------------------------------------------------------------------------------- balances

    @property
    def asset(self) -> Asset:
        """Return the token, as an asset."""
        return self._asset

    def balance(self, account: Account) -> int:
        """Return what an account holds at our newest block, in base units (negative for ``MINT``)."""
        return held.balance(self._session, self._asset, account)

    def balances(self) -> dict[Account, int]:
        """Return what every account holds at our newest block; those that hold nothing are absent."""
        return held.balances(self._session, self._asset)

    def given(self, asset: Asset) -> dict[Account, int]:
        """Return who gave how much of another asset than our token (below zero), and to which causes."""
        return held.balances(self._session, asset)

    def folded(self) -> dict[Account, int]:
        """Return the same, summed anew over every posting ever made: the proof of ``balances``."""
        return dict(store.audit(self._session, self._asset).folded)

    def standing(self, *, full: bool) -> Standing:
        """Return the books at our last final block (at the newest, where none is final), to be held against the chain.

        ``full``: sum every posting ever made anew, which takes the longer the more there are; else the balances that
        are kept are believed. Reads several times: the transaction must see one moment. Raises ``NotFound`` before
        anything was booked.
        """
        final = store.last_final(self._session, self._chain_id)
        block = final or self.head()
        if block is None:
            raise NotFound("nothing_booked", "No block was booked yet.")
        balances, checks = self.balances(), list[Check]()
        if full:
            checks += self._audit(balances)
        if final is not None:
            for account, moved in store.not_final(self._session, self._chain_id, self._asset).items():
                balances[account] = balances.get(account, 0) - moved
        balances = {account: amount for account, amount in balances.items() if amount}
        checks += reconciling.inner_checks(balances)
        return Standing(block, self.level(block.hash), self._token, self._escrow, balances, tuple(checks), full)

    def _audit(self, balances: Mapping[Account, int]) -> Iterator[Check]:
        """Sum every posting anew, of gifts in other assets too: nobody else can say whether those are true."""
        found = store.audit(self._session, self._asset)
        kept, folded = dict(balances), dict(found.folded)
        entries, in_balance = found.entries, found.in_balance
        for asset in self.other_assets():
            its = store.audit(self._session, asset)
            entries, in_balance = entries + its.entries, in_balance + its.in_balance
            kept |= {_named(account, asset): amount for account, amount in self.given(asset).items()}
            folded |= {_named(account, asset): amount for account, amount in its.folded.items()}
            if total := sum(its.folded.values()):
                yield Check(Line.ZERO, total, 0, Account(asset))
        yield from reconciling.folded_checks(kept, folded, entries=entries, in_balance=in_balance)

    def other_assets(self) -> list[Asset]:
        """Return in what else than our token anything was given."""
        return reads.other_assets(self._session, self._chain_id, self._asset)

    def reconciled(self) -> Kept | None:
        """Return how the last reconciliation ended."""
        return checks_store.last(self._session, self._chain_id, self._asset)

    def keep_reconciliation(self, found: Reconciliation, now: datetime) -> Kept:
        """Keep how a reconciliation ended, in the place of the one before it; return what is kept."""
        before = checks_store.last(self._session, self._chain_id, self._asset)
        since = None if found.holds else (before.differs_since if before else None) or now
        kept = Kept(
            block=found.block,
            level=found.level,
            checked_at=now,
            full_at=now if found.full else before.full_at if before else None,
            differs_since=since,
            wallets=found.wallets,
            asked=len(found.asked),
            asked_to=found.asked[-1] if found.asked else None,
            checks=tuple(check for check in found.checks if check.line is not Line.WALLET or not check.holds),
        )
        checks_store.keep(self._session, self._chain_id, self._asset, kept)
        return kept

    # ------------------------------------------------------------------------------------------------- statements

    def recorded(
        self, accounts: Collection[Account] | None, *, since: int | None = None, before: int | None = None
    ) -> Iterator[Recorded]:
        """Return all entries, in booking order, of the transactions that touch these accounts (all, where ``None``).

        ``since`` and ``before`` (Unix seconds) bound the blocks' times. Raises ``Conflict`` for too many accounts.
        """
        return records.recorded(
            self._session, self._chain_id, self._asset, accounts=accounts, since=since, before=before
        )

    def held_before(self, accounts: Collection[Account] | None, before: int) -> dict[Account, int]:
        """Return what these accounts (all, where ``None``) held before the first block of that time (Unix seconds)."""
        return records.held_before(self._session, self._chain_id, self._asset, accounts=accounts, before=before)

    # ------------------------------------------------------------------------------------------------- comparing

    def blocks_until(self, number: int) -> Iterator[tuple[int, Hash32]]:
        """Return number and hash of every block of our chain up to this one, ascending."""
        return store.blocks_until(self._session, self._chain_id, number)

    def entries_until(self, number: int, asset: Asset | None = None) -> Iterator[Booked]:
        """Return every entry up to this block that was not taken back, in the order of the chain."""
        return store.standing_until(self._session, self._chain_id, asset or self._asset, number)

    def balances_until(self, number: int, asset: Asset | None = None) -> dict[Account, int]:
        """Return what every account held at a block of this number, summed over all that was booked and taken back."""
        return store.folded_until(self._session, self._chain_id, asset or self._asset, number)

    # --------------------------------------------------------------------------------------------------- within

    def _add_others(self, told: Iterable[ChainEvent], turns: Mapping[Hash32, int]) -> None:
        """Make the entries of what later contracts told, in whatever assets they are."""
        moves: defaultdict[Asset, Moves] = defaultdict(Moves)
        for entry in (entry_for(event, token=self._token, escrow=self._escrow, held=0) for event in told):
            if entry is not None:
                moves[entry.postings[0].asset].append(entry)
        for asset in sorted(moves):
            self._add(asset, moves[asset], turns)

    def _add(self, asset: Asset, moved: Moves, turns: Mapping[Hash32, int]) -> None:
        if moved.at:
            store.add_lines(self._session, asset, sheets.lines(moved, turns))


def _named(account: Account, asset: Asset) -> Account:
    return Account(f"{account} of {asset}")


def _is_of_first(event: ChainEvent) -> bool:
    return isinstance(event, sheets.OF_FIRST)
