"""Kept keys, in one transaction: those that sign what the service says, sealed in the database, shown by name."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Integer, LargeBinary, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.changes import touch
from kit.database import UtcDateTime
from kit.errors import Conflict, NotFound
from kit.sealing import Seal, Sealed
from kit.signing import LONGEST_KEY, SEED_BYTES, SigningKey


class KeptKeyRow:
    """The columns of a table of such keys; the newest one signs, those before it are shown still."""

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True, sort_order=-1
    )
    name: Mapped[str] = mapped_column(String(LONGEST_KEY), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary(200))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class KeptKeys:
    """The keys for one thing that is signed; the newest one signs."""

    def __init__(
        self, session: Session, now: datetime, seal: Callable[[], Seal], *, rows: type[KeptKeyRow], what: str
    ) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps what stands in the table of ``rows``, for ``what``."""
        self._session = session
        self._now = now
        self._seal = seal
        self._rows = rows
        self._purpose: Final = f"{what}-key"
        self.topic: Final = f"{what}_keys"
        self._what = what

    def all(self) -> list[tuple[str, datetime]]:
        """Return their names, and since when; the first one signs now."""
        query = select(self._rows.name, self._rows.since).order_by(self._rows.id.desc())
        return [(name, since) for name, since in self._session.execute(query)]

    def current(self) -> SigningKey:
        """Return the one that signs. Raises ``NotFound`` before there is any, ``Conflict`` under another seal."""
        sealed = self._session.scalar(select(self._rows.sealed).order_by(self._rows.id.desc()).limit(1))
        if sealed is None:
            raise NotFound(f"{self._what}_key_unknown", f"There is no key that signs {self._what}s.")
        return SigningKey(self._seal().open(sealed, self._purpose))

    def make(self) -> None:
        """Make one where there is none."""
        touch(self._session, self.topic)  # of two that need the first one at once, one waits here
        if not self._session.scalar(select(func.count()).select_from(self._rows)):
            self.renew()

    def renew(self) -> str:
        """Let a new key sign from now on; return its name. Whoever verifies is to be told that it is ours."""
        touch(self._session, self.topic)
        return self._sign_with(secrets.token_bytes(SEED_BYTES))

    def back(self) -> str:
        """Let the key before the current one sign again; return its name. Raises ``Conflict`` where there is none."""
        touch(self._session, self.topic)
        rows = self._session.scalars(select(self._rows).order_by(self._rows.id.desc()).limit(2)).all()
        if len(rows) < 2:  # noqa: PLR2004 - the current one, and one before
            raise Conflict("no_key_before", f"{self._what.capitalize()}s were signed by no other key.")
        seed = self._seal().open(rows[1].sealed, self._purpose)
        self._session.delete(rows[1])
        self._session.flush()
        return self._sign_with(seed)

    def seal_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count keys by how they are sealed, and seal them anew (``kit.sealing.SealsAnew``)."""
        query = select(self._rows).where(self._rows.id > after).order_by(self._rows.id).limit(limit)
        rows = self._session.scalars(query.with_for_update() if change else query).all()
        for row in rows:
            row.sealed = self._seal().anew(row.sealed, self._purpose, found, change=change)
        return rows[-1].id if rows else None

    def _sign_with(self, seed: bytes) -> str:
        row = self._rows()
        row.name, row.since = SigningKey(seed).name, self._now
        row.sealed = self._seal().close(seed, self._purpose)
        self._session.add(row)
        self._session.flush()
        return row.name
