"""Restoring a backup: its tables into a database of either kind, brought to today's schema, and its files in place.

What was sent to the chain since the backup was made is not in it. So nothing new is signed until that is final and read
(``ledger/quiet.py``). Effects and events get numbers that none since then can have had, for the homeserver knows the
ones, and whoever reads events the others.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select, text, update
from sqlalchemy.engine import make_url

from app.backups import folder
from app.backups.archive import Manifest, damaged, unsqueeze
from app.backups.rows import Shape, read_shape, rows
from app.metadata import METADATA
from kit.database import make_engine
from kit.errors import Invalid
from kit.outbox import OutboxRow
from ledger.store.events import BEGINS

_SKIPPED: Final = 1_000_000
"""Numbers that are left out at the least, where the clock does not say that it is later than any of them."""
_STAGED: Final = ".restored"

Migrate = Callable[[str, str], None]
"""Brings the database at an address to a revision."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do: into which folder and database, and what is there that would be replaced."""

    data: Path
    url: str
    files: tuple[str, ...]
    rows: int
    replaced: tuple[str, ...]


def plan(manifest: Manifest, data: Path, url: str) -> Plan:
    """Look where a backup would go. Raises ``Invalid`` for a manifest that contradicts itself."""
    files = tuple(name.removeprefix("data/") for name in manifest.members if name.startswith("data/"))
    there = [str(data / name) for name in files if (data / name).exists() or (data / name).is_symlink()]
    if _has_rows(url):
        there.append(f"the database {make_url(url).render_as_string(hide_password=True)}")
    return Plan(data, url, files, sum(rows for _, rows in _tables(manifest).values()), tuple(there))


def restore(
    manifest: Manifest,
    members: Iterator[tuple[str, bytes]],
    to: Plan,
    *,
    migrate: Migrate,
    now: datetime,
    told: Callable[[int, int], None],
) -> None:
    """Do it. A SQLite database and every file is replaced in one step; PostgreSQL's tables are made anew.

    Nothing in the data folder changes before the database's rows are all there. Raises ``Invalid`` for a backup that
    does not fit the schema that it names.
    """
    files: list[tuple[str, bytes]] = []
    with _database(to.url) as url:
        migrate(url, str(manifest.facts["schema"]))
        engine = make_engine(url)
        try:
            with engine.begin() as connection:
                _fill(connection, manifest, members, files, told=told)
            migrate(url, "head")
            with engine.begin() as connection:
                _settle(connection, now)
            _sync(engine)
        finally:
            engine.dispose()
        for name, content in files:
            folder.put(to.data / name, content)


def _tables(manifest: Manifest) -> Mapping[str, tuple[Shape, int]]:
    found = {}
    try:
        for document in manifest.facts["tables"]:
            shape = read_shape(document)
            found[shape.name] = shape, int(document["rows"])
    except (KeyError, TypeError, ValueError):
        raise damaged("its manifest does not tell its tables") from None
    return found


def _fill(
    connection: Connection,
    manifest: Manifest,
    members: Iterator[tuple[str, bytes]],
    files: list[tuple[str, bytes]],
    *,
    told: Callable[[int, int], None],
) -> None:
    tables = _tables(manifest)
    here = inspect(connection)
    known = {name: {column["name"] for column in here.get_columns(name)} for name in here.get_table_names()}
    for shape, _ in tables.values():
        if not {name for name, _ in shape.columns} <= known.get(shape.name, set()):
            raise damaged(f"the schema that it names has no such table {shape.name[:80]!r}")
    total, done = sum(count for _, count in tables.values()), 0
    counts = dict.fromkeys(tables, 0)
    for name, content in members:
        kind, _, rest = name.partition("/")
        if kind == "data":
            files.append((rest, content))
        elif kind == "tables":
            table = rest.partition("/")[0]
            if table not in tables:
                raise damaged(f"its manifest does not know {table[:80]!r}")
            found = rows(tables[table][0], unsqueeze(content))
            if found:
                connection.execute(insert(tables[table][0].table()), found)
            counts[table] += len(found)
            done += len(found)
            told(done, total)
    wrong = [name for name, (_, count) in tables.items() if counts[name] != count]
    if wrong:
        raise damaged(f"{wrong[0]} has another number of rows than its manifest says")


def _settle(connection: Connection, now: datetime) -> None:
    """Make of rows that were somebody's the beginning of somebody new."""
    for name in ("chain_cursor", "leases"):
        connection.execute(update(METADATA.tables[name]).values(holder=None))
    connection.execute(update(METADATA.tables["chain_cursor"]).values(quiet_until=0))
    begin = _unused(connection, now)
    # An event's number is a reader's cursor, and names a webhook to its endpoint, of whoever comes only now, too.
    connection.execute(update(METADATA.tables["event_counters"]).values(last=begin))
    changes = METADATA.tables["changes"]
    connection.execute(delete(changes).where(changes.c.topic == BEGINS))
    connection.execute(insert(changes).values(topic=BEGINS, counter=begin))
    # An effect's number names its message to the homeserver, which brings none of that name a second time.
    gap = {"id": begin, "kind": "restored", "key": f"restored:{secrets.token_hex(8)}", "payload": {}}
    times = {"created_at": now, "due_at": now, "done_at": now}
    connection.execute(insert(METADATA.tables["outbox"]).values(**gap, **times, attempts=0, given_up=False))
    if connection.dialect.name == "postgresql":
        for table in METADATA.sorted_tables:
            if "id" in table.c and connection.scalar(_SEQUENCE, {"table": table.name}) is not None:
                connection.execute(text(f"{_COUNT_ON} {table.name}"), {"table": table.name})


def _unused(connection: Connection, now: datetime) -> int:
    """Return a number above any that was ever given, by this service or by what became of it since the backup.

    Nothing gives out a thousand a second for ever, so the milliseconds of now are above them all: those of another
    restore of the same backup, too.
    """
    counters, changes = METADATA.tables["event_counters"], METADATA.tables["changes"]
    known = (
        select(func.max(OutboxRow.id)),
        select(func.max(counters.c.last)),
        select(changes.c.counter).where(changes.c.topic == BEGINS),
    )
    highest = max(connection.scalar(query) or 0 for query in known)
    return max(highest + _SKIPPED, int(now.timestamp() * 1000))


_SEQUENCE = text("SELECT pg_get_serial_sequence(:table, 'id')")
_COUNT_ON = "SELECT setval(pg_get_serial_sequence(:table, 'id'), max(id)) FROM"


def _has_rows(url: str) -> bool:
    """Tell whether a database holds anything of ours."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite" and not Path(found.database or "").is_file():
        return False
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            there = set(inspect(connection).get_table_names()) & METADATA.tables.keys()
            return any(
                connection.execute(select(text("1")).select_from(METADATA.tables[name]).limit(1)).first()
                for name in there
            )
    finally:
        engine.dispose()


@contextmanager
def _database(url: str) -> Iterator[str]:
    """Give the address of an empty database that takes the place of the one at ``url`` when the block went well."""
    found = make_url(url)
    if found.get_backend_name() != "sqlite":
        _clear(url)
        yield url
        return
    if not found.database or found.database == ":memory:":
        raise Invalid("no_place", "There is no database file to restore into: set EARNEST_DATABASE_URL.")
    place = Path(found.database)
    staged = place.with_name(f".{place.name}{_STAGED}")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(staged)
    try:
        yield found.set(database=str(staged)).render_as_string(hide_password=False)
        _remove(place, but_itself=True)
        staged.chmod(0o600)
        staged.replace(place)
    finally:
        _remove(staged)


def _remove(place: Path, *, but_itself: bool = False) -> None:
    for end in ("-wal", "-shm", "-journal", *([] if but_itself else [""])):
        Path(f"{place}{end}").unlink(missing_ok=True)


def _clear(url: str) -> None:
    """Take every table out of a PostgreSQL database."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            quote = connection.dialect.identifier_preparer.quote
            for name in inspect(connection).get_table_names():
                connection.execute(text(f"DROP TABLE {quote(name)} CASCADE"))
    finally:
        engine.dispose()


def _sync(engine: Engine) -> None:
    """Bring all of a SQLite database into its one file."""
    if engine.dialect.name != "sqlite":
        return
    with contextlib.closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def facts(manifest: Manifest) -> dict[str, Any]:
    """Return what is worth showing of a backup before anything is done with it."""
    told = {name: manifest.facts.get(name) for name in ("made_at", "release", "schema", "chain_id", "database")}
    return {**told, "members": len(manifest.members)}
