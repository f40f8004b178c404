"""Reading and writing tips: links, terms and what was paid; notes are sealed here; nothing is decided."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId, RoomId
from kit.sealing import Seal, Sealed
from ledger.model import Asset, Level
from payments.tips.model import Link, Tip, TipState, Wish
from payments.tips.onchain import SALT_BYTES
from payments.tips.tables import TipLinkRow, TipReceiverRow, TipRow, TipTermsRow


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
        """Note that somebody takes tips at a wallet, and at no other."""
        self.take_no_more(person)
        self._session.add(TipReceiverRow(person=person, wallet=bytes(wallet), since=now))
        self._session.flush()

    def take_no_more(self, person: PersonId) -> None:
        """Note that somebody takes none."""
        self._session.execute(delete(TipReceiverRow).where(TipReceiverRow.person == person))

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

    def of_hash(self, listing: Hash32) -> TipLinkRow | None:
        """Return a link's row by what stands for it on the chain, locked."""
        return self._link_row(TipLinkRow.chain_hash == bytes(listing), lock=True)

    def link(self, row: TipLinkRow) -> Link:
        """Return what a row says."""
        note = "" if row.sealed is None else self._seal().open(row.sealed, _of_link(row.token)).decode()
        return Link(
            token=row.token,
            giver=PersonId(row.giver or 0),
            receiver=None if row.receiver is None else PersonId(row.receiver),
            room=None if row.room is None else RoomId(row.room),
            event=row.event,
            wish=Wish(row.amount, note, row.public, row.anonymous),
            created_at=row.created_at,
        )

    def count_links(self, giver: PersonId, since: datetime) -> int:
        """Count the links that somebody was given since then."""
        query = select(func.count()).select_from(TipLinkRow)
        return self._session.scalar(query.where(TipLinkRow.giver == giver, TipLinkRow.created_at > since)) or 0

    def was_paid(self, row: TipLinkRow) -> bool:
        """Tell whether anything was ever paid by a link."""
        return self._session.scalar(select(TipRow.id).where(TipRow.link == row.id).limit(1)) is not None

    def is_told(self, row: TipLinkRow) -> bool:
        """Tell whether a tip stands that was paid by a link and is told of."""
        stands = TipRow.link == row.id, TipRow.state == TipState.PAID.value, TipRow.quiet.is_(False)
        return self._session.scalar(select(TipRow.id).where(*stands).limit(1)) is not None

    def drop_links(self, *which: ColumnElement[bool], limit: int | None = None) -> int:
        """Take out links of some kind that nothing was paid by; return how many went."""
        paid = select(TipRow.id).where(TipRow.link == TipLinkRow.id).exists()
        query = select(TipLinkRow.id).where(*which, ~paid).order_by(TipLinkRow.id).limit(limit)
        gone = self._session.scalars(query).all()
        self._session.execute(delete(TipTermsRow).where(TipTermsRow.link.in_(gone)))
        self._session.execute(delete(TipLinkRow).where(TipLinkRow.id.in_(gone)))
        return len(gone)

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
        terms = select(TipTermsRow.id).where(TipTermsRow.link.in_(paid), TipTermsRow.sealed.is_not(None)).limit(limit)
        links = select(TipLinkRow.id).where(TipLinkRow.id.in_(paid), TipLinkRow.sealed.is_not(None)).limit(limit)
        some, others = self._session.scalars(terms).all(), self._session.scalars(links).all()
        self._session.execute(update(TipTermsRow).where(TipTermsRow.id.in_(some)).values(sealed=None))
        self._session.execute(update(TipLinkRow).where(TipLinkRow.id.in_(others)).values(sealed=None))
        return len(some) + len(others)

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
            note=None if terms.sealed is None else self._opened(terms, terms.sealed)[1],
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

    def page(self, which: ColumnElement[bool], *, before: str | None, limit: int) -> list[Tip]:
        """Return tips, latest first, after the one that is named."""
        query = select(TipRow).where(which).order_by(TipRow.id.desc()).limit(limit)
        if before is not None:
            query = query.where(TipRow.id < select(TipRow.id).where(TipRow.token == before).scalar_subquery())
        return [self.tip(row) for row in self._session.scalars(query)]

    def paid_by(self, link: TipLinkRow) -> list[TipRow]:
        """Return the first tip by a link, if there is one."""
        query = select(TipRow).where(TipRow.link == link.id).order_by(TipRow.id).limit(1)
        return list(self._session.scalars(query))

    def some(self, *which: ColumnElement[bool]) -> list[TipRow]:
        """Return rows of tips, locked."""
        query = select(TipRow).where(*which).order_by(TipRow.id).with_for_update()
        return list(self._session.scalars(query.execution_options(populate_existing=True)))

    def unsure_blocks(self) -> dict[Hash32, Level]:
        """Return the blocks of tips that are not final, with the level that those have here."""
        unsure = TipRow.level.in_([Level.SEEN.value, Level.SAFE.value])
        query = select(TipRow.block, TipRow.level).where(unsure).distinct()
        return {Hash32(block): Level(level) for block, level in self._session.execute(query)}

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


_SIGNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def random_id() -> str:
    """Return a new public name: 131 random bits, which tell nothing."""
    return "".join(secrets.choice(_SIGNS) for _ in range(22))


def _of_link(token: str) -> str:
    return f"tip-link:{token}"


def _of_terms(terms: Hash32) -> str:
    return f"tip-terms:{terms.hex()}"
