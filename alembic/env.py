"""Runs migrations: on SQLite in one transaction, on PostgreSQL one by one and never waiting long for a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from alembic import context
from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from app.metadata import METADATA
from app.settings import load
from ledger.tables import HELD_AT_ONCE

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# A migration that waits for a table makes everybody behind it wait too: rather fail soon and be tried again.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"
# Any number will do, as long as nobody else takes it; two services that start at once migrate one after the other.
ADVISORY_LOCK = 0x4561726E
SQLITE_PATIENCE = 60  # seconds that a second migrator waits for the first


def address() -> str:
    """Return the database's URL: the caller's, where one was given, else the settings'."""
    given: str | None = context.config.attributes.get("url")
    return given or load().database()


def render(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own column types by their short names, with the import they need."""
    module = type(item).__module__
    if kind == "type" and module.startswith("kit."):
        autogen.imports.add(f"from {module} import {type(item).__name__}")
        return repr(item)
    return False


def compared(item: object, _name: str | None, kind: str, _reflected: object, _other: object) -> bool:
    """Leave out the references that PostgreSQL holds by triggers: there is no such constraint to be found there."""
    on_postgresql = context.get_bind().dialect.name == "postgresql"
    return not (
        kind == "foreign_key_constraint" and on_postgresql and HELD_AT_ONCE.items() <= getattr(item, "info", {}).items()
    )


def engine_for(url: str) -> Engine:
    """Make an engine for migrations alone, apart from the one that serves."""
    if not url.startswith("sqlite"):
        return create_engine(url, poolclass=NullPool)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": SQLITE_PATIENCE})

    @event.listens_for(engine, "connect")
    def prepare(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # our own BEGIN below, not the driver's
        # SQLite alters a table by making it anew; with foreign keys on, dropping the old one would take its children.
        connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[attr-defined]  # the driver's own type

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # before the version is read, so that two never do the same

    return engine


def migrate(connection: Connection, *, in_steps: bool) -> None:
    """Run what the command asked for, in one transaction or in one for each step."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # written once, run on both databases
        render_item=render,
        include_object=compared,
        transaction_per_migration=in_steps,
    )
    with context.begin_transaction():
        context.run_migrations()
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                message = f"after migrating, rows point nowhere: {broken[:5]}"
                raise RuntimeError(message)


def hurry(connection: Connection) -> None:
    """Wait for another migrator as long as it takes, and then for no table longer than others can bear."""
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
    connection.commit()


def run() -> None:
    """Migrate the database, or with ``--sql`` print what would be done."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:  # a test's own, inside a transaction that is the test's to end
        migrate(given, in_steps=False)
        return
    url = address()
    if context.is_offline_mode():
        context.configure(url=url, target_metadata=METADATA, literal_binds=True, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = engine_for(url)
    with engine.connect() as connection:
        on_postgresql = connection.dialect.name == "postgresql"
        if on_postgresql:
            hurry(connection)
        migrate(connection, in_steps=on_postgresql)
    engine.dispose()


run()
