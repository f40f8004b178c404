"""Making a backup: the data folder first, then every table as it stood at one moment, while the service goes on.

In this order: what the bot heard after its files were read is heard again after a restore, and what the database knows
of it by then keeps it from being done twice. The other way round it could be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from app.backups import folder
from app.backups.archive import Writer, squeeze
from app.backups.rows import ROWS, parts, shape_of
from app.container import Container
from app.metadata import METADATA
from app.settings import Settings
from kit.errors import Conflict


@dataclass(frozen=True, slots=True)
class Made:
    """What went into a backup."""

    files: int
    rows: int
    facts: dict[str, Any]


def back_up(
    container: Container,
    stream: IO[bytes],
    *,
    schema: str,
    without: frozenset[Path],
    told: Callable[[int, int], None],
) -> Made:
    """Write a backup of the container's service into ``stream``.

    ``schema`` is the revision that the database is at, which must be this release's; ``without`` are files that are no
    part of it; ``told`` hears how many rows were written, and of how many. Raises ``Conflict`` where people's secrets
    were sealed anew meanwhile: what the backup holds of them would open under no key that is in it.
    """
    settings = container.settings
    with Writer(stream) as writer:
        key = folder.content(settings.sealing_key_kept())
        for name, path in folder.files(settings.data, without=without | _of_database(settings.database())):
            content = folder.content(path)
            if content is not None:
                writer.add(name, content)
        tables, done = [], 0
        with container.database.read(one_moment=True) as session:
            total = sum(
                session.scalar(select(func.count()).select_from(table)) or 0 for table in METADATA.sorted_tables
            )
            for table in METADATA.sorted_tables:
                shape, count, here = shape_of(table), 0, 0
                query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS)
                for rows, part in parts(shape, session.execute(query)):
                    here += 1
                    writer.add(f"tables/{shape.name}/{here:08}.jsonl.gz", squeeze(part))
                    count, done = count + rows, done + rows
                    told(done, total)
                tables.append({"name": shape.name, "columns": shape.columns, "rows": count, "parts": here})
        _add_contents(writer, settings)
        held = sum(name.startswith("data/") for name in writer.members)
        if folder.content(settings.sealing_key_kept()) != key:
            raise Conflict(
                "sealing_key_changed", "The sealing key became another one meanwhile: make the backup again."
            )
        facts = {
            "made_at": container.clock().isoformat(),
            "release": version("earnest"),
            "schema": schema,
            "chain_id": settings.chain_id,
            "database": container.database.engine.dialect.name,
            "tables": tables,
        }
        writer.close(facts)
        return Made(held, done, facts)


def _add_contents(writer: Writer, settings: Settings) -> None:
    """Add contents that were written after the folder was read, and that the tables speak of: a file never changes."""
    for name, path in folder.files(settings.data, without=frozenset()):
        if settings.contents() in path.parents and name not in writer.members:
            content = folder.content(path)
            if content is not None:
                writer.add(name, content)


def _of_database(url: str) -> frozenset[Path]:
    """Return the files of a SQLite database: their rows are in the backup, and they are not."""
    found = make_url(url)
    if found.get_backend_name() != "sqlite" or not found.database:
        return frozenset()
    return frozenset(Path(f"{found.database}{end}").resolve() for end in ("", "-wal", "-shm", "-journal"))
