"""Restoring a backup: its tables into a database of either kind, brought to today's schema, and its files in place.

What was sent to the chain since the backup was made is not in it. So nothing new is signed until that is final and read
(``ledger/quiet.py``). Effects and events get numbers that none since then can have had, for the homeserver knows the
ones, and whoever reads events the others.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError, StatementError

from app.backups import folder, place
from app.backups.archive import Manifest, damaged, unsqueeze
from app.backups.rows import Shape, read_shape, rows
from app.metadata import METADATA
from kit.leases import LeaseRow
from kit.outbox import OutboxRow
from ledger.store.events import BEGINS

_SKIPPED: Final = 1_000_000
"""Numbers that are left out at the least, where the clock does not say that it is later than any of them."""

Migrate = Callable[[Connection, str], None]
"""Brings the database of a transaction to a revision, within it."""
Parts = Iterator[tuple[str, bytes]]
"""Members of a backup, each its name and its content."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do: into which folder and database, and what is there that would be replaced."""

    data: Path
    url: str
    files: tuple[str, ...]
    rows: int
    replaced: tuple[str, ...]
    leased: bool
    """Whether that database has leases, which a process that works would hold."""


def plan(manifest: Manifest, data: Path, url: str) -> Plan:
    """Look where a backup would go.

    Raises ``Invalid`` for a manifest that contradicts itself, ``Conflict`` where the database is not ours alone.
    """
    files = tuple(name.removeprefix("data/") for name in manifest.members if name.startswith("data/"))
    there = [str(data / name) for name in files if (data / name).exists() or (data / name).is_symlink()]
    held = place.look(url)
    if held.rows:
        there.append(f"the database {make_url(url).render_as_string(hide_password=True)}")
    rows = sum(rows for _, rows in _tables(manifest).values())
    return Plan(data, url, files, rows, tuple(there), leased=LeaseRow.__tablename__ in held.tables)


def check(manifest: Manifest, members: Parts) -> None:
    """Unpack and read every row, before anything is touched. Raises ``Invalid``."""
    for _ in _rows(manifest, members, keep=lambda *_: None):
        pass


def restore(
    manifest: Manifest,
    members: Parts,
    to: Plan,
    *,
    migrate: Migrate,
    now: datetime,
    told: Callable[[int, int], None],
) -> None:
    """Do it. The database changes in one step, at the end, and every file in one of its own right before.

    Nothing in the data folder changes before the database's rows are all there. Raises ``Invalid`` for a backup that
    does not fit the schema that it names, ``Conflict`` where somebody else is at the database.
    """
    files: list[tuple[str, bytes]] = []
    with place.taken(to.url) as filling:
        with filling as connection:
            migrate(connection, str(manifest.facts["schema"]))
            _fill(connection, manifest, _rows(manifest, members, keep=lambda *file: files.append(file)), told=told)
            migrate(connection, "head")
            _settle(connection, now)
        for name, content in files:
            folder.put(to.data / name, content)


def _tables(manifest: Manifest) -> Mapping[str, tuple[Shape, int]]:
    found = {}
    try:
        for document in manifest.facts["tables"]:
            shape = read_shape(document)
            found[shape.name] = shape, int(document["rows"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise damaged("its manifest does not tell its tables") from None
    return found


def _rows(
    manifest: Manifest, members: Parts, *, keep: Callable[[str, bytes], None]
) -> Iterator[tuple[Shape, list[dict[str, Any]]]]:
    """Give the rows of all tables, some at a time, and each file to ``keep``. Raises ``Invalid``."""
    tables = _tables(manifest)
    counts = dict.fromkeys(tables, 0)
    for name, content in members:
        kind, _, rest = name.partition("/")
        if kind == "data":
            keep(rest, content)
            continue
        table = rest.partition("/")[0]
        if table not in tables:
            raise damaged(f"its manifest does not know {table[:80]!r}")
        shape, _ = tables[table]
        found = rows(shape, unsqueeze(content))
        counts[table] += len(found)
        yield shape, found
    wrong = [name for name, (_, count) in tables.items() if counts[name] != count]
    if wrong:
        raise damaged(f"{wrong[0][:80]} has another number of rows than its manifest says")


def _fill(
    connection: Connection,
    manifest: Manifest,
    given: Iterator[tuple[Shape, list[dict[str, Any]]]],
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
    for shape, found in given:
        try:
            if found:
                connection.execute(insert(shape.table()), found)
        except (OperationalError, InterfaceError):
            raise
        except StatementError:  # of a value, or of what a row refers to
            raise damaged(f"a row of {shape.name[:80]} does not fit its schema") from None
        done += len(found)
        told(done, total)
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise damaged("a row of it points nowhere")


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


def facts(manifest: Manifest) -> dict[str, Any]:
    """Return what is worth showing of a backup before anything is done with it."""
    told = {name: manifest.facts.get(name) for name in ("made_at", "release", "schema", "chain_id", "database")}
    return {**told, "members": len(manifest.members)}
