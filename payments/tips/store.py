"""Reading and writing tips: links, terms and what was paid; notes are sealed here; nothing is decided."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId, RoomId
from kit.sealing import Seal, Sealed
from ledger.model import Asset, Level
from payments.tips.model import Link, Tip, TipState, Wish
from payments.tips.onchain import SALT_BYTES
from payments.tips.tables import TipLinkRow, TipReceiverRow, TipReceiverTokenRow, TipRow, TipTermsRow

MOST_DROPPED: Final = 500
"""Links that are taken out at once: their ids go into one statement."""


class TipStore:
    """The rows of tips."""

    def __init__(self, session: Session, seal: Callable[[], Seal]) -> None:
        """Read and write in ``session``; ``seal`` keeps notes."""
        self._session = session
        self._seal = seal

    # ------------------------------------------------------------------------------------------ who takes tips

    def taken_at(self, person: PersonId) -> Address | None:
        """Return the wallet at which somebody said that they take tips; ``None`` where they said no such thing."""
        wallet = self._session.scalar(select(TipReceiverRow.wallet).where(TipReceiverRow.person == person))
        return None if wallet is None else Address(wallet)

    def take(self, person: PersonId, wallet: Address, now: datetime) -> None:
        """Note that somebody takes tips at a wallet, and at no other; in which tokens stays as it was."""
        self._session.execute(delete(TipReceiverRow).where(TipReceiverRow.person == person))
        self._session.add(TipReceiverRow(person=person, wallet=bytes(wallet), since=now))
        self._session.flush()

    def take_no_more(self, person: PersonId) -> None:
        """Note that somebody takes none."""
        for table in (TipReceiverRow, TipReceiverTokenRow):
            self._session.execute(delete(table).where(table.person == person))

    def taken_in(self, person: PersonId) -> frozenset[Asset]:
        """Return in which tokens beside our own somebody said that they take tips."""
        query = select(TipReceiverTokenRow.asset).where(TipReceiverTokenRow.person == person)
        return frozenset(Asset(asset) for asset in self._session.scalars(query))

    def take_in(self, person: PersonId, asset: Asset, now: datetime) -> None:
        """Note that somebody takes tips in a token, too."""
        self.take_not_in(person, asset)
        self._session.add(TipReceiverTokenRow(person=person, asset=asset, since=now))
        self._session.flush()

    def take_not_in(self, person: PersonId, asset: Asset) -> None:
        """Note that somebody takes none in a token."""
        which = TipReceiverTokenRow.person == person, TipReceiverTokenRow.asset == asset
        self._session.execute(delete(TipReceiverTokenRow).where(*which))

    # ------------------------------------------------------------------------------------------ links

    def add_link(self, row: TipLinkRow, note: str) -> Link:
        """Keep a link, with the note that its giver has in mind."""
        row.sealed = self._seal().close(note.encode(), _of_link(row.token)) if note else None
        self._session.add(row)
        self._session.flush()
        return self.link(row)

    def link_row(self, token: str, *, lock: bool = False) -> TipLinkRow | None:
        """Return a link's row; ``lock``: nobody else changes it until this transaction ends."""
        return self._link_row(TipLinkRow.token == token, lock=lock)

    def of_hash(self, listing: Hash32, *, lock: bool = True) -> TipLinkRow | None:
        """Return a link's row by what stands for it on the chain; ``lock`` as above."""
        return self._link_row(TipLinkRow.chain_hash == bytes(listing), lock=lock)

    def link(self, row: TipLinkRow) -> Link:
        """Return what a row says."""
        note = "" if row.sealed is None else self._seal().open(row.sealed, _of_link(row.token)).decode()
        return Link(
            token=row.token,
            giver=PersonId(row.giver or 0),
            receiver=None if row.receiver is None else PersonId(row.receiver),
            room=None if row.room is None else RoomId(row.room),
            event=row.event,
            wish=Wish(row.amount, note, row.public, row.anonymous, None if row.asset is None else Asset(row.asset)),
            created_at=row.created_at,
        )

    def count_links(self, giver: PersonId, since: datetime) -> int:
        """Count the links that somebody was given since then."""
        query = select(func.count()).select_from(TipLinkRow)
        return self._session.scalar(query.where(TipLinkRow.giver == giver, TipLinkRow.created_at > since)) or 0

    def count_open(self, receiver: PersonId, since: datetime) -> int:
        """Count the links to tip somebody that were made since then and that nobody paid by."""
        query = select(func.count()).select_from(TipLinkRow).where(~_PAID)
        return self._session.scalar(query.where(TipLinkRow.receiver == receiver, TipLinkRow.created_at > since)) or 0

    def was_paid(self, row: TipLinkRow) -> bool:
        """Tell whether anything was ever paid by a link."""
        return self._session.scalar(select(TipRow.id).where(TipRow.link == row.id).limit(1)) is not None

    def has_tips(self, row: TipLinkRow, number: int) -> bool:
        """Tell whether at least so many payments by a link are kept."""
        query = select(TipRow.id).where(TipRow.link == row.id).limit(number)
        return len(self._session.scalars(query).all()) >= number

    def is_told(self, row: TipLinkRow) -> bool:
        """Tell whether a tip stands that was paid by a link and is told of."""
        stands = TipRow.link == row.id, TipRow.state == TipState.PAID.value, TipRow.quiet.is_(False)
        return self._session.scalar(select(TipRow.id).where(*stands).limit(1)) is not None

    def drop_links(self, *which: ColumnElement[bool], limit: int) -> int:
        """Take out ``limit`` links of some kind that nothing was paid by, 500 at most; return how many went."""
        query = select(TipLinkRow.id).where(*which, ~_PAID).order_by(TipLinkRow.id).limit(min(limit, MOST_DROPPED))
        gone = self._session.scalars(query.with_for_update()).all()
        self._session.execute(delete(TipTermsRow).where(TipTermsRow.link.in_(gone)))
        self._session.execute(delete(TipLinkRow).where(TipLinkRow.id.in_(gone)))
        return len(gone)

    def forget_links(self, person: PersonId) -> None:
        """Let no link be of somebody. So many that nothing was paid by go at once; the rest is nobody's, and goes next.

        What is nobody's has no giver: ``drop_links`` finds it by that.
        """
        theirs = or_(TipLinkRow.giver == person, TipLinkRow.receiver == person)
        self.drop_links(theirs, limit=MOST_DROPPED)
        rest = update(TipLinkRow).where(theirs, ~_PAID).values(giver=None, receiver=None, event=None, sealed=None)
        self._session.execute(rest.execution_options(synchronize_session=False))
        self._session.execute(update(TipLinkRow).where(TipLinkRow.giver == person).values(giver=None))

    # ------------------------------------------------------------------------------------------ terms

    def terms_of(self, row: TipLinkRow) -> list[tuple[TipTermsRow, bytes, str]]:
        """Return the ways in which a link may be paid whose notes are kept: the row, its salt and its note."""
        found = self._session.scalars(select(TipTermsRow).where(TipTermsRow.link == row.id).order_by(TipTermsRow.id))
        return [(one, *self._opened(one, one.sealed)) for one in found if one.sealed is not None]

    def add_terms(self, row: TipLinkRow, terms: Hash32, wish: Wish, salt: bytes, now: datetime) -> None:
        """Keep a way in which a link may be paid."""
        sealed = self._seal().close(salt + wish.note.encode(), _of_terms(terms))
        self._session.add(
            TipTermsRow(
                link=row.id,
                terms=bytes(terms),
                public=wish.public,
                anonymous=wish.anonymous,
                sealed=sealed,
                created_at=now,
            )
        )
        self._session.flush()

    def by_terms(self, row: TipLinkRow, terms: Hash32) -> TipTermsRow | None:
        """Return the terms of a link that have this hash."""
        query = select(TipTermsRow).where(TipTermsRow.link == row.id, TipTermsRow.terms == bytes(terms))
        return self._session.scalar(query)

    def wipe_notes(self, *which: ColumnElement[bool], limit: int | None = None) -> int:
        """Forget the notes of tips of some kind, with what their links had in mind; return how many rows changed."""
        paid = select(TipRow.link).where(*which)
        changed = 0
        for table, link in ((TipTermsRow, TipTermsRow.link), (TipLinkRow, TipLinkRow.id)):
            some = select(table.id).where(link.in_(paid), table.sealed.is_not(None)).limit(limit)
            wiped = update(table).where(table.id.in_(some)).values(sealed=None).returning(table.id)
            changed += len(self._session.scalars(wiped.execution_options(synchronize_session="fetch")).all())
        return changed

    def _opened(self, row: TipTermsRow, sealed: bytes) -> tuple[bytes, str]:
        secret = self._seal().open(sealed, _of_terms(Hash32(row.terms)))
        return secret[:SALT_BYTES], secret[SALT_BYTES:].decode()

    # ------------------------------------------------------------------------------------------ tips

    def add(self, row: TipRow) -> Tip:
        """Keep a tip."""
        self._session.add(row)
        self._session.flush()
        return self.tip(row)

    def row(self, tip: str, *, lock: bool = False) -> TipRow | None:
        """Return a tip's row by its public name."""
        return self._row(TipRow.token == tip, lock=lock)

    def by_key(self, key: Hash32, *, lock: bool = False) -> TipRow | None:
        """Return a tip's row by the key of its purchase."""
        return self._row(TipRow.key == bytes(key), lock=lock)

    def tip(self, row: TipRow) -> Tip:
        """Return what a row says, with its note where that is still kept."""
        link, terms = self._session.get_one(TipLinkRow, row.link), self._session.get_one(TipTermsRow, row.terms)
        return self._tip(row, link, terms, note=True)

    def _tip(self, row: TipRow, link: TipLinkRow, terms: TipTermsRow, *, note: bool) -> Tip:
        return Tip(
            id=row.token,
            key=Hash32(row.key),
            giver=None if row.giver is None else PersonId(row.giver),
            receiver=PersonId(row.receiver),
            room=None if link.room is None else RoomId(link.room),
            event=link.event,
            payer=Address(row.payer),
            asset=Asset(row.asset),
            amount=row.amount,
            note=self._opened(terms, terms.sealed)[1] if note and terms.sealed is not None else None,
            public=terms.public,
            anonymous=terms.anonymous,
            level=Level(row.level),
            state=TipState(row.state),
            quiet=row.quiet,
            round=row.round,
            paid_at=row.paid_at,
            line=row.line,
            line_tried=row.line_tried,
        )

    def page(self, which: ColumnElement[bool], *, before: str | None, limit: int, notes: bool) -> list[Tip]:
        """Return tips, latest first, after the one that is named; without ``notes`` none is unsealed."""
        query = select(TipRow, TipLinkRow, TipTermsRow).where(which).order_by(TipRow.id.desc()).limit(limit)
        query = query.join(TipLinkRow, TipRow.link == TipLinkRow.id).join(TipTermsRow, TipRow.terms == TipTermsRow.id)
        if before is not None:
            query = query.where(TipRow.id < select(TipRow.id).where(TipRow.token == before).scalar_subquery())
        found = self._session.execute(query.execution_options(populate_existing=True))
        return [self._tip(row, link, terms, note=notes) for row, link, terms in found]

    def paid_by(self, link: TipLinkRow) -> list[TipRow]:
        """Return the first tip by a link, if there is one."""
        query = select(TipRow).where(TipRow.link == link.id).order_by(TipRow.id).limit(1)
        return list(self._session.scalars(query))

    def some(self, *which: ColumnElement[bool], limit: int | None = None) -> list[tuple[TipRow, bool]]:
        """Return rows of tips, locked, each with whether it is public."""
        query = select(TipRow, TipTermsRow.public).join(TipTermsRow, TipRow.terms == TipTermsRow.id).where(*which)
        query = query.order_by(TipRow.id).limit(limit).with_for_update(of=TipRow)
        found = self._session.execute(query.execution_options(populate_existing=True))
        return [(row, public) for row, public in found]

    def change(self, *which: ColumnElement[bool], **values: object) -> None:
        """Change all tips of some kind, by one statement."""
        changed = update(TipRow).where(*which).values(**values)
        self._session.execute(changed.execution_options(synchronize_session="fetch"))

    def unsure_blocks(self) -> list[tuple[Hash32, Level]]:
        """Return the blocks of tips that are not final, with the level that those have here."""
        unsure = TipRow.level.in_([Level.SEEN.value, Level.SAFE.value])
        query = select(TipRow.block, TipRow.level).where(unsure).distinct()
        return [(Hash32(block), Level(level)) for block, level in self._session.execute(query)]

    # ------------------------------------------------------------------------------------------ keys

    def seal_links_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count links' notes by how they are sealed, and seal them anew (``kit.sealing.SealsAnew``)."""
        query = select(TipLinkRow).where(TipLinkRow.id > after).order_by(TipLinkRow.id).limit(limit)
        rows: Sequence[TipLinkRow] = self._session.scalars(query.with_for_update() if change else query).all()
        for row in rows:
            if row.sealed is not None:
                row.sealed = self._seal().anew(row.sealed, _of_link(row.token), found, change=change)
        return rows[-1].id if rows else None

    def seal_terms_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Do the same for the notes of what may be paid."""
        query = select(TipTermsRow).where(TipTermsRow.id > after).order_by(TipTermsRow.id).limit(limit)
        rows: Sequence[TipTermsRow] = self._session.scalars(query.with_for_update() if change else query).all()
        for row in rows:
            if row.sealed is not None:
                row.sealed = self._seal().anew(row.sealed, _of_terms(Hash32(row.terms)), found, change=change)
        return rows[-1].id if rows else None

    # ------------------------------------------------------------------------------------------ within

    def _link_row(self, which: ColumnElement[bool], *, lock: bool) -> TipLinkRow | None:
        query = select(TipLinkRow).where(which).execution_options(populate_existing=True)
        return self._session.scalar(query.with_for_update() if lock else query)

    def _row(self, which: ColumnElement[bool], *, lock: bool) -> TipRow | None:
        query = select(TipRow).where(which).execution_options(populate_existing=True)
        return self._session.scalar(query.with_for_update() if lock else query)


_PAID: Final = select(TipRow.id).where(TipRow.link == TipLinkRow.id).exists()
"""Something was paid by a link."""
_SIGNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def random_id() -> str:
    """Return a new public name: 131 random bits, which tell nothing."""
    return "".join(secrets.choice(_SIGNS) for _ in range(22))


def _of_link(token: str) -> str:
    return f"tip-link:{token}"


def _of_terms(terms: Hash32) -> str:
    return f"tip-terms:{terms.hex()}"
