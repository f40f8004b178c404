"""Leases: one process at a time does what must not be done twice; whoever lost its lease can write nothing any more.

A lease is a row: who holds it, for which *term*, and how often the holder has shown that it lives. No clock of one
machine is ever held against another's. The holder raises the count; whoever waits watches it by its own clock, and
takes the lease under the next term once it has stood still for long enough. That only decides who works. What keeps a
holder that was asleep meanwhile from writing is that each of its transactions raises the count itself, under its own
term: where the term is another, nothing is written; where it is not, nobody can take the lease until the commit.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, and_, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.database import Base, Database
from kit.errors import LeaseLost

LASTS = 4.0
"""Seconds without a sign of life after which a holder counts as gone."""
RENEW_EVERY = 1.0
"""Seconds between two signs of life."""

_LONGEST_HOLDER = 200
_IDLE_MS = str(int(LASTS * 1000))
_DEAD_STATES = frozenset("ZX")


class Leased:
    """The columns of a row that can be leased."""

    term: Mapped[int] = mapped_column(BigInteger, default=0)
    beats: Mapped[int] = mapped_column(BigInteger, default=0)
    holder: Mapped[str | None] = mapped_column(String(_LONGEST_HOLDER))


class LeaseRow(Leased, Base):
    """A lease of something that has no row of its own."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)


@dataclass(frozen=True, slots=True)
class Seat:
    """A row that can be leased: its table and its key."""

    row: type[Leased]
    key: Mapping[str, Any]

    def this(self) -> ColumnElement[bool]:
        """Return the condition that finds it."""
        return and_(*(getattr(self.row, name) == value for name, value in self.key.items()))


def seat(name: str) -> Seat:
    """Return the seat of that name."""
    return Seat(LeaseRow, {"name": name})


class Lease:
    """One process's way to a seat."""

    def __init__(
        self, database: Database, of: Seat, *, lasts: float = LASTS, time: Callable[[], float] = time.monotonic
    ) -> None:
        """Watch the seat ``of``; a holder without a sign of life for ``lasts`` seconds counts as gone."""
        self._database = database
        self._seat = of
        self._lasts = lasts
        self._time = time
        self._me = f"{_identity()}/{secrets.token_hex(4)}"
        self._seen: tuple[int, int] | None = None
        self._since = float("-inf")
        self.holder: str | None = None
        """Who held it when it was last looked at, as ``host:process``."""

    def claim(self) -> Reign | None:
        """Take the lease where it is free, or where its holder is dead or shows no life; ``None`` where it is not so.

        Ask about twice a second: only who watches sees that nothing moves.
        """
        row = self._seat.row
        with self._database.read() as session:
            found = session.execute(select(row.term, row.beats, row.holder).where(self._seat.this())).one_or_none()
        if found is None:
            self._make()
            return self.claim()
        term, beats, holder = found
        self.holder = None if holder is None else _shown(holder)
        if (term, beats) != self._seen:
            self._seen, self._since = (term, beats), self._time()
        gone = holder is None or self._time() - self._since >= self._lasts or _is_dead(holder)
        if not gone:
            return None
        as_seen = and_(self._seat.this(), row.term == term, row.beats == beats, row.holder.is_not_distinct_from(holder))
        with self._database.write() as session:
            taken = session.execute(
                update(row).where(as_seen).values(term=term + 1, beats=0, holder=self._me).returning(row.term)
            ).one_or_none()
        if taken is None:
            return None
        self.holder = _shown(self._me)
        return Reign(self._database, self._seat, self._me, term + 1)

    def _make(self) -> None:
        with self._database.write() as session:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            session.execute(insert(self._seat.row).values(**self._seat.key).on_conflict_do_nothing())


class Reign:
    """One term of one holder. ``over`` is set as soon as it is known to have ended."""

    def __init__(self, database: Database, of: Seat, me: str, term: int) -> None:
        """Hold the seat ``of`` for ``term``."""
        self._database = database
        self._seat = of
        self._mine = and_(of.this(), of.row.term == term, of.row.holder == me)
        self.term = term
        self.over = threading.Event()

    def check(self, session: Session) -> None:
        """Begin a writing transaction as the holder: nobody takes the lease until it ends. Raises ``LeaseLost``."""
        row = self._seat.row
        beat = update(row).where(self._mine).values(beats=row.beats + 1)
        if session.get_bind().dialect.name == "postgresql":
            # Stopped in the midst of a transaction, we would keep the row locked for as long as we sleep; so the
            # server ends a transaction of ours that says nothing for too long.
            found = session.execute(
                beat.returning(row.term, func.set_config("idle_in_transaction_session_timeout", _IDLE_MS, True))  # noqa: FBT003 - SQL's own order
            ).one_or_none()
        else:
            found = session.execute(beat.returning(row.term)).one_or_none()
        if found is None:
            self.over.set()
            message = f"Another process holds the lease; this one's term, {self.term}, is over."
            raise LeaseLost(message)

    def renew(self) -> None:
        """Show that we live. Raises ``LeaseLost``, and ``DatabaseUnavailable`` where it could not be shown."""
        with self._database.write() as session:
            self.check(session)

    def give_back(self) -> None:
        """End it, so that another may begin at once; nothing happens where it has ended."""
        self.over.set()
        with self._database.write() as session:
            session.execute(update(self._seat.row).where(self._mine).values(holder=None))


# -------------------------------------------------------------------------------------------------------- who holds it


def _identity() -> str:
    """Name this process, so that on the same machine anybody can tell whether it still is there."""
    host = socket.gethostname()[:64].replace("/", "-")
    return f"{host}/{os.getpid()}/{_started(os.getpid())}/{_kernel()}"


def _kernel() -> str:
    """Name the running kernel, and which processes of it we can see (a container sees but its own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "?/?"


def _started(process: int) -> str | None:
    """Return when a process began, in the kernel's ticks; ``None`` where there is none, or but its remains."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in _DEAD_STATES else fields[19]


def _is_dead(holder: str) -> bool:
    """Tell whether a holder is a process of this machine that has ended; of any other, nothing can be told."""
    parts = holder.split("/")
    if len(parts) != len(_identity().split("/")) + 1 or "/".join(parts[3:5]) != _kernel() or "?" in parts:
        return False
    return parts[1].isdigit() and _started(int(parts[1])) != parts[2]


def _shown(holder: str) -> str:
    host, process, *_ = [*holder.split("/"), "?"]
    return f"{host}:{process}"
