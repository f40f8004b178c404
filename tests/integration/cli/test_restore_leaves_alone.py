"""What ``earnest restore`` leaves alone: databases of others, and a service that runs, whichever process of it does."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from app.backups import place as places
from app.metadata import METADATA
from cli.migrations import configuration, upgrade_within
from kit.database import Database, make_engine
from kit.leases import Lease, seat
from tests.support.restored import Place, fine, refused


@pytest.fixture
def file(place: Place, tmp_path: Path, plain: tuple[str, ...]) -> tuple[str, ...]:
    """A backup, with what opens it."""
    made = tmp_path / "one.backup"
    fine(place.back_up(made, *plain, "--json"))
    return str(made), *plain


@pytest.fixture
def there(place: Place) -> Iterator[Engine]:
    """Somebody who is connected to the database of the place, idle as an API without callers is."""
    place.data.mkdir(exist_ok=True)
    engine = make_engine(place.url)
    yield engine
    engine.dispose()


def test_a_database_of_others_is_never_touched(place: Place, file: tuple[str, ...]) -> None:
    place.data.mkdir()
    engine = create_engine(place.url)  # not ours, so with settings of its own
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
        connection.execute(text("INSERT INTO invoices VALUES (7)"))
    engine.dispose()
    on_disk = Path(engine.url.database or "")
    before = on_disk.read_bytes() if engine.dialect.name == "sqlite" else b""
    for words in ((), ("--replace",), ("--dry-run",)):
        assert "not this release's: invoices" in refused(place.earnest("restore", *file, *words))
    if engine.dialect.name == "sqlite":
        assert on_disk.read_bytes() == before
        on_disk.write_bytes(b"no database, but somebody's all the same")
        assert "cannot be read" in refused(place.earnest("restore", *file, "--replace"))
        return
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT id FROM invoices")).all() == [7]
        assert inspect(connection).get_table_names() == ["invoices"]
    engine.dispose()


def test_a_process_that_holds_no_lease_is_not_pulled_the_rug_from_under(
    place: Place, file: tuple[str, ...], there: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_PATIENCE_SECONDS", 0.5)
    fine(place.earnest("restore", *file, "--json"))
    with there.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM people")) == 1
    # Its connection is back in its pool and does nothing; that it is there is enough.
    assert "the service" in refused(place.earnest("restore", *file, "--replace"))
    with there.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM people")) == 1
    there.dispose()
    fine(place.earnest("restore", *file, "--replace", "--json"))


def test_whoever_leads_in_anything_is_waited_for_and_nobody_begins_meanwhile(
    place: Place, file: tuple[str, ...], there: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine(place.earnest("restore", *file, "--json"))
    monkeypatch.setattr("cli.commands.restore.LASTS", 0.0)  # it shows life all the time, as far as we look
    for name in ("clock", "bot @another:example.org"):
        reign = Lease(Database(there), seat(name)).claim()
        assert reign is not None
        with there.begin() as connection:
            connection.execute(text("UPDATE leases SET holder = 'far/1/1/k/n/t'"))
        there.dispose()
        assert "The service runs (far:1)" in refused(place.earnest("restore", *file, "--replace"))
        with there.begin() as connection:
            connection.execute(text("DELETE FROM leases"))
        there.dispose()
    (place.data / "bot").mkdir()
    with (place.data / "bot" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is the bot of" in refused(place.earnest("restore", *file, "--replace"))
    seen = list[Any]()

    def somebody_comes(connection: Connection, revision: str) -> None:
        newcomer = create_engine(place.url, connect_args=_IMPATIENT[there.dialect.name])
        try:
            with newcomer.connect() as other:
                seen.append(other.scalar(text("SELECT count(*) FROM people")))
        except Exception as error:  # noqa: BLE001 - told below
            seen.append(str(error))
        newcomer.dispose()
        upgrade_within(connection, revision)

    monkeypatch.setattr("cli.commands.restore.upgrade_within", somebody_comes)
    fine(place.earnest("restore", *file, "--replace", "--json"))
    assert len(seen) == 2
    assert all("lock" in str(one) for one in seen), seen


_IMPATIENT: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 0.1},
    "postgresql": {"options": "-c lock_timeout=100"},
}


def test_a_restore_that_breaks_off_leaves_all_as_it_was(
    place: Place, file: tuple[str, ...], there: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine(place.earnest("restore", *file, "--json"))
    with there.begin() as connection:
        connection.execute(text("UPDATE people SET mxid = '@mine:example.org'"))
    there.dispose()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("app.backups.folder.put", full)
        assert "No space left" in refused(place.earnest("restore", *file, "--replace"))
    with there.connect() as connection:
        assert connection.scalar(text("SELECT mxid FROM people")) == "@mine:example.org"
    there.dispose()
    assert [path.name for path in place.data.iterdir() if "restored" in path.name] == []
    fine(place.earnest("restore", *file, "--replace", "--json"))


def test_every_table_that_a_release_ever_made_is_known_as_ours(tmp_path: Path) -> None:
    url, seen = f"sqlite:///{tmp_path / 'old.db'}", set[str]()
    engine = create_engine(url)
    while True:
        try:
            command.upgrade(configuration(url), "+1")
        except Exception:  # noqa: BLE001 - there is none beyond the newest
            break
        with engine.connect() as connection:
            seen |= set(inspect(connection).get_table_names())
        places.look(url)
    engine.dispose()
    assert seen >= METADATA.tables.keys()
