"""Words: what people ever said of each other, by vouching or by what they did, as one word for each pair.

What is not meant for others is still its author's own: whom they exempted or invited they know, and nobody else hears.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, case, literal, select
from sqlalchemy.orm import Session

from kit.identifiers import PersonId
from reputation.evidence import MOST_WEIGHT, Audience
from reputation.model import ContactWhy
from reputation.tables import ContactRow, ExemptionRow, SpamVerdictRow, VouchRow

_ACQUAINTED: Final = 1
"""What to know somebody weighs: as much as the lightest vouch."""
_STREAMED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Word:
    """One person's word for another: ``said`` from -1 (spam) to 1 (they would answer for them), never 0."""

    author: PersonId
    subject: PersonId
    said: float
    at: datetime
    audience: Audience


def words(session: Session, now: datetime, authors: Collection[PersonId] | None = None) -> Iterator[Word]:
    """Give what these people (everybody, where ``None``) say at ``now``, one word for each pair.

    A vouch or a spam verdict, whichever is newer, goes before an acceptance, and that before an exemption or an invite.
    """
    found: dict[tuple[int, int], tuple[int, Word]] = {}
    for rank, query in enumerate(_queries(now)):
        authored = query if authors is None else query.where(query.selected_columns[0].in_(authors))
        for author, subject, weight, at, audience in session.execute(authored.execution_options(yield_per=_STREAMED)):
            word = Word(PersonId(author), PersonId(subject), weight / MOST_WEIGHT, at, Audience(audience))
            before = found.get((author, subject))
            if before is None or before[0] < _EXPLICIT or before[1].at <= at:
                found[author, subject] = rank, word
    return (word for _, word in found.values())


_EXPLICIT: Final = 2
"""From this query on, what is newer counts."""


def _queries(now: datetime) -> tuple[Select[*tuple[Any, ...]], ...]:
    """Return all that says something of somebody, what says least first."""
    trusted, myself = Audience.TRUSTED.value, Audience.MYSELF.value
    knows, accepted = literal(_ACQUAINTED), ContactRow.why == ContactWhy.ACCEPTED.value
    heard = case((accepted, trusted), else_=myself)
    return (
        select(ExemptionRow.person, ExemptionRow.other, knows, ExemptionRow.since, literal(myself)),
        select(ContactRow.person, ContactRow.other, knows, ContactRow.since, heard),
        select(VouchRow.author, VouchRow.subject, VouchRow.weight, VouchRow.since, VouchRow.audience).where(
            VouchRow.withdrawn_at.is_(None), VouchRow.until > now
        ),
        select(
            SpamVerdictRow.recipient,
            SpamVerdictRow.stranger,
            literal(-MOST_WEIGHT),
            SpamVerdictRow.since,
            literal(trusted),
        ),
    )
