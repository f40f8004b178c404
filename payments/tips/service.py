"""Tips, in one transaction: what ``Checkout`` tells of links becomes tips, is told of once, and is taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.orm import Session

from contracts.events import BlockRef, Bought
from kit import outbox
from kit.clock import from_unix
from kit.errors import NotFound
from kit.identifiers import Address, Hash32, PersonId, show_hash
from kit.sealing import Seal, SealsAnew
from ledger.book import Book
from ledger.model import Asset, Level, erc20
from payments.tips.model import MOST_QUIET, NOTE_KEPT_FOR, News, Paid, Tip, TipState
from payments.tips.store import TipStore, random_id
from payments.tips.tables import TipLinkRow, TipRow, TipTermsRow

LOG = structlog.get_logger(__name__)

NEWS: Final = "tip-news"
"""Outbox kind: somebody is to be told of a tip; ``tip`` is its id, ``news`` what."""
LARGEST_PAGE: Final = 100
_AT_ONCE: Final = 100
"""Tips that become surer in one transaction, of those that somebody is told of."""
_LAST: Final = 250_246_627_200
"""The year 9900, in Unix seconds: a block's time may be anything."""

_Owed = tuple[str, News, int]
"""What is told of a tip, and in which round."""


class Tips:
    """What was paid as a tip."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        *,
        seal: Callable[[], Seal],
        wallets: Callable[[PersonId], Sequence[Address]],
        book: Book,
        taken_away: Callable[[Asset, datetime], bool],
    ) -> None:
        """Work in ``session``, at ``now``; ``wallets`` are those that somebody linked.

        ``taken_away`` tells whether a payment in an asset came too late: the operator allows it no more.
        """
        self._session = session
        self._now = now
        self._store = TipStore(session, seal)
        self._wallets = wallets
        self._book = book
        self._taken_away = taken_away

    # ------------------------------------------------------------------------------------------ the chain

    def told(self, event: Bought) -> None:
        """Take a tip in that a block tells of which was just booked, however often it is told.

        Anybody can have the contract tell of terms that no link ever had: those are no tip.
        """
        asset = erc20(event.at.block.chain_id, event.asset)
        block = event.at.block
        self.paid(Paid(event.purchase, event.listing, event.terms, event.buyer, asset, event.amount, block))

    def paid(self, paid: Paid) -> None:
        """Take in what a block of our chain has paid by a link, however often that is said."""
        link = self._store.of_hash(paid.link)
        if link is None:
            return
        row, level = self._store.by_key(paid.key, lock=True), self._level(paid.block.hash) or Level.SEEN
        terms = self._store.by_terms(link, paid.terms)
        if terms is None or link.receiver is None:
            LOG.info("tip_by_nobodys_terms", purchase=show_hash(paid.key))
            return
        if row is None:
            row = self._new(paid, link, terms, level)
            if row.quiet and self._store.has_tips(link, MOST_QUIET):
                LOG.info("tip_once_more", purchase=show_hash(paid.key))
                return
            self._store.add(row)
        elif row.state == TipState.TAKEN_BACK.value and row.link == link.id:
            row.quiet = self._is_quiet(paid, link)  # others may have come before it this time
            row.state, row.level, row.block = TipState.PAID.value, level.value, bytes(paid.block.hash)
        self._owe([(row, terms.public)])

    def stands_in(self, key: Hash32, block: Hash32) -> bool:
        """Tell whether a payment stands here as one of that block."""
        row = self._store.by_key(key)
        return row is not None and row.state == TipState.PAID.value and row.block == bytes(block)

    def left(self, block: BlockRef) -> None:
        """Take back what was paid in a block that left the chain; whoever was told is told so."""
        here = TipRow.block == bytes(block.hash), TipRow.state == TipState.PAID.value
        owed: list[_Owed] = []
        for row, _ in self._store.some(*here, or_(TipRow.giver_told, TipRow.receiver_told, TipRow.line_tried)):
            told = {News.GONE_GIVER: row.giver_told, News.GONE_RECEIVER: row.receiver_told, News.UNSAID: row.line_tried}
            owed += [(row.token, news, row.round) for news, was in told.items() if was]
        self._append(owed)
        self._store.change(
            *here,
            state=TipState.TAKEN_BACK.value,
            level=Level.ORPHANED.value,
            round=TipRow.round + 1,
            giver_told=False,
            receiver_told=False,
        )

    def levels_moved(self) -> bool:
        """Let tips be as sure as their blocks have become; ``True``: more wait for another transaction.

        A flood of payments costs gas alone: those of which nobody is told are never looked at one by one, and of the
        others so many at a time that nobody waits long for the database.
        """
        left = _AT_ONCE
        for block, level in self._store.unsure_blocks():
            now = self._level(block)
            if now is None or now in (level, Level.ORPHANED):
                continue
            here = TipRow.block == bytes(block), TipRow.level == level.value, TipRow.state == TipState.PAID.value
            self._store.change(*here, TipRow.quiet.is_(True), level=now.value)
            found = self._store.some(*here, limit=left)
            for row, _ in found:
                row.level = now.value
            self._owe(found)
            if now is Level.FINALIZED:
                self._wipe_told([row for row, _ in found])
            left -= len(found)
            if not left:
                return True
        return False

    def _new(self, paid: Paid, link: TipLinkRow, terms: TipTermsRow, level: Level) -> TipRow:
        return TipRow(
            token=random_id(),
            key=bytes(paid.key),
            link=link.id,
            terms=terms.id,
            giver=link.giver,
            receiver=link.receiver,
            payer=bytes(paid.payer),
            asset=paid.asset,
            amount=paid.amount,
            level=level.value,
            state=TipState.PAID.value,
            quiet=self._is_quiet(paid, link),
            round=0,
            block=bytes(paid.block.hash),
            paid_at=_time_of(paid),
            giver_told=False,
            receiver_told=False,
            line_tried=False,
        )

    def _is_quiet(self, paid: Paid, link: TipLinkRow) -> bool:
        """Tell whether a payment is the receiver's own, not the first that stands by its link, or in a token of before.

        Whoever reads terms on the chain can pay by them again: that is the receiver's, and no news.
        """
        own = link.giver == link.receiver or paid.payer in self._wallets(PersonId(link.receiver or 0))
        return own or self._store.is_told(link) or self._taken_away(paid.asset, _time_of(paid))

    # ------------------------------------------------------------------------------------------ telling

    def _owe(self, tips: Sequence[tuple[TipRow, bool]]) -> None:
        """Owe givers, receivers and rooms of tips, each with whether it is public, their news, once in each round."""
        self._session.flush()
        owed: list[_Owed] = []
        for row, public in tips:
            if row.state != TipState.PAID.value or row.quiet:
                continue
            owed.append((row.token, News.SEEN, row.round))
            if Level(row.level).reaches(Level.SAFE):
                news = (News.PAID, News.LINE, News.RECEIPT) if public else (News.PAID, News.RECEIPT)
                owed += [(row.token, one, row.round) for one in news]
        self._append(owed)

    def _append(self, owed: Sequence[_Owed]) -> None:
        news = {_key(*one): {"tip": one[0], "news": one[1].value, "round": one[2]} for one in owed}
        outbox.append_all(self._session, kind=NEWS, owed=news, now=self._now)

    def tries(self, tip: str, news: News, turn: int) -> bool:
        """Note that somebody is about to be told; ``False`` where it is not so any more, and they are not to be.

        From here on they are told, too, when it leaves the chain. A line that may stand in the room already is always
        tried again, so that it can be found and taken back.
        """
        row = self._store.row(tip, lock=True)
        if row is None:
            return False
        stands = row.state == TipState.PAID.value and row.round == turn
        if news is News.LINE:
            if row.line_tried and row.line is None:
                return True
            row.line_tried = row.line_tried or stands
            return stands
        if not stands:
            return False
        row.giver_told = row.giver_told or news in (News.SEEN, News.RECEIPT)
        row.receiver_told = row.receiver_told or news is News.PAID
        return True

    def said(self, tip: str, event: str) -> None:
        """Note which line in the room tells of a tip."""
        row = self._store.row(tip, lock=True)
        if row is not None:
            row.line = event[:255]

    def unsaid(self, tip: str) -> None:
        """Note that the line in the room is taken back."""
        row = self._store.row(tip, lock=True)
        if row is not None:
            row.line, row.line_tried = None, False

    def is_owed(self, tip: str, news: News, turn: int) -> bool:
        """Tell whether some news of a round are still to be told."""
        found = outbox.find(self._session, _key(tip, news, turn))
        return found is not None and not found[1]

    def told_of(self, tip: str) -> None:
        """Forget the note of a tip that is final, once nobody is to be told of it any more."""
        row = self._store.row(tip)
        if row is not None and row.level == Level.FINALIZED.value:
            self._wipe_told([row])

    def _wipe_told(self, tips: Sequence[TipRow]) -> None:
        """Forget the notes of those of whom nobody is to be told any more.

        One that is quiet takes no note with it: by its link another may be told of. That goes when its time is over.
        """
        keys = {row.id: {_key(row.token, news, row.round) for news in (News.PAID, News.LINE)} for row in tips}
        owed = outbox.owed_of(self._session, set().union(*keys.values()))
        if gone := [row.id for row in tips if not row.quiet and not keys[row.id] & owed]:
            self._store.wipe_notes(TipRow.id.in_(gone))

    # ------------------------------------------------------------------------------------------ looking

    def find(self, tip: str) -> Tip | None:
        """Return a tip by its id, whosever it is."""
        row = self._store.row(tip)
        return None if row is None else self._store.tip(row)

    def of_link(self, token: str) -> Tip | None:
        """Return the first tip that was paid by a link; ``None`` where there is none."""
        link = self._store.link_row(token)
        rows = [] if link is None else self._store.paid_by(link)
        return self._store.tip(rows[0]) if rows else None

    def given(
        self, person: PersonId, *, before: str | None = None, limit: int = 50, notes: bool = True
    ) -> tuple[list[Tip], str | None]:
        """Return the tips that somebody gave, latest first, and where the next page begins.

        Without ``notes`` none is unsealed.
        """
        return self._page(TipRow.giver == person, before, limit, notes=notes)

    def received(
        self, person: PersonId, *, before: str | None = None, limit: int = 50, notes: bool = True
    ) -> tuple[list[Tip], str | None]:
        """Return the tips that somebody received; whose is anonymous must be asked of each. Else as ``given``."""
        return self._page(TipRow.receiver == person, before, limit, notes=notes)

    def _page(
        self, which: ColumnElement[bool], before: str | None, limit: int, *, notes: bool
    ) -> tuple[list[Tip], str | None]:
        size = max(1, min(limit, LARGEST_PAGE))
        found = self._store.page(which, before=before, limit=size + 1, notes=notes)
        return found[:size], found[size - 1].id if len(found) > size else None

    # ------------------------------------------------------------------------------------------ keeping

    @property
    def seal_links_anew(self) -> SealsAnew:
        """Seal notes of links anew."""
        return self._store.seal_links_anew

    @property
    def seal_terms_anew(self) -> SealsAnew:
        """Seal notes of terms anew."""
        return self._store.seal_terms_anew

    def forget(self, person: PersonId) -> None:
        """Let somebody have given nothing, take no tips, and stand in no line of a room; what was paid stays booked."""
        self._store.take_no_more(person)
        theirs = or_(TipRow.giver == person, TipRow.receiver == person)
        lines = self._store.some(theirs, TipRow.line_tried.is_(True))
        self._append([(row.token, News.UNSAID, row.round) for row, _ in lines])
        self._store.wipe_notes(theirs)
        self._session.execute(update(TipRow).where(TipRow.giver == person).values(giver=None))
        self._store.forget_links(person)

    def prune_notes(self, *, limit: int) -> int:
        """Forget the notes of tips that are past their time; return how many rows changed."""
        return self._store.wipe_notes(TipRow.paid_at < self._now - NOTE_KEPT_FOR, limit=limit)

    def _level(self, block: Hash32) -> Level | None:
        try:
            return self._book.level(block)
        except NotFound:
            return None


def _time_of(paid: Paid) -> datetime:
    return from_unix(min(paid.block.timestamp, _LAST))


def _key(tip: str, news: News, turn: int) -> str:
    return f"{NEWS}:{tip}:{news}:{turn}"
