"""The database: declarative base, exact column types, engines for SQLite and PostgreSQL, the one transaction helper."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    TypeDecorator,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeEngine

from kit.copying import Cells, array, copy_rows
from kit.errors import DatabaseUnavailable
from kit.line import Line
from kit.rows import insert

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name that a migration can drop."""

_DIGITS = 78
_LONGEST = 10**_DIGITS
_TO_MICROSECONDS = len("2026-11-20 12:00:00.000000")
_BUSY_TIMEOUT_MS = 5_000
_ROOM_KIB = 64 * 1024
_PAGES_A_CHECKPOINT = 8_000
"""32 MB. At SQLite's own 4 MB, moving the log into the file takes half of the time that booking many blocks does."""
_ROOMY = "earnest_roomy"
_READ_ONLY = "earnest_read_only"


class Base(DeclarativeBase):
    """Base of every table; its metadata is what Alembic compares with."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class ExactInteger(TypeDecorator[int]):
    """A signed whole number of up to 78 digits: NUMERIC(78,0) on PostgreSQL, exact text on SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Pick the column type of the dialect."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(_DIGITS, 0, asdecimal=True))
        return dialect.type_descriptor(String(_DIGITS + 1))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:  # noqa: ANN401 - the driver's own type
        """Hand the driver a decimal or text; refuse what is no whole number, or too long a one."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            message = f"{value!r} is not a whole number"
            raise TypeError(message)
        if not -_LONGEST < value < _LONGEST:
            message = f"a stored number has at most {_DIGITS} digits"
            raise ValueError(message)
        return value if dialect.name == "postgresql" else str(value)

    def fits(self, values: Sequence[Any]) -> bool:
        """Tell, at a glance, whether all of them are whole numbers that fit; where not, each tells of itself."""
        return set(map(type, values)) == {int} and min(values) > -_LONGEST and max(values) < _LONGEST

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ANN401, ARG002 - the driver's own type
        """Return an ``int``."""
        return None if value is None else int(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: stored in UTC, always aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a stored time must know its zone"
            raise ValueError(message)
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def bound(self, values: Sequence[datetime | None], dialect: Dialect) -> list[Any]:
        """Return what the driver takes of many moments: for SQLite the very text that SQLAlchemy would write of each.

        The driver's own has no fraction where a moment falls on a whole second, and compares as less than that.
        """
        if dialect.name == "postgresql":
            return [self.process_bind_param(value, dialect) for value in values]
        return [None if value is None else _text(value) for value in values]

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the type's signature
        """Return an aware UTC moment."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(moment: datetime) -> str:
    if moment.tzinfo is None:
        message = "a stored time must know its zone"
        raise ValueError(message)
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:_TO_MICROSECONDS]


Bytes20 = LargeBinary(20)
"""Column type of an Ethereum address."""
Bytes32 = LargeBinary(32)
"""Column type of a hash."""


def make_engine(url: str) -> Engine:
    """Return an engine for a ``sqlite:///…`` or ``postgresql+psycopg://…`` URL.

    SQLite: WAL, foreign keys on, 5 s busy time-out; every writing transaction begins ``IMMEDIATE`` so that it queues at
    its start and never fails half-way for a lock.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 - the driver's own type
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below decides, not the driver
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint={_PAGES_A_CHECKPOINT}")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        if connection.info.get(_ROOMY):
            # What a statement with many rows would need to be undone stays in memory; what a query sorts does not.
            connection.exec_driver_sql(f"PRAGMA temp_store={'DEFAULT' if read_only else 'MEMORY'}")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


class Database:
    """Opens transactions; the only place that commits."""

    def __init__(self, engine: Engine) -> None:
        """Work on ``engine``."""
        self.engine = engine
        self._guard: Callable[[Session], None] | None = None
        self._sessions = sessionmaker(engine, expire_on_commit=False)
        self._reading = engine.execution_options(**{_READ_ONLY: True})
        # SQLite lets one write at a time and has the others poll, and luck decides between them; within a process they
        # stand in line instead.
        self._line = Line() if engine.dialect.name == "sqlite" else None

    @property
    def alone(self) -> bool:
        """Whether nobody else can write while somebody does (SQLite)."""
        return self._line is not None

    def fenced(self, guard: Callable[[Session], None]) -> Database:
        """Return the same database, each writing transaction of which begins with ``guard``, which may refuse it."""
        twin = copy(self)
        twin._guard = guard  # noqa: SLF001 - our own twin
        return twin

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one writing transaction: committed at the end of the block, rolled back by any exception.

        Raises ``DatabaseUnavailable`` where the database does not answer or stays locked.
        """
        with translated(), self._turn(), self._sessions.begin() as session:
            if self._guard is not None:
                self._guard(session)
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._line is None:
            yield
            return
        if not self._line.acquire(timeout=_BUSY_TIMEOUT_MS / 1000):
            message = "The database stayed locked."
            raise DatabaseUnavailable(message)
        try:
            yield
        finally:
            self._line.release()

    @contextmanager
    def read(self, *, one_moment: bool = False) -> Iterator[Session]:
        """Open one reading transaction; what is written in it is rolled back.

        ``one_moment``: every statement in it sees the database as the first one did. (On SQLite they always do; on
        PostgreSQL each sees what was committed before it, unless that is asked for.)
        """
        options: dict[str, Any] = {_READ_ONLY: True}
        if one_moment and self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        with translated(), self._sessions() as session:
            session.connection(execution_options=options)
            yield session
            session.rollback()

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Open one reading transaction for a query or two: half as dear as ``read``, without rows as objects."""
        with translated(), self._reading.connect() as connection:
            yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Raise ``DatabaseUnavailable`` where the block's database does not answer."""
    try:
        yield
    except DBAPIError as error:
        # A connection that the server ended on purpose, for a reason of its own, is told by neither of the two.
        if not isinstance(error, OperationalError | InterfaceError) and not error.connection_invalidated:
            raise
        # The driver's first line tells a lock from a missing column; neither holds what was to be written.
        reason = str(error.orig).strip().partition("\n")[0] or type(error.orig).__name__
        message = f"The database did not answer: {reason}"
        raise DatabaseUnavailable(message) from error
    except PoolExhausted as error:
        message = "Every connection to the database is in use."
        raise DatabaseUnavailable(message) from error


def write_many(session: Session, table: type[DeclarativeBase], columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows, given column by column, at the driver's own speed: ``COPY`` on PostgreSQL, few statements on SQLite.

    Values are what the driver takes; our own column types check and convert theirs as anywhere else, but for a column
    that is ``Cells`` already. Nothing is returned, so numbers that rows refer to each other by are drawn before
    (``draw_numbers``). Raises ``ValueError`` for columns of different lengths, and for ``Cells`` on SQLite.
    """
    with writing(session, table, columns):
        pass


@contextmanager
def writing(session: Session, table: type[DeclarativeBase], columns: Mapping[str, Sequence[Any]]) -> Iterator[None]:
    """Insert rows as ``write_many`` does; a server takes them in while the block runs, which asks it nothing."""
    connection = session.connection()
    dialect = connection.dialect
    bound = [_bound(table, name, values, dialect) for name, values in columns.items()]
    if len({len(values) for values in bound}) != 1:
        message = "columns of different lengths"
        raise ValueError(message)
    if not bound[0]:
        yield
        return
    quote = dialect.identifier_preparer.quote
    name, names = quote(table.__tablename__), ", ".join(quote(name) for name in columns)
    if dialect.name != "postgresql":
        if any(isinstance(values, Cells) for values in bound):  # it would take them for texts
            message = "only PostgreSQL reads cells"
            raise ValueError(message)
        insert(connection, f"INSERT INTO {name} ({names}) VALUES ", bound)  # noqa: S608 - our own names
        yield
        return
    raw: Any = connection.connection.cursor()
    with raw, raw.copy(f"COPY {name} ({names}) FROM STDIN") as to:
        copy_rows(to, bound)
        yield


def make_room(session: Session) -> None:
    """Let SQLite keep 64 MiB of its file in memory, on this connection from now on: for who writes much at a time.

    With its own 2 MiB it writes pages of the transaction out, and reads them again, several times before the commit. A
    process that has many connections would need as much for each, so this is asked for and not the rule.
    """
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_ROOM_KIB}")
        connection.info[_ROOMY] = True


def plan_anew(session: Session) -> None:
    """Let PostgreSQL plan statements by how much there is now, until this transaction ends: for who fills tables.

    It keeps a plan that it made while a table was nearly empty, and reads all of it at every lookup until it counts
    its rows anew, which is a minute later at best (``plan_cache_mode``).
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


def set_many(session: Session, table: type[DeclarativeBase], column: str, values: Mapping[int, Any]) -> None:
    """Set one column of many rows, each by its key, a number, in as few statements as the driver takes them in."""
    if not values:
        return
    connection = session.connection()
    dialect = connection.dialect
    bound = _bound(table, column, list(values.values()), dialect)
    quote = dialect.identifier_preparer.quote
    (by,) = inspect(table).primary_key
    name, field, key = quote(table.__tablename__), quote(column), quote(by.name)
    if dialect.name != "postgresql":
        rows = list(zip(bound, values, strict=True))
        connection.exec_driver_sql(f"UPDATE {name} SET {field} = ? WHERE {key} = ?", rows)  # noqa: S608 - our own names
        return
    kind = table.__table__.c[column].type.dialect_impl(dialect).compile(dialect)
    connection.exec_driver_sql(
        f"UPDATE {name} SET {field} = given.now FROM "  # noqa: S608 - our own names
        f"unnest(%s::bigint[], %s::{kind}[]) AS given (key, now) WHERE {name}.{key} = given.key",
        (array(values), array(bound) if set(map(type, bound)) == {int} else list(bound)),
    )


def one_of(session: Session, column: Any, values: Sequence[Any]) -> ColumnElement[bool]:  # noqa: ANN401 - mapped or not
    """Return the condition that a column of texts (or numbers) is one of ``values``, however many: one parameter."""
    if session.get_bind().dialect.name == "postgresql":
        kind = ARRAY(BigInteger if isinstance(column.type, Integer) else String)
        return cast("ColumnElement[bool]", column == func.any(bindparam(None, list(values), type_=kind, unique=True)))
    listed = func.json_each(bindparam(None, json.dumps(list(values)), type_=String, unique=True)).table_valued("value")
    return cast("ColumnElement[bool]", column.in_(select(listed.c.value)))


def _bound(table: type[DeclarativeBase], name: str, values: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    kind = table.__table__.c[name].type
    if not isinstance(kind, TypeDecorator) or isinstance(values, Cells):
        return values
    if isinstance(kind, ExactInteger) and kind.fits(values):
        return values if dialect.name == "postgresql" else list(map(str, values))
    if isinstance(kind, UtcDateTime):
        return kind.bound(values, dialect)
    return [kind.process_bind_param(value, dialect) for value in values]


def draw_numbers(session: Session, table: type[DeclarativeBase], count: int) -> range | list[int]:
    """Return ``count`` ascending numbers for new rows of a table that counts its ``id`` up, taken from everybody else.

    On SQLite whoever writes is alone, so the numbers follow the highest there is: for tables alone whose rows are never
    deleted.
    """
    if not count:
        return range(0)
    name = table.__tablename__
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        highest = connection.exec_driver_sql(f"SELECT max(id) FROM {name}").scalar() or 0  # noqa: S608 - our own name
        return range(highest + 1, highest + 1 + count)
    # One number for each row is drawn where the sequence stands; its name is looked up once. Hardly ever does anybody
    # else draw meanwhile, so that the first and the last one tell them all.
    first, last, listed = connection.exec_driver_sql(
        "SELECT min(number), max(number), CASE WHEN max(number) - min(number) >= count(*) "
        "THEN array_agg(number ORDER BY number) END FROM (SELECT nextval((SELECT "
        "pg_get_serial_sequence(%s, 'id')::regclass)) AS number FROM generate_series(1, %s)) AS drawn",
        (name, count),
    ).one()
    return range(first, last + 1) if listed is None else list(listed)
