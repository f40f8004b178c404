"""Reading and writing codes, memos, messages and amounts by which people claim gifts; nothing is decided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.database import Base
from kit.identifiers import Hash32, PersonId
from ledger.model import Asset
from payments.flair.tables import ClaimAmountRow, ClaimCodeRow, ClaimMessageRow, ClaimTriesRow, GiftRow, MemoRow


@dataclass(frozen=True, slots=True)
class Tries:
    """How often somebody failed, since when, and until when they are not listened to."""

    failed: int
    since: datetime
    locked_until: datetime | None


class ClaimStore:
    """What people show to claim gifts, in one transaction."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    # ------------------------------------------------------------------------------------------ codes and memos

    def add_code(self, code: Hash32, giver: int, now: datetime, until: datetime) -> None:
        """Keep a giver's new code; those before it are good no more."""
        self._session.execute(delete(ClaimCodeRow).where(ClaimCodeRow.giver == giver, ClaimCodeRow.used_at.is_(None)))
        self._session.add(ClaimCodeRow(sha256=code, giver=giver, issued_at=now, expires_at=until))
        self._session.flush()

    def code(self, code: Hash32) -> tuple[int, datetime, datetime | None] | None:
        """Return for which giver a code is, until when it is good, and when it was used."""
        query = select(ClaimCodeRow.giver, ClaimCodeRow.expires_at, ClaimCodeRow.used_at)
        found = self._session.execute(query.where(ClaimCodeRow.sha256 == code)).one_or_none()
        return None if found is None else (found[0], found[1], found[2])

    def use_code(self, code: Hash32, now: datetime) -> bool:
        """Use a code up; ``False`` where it was."""
        used = update(ClaimCodeRow).where(ClaimCodeRow.sha256 == code, ClaimCodeRow.used_at.is_(None))
        return self._session.execute(used.values(used_at=now).returning(ClaimCodeRow.giver)).first() is not None

    def memo_owner(self, memo: Hash32) -> PersonId | None:
        """Return whose a memo is."""
        person = self._session.scalar(select(MemoRow.person).where(MemoRow.memo == memo))
        return None if person is None else PersonId(person)

    def givers_by_memo(self, memo: Hash32) -> list[tuple[int, PersonId | None]]:
        """Return who gave gifts with a memo, and whose those are."""
        query = select(GiftRow.giver, GiftRow.owner).where(GiftRow.memo == memo).distinct()
        rows = self._session.execute(query)
        return [(giver, None if owner is None else PersonId(owner)) for giver, owner in rows]

    def take_memo(self, memo: Hash32, person: PersonId, now: datetime) -> bool:
        """Let a memo, and all gifts that carry it, be a person's; ``False`` where it is somebody's."""
        taken = self._insert(MemoRow).values(memo=memo, person=person, claimed_at=now).on_conflict_do_nothing()
        if self._session.execute(taken.returning(MemoRow.person)).first() is None:
            return False
        owned = update(GiftRow).where(GiftRow.memo == memo).values(owner=person)
        self._session.execute(owned.execution_options(synchronize_session=False))
        return True

    def memos(self, person: PersonId) -> list[Hash32]:
        """Return a person's memos that no gift carries yet, oldest first."""
        carried = select(GiftRow.memo).where(GiftRow.memo == MemoRow.memo).exists()
        query = select(MemoRow.memo).where(MemoRow.person == person, ~carried).order_by(MemoRow.claimed_at)
        return [Hash32(memo) for memo in self._session.scalars(query)]

    def drop_memos(self, memos: Collection[Hash32]) -> None:
        """Take out memos that no gift carries."""
        self._session.execute(delete(MemoRow).where(MemoRow.memo.in_([bytes(memo) for memo in memos])))

    # ------------------------------------------------------------------------------------------ tries

    def tries(self, person: PersonId) -> Tries | None:
        """Return how often somebody failed lately."""
        row = self._session.get(ClaimTriesRow, person, populate_existing=True)
        return None if row is None else Tries(row.failed, row.since, row.locked_until)

    def put_tries(self, person: PersonId, tries: Tries) -> None:
        """Note how often somebody failed."""
        values = {"failed": tries.failed, "since": tries.since, "locked_until": tries.locked_until}
        put = self._insert(ClaimTriesRow).values(person=person, **values)
        self._session.execute(put.on_conflict_do_update(index_elements=["person"], set_=values))

    # ------------------------------------------------------------------------------------------ messages

    def add_message(self, nonce: str, person: PersonId, address: str, now: datetime, until: datetime) -> None:
        """Keep a message that a person is to sign."""
        self._session.add(ClaimMessageRow(nonce=nonce, person=person, address=address, issued_at=now, expires_at=until))
        self._session.flush()

    def messages(self, person: PersonId, now: datetime) -> list[tuple[str, str, datetime]]:
        """Return nonce, address and time of the messages that a person may still sign, newest first."""
        query = select(ClaimMessageRow.nonce, ClaimMessageRow.address, ClaimMessageRow.issued_at).where(
            ClaimMessageRow.person == person, ClaimMessageRow.used_at.is_(None), ClaimMessageRow.expires_at > now
        )
        rows = self._session.execute(query.order_by(ClaimMessageRow.issued_at.desc(), ClaimMessageRow.nonce))
        return [(nonce, address, issued_at) for nonce, address, issued_at in rows]

    def use_message(self, nonce: str, person: PersonId, now: datetime) -> str | None:
        """Use a message up and return its address; ``None`` where it is good no more."""
        used = (
            update(ClaimMessageRow)
            .where(ClaimMessageRow.nonce == nonce, ClaimMessageRow.person == person)
            .where(ClaimMessageRow.used_at.is_(None), ClaimMessageRow.expires_at > now)
            .values(used_at=now)
            .returning(ClaimMessageRow.address)
        )
        return self._session.scalar(used)

    def drop_messages(self, before: datetime) -> None:
        """Take out messages that were good no more by then."""
        self._session.execute(delete(ClaimMessageRow).where(ClaimMessageRow.expires_at < before))

    # ------------------------------------------------------------------------------------------ amounts

    def add_amount(self, asset: Asset, amount: int, person: PersonId, now: datetime, until: datetime) -> bool:
        """Let an amount be a person's to be known by; ``False`` where it is another's who may still use it."""
        old = delete(ClaimAmountRow).where(ClaimAmountRow.expires_at <= now)
        self._session.execute(old)
        values = {"person": person, "proposed_at": now, "expires_at": until}
        put = self._insert(ClaimAmountRow).values(asset=asset, amount=amount, **values).on_conflict_do_nothing()
        return self._session.execute(put.returning(ClaimAmountRow.person)).first() is not None

    def amounts(self, person: PersonId, now: datetime) -> list[tuple[Asset, int, datetime]]:
        """Return the amounts that a person may still be known by."""
        query = select(ClaimAmountRow.asset, ClaimAmountRow.amount, ClaimAmountRow.expires_at)
        rows = self._session.execute(query.where(ClaimAmountRow.person == person, ClaimAmountRow.expires_at > now))
        return [(Asset(asset), amount, until) for asset, amount, until in rows]

    def by_amounts(self, now: datetime) -> dict[tuple[Asset, int], tuple[PersonId, datetime]]:
        """Return all amounts by which somebody may be known, whose each is, and since when."""
        query = select(ClaimAmountRow).where(ClaimAmountRow.expires_at > now)
        rows = self._session.scalars(query)
        return {(Asset(row.asset), row.amount): (PersonId(row.person), row.proposed_at) for row in rows}

    def use_amount(self, asset: Asset, amount: int) -> None:
        """Take an amount out: it did its work."""
        gone = delete(ClaimAmountRow).where(ClaimAmountRow.asset == asset, ClaimAmountRow.amount == amount)
        self._session.execute(gone)

    def _insert(self, table: type[Base]) -> Any:  # noqa: ANN401 - of either dialect
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        return insert(table)
