"""The place of a restore: whose the database there is, that nobody else is at it, and how it changes in one step."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from app.backups.folder import BESIDE
from app.metadata import METADATA
from kit.database import Database, make_engine, translated
from kit.disk import sync
from kit.errors import Conflict, Invalid

_GONE: Final = frozenset({"balances", "door_versions", "gasless_bars", "openings", "vouches"})
_OURS: Final = METADATA.tables.keys() | _GONE | {"alembic_version"}
"""Every table that a release ever made."""
_STAGED: Final = ".restored"
_PATIENCE_SECONDS: Final = 5.0
"""How long sessions that were ended (our own, for one) may take to be gone."""
_LOOK_SECONDS: Final = 0.1
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Held:
    """What a database holds of ours: its tables, and whether there is a row in any of them."""

    tables: frozenset[str]
    rows: bool


def look(url: str) -> Held:
    """Look what is at ``url``, and change nothing. Raises ``Conflict`` where anything there is not ours."""
    found = make_url(url)
    on_disk = found.get_backend_name() == "sqlite"
    if on_disk and not Path(found.database or "").is_file():
        return Held(frozenset(), rows=False)
    engine = _looking(Path(found.database or "")) if on_disk else make_engine(url)
    try:
        with Database(engine).look() as connection:
            there = _relations(connection)
            others = sorted(there - _OURS)
            if others:
                raise _not_ours(found, f"holds what is not this release's: {', '.join(others[:_SHOWN])}")
            ours = there & METADATA.tables.keys()
            return Held(frozenset(ours), any(_has_rows(connection, name) for name in sorted(ours)))
    except DatabaseError as error:
        raise _not_ours(found, f"cannot be read ({error.orig})") from None
    finally:
        engine.dispose()


def _not_ours(url: URL, why: str) -> Conflict:
    where = url.render_as_string(hide_password=True)
    return Conflict(
        "not_ours",
        f"The database {where} {why}. A restore would endanger it: name one that is the service's own by "
        "EARNEST_DATABASE_URL, or take that out of it first.",
    )


def _looking(place: Path) -> Engine:
    """Return an engine that only reads: even how a file keeps its journal is its owner's."""
    address = f"{place.resolve().as_uri()}?mode=ro"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True))


_RELATIONS = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND relkind IN ('r', 'p', 'v', 'm', 'f') "
    "AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid "
    "AND deptype = 'e')"
)
"""Tables and views of every kind, but for those of the server's extensions."""


def _relations(connection: Connection) -> set[str]:
    if connection.dialect.name == "postgresql":
        return set(connection.scalars(_RELATIONS))
    return {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}


def _has_rows(connection: Connection, table: str) -> bool:
    return connection.execute(text(f"SELECT 1 FROM {table} LIMIT 1")).first() is not None  # noqa: S608 - our own names


@contextmanager
def taken(url: str) -> Iterator[AbstractContextManager[Connection]]:
    """Take the database at ``url`` for the block, in which nobody else is at it, and change it at its end.

    What is given is to be entered within, once: an empty database, in one transaction. When both went well it takes the
    place of the one that was there; else that stays as it is. Raises ``Conflict`` where another has it open.
    """
    found = make_url(url)
    with translated(), _file(found) if found.get_backend_name() == "sqlite" else _server(url) as filling:
        yield filling


# ------------------------------------------------------------------------------------------------------- PostgreSQL


@contextmanager
def _server(url: str) -> Iterator[AbstractContextManager[Connection]]:
    """Drop our tables and make them anew in one transaction, whose locks keep everybody else waiting."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"):
                if connection.scalar(text("SELECT current_setting(:name, true)"), {"name": name}) is not None:
                    connection.execute(text(f"SET LOCAL {name} = 0"))
            _refuse_sessions(connection)
            _clear(connection)
            _refuse_sessions(connection)  # whoever came before the tables were ours
            yield contextlib.nullcontext(connection)
    finally:
        engine.dispose()


def _clear(connection: Connection) -> None:
    there = [name for name in inspect(connection).get_table_names() if name in _OURS]
    if not there:
        return
    connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE_SECONDS:.0f}s'"))
    quote = connection.dialect.identifier_preparer.quote
    try:
        connection.execute(text(f"DROP TABLE {', '.join(quote(name) for name in there)}"))
    except OperationalError:
        raise Conflict("service_running", "Somebody is at work on the database's tables: stop the service.") from None
    connection.execute(text("SET LOCAL lock_timeout = 0"))


_SESSIONS = text(
    "SELECT pid, usename, application_name FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = "
    "'client backend' ORDER BY pid"
)


def _refuse_sessions(connection: Connection) -> None:
    """Refuse where anybody else is connected: API and worker hold no lease, and each has a session at all times."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        sessions = connection.execute(_SESSIONS).all()
        if not sessions:
            return
        if time.monotonic() > deadline:
            shown = ", ".join(f"{pid} ({user}{f', {program}' if program else ''})" for pid, user, program in sessions)
            raise Conflict(
                "service_running",
                f"Others are connected to the database, by these processes of the server: {shown}. Stop the service, "
                "and whatever else it is.",
            )
        time.sleep(_LOOK_SECONDS)


# ----------------------------------------------------------------------------------------------------------- SQLite


@contextmanager
def _file(url: URL) -> Iterator[AbstractContextManager[Connection]]:
    """Make a file beside the one that is there, and let it take its name."""
    if not url.database or url.database == ":memory:":
        raise Invalid("no_place", "There is no database file to restore into: set EARNEST_DATABASE_URL.")
    place = Path(url.database)
    staged = place.with_name(f".{place.name}{_STAGED}")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(staged)
    try:
        with _alone(place):
            yield _filling(url.set(database=str(staged)))
            _remove(place, but_itself=True)
            staged.chmod(0o600)
            staged.replace(place)
            sync(place.parent)
    finally:
        _remove(staged)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold a file as the only one who has it open: an API that does nothing has it open, too."""
    if not place.is_file():
        yield
        return
    with closing(sqlite3.connect(place, timeout=_PATIENCE_SECONDS, isolation_level=None)) as held:
        try:
            # SQLite leaves the write-ahead log only while nobody else has the file open. Nothing but the way back to it
            # lies beside it then, which would be taken off whatever has its name by the time that we close it.
            alone = held.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            alone = False
        if not alone:
            raise Conflict("service_running", f"Another process has {place} open: stop the service.")
        yield


@contextmanager
def _filling(url: URL) -> Iterator[Connection]:
    engine = make_engine(url.render_as_string(hide_password=False))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 - the driver's own type
        connection.execute("PRAGMA foreign_keys=OFF")  # migrations make tables anew; all is checked at the end

    try:
        with engine.begin() as connection:
            yield connection
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it in its one file
    finally:
        engine.dispose()


def _remove(place: Path, *, but_itself: bool = False) -> None:
    for end in (*BESIDE, *(() if but_itself else ("",))):
        Path(f"{place}{end}").unlink(missing_ok=True)
