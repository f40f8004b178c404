"""Vouches and reports, in one transaction: people's words of each other, given and withdrawn, and who may see them."""

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
    MOST_WEIGHT,
    MOST_WORDS,
    SAID_AGAIN,
    TOPIC,
    TRAIL_KEPT,
    WORD_LASTS,
    Audience,
    Reason,
    Said,
    may_see,
)
from reputation.model import ContactWhy
from reputation.tables import ContactRow, ExemptionRow, SpamVerdictRow, WordRow

_MOST_SHOWN = 1_000
_FOR, _AGAINST = WordRow.weight > 0, WordRow.weight < 0


class Vouches:
    """What people say of others. Nothing of it is changed: a new word withdraws the old one, which stays as trail."""

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
    ) -> Said:
        """Give one's word for somebody for a year from now, in the place of what one said of them before.

        ``weight``: 1 (I know them) to 3 (I would answer for them). Raises ``Invalid`` for oneself or another weight,
        ``Conflict`` for more people than one can know.
        """
        if author == subject:
            raise Invalid("vouch_self", "Nobody can vouch for themselves.")
        if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            raise Invalid("vouch_weight", f"A vouch weighs from {LEAST_WEIGHT} to {MOST_WEIGHT}.", most=MOST_WEIGHT)
        return self._say(author, subject, weight, None, audience)

    def report(
        self, author: PersonId, subject: PersonId, reason: Reason, *, audience: Audience = Audience.TRUSTED
    ) -> Said:
        """Give one's word against somebody for a year from now, in the place of what one said of them before.

        It weighs as much as calling them spam, and does nothing else: whom one reports is answered as before. Raises
        ``Invalid`` for oneself, ``Conflict`` for more people than one can know.
        """
        if author == subject:
            raise Invalid("report_self", "Nobody can report themselves.")
        return self._say(author, subject, -MOST_WEIGHT, reason, audience)

    def withdraw(self, author: PersonId, subject: PersonId, *, good: bool | None = None) -> Said:
        """Take one's word back: any, or where told only one for them (``good``) or against. Raises ``NotFound``."""
        self._people.lock(author)  # else a report that takes the vouch's place at this moment would go in its stead
        row = self._standing(author, subject)
        if row is None or (good is not None and good is not (row.weight > 0)) or not self._withdraw(author, subject):
            if good:
                raise NotFound("vouch_unknown", "You do not vouch for anybody of that name.")
            raise NotFound("word_unknown", "You say nothing of anybody of that name.")
        touch(self._session, TOPIC, author)
        self._session.refresh(row)
        return _said(row)

    def given(self, author: PersonId, *, past: bool = False, good: bool | None = None) -> list[Said]:
        """Return what a person says of others, newest first; ``past``: also what they withdrew and what ran out.

        ``good``: only what they say for others, or only what against.
        """
        query = select(WordRow).where(WordRow.author == author)
        if good is not None:
            query = query.where(_FOR if good else _AGAINST)
        return self._read(query if past else query.where(self._stands()))

    def seen(self, viewer: PersonId, subject: PersonId) -> list[Said]:
        """Return what people whom a viewer knows say for somebody, as far as each author's audience lets the viewer in.

        What strangers say is left out: anybody can have a thousand of them.
        """
        return self._seen(viewer, subject, _FOR)

    def reported(self, viewer: PersonId, subject: PersonId) -> list[Said]:
        """Return the same of what they say against somebody."""
        return self._seen(viewer, subject, _AGAINST)

    def knowing(self, viewer: PersonId, subject: PersonId) -> set[PersonId]:
        """Return who of those whom a viewer knows know somebody, as far as each of them lets the viewer see it.

        To know is to have accepted, or to vouch, and not to have reported since. Whom somebody accepted is for those
        whom they trust, as a vouch is where its author says nothing else.
        """
        accepted = ContactRow.other == subject, ContactRow.why == ContactWhy.ACCEPTED.value
        query = select(ContactRow.person).where(
            *accepted,
            ContactRow.person.in_(self._known_to(viewer)),
            ContactRow.person.not_in(self._reporting(subject)),
        )
        friends = [PersonId(person) for person in self._session.scalars(query.limit(_MOST_SHOWN))]
        return self._who_trust(viewer, friends) | {said.author for said in self.seen(viewer, subject)}

    def forget(self, person: PersonId) -> None:
        """Take out what a person said of others, and what others said of them, the trail of both too."""
        gone = delete(WordRow).where(or_(WordRow.author == person, WordRow.subject == person))
        authors = self._session.scalars(gone.returning(WordRow.author).execution_options(synchronize_session=False))
        touch(self._session, TOPIC, person, *authors)

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out some of those that ran out long ago; return whom they spoke of. Call it until it returns none."""
        old = select(WordRow.id).where(WordRow.until < self._now - TRAIL_KEPT).order_by(WordRow.until).limit(limit)
        gone = delete(WordRow).where(WordRow.id.in_(old)).returning(WordRow.subject)
        return [PersonId(each) for each in self._session.scalars(gone.execution_options(synchronize_session=False))]

    # -------------------------------------------------------------------------------------------- within

    def _say(self, author: PersonId, subject: PersonId, weight: int, reason: Reason | None, audience: Audience) -> Said:
        self._people.lock(author)  # two words of one person at once would both be counted as the last
        before = self._standing(author, subject)
        if before is not None and self._now - before.since < SAID_AGAIN:
            told = _said(before)
            if (told.weight, told.reason, told.audience) == (weight, reason, audience):
                return told
        self._withdraw(author, subject)
        standing = select(func.count()).select_from(WordRow).where(WordRow.author == author, self._stands())
        if (self._session.scalar(standing) or 0) >= MOST_WORDS:
            raise Conflict(
                "words_full", f"You have a word for {MOST_WORDS} people already: withdraw one first.", most=MOST_WORDS
            )
        row = WordRow(
            author=author,
            subject=subject,
            weight=weight,
            reason=None if reason is None else reason.value,
            audience=audience.value,
            since=self._now,
            until=self._now + WORD_LASTS,
        )
        self._session.add(row)
        self._session.flush()
        self._shorten(author)
        touch(self._session, TOPIC, author)
        return _said(row)

    def _seen(self, viewer: PersonId, subject: PersonId, which: ColumnElement[bool]) -> list[Said]:
        about = select(WordRow).where(WordRow.subject == subject, which, self._stands())
        found = self._read(about.where(or_(WordRow.author == viewer, WordRow.author.in_(self._known_to(viewer)))))
        trusting = self._who_trust(viewer, [said.author for said in found])
        return [said for said in found if may_see(said, viewer, trusted=said.author in trusting)]

    def _stands(self) -> ColumnElement[bool]:
        return and_(WordRow.withdrawn_at.is_(None), WordRow.until > self._now)

    def _known_to(self, viewer: PersonId) -> CompoundSelect[Any]:
        spam = select(SpamVerdictRow.stranger).where(SpamVerdictRow.recipient == viewer)
        reported = select(WordRow.subject).where(WordRow.author == viewer, _AGAINST, self._stands())
        return union_all(
            select(ContactRow.other).where(ContactRow.person == viewer, ContactRow.other.not_in(reported)),
            select(ExemptionRow.other).where(ExemptionRow.person == viewer, ExemptionRow.other.not_in(reported)),
            select(WordRow.subject).where(WordRow.author == viewer, _FOR, self._stands(), WordRow.subject.not_in(spam)),
        )

    def _reporting(self, subject: PersonId) -> Select[int]:
        """Select who reports somebody, for whomever that is: they do not trust them, whatever they said before."""
        return select(WordRow.author).where(WordRow.subject == subject, _AGAINST, self._stands())

    def _standing(self, author: PersonId, subject: PersonId) -> WordRow | None:
        mine = WordRow.author == author, WordRow.subject == subject
        return self._session.scalar(select(WordRow).where(*mine, self._stands()))

    def _withdraw(self, author: PersonId, subject: PersonId) -> bool:
        """Withdraw what was not withdrawn yet, run out or not: one row of a pair is the last word."""
        gone = self._session.execute(
            update(WordRow)
            .where(WordRow.author == author, WordRow.subject == subject, WordRow.withdrawn_at.is_(None))
            .values(withdrawn_at=self._now)
            .returning(WordRow.id)
            .execution_options(synchronize_session=False)
        )
        return gone.first() is not None

    def _shorten(self, author: PersonId) -> None:
        """Let the oldest of what a person said in the past go, where it is very much."""
        past = WordRow.author == author, or_(WordRow.withdrawn_at.is_not(None), WordRow.until <= self._now)
        newest = select(WordRow.id).where(*past).order_by(WordRow.id.desc()).limit(MOST_KEPT - MOST_WORDS)
        gone = delete(WordRow).where(*past, WordRow.id.not_in(newest)).returning(WordRow.subject)
        subjects = self._session.scalars(gone.execution_options(synchronize_session=False)).all()
        if subjects:
            self._people.prune({PersonId(subject) for subject in subjects})

    def _read(self, query: Select[WordRow]) -> list[Said]:
        rows = self._session.scalars(query.order_by(WordRow.since.desc(), WordRow.id.desc()).limit(_MOST_SHOWN))
        return [_said(row) for row in rows]

    def _who_trust(self, person: PersonId, authors: Sequence[PersonId]) -> set[PersonId]:
        """Return those of these who accepted a person, or vouch for them so that others may know."""
        accepted = ContactRow.why == ContactWhy.ACCEPTED.value
        trusting = union_all(
            select(ContactRow.person).where(
                ContactRow.other == person,
                ContactRow.person.in_(authors),
                ContactRow.person.not_in(self._reporting(person)),
                accepted,
            ),
            select(WordRow.author).where(
                WordRow.subject == person,
                WordRow.author.in_(authors),
                WordRow.audience != Audience.MYSELF.value,
                _FOR,
                self._stands(),
            ),
        )
        return {PersonId(author) for author in self._session.scalars(trusting)}


def _said(row: WordRow) -> Said:
    return Said(
        author=PersonId(row.author),
        subject=PersonId(row.subject),
        weight=row.weight,
        audience=Audience(row.audience),
        since=row.since,
        until=row.until,
        reason=None if row.reason is None else Reason(row.reason),
        withdrawn_at=row.withdrawn_at,
    )
