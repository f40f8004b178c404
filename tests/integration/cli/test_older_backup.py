"""Backups of other releases: an older one is brought to today's schema, a newer or a hostile one touches nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Table, create_engine, inspect, select, text

from app.backups.archive import Writer, squeeze
from app.backups.rows import Shape, parts, shape_of
from app.metadata import METADATA
from cli.main import main
from cli.migrations import newest, revision_of, upgrade
from tests.support.services import PASSWORD

OLD = "0008"


def old_backup(folder: Path, file: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """Write what an older release would have backed up: its tables, with the columns that they had then."""
    url = f"sqlite:///{folder / 'old.db'}"
    upgrade(url, OLD)
    engine = create_engine(url)
    tables = []
    with file.open("wb") as raw, engine.begin() as connection:
        connection.execute(
            text("INSERT INTO people (mxid, created_at) VALUES ('@old:example.org', '2026-11-22 12:00:00.000000')")
        )
        connection.execute(text("INSERT INTO chain_cursor (chain_id, head_hash) VALUES (31337, NULL)"))
        writer, there = Writer(raw), inspect(connection)
        writer.add("data/keystore/resolver.json", b"{}")
        for table in METADATA.sorted_tables:
            if not there.has_table(table.name):
                continue
            shape = _as_then(table, {column["name"] for column in there.get_columns(table.name)})
            rows, count = connection.execute(select(*(table.c[name] for name, _ in shape.columns))), 0
            for number, (some, part) in enumerate(parts(shape, rows), 1):
                writer.add(f"tables/{table.name}/{number:08}.jsonl.gz", squeeze(part))
                count += some
            tables.append({"name": table.name, "columns": shape.columns, "rows": count})
        facts: dict[str, Any] = {"made_at": "then", "release": "0.0", "schema": OLD, "chain_id": 31337}
        facts |= {"database": "sqlite", "tables": tables}
        change(facts)
        writer.close(facts)
    engine.dispose()


def _as_then(table: Table, names: set[str]) -> Shape:
    shape = shape_of(table)
    return Shape(shape.name, tuple(column for column in shape.columns if column[0] in names))


def restored(folder: Path, file: Path, *words: str) -> Result:
    environment = {"EARNEST_DATA": str(folder / "place"), "EARNEST_KEYSTORE_PASSWORD": PASSWORD}
    return CliRunner().invoke(main, ["restore", str(file), "--unencrypted", *words], env=environment)


def test_an_older_one_is_brought_to_todays_schema(tmp_path: Path) -> None:
    file = tmp_path / "old.backup"
    old_backup(tmp_path, file)
    found = restored(tmp_path, file)
    assert found.exit_code == 0, found.output
    url = f"sqlite:///{tmp_path / 'place' / 'earnest.db'}"
    assert revision_of(url) == newest(url) != OLD
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT mxid FROM people")) == "@old:example.org"
        assert tuple(connection.execute(text("SELECT term, holder, quiet_until FROM chain_cursor")).one()) == (
            0,
            None,
            0,
        )
    engine.dispose()
    assert sorted(path.name for path in (tmp_path / "place").iterdir()) == ["earnest.db", "keystore"]


def newer(facts: dict[str, Any]) -> None:
    facts["schema"] = "9999"


def unknown_table(facts: dict[str, Any]) -> None:
    facts["tables"].append({"name": "sqlite_master", "columns": [["sql", "text"]], "rows": 0})


def unknown_column(facts: dict[str, Any]) -> None:
    facts["tables"][-1]["columns"] = [["id); DROP TABLE people; --", "text"]]


def other_count(facts: dict[str, Any]) -> None:
    next(table for table in facts["tables"] if table["name"] == "people")["rows"] = 2


def no_tables(facts: dict[str, Any]) -> None:
    del facts["tables"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (newer, "does not know"),
        (unknown_table, "no such table"),
        (unknown_column, "has columns that are none"),
        (other_count, "another number of rows"),
        (no_tables, "does not tell its tables"),
    ],
)
def test_one_that_does_not_fit_touches_nothing(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    file = tmp_path / "odd.backup"
    old_backup(tmp_path, file, change)
    found = restored(tmp_path, file)
    assert found.exit_code == 1
    assert why in found.output, found.output
    assert not (tmp_path / "place").exists() or list((tmp_path / "place").iterdir()) == []


def test_what_is_no_backup_is_told(tmp_path: Path) -> None:
    file = tmp_path / "odd.backup"
    file.write_bytes(b"no backup at all")
    found = restored(tmp_path, file)
    assert (found.exit_code, "no sound backup" in found.output) == (1, True)
    found = CliRunner().invoke(main, ["restore", str(file)], env={"EARNEST_DATA": str(tmp_path / "place")})
    assert (found.exit_code, "--unencrypted" in found.output) == (1, True)
    assert not (tmp_path / "place").exists()
