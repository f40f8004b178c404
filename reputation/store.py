"""Reading and writing the gate's tables; rows become values here, and nothing is decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.amounts import Amount
from kit.database import Base
from kit.identifiers import Address, Hash32, PersonId, RoomId
from payments.stakes.model import Stake
from reputation.model import (
    LIVE,
    ONE_KNOCK,
    USE_NOTED,
    ContactWhy,
    Door,
    DoorMode,
    Grant,
    GrantState,
    KnockCount,
    Repeats,
)
from reputation.pricing import USUAL, Caps
from reputation.tables import ContactRow, DoorRow, ExemptionRow, GrantRow, KnockRow, SpamVerdictRow
from reputation.versions import door_in_force

_MOST_KNOCKS = 2**31 - 1
_LONGEST_ORIGIN = 255
_LIVE = sorted(LIVE)
_ALL = 2**31 - 1


class GateStore:
    """Doors and what people think of each other, in one transaction."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    def _insert(self, table: type[Base]) -> Any:  # noqa: ANN401 - either dialect's own Insert
        postgres = self._session.get_bind().dialect.name == "postgresql"
        return postgresql.insert(table) if postgres else sqlite.insert(table)

    # -------------------------------------------------------------------------------------------- doors

    def door(self, person: PersonId) -> Door:
        """Return a person's door; an open one where they never said."""
        row = self._session.get(DoorRow, person, populate_existing=True)
        if row is None:
            return Door()
        payee = None if row.fee_payee is None else Address(row.fee_payee)
        caps = Caps(row.most_open or USUAL.most_open, row.most_a_day or USUAL.most_a_day)
        mode = DoorMode(row.mode)
        rules = door_in_force(self._session, row.changed_at, person) if mode is DoorMode.RULES else None
        return Door(mode, Amount(row.stake), Amount(row.fee), payee, caps, None if rules is None else rules.policy)

    def has_door(self, person: PersonId) -> bool:
        """Tell whether a person ever set their door."""
        return self._session.scalar(select(DoorRow.person).where(DoorRow.person == person)) is not None

    def set_door(self, person: PersonId, door: Door, now: datetime) -> None:
        """Give a person this door."""
        values = {
            "mode": door.mode.value,
            "stake": door.stake.base_units,
            "fee": door.fee.base_units,
            "fee_payee": door.fee_payee,
            # Whoever left it at what is usual follows it.
            "most_open": door.caps.most_open if door.caps.most_open != USUAL.most_open else None,
            "most_a_day": door.caps.most_a_day if door.caps.most_a_day != USUAL.most_a_day else None,
            "changed_at": now,
        }
        statement = self._insert(DoorRow).values(person=person, **values)
        self._session.execute(statement.on_conflict_do_update(index_elements=[DoorRow.person], set_=values))

    # -------------------------------------------------------------------------------------------- what people know

    def exempt(self, person: PersonId, other: PersonId, now: datetime) -> bool:
        """Let ``other`` pass free; ``False`` where they do already."""
        statement = self._insert(ExemptionRow).values(person=person, other=other, since=now)
        return self._added(statement, ExemptionRow.other)

    def unexempt(self, person: PersonId, other: PersonId) -> bool:
        """Take an exemption back; ``False`` where there is none."""
        where = and_(ExemptionRow.person == person, ExemptionRow.other == other)
        return self._deleted(ExemptionRow, where)

    def exemptions(self, person: PersonId) -> list[PersonId]:
        """Return whom a person exempted, oldest first."""
        query = select(ExemptionRow.other).where(ExemptionRow.person == person)
        return [PersonId(other) for other in self._session.scalars(query.order_by(ExemptionRow.since))]

    def is_exempt(self, person: PersonId, other: PersonId) -> bool:
        """Tell whether a person exempted another."""
        where = and_(ExemptionRow.person == person, ExemptionRow.other == other)
        return self._session.scalar(select(ExemptionRow.person).where(where)) is not None

    def contact(self, person: PersonId, other: PersonId) -> ContactWhy | None:
        """Return how a person came to know another."""
        where = and_(ContactRow.person == person, ContactRow.other == other)
        why = self._session.scalar(select(ContactRow.why).where(where))
        return None if why is None else ContactWhy(why)

    def learn_contact(self, person: PersonId, other: PersonId, why: ContactWhy, now: datetime) -> bool:
        """Remember that a person knows another; the first way they came to it stays; ``False`` where it was known."""
        statement = self._insert(ContactRow).values(person=person, other=other, why=why.value, since=now)
        return self._added(statement, ContactRow.other)

    def use_contact(self, person: PersonId, other: PersonId, now: datetime) -> bool:
        """Remember that it matters that a person knows another, to a day; ``False`` where that is known."""
        used = self._session.execute(
            update(ContactRow)
            .where(ContactRow.person == person, ContactRow.other == other, ContactRow.why == ContactWhy.INVITED.value)
            .where(func.coalesce(ContactRow.used_at, ContactRow.since) < now - USE_NOTED)
            .values(used_at=now)
            .returning(ContactRow.other)
            .execution_options(synchronize_session=False)
        )
        return used.first() is not None

    def drop_contact(self, person: PersonId, other: PersonId) -> bool:
        """Forget that a person knows another."""
        return self._deleted(ContactRow, and_(ContactRow.person == person, ContactRow.other == other))

    def contacts(self, person: PersonId) -> list[PersonId]:
        """Return whom a person knows, oldest first."""
        rows = self._session.scalars(
            select(ContactRow.other).where(ContactRow.person == person).order_by(ContactRow.since, ContactRow.other)
        )
        return [PersonId(other) for other in rows]

    def call_spam(self, recipient: PersonId, stranger: PersonId, now: datetime) -> bool:
        """Remember a spam verdict; ``False`` where it stands already."""
        statement = self._insert(SpamVerdictRow).values(recipient=recipient, stranger=stranger, since=now)
        return self._added(statement, SpamVerdictRow.stranger)

    def lift_spam(self, recipient: PersonId, stranger: PersonId) -> bool:
        """Take a spam verdict back; ``False`` where there is none."""
        where = and_(SpamVerdictRow.recipient == recipient, SpamVerdictRow.stranger == stranger)
        return self._deleted(SpamVerdictRow, where)

    def called_spam(self, recipient: PersonId, stranger: PersonId) -> bool:
        """Tell whether a recipient called a stranger spam."""
        where = and_(SpamVerdictRow.recipient == recipient, SpamVerdictRow.stranger == stranger)
        return self._session.scalar(select(SpamVerdictRow.since).where(where)) is not None

    # -------------------------------------------------------------------------------------------- grants

    def grant_row(self, stake_id: Hash32, *, lock: bool = False) -> GrantRow | None:
        """Return the grant of a stake, locked against other writers where ``lock``."""
        return self._session.get(GrantRow, bytes(stake_id), with_for_update=lock or None, populate_existing=True)

    def add_grant(self, stake: Stake, stranger: PersonId, recipient: PersonId, origin: str) -> GrantRow:
        """Keep a new grant; it opens nothing before it is confirmed."""
        row = GrantRow(
            stake_id=stake.id,
            stranger=stranger,
            recipient=recipient,
            state=GrantState.UNCONFIRMED.value,
            opened_at=stake.opened_at,
            closes_at=stake.terms.answer_by,
            payer=stake.terms.payer,
            return_to=stake.terms.return_to,
            origin=origin[:_LONGEST_ORIGIN],
        )
        self._session.add(row)
        self._session.flush()
        return row

    def live_grants(self, stranger: PersonId, recipient: PersonId) -> tuple[Grant, ...]:
        """Return the pair's live grants, first closing first."""
        query = (
            select(GrantRow.stake_id, GrantRow.closes_at, GrantRow.state, GrantRow.pending_room, GrantRow.pending_since)
            .where(GrantRow.stranger == stranger, GrantRow.recipient == recipient)
            .where(GrantRow.state.in_(_LIVE))
            .order_by(GrantRow.closes_at, GrantRow.stake_id)
        )
        return tuple(
            Grant(Hash32(stake), closes_at, state == GrantState.OPEN, None if room is None else RoomId(room), since)
            for stake, closes_at, state, room, since in self._session.execute(query)
        )

    def unconfirmed(self) -> list[Hash32]:
        """Return the stakes that stand on the chain but are not yet sure enough to open their doors."""
        query = select(GrantRow.stake_id).where(GrantRow.state == text(f"'{GrantState.UNCONFIRMED}'"))
        return [Hash32(stake) for stake in self._session.scalars(query.order_by(GrantRow.stake_id))]

    def claim_grant(self, stake_id: Hash32, room: RoomId, at: datetime) -> bool:
        """Let a grant's one pending invite be this one; ``False`` where another came first or the grant ended."""
        claimed = self._session.execute(
            update(GrantRow)
            .where(GrantRow.stake_id == stake_id, GrantRow.state == GrantState.OPEN.value)
            .where(GrantRow.pending_room.is_(None))
            .values(pending_room=room, pending_since=at)
            .returning(GrantRow.stake_id)
            .execution_options(synchronize_session=False)
        )
        return claimed.first() is not None

    def grants_of(
        self,
        *,
        recipient: PersonId | None = None,
        stranger: PersonId | None = None,
        states: Collection[GrantState] | None = None,
    ) -> Sequence[GrantRow]:
        """Return grants by either side and states, first closing first."""
        query = select(GrantRow).order_by(GrantRow.closes_at, GrantRow.stake_id)
        if recipient is not None:
            query = query.where(GrantRow.recipient == recipient)
        if stranger is not None:
            query = query.where(GrantRow.stranger == stranger)
        if states is not None:
            query = query.where(GrantRow.state.in_([state.value for state in states]))
        return self._session.scalars(query.execution_options(populate_existing=True)).all()

    def pending_in(self, recipient: PersonId, room: RoomId) -> list[Hash32]:
        """Return the stakes of the recipient's live grants whose pending invite is to this room."""
        query = select(GrantRow.stake_id).where(
            GrantRow.recipient == recipient,
            GrantRow.state.in_(_LIVE),
            GrantRow.pending_room == room,
        )
        return [Hash32(stake) for stake in self._session.scalars(query)]

    def arrived(self, *, limit: int) -> list[Hash32]:
        """Return the stakes of open grants whose invite arrived and that wait for an answer, newest invite first."""
        query = (
            select(GrantRow.stake_id)
            .where(GrantRow.state == GrantState.OPEN.value, GrantRow.pending_room.is_not(None))
            .where(GrantRow.answer.is_(None))
            .order_by(GrantRow.pending_since.desc())
            .limit(limit)
        )
        return [Hash32(stake) for stake in self._session.scalars(query)]

    # -------------------------------------------------------------------------------------------- knocks

    def count_knock(
        self, stranger: PersonId, recipient: PersonId, *, room: RoomId, at: datetime, codes: Collection[str]
    ) -> None:
        """Count a knock that was not let through; calls of the same knock are counted once."""
        word = ",".join(codes)[:100]
        statement = self._insert(KnockRow).values(
            stranger=stranger,
            recipient=recipient,
            count=1,
            first_at=at,
            last_at=at,
            last_room=room,
            last_codes=word,
        )
        same = and_(KnockRow.last_room == room, KnockRow.last_at > at - ONE_KNOCK)
        full = KnockRow.count >= _MOST_KNOCKS
        self._session.execute(
            statement.on_conflict_do_update(
                index_elements=[KnockRow.stranger, KnockRow.recipient],
                set_={
                    "count": case((or_(same, full), KnockRow.count), else_=KnockRow.count + 1),
                    "last_at": case((KnockRow.last_at > at, KnockRow.last_at), else_=statement.excluded.last_at),
                    "last_room": room,
                    "last_codes": word,
                },
            )
        )

    def count_repeats(self, repeats: Sequence[Repeats]) -> None:
        """Add to the counts of pairs that have one; always in one order, so that two never wait for each other."""
        if not repeats:
            return
        more, at = bindparam("more", type_=KnockRow.count.type), bindparam("at", type_=KnockRow.last_at.type)
        statement = (
            update(KnockRow)
            .where(KnockRow.stranger == bindparam("of"), KnockRow.recipient == bindparam("door"))
            .values(
                count=case((KnockRow.count > _MOST_KNOCKS - more, _MOST_KNOCKS), else_=KnockRow.count + more),
                last_room=case((KnockRow.last_at > at, KnockRow.last_room), else_=bindparam("room")),
                last_at=case((KnockRow.last_at > at, KnockRow.last_at), else_=at),
            )
        )
        values = [
            {"of": each.stranger, "door": each.recipient, "more": each.count, "room": each.room, "at": each.at}
            for each in sorted(repeats, key=lambda each: (each.stranger, each.recipient))
        ]
        self._session.connection().execute(statement, values)

    def knocks_at(self, recipient: PersonId, limit: int) -> list[KnockCount]:
        """Return who was not let through, latest first."""
        query = select(KnockRow).where(KnockRow.recipient == recipient)
        query = query.order_by(KnockRow.last_at.desc(), KnockRow.stranger).limit(limit)
        return [_count(row) for row in self._session.scalars(query.execution_options(populate_existing=True))]

    def strangers_at(self, recipient: PersonId, *, since: datetime, limit: int) -> list[PersonId]:
        """Return who was not let through after that, latest first."""
        query = select(KnockRow.stranger).where(KnockRow.recipient == recipient, KnockRow.last_at > since)
        rows = self._session.scalars(query.order_by(KnockRow.last_at.desc()).limit(limit))
        return [PersonId(stranger) for stranger in rows]

    def count_strangers_at(self, recipient: PersonId, *, since: datetime) -> int:
        """Count who was not let through after that."""
        query = select(func.count()).where(KnockRow.recipient == recipient, KnockRow.last_at > since)
        return self._session.scalar(query) or 0

    def knock_count(self, stranger: PersonId, recipient: PersonId) -> KnockCount | None:
        """Return how often one stranger was not let through."""
        row = self._session.get(KnockRow, (stranger, recipient), populate_existing=True)
        return None if row is None else _count(row)

    def drop_knocks(self, *, before: datetime, limit: int) -> list[PersonId]:
        """Forget knocks whose last one is older than that, the oldest first; return their strangers."""
        old = select(KnockRow.stranger, KnockRow.recipient).where(KnockRow.last_at < before)
        gone = self._session.scalars(
            delete(KnockRow)
            .where(tuple_(KnockRow.stranger, KnockRow.recipient).in_(old.order_by(KnockRow.last_at).limit(limit)))
            .returning(KnockRow.stranger)
            .execution_options(synchronize_session=False)
        )
        return [PersonId(stranger) for stranger in gone]

    def drop_contacts(self, *, before: datetime, limit: int) -> list[tuple[PersonId, PersonId]]:
        """Forget people who were invited and for whom it has not mattered since then; return by whom, and who."""
        used = func.coalesce(ContactRow.used_at, ContactRow.since)
        old = select(ContactRow.person, ContactRow.other).where(
            ContactRow.why == ContactWhy.INVITED.value,
            or_(ContactRow.used_at < before, and_(ContactRow.used_at.is_(None), ContactRow.since < before)),
        )
        return self._drop_contacts(old.order_by(used).limit(limit))

    def drop_least_used(self, person: PersonId, *, beyond: int) -> list[tuple[PersonId, PersonId]]:
        """Forget whom a person invited beyond the ``beyond`` that mattered last; return by whom, and who."""
        mine = and_(ContactRow.person == person, ContactRow.why == ContactWhy.INVITED.value)
        if (self._session.scalar(select(func.count()).select_from(ContactRow).where(mine)) or 0) <= beyond:
            return []
        used = func.coalesce(ContactRow.used_at, ContactRow.since)
        rest = select(ContactRow.person, ContactRow.other).where(mine).order_by(used.desc(), ContactRow.other.desc())
        return self._drop_contacts(rest.offset(beyond).limit(_ALL))

    def _drop_contacts(self, which: Any) -> list[tuple[PersonId, PersonId]]:  # noqa: ANN401 - a query of keys
        gone = self._session.execute(
            delete(ContactRow)
            .where(tuple_(ContactRow.person, ContactRow.other).in_(which))
            .returning(ContactRow.person, ContactRow.other)
            .execution_options(synchronize_session=False)
        )
        return [(PersonId(person), PersonId(other)) for person, other in gone]

    # -------------------------------------------------------------------------------------------- forgetting

    def forget(self, person: PersonId) -> set[PersonId]:
        """Take out all that says what this person thinks of others, or others of them; grants stay, as numbers.

        Returns whose door knows less of somebody now.
        """
        self._delete(DoorRow, DoorRow.person == person)
        gone = [
            *self._delete(ExemptionRow, or_(ExemptionRow.person == person, ExemptionRow.other == person)),
            *self._delete(ContactRow, or_(ContactRow.person == person, ContactRow.other == person)),
            *self._delete(SpamVerdictRow, or_(SpamVerdictRow.recipient == person, SpamVerdictRow.stranger == person)),
        ]
        knocks = self._delete(KnockRow, or_(KnockRow.recipient == person, KnockRow.stranger == person))
        self._session.execute(
            update(GrantRow)
            .where(or_(GrantRow.recipient == person, GrantRow.stranger == person))
            .values(pending_room=None, pending_since=None)
            .execution_options(synchronize_session=False)
        )
        unnamed = update(GrantRow).where(GrantRow.stranger == person).values(origin="")
        self._session.execute(unnamed.execution_options(synchronize_session=False))
        return {PersonId(row[0]) for row in gone} | {PersonId(recipient) for _, recipient in knocks}

    # -------------------------------------------------------------------------------------------- within

    def _added(self, statement: Any, column: Any) -> bool:  # noqa: ANN401 - either dialect's own Insert
        return self._session.execute(statement.on_conflict_do_nothing().returning(column)).first() is not None

    def _delete(self, table: type[Base], where: Any) -> Sequence[Any]:  # noqa: ANN401 - any condition, its rows' keys
        columns = list(table.__table__.primary_key)
        statement = delete(table).where(where).returning(*columns).execution_options(synchronize_session=False)
        return self._session.execute(statement).all()

    def _deleted(self, table: type[Base], where: Any) -> bool:  # noqa: ANN401 - any condition
        return bool(self._delete(table, where))


def _count(row: KnockRow) -> KnockCount:
    return KnockCount(
        stranger=PersonId(row.stranger),
        count=row.count,
        first_at=row.first_at,
        last_at=row.last_at,
        codes=tuple(row.last_codes.split(",")),
    )
