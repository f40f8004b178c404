"""Vouches, in one transaction: people's words for each other, given, changed and withdrawn, and who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, delete, func, or_, select, union_all, update
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId
from ledger.people import People
from reputation.evidence import (
    LEAST_WEIGHT,
    MOST_KEPT,
    MOST_VOUCHES,
    MOST_WEIGHT,
    SAID_AGAIN,
    TOPIC,
    TRAIL_KEPT,
    VOUCH_LASTS,
    Audience,
    Vouch,
    may_see,
)
from reputation.model import ContactWhy
from reputation.tables import ContactRow, ExemptionRow, SpamVerdictRow, VouchRow

_MOST_SHOWN = 1_000


class Vouches:
    """What people say for others. Nothing of it is changed: a new word withdraws the old one, which stays as trail."""

    def __init__(self, session: Session, *, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    def vouch(
        self,
        author: PersonId,
        subject: PersonId,
        *,
        weight: int = LEAST_WEIGHT,
        audience: Audience = Audience.TRUSTED,
    ) -> Vouch:
        """Give one's word for somebody for a year from now, in the place of what one said of them before.

        ``weight``: 1 (I know them) to 3 (I would answer for them). Raises ``Invalid`` for oneself or another weight,
        ``Conflict`` for more people than one can know.
        """
        if author == subject:
            raise Invalid("vouch_self", "Nobody can vouch for themselves.")
        if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            raise Invalid("vouch_weight", f"A vouch weighs from {LEAST_WEIGHT} to {MOST_WEIGHT}.", most=MOST_WEIGHT)
        self._people.lock(author)  # two words of one person at once would both be counted as the last
        before = self._standing(author, subject)
        same = before is not None and (before.weight, before.audience) == (weight, audience.value)
        if before is not None and same and self._now - before.since < SAID_AGAIN:
            return _vouch(before)
        self._withdraw(author, subject)
        standing = select(func.count()).select_from(VouchRow).where(VouchRow.author == author, self._stands())
        if (self._session.scalar(standing) or 0) >= MOST_VOUCHES:
            raise Conflict(
                "vouches_full", f"You vouch for {MOST_VOUCHES} people already: withdraw one first.", most=MOST_VOUCHES
            )
        row = VouchRow(
            author=author,
            subject=subject,
            weight=weight,
            audience=audience.value,
            since=self._now,
            until=self._now + VOUCH_LASTS,
        )
        self._session.add(row)
        self._session.flush()
        self._shorten(author)
        touch(self._session, TOPIC, author)
        return _vouch(row)

    def withdraw(self, author: PersonId, subject: PersonId) -> Vouch:
        """Take one's word back. Raises ``NotFound`` where none stands."""
        row = self._standing(author, subject)
        if row is None or not self._withdraw(author, subject):
            raise NotFound("vouch_unknown", "You do not vouch for anybody of that name.")
        touch(self._session, TOPIC, author)
        self._session.refresh(row)
        return _vouch(row)

    def given(self, author: PersonId, *, past: bool = False) -> list[Vouch]:
        """Return for whom a person vouches, newest first; ``past``: also what they withdrew and what ran out."""
        query = select(VouchRow).where(VouchRow.author == author)
        return self._read(query if past else query.where(self._stands()))

    def seen(self, viewer: PersonId, subject: PersonId) -> list[Vouch]:
        """Return what people whom a viewer knows say for somebody, as far as each author's audience lets the viewer in.

        What strangers say is left out: anybody can have a thousand of them.
        """
        about = select(VouchRow).where(VouchRow.subject == subject, self._stands())
        known = self._known_to(viewer)
        found = self._read(about.where(or_(VouchRow.author == viewer, VouchRow.author.in_(known))))
        trusting = self._who_trust(viewer, [vouch.author for vouch in found])
        return [vouch for vouch in found if may_see(vouch, viewer, trusted=vouch.author in trusting)]

    def knowing(self, viewer: PersonId, subject: PersonId) -> set[PersonId]:
        """Return who of those whom a viewer knows know somebody, as far as each of them lets the viewer see it.

        To know is to have accepted, or to vouch. Whom somebody accepted is for those whom they trust, as a vouch is
        where its author says nothing else.
        """
        accepted = ContactRow.other == subject, ContactRow.why == ContactWhy.ACCEPTED.value
        query = select(ContactRow.person).where(*accepted, ContactRow.person.in_(self._known_to(viewer)))
        friends = [PersonId(person) for person in self._session.scalars(query.limit(_MOST_SHOWN))]
        return self._who_trust(viewer, friends) | {vouch.author for vouch in self.seen(viewer, subject)}

    def forget(self, person: PersonId) -> None:
        """Take out what a person said for others, and what others said for them, the trail of both too."""
        gone = delete(VouchRow).where(or_(VouchRow.author == person, VouchRow.subject == person))
        authors = self._session.scalars(gone.returning(VouchRow.author).execution_options(synchronize_session=False))
        touch(self._session, TOPIC, person, *authors)

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out some of those that ran out long ago; return whom they spoke of. Call it until it returns none."""
        old = select(VouchRow.id).where(VouchRow.until < self._now - TRAIL_KEPT).order_by(VouchRow.until).limit(limit)
        gone = delete(VouchRow).where(VouchRow.id.in_(old)).returning(VouchRow.subject)
        return [PersonId(each) for each in self._session.scalars(gone.execution_options(synchronize_session=False))]

    # -------------------------------------------------------------------------------------------- within

    def _stands(self) -> ColumnElement[bool]:
        return and_(VouchRow.withdrawn_at.is_(None), VouchRow.until > self._now)

    def _known_to(self, viewer: PersonId) -> CompoundSelect[Any]:
        spam = select(SpamVerdictRow.stranger).where(SpamVerdictRow.recipient == viewer)
        return union_all(
            select(ContactRow.other).where(ContactRow.person == viewer),
            select(ExemptionRow.other).where(ExemptionRow.person == viewer),
            select(VouchRow.subject).where(VouchRow.author == viewer, self._stands(), VouchRow.subject.not_in(spam)),
        )

    def _standing(self, author: PersonId, subject: PersonId) -> VouchRow | None:
        mine = VouchRow.author == author, VouchRow.subject == subject
        return self._session.scalar(select(VouchRow).where(*mine, self._stands()))

    def _withdraw(self, author: PersonId, subject: PersonId) -> bool:
        """Withdraw what was not withdrawn yet, run out or not: one row of a pair is the last word."""
        gone = self._session.execute(
            update(VouchRow)
            .where(VouchRow.author == author, VouchRow.subject == subject, VouchRow.withdrawn_at.is_(None))
            .values(withdrawn_at=self._now)
            .returning(VouchRow.id)
            .execution_options(synchronize_session=False)
        )
        return gone.first() is not None

    def _shorten(self, author: PersonId) -> None:
        """Let the oldest of what a person said in the past go, where it is very much."""
        past = VouchRow.author == author, or_(VouchRow.withdrawn_at.is_not(None), VouchRow.until <= self._now)
        newest = select(VouchRow.id).where(*past).order_by(VouchRow.id.desc()).limit(MOST_KEPT - MOST_VOUCHES)
        gone = delete(VouchRow).where(*past, VouchRow.id.not_in(newest)).returning(VouchRow.subject)
        subjects = self._session.scalars(gone.execution_options(synchronize_session=False))
        self._people.prune({PersonId(subject) for subject in subjects})

    def _read(self, query: Select[VouchRow]) -> list[Vouch]:
        rows = self._session.scalars(query.order_by(VouchRow.since.desc(), VouchRow.id.desc()).limit(_MOST_SHOWN))
        return [_vouch(row) for row in rows]

    def _who_trust(self, person: PersonId, authors: Sequence[PersonId]) -> set[PersonId]:
        """Return those of these who accepted a person, or vouch for them so that others may know."""
        accepted = ContactRow.why == ContactWhy.ACCEPTED.value
        trusting = union_all(
            select(ContactRow.person).where(ContactRow.other == person, ContactRow.person.in_(authors), accepted),
            select(VouchRow.author).where(
                VouchRow.subject == person,
                VouchRow.author.in_(authors),
                VouchRow.audience != Audience.MYSELF.value,
                self._stands(),
            ),
        )
        return {PersonId(author) for author in self._session.scalars(trusting)}


def _vouch(row: VouchRow) -> Vouch:
    return Vouch(
        author=PersonId(row.author),
        subject=PersonId(row.subject),
        weight=row.weight,
        audience=Audience(row.audience),
        since=row.since,
        until=row.until,
        withdrawn_at=row.withdrawn_at,
    )
