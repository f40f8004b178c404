"""The look-up: one reading query that tells of a knock whether it passes freely, and how long that may be remembered.

Most knocks are between people who know each other, and change nothing. They need no writing transaction, which SQLite
gives to one at a time; and what was found holds until something of the pair's changes. Whatever is not an admit, or has
something to be written down, is left to the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, null, select, true, tuple_
from sqlalchemy.orm import aliased

from kit.amounts import Amount
from kit.identifiers import PersonId, UserId
from ledger.store import people
from reputation.decision import decide, teaches
from reputation.model import LIVE, USE_NOTED, ContactWhy, Door, DoorMode, Facts, Knock
from reputation.tables import ContactRow, DoorRow, ExemptionRow, GrantRow, SpamVerdictRow, TenantRow
from reputation.verdict import Admit, Code

LONGEST = timedelta(hours=6)
"""How long an admit may be given from memory before it is looked up again, though nothing changed."""

_NOBODY = 0
_NEED_NOTHING_NOTED = {
    None: Code.EXEMPT,
    ContactWhy.ACCEPTED.value: Code.ACCEPTED_BEFORE,
    ContactWhy.IMPORTED.value: Code.KNOWN_BEFORE,
}


@dataclass(frozen=True, slots=True)
class Passing:
    """An admit that changes nothing, good for every room until ``until``, or until a change of one of ``subjects``."""

    verdict: Admit
    subjects: tuple[int, int]
    until: datetime
    counted: bool = False
    """Whether it is to be counted as let in by the door itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up found: the admit, or ``None`` where the gate has to be asked; ``known``: before strangers.

    ``rules``: whose door's rules it will be put to then.
    """

    passing: Passing | None
    known: bool
    rules: PersonId | None = None


@dataclass(frozen=True, slots=True)
class KnownPair:
    """Somebody whom a person accepted, exempted or knew before, and who therefore passes freely."""

    person: PersonId
    person_id: UserId
    other: PersonId
    other_id: UserId
    code: Code


_invitee, _inviter = people.named("invitee"), people.named("inviter")
_known, _knows = aliased(ContactRow), aliased(ContactRow)
"""The invitee's contact with the inviter, and the inviter's with the invitee."""


def _used(contact: Any) -> Any:  # noqa: ANN401 - an alias of the table, and an expression on it
    return func.coalesce(contact.used_at, contact.since, type_=ContactRow.since.type)


# Made once: SQLAlchemy then finds its text without going through its parts' meaning again.
_QUERY = (
    select(
        TenantRow.leaving,
        _invitee.c.id,
        _inviter.c.id,
        DoorRow.mode,
        DoorRow.stake,
        DoorRow.fee,
        ExemptionRow.person,
        SpamVerdictRow.recipient,
        _known.why,
        _used(_known),
        _knows.why,
        _used(_knows),
        select(GrantRow.stake_id)
        .where(GrantRow.stranger == _inviter.c.id, GrantRow.recipient == _invitee.c.id)
        .where(GrantRow.state.in_(sorted(LIVE)))
        .exists(),
    )
    .select_from(TenantRow)
    .outerjoin(_invitee, true())
    .outerjoin(_inviter, true())
    .outerjoin(DoorRow, DoorRow.person == _invitee.c.id)
    .outerjoin(ExemptionRow, and_(ExemptionRow.person == _invitee.c.id, ExemptionRow.other == _inviter.c.id))
    .outerjoin(
        SpamVerdictRow, and_(SpamVerdictRow.recipient == _invitee.c.id, SpamVerdictRow.stranger == _inviter.c.id)
    )
    .outerjoin(_known, and_(_known.person == _invitee.c.id, _known.other == _inviter.c.id))
    .outerjoin(_knows, and_(_knows.person == _inviter.c.id, _knows.other == _invitee.c.id))
    .where(TenantRow.id == bindparam("tenant"))
)


def look_up(connection: Connection, knock: Knock, *, now: datetime, bot: UserId | None) -> Found:
    """Return what a knock meets, as far as it can be told without stakes and prices, and without writing."""
    asked = {"tenant": knock.tenant, "invitee": knock.invitee, "inviter": knock.inviter}
    row = connection.execute(_QUERY, asked).one_or_none()
    if row is None:
        return Found(None, known=False)
    leaving, recipient, stranger, mode, stake, fee, exempt, spam, known, known_used, knows, knows_used, granted = row
    door = Door() if mode is None else Door(DoorMode(mode), Amount(stake), Amount(fee))
    facts = Facts(
        chain_time=0,  # no stake is looked at
        bot=bot,
        leaving=leaving,
        called_spam=spam is not None,
        exempt=exempt is not None,
        contact=None if known is None else ContactWhy(known),
    )
    met = bool(granted) or (spam is None and (known is not None or exempt is not None or knows is not None))
    verdict = decide(knock, door, facts)
    if not isinstance(verdict, Admit):
        return Found(None, known=met, rules=PersonId(recipient) if door.mode is DoorMode.RULES else None)
    code, until, inviter = verdict.because[0].code, now + LONGEST, _NOBODY
    if code is Code.CONTACTED_FIRST:
        until = min(until, known_used + USE_NOTED)
    if not leaving and teaches(knock, bot):
        if knows is None:
            return Found(None, known=met)
        inviter = stranger
        if knows == ContactWhy.INVITED:
            until = min(until, knows_used + USE_NOTED)
    if until < now:
        return Found(None, known=met)  # it is to be noted that it matters that they know each other
    if code is Code.DOOR_OPEN and mode is None:
        until = now  # their number, if they have one, may change: nothing of theirs holds on to it
    counted = code is Code.DOOR_OPEN and mode is not None
    return Found(Passing(verdict, (recipient or _NOBODY, inviter), until, counted), known=met)


def known_pairs(connection: Connection, after: tuple[int, int], limit: int, *, exempt: bool) -> Sequence[KnownPair]:
    """Return some of those who pass freely and need nothing noted, after that pair, by number."""
    table: Any = ExemptionRow if exempt else ContactRow
    person, other = people.names("person"), people.names("other")
    query = (
        select(table.person, person.c.mxid, table.other, other.c.mxid, null() if exempt else ContactRow.why)
        .join(person, person.c.id == table.person)
        .join(other, other.c.id == table.other)
        .where(tuple_(table.person, table.other) > after)
        .where(true() if exempt else ContactRow.why.in_(list(filter(None, _NEED_NOTHING_NOTED))))
        .where(
            ~select(SpamVerdictRow.since)
            .where(SpamVerdictRow.recipient == table.person, SpamVerdictRow.stranger == table.other)
            .exists()
        )
        .order_by(table.person, table.other)
        .limit(limit)
    )
    return [
        KnownPair(PersonId(row[0]), UserId(row[1]), PersonId(row[2]), UserId(row[3]), _NEED_NOTHING_NOTED[row[4]])
        for row in connection.execute(query)
    ]
