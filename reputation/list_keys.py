"""The keys that sign published lists, in one transaction: made when the first list is, sealed, shown by their names."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, NotFound
from kit.sealing import Seal, Sealed
from reputation.lists.signed import ListKey
from reputation.publishing_tables import ListKeyRow

TOPIC: Final = "list_keys"
PURPOSE: Final = "list-key"
_SEED_BYTES: Final = 32


class ListKeys:
    """The service's keys for lists; the newest one signs."""

    def __init__(self, session: Session, now: datetime, seal: Callable[[], Seal]) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps them."""
        self._session = session
        self._now = now
        self._seal = seal

    def all(self) -> list[tuple[str, datetime]]:
        """Return their names, and since when; the first one signs now."""
        rows = self._session.scalars(select(ListKeyRow).order_by(ListKeyRow.id.desc()))
        return [(row.name, row.since) for row in rows]

    def current(self) -> ListKey:
        """Return the one that signs. Raises ``NotFound`` before the first list, ``Conflict`` under another seal."""
        row = self._session.scalar(select(ListKeyRow).order_by(ListKeyRow.id.desc()).limit(1))
        if row is None:
            raise NotFound("list_key_unknown", "There is no key that signs lists.")
        return ListKey(self._seal().open(row.sealed, PURPOSE))

    def make(self) -> None:
        """Make one where there is none."""
        touch(self._session, TOPIC)  # of two that publish the first list at once, one waits here
        if not self._session.scalar(select(func.count()).select_from(ListKeyRow)):
            self.renew()

    def renew(self) -> str:
        """Let a new key sign from now on; return its name. Followers stop until they are told that it is ours."""
        seed = secrets.token_bytes(_SEED_BYTES)
        return self._sign_with(seed)

    def back(self) -> str:
        """Let the key before the current one sign again; return its name. Raises ``Conflict`` where there is none."""
        touch(self._session, TOPIC)
        rows = self._session.scalars(select(ListKeyRow).order_by(ListKeyRow.id.desc()).limit(2)).all()
        if len(rows) < 2:  # noqa: PLR2004 - the current one, and one before
            raise Conflict("no_key_before", "Lists were signed by no other key.")
        seed = self._seal().open(rows[1].sealed, PURPOSE)
        self._session.delete(rows[1])
        self._session.flush()
        return self._sign_with(seed)

    def seal_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count keys by how they are sealed, and seal them anew (``kit.sealing.SealsAnew``)."""
        query = select(ListKeyRow).where(ListKeyRow.id > after).order_by(ListKeyRow.id).limit(limit)
        rows = self._session.scalars(query.with_for_update() if change else query).all()
        for row in rows:
            row.sealed = self._seal().anew(row.sealed, PURPOSE, found, change=change)
        return rows[-1].id if rows else None

    def _sign_with(self, seed: bytes) -> str:
        name = ListKey(seed).name
        self._session.add(ListKeyRow(name=name, sealed=self._seal().close(seed, PURPOSE), since=self._now))
        self._session.flush()
        return name
