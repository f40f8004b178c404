"""Words: what people ever said of each other, by vouch, by report or by what they did, as one word for each pair.

What is not meant for others is still its author's own: whom they exempted or invited they know, and nobody else hears.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Select, bindparam, case, literal, select, union_all
from sqlalchemy.orm import Session

from kit.database import UtcDateTime
from kit.identifiers import PersonId
from reputation.bonds import WHOLE
from reputation.evidence import MOST_WEIGHT, Audience
from reputation.model import ContactWhy
from reputation.tables import ContactRow, ExemptionRow, SpamVerdictRow, WordRow
from reputation.trust.formula import bond_factor

_ACQUAINTED: Final = 1
"""What to know somebody weighs: as much as the lightest vouch."""
_SAID: Final = 2
"""The rank of what was said outright."""
_STREAMED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Word:
    """One person's word for another: ``said`` from -1 (spam, a report) to 1 (they would answer for them), never 0."""

    author: PersonId
    subject: PersonId
    said: float
    at: datetime
    audience: Audience
    bond: float = 1.0
    """What money behind a vouch multiplies it by."""


def words(
    session: Session,
    now: datetime,
    authors: Collection[PersonId] | None = None,
    *,
    put_down: Mapping[tuple[PersonId, PersonId], int] | None = None,
) -> Iterator[Word]:
    """Give what these people (everybody, where ``None``) say at ``now``, one word for each pair, and keep none of it.

    A vouch, a report or a spam verdict, whichever is newest, goes before an acceptance, and that before an exemption or
    an invite. ``put_down``: how much money each has open for each, which counts where they vouch.
    """
    values: dict[str, Any] = {"now": now} if authors is None else {"now": now, "authors": list(authors)}
    rows = session.execute(_statement(of_some=authors is not None), values)
    for (author, subject), of_pair in groupby(rows, key=lambda row: (row.author, row.subject)):
        *_, last = of_pair
        money = (put_down or {}).get((author, subject), 0) if last.rank == _SAID and last.weight > 0 else 0
        yield Word(
            PersonId(author),
            PersonId(subject),
            last.weight / MOST_WEIGHT,
            last.at,
            Audience(last.audience),
            bond_factor(money / WHOLE),
        )


@cache
def _statement(*, of_some: bool) -> Select[*tuple[Any, ...]]:
    """Return the question, made once: to make it takes ten times as long as to have it answered."""
    said = union_all(*_queries()).subquery()
    query = select(said).order_by(said.c.author, said.c.subject, said.c.rank, said.c.at)
    if of_some:
        query = query.where(said.c.author.in_(bindparam("authors", expanding=True)))
    return query.execution_options(yield_per=_STREAMED)


def _queries() -> Iterator[Select[*tuple[Any, ...]]]:
    """Give all that says something of somebody: what counts last of a pair's is ranked highest, and then is newest."""
    trusted, myself = Audience.TRUSTED.value, Audience.MYSELF.value
    accepted = ContactRow.why == ContactWhy.ACCEPTED.value
    acquainted, spam = literal(_ACQUAINTED), literal(-MOST_WEIGHT)
    heard, contact = case((accepted, trusted), else_=myself), case((accepted, 1), else_=0)
    stands = WordRow.withdrawn_at.is_(None), WordRow.until > bindparam("now", type_=UtcDateTime)
    for author, subject, rank, weight, at, audience, where in (
        (ExemptionRow.person, ExemptionRow.other, literal(0), acquainted, ExemptionRow.since, literal(myself), ()),
        (ContactRow.person, ContactRow.other, contact, acquainted, ContactRow.since, heard, ()),
        (WordRow.author, WordRow.subject, literal(_SAID), WordRow.weight, WordRow.since, WordRow.audience, stands),
        (
            SpamVerdictRow.recipient,
            SpamVerdictRow.stranger,
            literal(_SAID),
            spam,
            SpamVerdictRow.since,
            literal(trusted),
            (),
        ),
    ):
        yield select(
            author.label("author"),
            subject.label("subject"),
            rank.label("rank"),
            weight.label("weight"),
            at.label("at"),
            audience.label("audience"),
        ).where(*where)
