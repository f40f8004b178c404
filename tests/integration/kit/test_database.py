"""The database: exact numbers, moments with their zone, and transactions that keep everything or nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import UniqueViolation
from sqlalchemy import BigInteger, Engine, Integer, MetaData, QueuePool, create_engine, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from kit import changes
from kit.amounts import UINT256_MAX
from kit.copying import array, cells
from kit.database import (
    Database,
    ExactInteger,
    UtcDateTime,
    draw_numbers,
    make_engine,
    make_room,
    plan_anew,
    set_many,
    translated,
    write_many,
    writing,
)
from kit.errors import DatabaseUnavailable
from kit.rows import plain
from ledger.tables import AccountRow, AssetRow, BlockRow, EntryRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Shelf(DeclarativeBase):
    """Tables of these tests alone, apart from the project's."""

    metadata = MetaData()


class Thing(Shelf):
    __tablename__ = "things_of_a_test"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    amount: Mapped[int | None] = mapped_column(ExactInteger)
    moment: Mapped[datetime | None] = mapped_column(UtcDateTime)
    name: Mapped[str | None]


@pytest.fixture
def shelf(database: Database) -> Iterator[Database]:
    """The database with the tests' own table in it."""
    Shelf.metadata.create_all(database.engine)
    yield database
    Shelf.metadata.drop_all(database.engine)


def kept(database: Database, *, amount: Any = None, moment: Any = None) -> tuple[int | None, datetime | None]:  # noqa: ANN401
    """The amount and the moment that come back of a row that was written."""
    with database.write() as session:
        thing = Thing(amount=amount, moment=moment)
        session.add(thing)
        session.flush()
        number = thing.id
    with database.read() as session:
        found = session.get(Thing, number)
        assert found is not None
        return found.amount, found.moment


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=st.integers(-(10**78) + 1, 10**78 - 1))
def test_whole_numbers_come_back_exactly(shelf: Database, amount: int) -> None:
    assert kept(shelf, amount=amount) == (amount, None)


@pytest.mark.parametrize("amount", [0, -1, 2**53 + 1, 2**63, 2**64, UINT256_MAX, -UINT256_MAX, 10**78 - 1])
def test_numbers_on_the_edges_come_back_exactly(shelf: Database, amount: int) -> None:
    found, _ = kept(shelf, amount=amount)
    assert found == amount
    assert type(found) is int


@pytest.mark.parametrize("amount", [1.0, "1", True, Decimal(1)])
def test_what_is_no_whole_number_is_not_written(shelf: Database, amount: object) -> None:
    with pytest.raises(StatementError, match="not a whole number"):
        kept(shelf, amount=amount)


@pytest.mark.parametrize("amount", [10**78, -(10**78)])
def test_a_number_too_long_is_not_written(shelf: Database, amount: int) -> None:
    with pytest.raises(StatementError, match="at most 78 digits"):
        kept(shelf, amount=amount)


def test_nothing_stays_nothing(shelf: Database) -> None:
    assert kept(shelf) == (None, None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moment=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)),  # noqa: DTZ001 - zoned below
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_moments_come_back_in_utc_to_the_microsecond(shelf: Database, moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    _, found = kept(shelf, moment=zoned)
    assert found is not None
    assert found == zoned
    assert found.utcoffset() == timedelta()


def test_moments_are_compared_in_utc(shelf: Database) -> None:
    late = NOW.astimezone(timezone(timedelta(hours=-10)))
    kept(shelf, moment=late)
    with shelf.read() as session:
        assert session.query(Thing).filter(Thing.moment < NOW + timedelta(seconds=1)).count() == 1
        assert session.query(Thing).filter(Thing.moment < NOW).count() == 0


def test_what_goes_wrong_amid_plain_rows_is_told_as_anything_else(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n"
    database = Database(make_engine(f"sqlite:///{tmp_path / 'shelf.db'}"))
    with database.read() as session:
        assert plain(session.connection(), endless, [3]) == [(1,), (2,), (3,)]
        driver: Any = session.connection().connection.driver_connection
        steps = iter(range(20))  # enough to begin, and no more
        driver.set_progress_handler(lambda: next(steps, None) is None, 1_000)
        with pytest.raises(DatabaseUnavailable, match="interrupted"), translated():
            plain(session.connection(), endless, [10**6])
        driver.set_progress_handler(None, 0)
        assert plain(session.connection(), endless, [1]) == [(1,)]
    database.engine.dispose()


def test_a_moment_without_zone_is_not_written(shelf: Database) -> None:
    with pytest.raises(StatementError, match="zone"):
        kept(shelf, moment=NOW.replace(tzinfo=None))


def test_a_transaction_keeps_everything_or_nothing(shelf: Database) -> None:
    with pytest.raises(ZeroDivisionError), shelf.write() as session:  # noqa: PT012 - it must fail inside
        session.add(Thing(amount=1))
        session.flush()
        changes.touch(session, "topic")
        _ = 1 // 0
    with shelf.read() as session:
        assert session.query(Thing).count() == 0
        assert changes.counters(session) == {}


def test_what_is_written_while_reading_is_lost(shelf: Database) -> None:
    with shelf.read() as session:
        session.add(Thing(amount=1))
        session.flush()
    with shelf.read() as session:
        assert session.query(Thing).count() == 0


def test_readers_see_nothing_half_done_and_do_not_wait(shelf: Database) -> None:
    with shelf.write() as writing:
        writing.add(Thing(amount=1))
        writing.flush()
        with shelf.read() as reading:
            assert reading.query(Thing).count() == 0
        with shelf.look() as looking:
            assert looking.scalar(text("SELECT count(*) FROM things_of_a_test")) == 0
    with shelf.read() as reading:
        assert reading.query(Thing).count() == 1
    with shelf.look() as looking:
        assert looking.scalar(text("SELECT count(*) FROM things_of_a_test")) == 1
        looking.execute(text("DELETE FROM things_of_a_test"))
    with shelf.look() as looking:
        assert looking.scalar(text("SELECT count(*) FROM things_of_a_test")) == 1, "what is written in it is lost"


EDGES = [0, -1, 2**64, UINT256_MAX, 10**78 - 1, 1 - 10**78]


def test_many_numbers_come_back_exactly_and_are_set_exactly(shelf: Database) -> None:
    with shelf.write() as session:
        write_many(session, Thing, {"id": range(1, 8), "amount": [*EDGES, None]})
    with shelf.write() as session:
        assert [thing.amount for thing in session.query(Thing).order_by(Thing.id)] == [*EDGES, None]
        set_many(session, Thing, "amount", dict(enumerate(reversed(EDGES), 1)))
    with shelf.read() as session:
        assert [thing.amount for thing in session.query(Thing).order_by(Thing.id)] == [*reversed(EDGES), None]


TEXTS = ["", "plain", "a\\b", "\\N", "\\.", "\t tab", "line\nafter\r", "NULL", "ä€😀", '"quoted"', "\x7f\x1b"]


def test_texts_come_back_as_they_are_however_they_look(shelf: Database) -> None:
    with shelf.write() as session:
        write_many(session, Thing, {"id": range(len(TEXTS)), "name": TEXTS})
        write_many(session, Thing, {"id": range(100, 101 + len(TEXTS)), "name": [*TEXTS, None]})
    with shelf.read() as session:
        assert [thing.name for thing in session.query(Thing).order_by(Thing.id)] == [*TEXTS, *TEXTS, None]


def test_arrays_are_read_as_what_they_were_made_of(postgresql_engine: Engine) -> None:
    texts = [*TEXTS, "{x,y}", "a,b", " blank ", "'", "\\"]
    with postgresql_engine.connect() as connection:
        query = "SELECT %s::varchar[], %s::numeric[], %s::bigint[]"
        assert connection.exec_driver_sql(query, (array(texts), array(EDGES), array(range(0)))).one() == (
            texts,
            EDGES,
            [],
        )


def test_cells_are_taken_as_they_stand_by_the_one_that_reads_them(shelf: Database) -> None:
    columns = {"id": cells(range(1, 1 + len(EDGES))), "amount": cells(EDGES)}
    with shelf.write() as session:
        if shelf.engine.dialect.name == "sqlite":
            with pytest.raises(ValueError, match="PostgreSQL"):
                write_many(session, Thing, columns)
            return
        write_many(session, Thing, columns)
        assert session.scalars(select(Thing.amount).order_by(Thing.id)).all() == EDGES


def test_what_fails_while_rows_are_taken_in_keeps_them_out(shelf: Database) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        shelf.write() as session,
        writing(session, Thing, {"id": [1], "amount": [1]}),
    ):
        _ = 1 // 0
    with shelf.write() as session:
        with writing(session, Thing, {"id": [2], "amount": [2]}):
            pass
        assert session.query(Thing).count() == 1


def test_bytes_and_truths_come_back_as_they_are(database: Database) -> None:
    hashes = [bytes(32), b"\\x\n\t\0" * 8, bytes(range(32))]
    block: dict[str, Any] = {
        "chain_id": [1] * 3,
        "number": range(3),
        "timestamp": [0] * 3,
        "level": ["seen"] * 3,
        "turn": [1] * 3,
    }
    entry: dict[str, Any] = {"chain_id": [1] * 3, "turn": [1] * 3, "log_index": [0] * 3, "kind": ["transfer"] * 3}
    with database.write() as session:
        write_many(session, BlockRow, {**block, "hash": hashes, "parent_hash": hashes})
        columns: dict[str, Any] = {"block_hash": hashes, "transaction": hashes, "reversal": [False, True, True]}
        write_many(session, EntryRow, {**entry, **columns, "id": range(1, 4), "reverses": [None, 1, 2]})
    with database.read() as session:
        found = [(row.block_hash, row.reversal, row.reverses) for row in session.query(EntryRow).order_by(EntryRow.id)]
    assert found == list(zip(hashes, [False, True, True], [None, 1, 2], strict=True))


@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=7), NOW.astimezone(timezone(timedelta(hours=5)))])
def test_a_moment_that_is_written_among_many_compares_as_one_that_is_written_alone(
    shelf: Database, moment: datetime
) -> None:
    with shelf.write() as session:
        write_many(session, Thing, {"id": [1, 2], "moment": [moment, None]})
        session.add(Thing(id=3, moment=moment))
    with shelf.read() as session:
        assert [thing.id for thing in session.query(Thing).where(Thing.moment == moment).order_by(Thing.id)] == [1, 3]
        assert [thing.id for thing in session.query(Thing).where(Thing.moment >= moment).order_by(Thing.id)] == [1, 3]
    with pytest.raises(ValueError, match="zone"), shelf.write() as session:
        write_many(session, Thing, {"id": [4], "moment": [moment.replace(tzinfo=None)]})


@pytest.mark.parametrize("misfit", [1.0, "1", True, Decimal(1), 10**78, -(10**78)])
def test_one_misfit_among_many_keeps_all_of_them_out(shelf: Database, misfit: Any) -> None:  # noqa: ANN401 - that is it
    with (
        pytest.raises((TypeError, ValueError), match=r"not a whole number|at most 78 digits"),
        shelf.write() as session,
    ):
        write_many(session, Thing, {"id": range(1, 4), "amount": [5, misfit, 7]})
    with shelf.read() as session:
        assert session.query(Thing).count() == 0


@pytest.mark.parametrize("count", [0, 1, 498, 499, 500, 997, 998, 999, 1996])
def test_rows_come_in_whole_however_many_of_them_one_statement_takes(shelf: Database, count: int) -> None:
    amounts = [number * 7 for number in range(count)]
    with shelf.write() as session:
        write_many(session, Thing, {"id": range(1, count + 1), "amount": amounts})
    with shelf.read() as session:
        assert [thing.amount for thing in session.query(Thing).order_by(Thing.id)] == amounts


@pytest.mark.parametrize("wrong", [0, 700, 1200])
def test_a_row_that_is_there_already_keeps_all_of_its_statements_rows_out(shelf: Database, wrong: int) -> None:
    with shelf.write() as session:
        write_many(session, Thing, {"id": [10_000], "amount": [1]})
    numbers = list(range(1, 1301))
    numbers[wrong] = 10_000
    with pytest.raises((IntegrityError, UniqueViolation)), shelf.write() as session:
        write_many(session, Thing, {"id": numbers, "amount": numbers})
    with shelf.read() as session:
        assert [thing.amount for thing in session.query(Thing)] == [1]


def test_who_writes_to_sqlite_takes_turns_with_those_who_wait(tmp_path: Path) -> None:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'turns.db'}"))
    Shelf.metadata.create_all(database.engine)
    others = [threading.Thread(target=kept, args=(database,), kwargs={"amount": number}) for number in range(5)]
    with database.write():
        for number, other in enumerate(others):
            other.start()
            while database._line is None or database._line.waiting() == number:
                time.sleep(0.001)
    with database.write() as session:
        assert session.query(Thing).count() == 5, "whoever just wrote, and asks again at once, waits for all of them"
    for other in others:
        other.join()
    database.engine.dispose()


def test_a_reader_of_one_moment_sees_nothing_that_is_written_meanwhile(shelf: Database) -> None:
    kept(shelf, amount=1)
    with shelf.read(one_moment=True) as session:
        assert session.query(Thing).count() == 1
        kept(shelf, amount=2)
        assert session.query(Thing).count() == 1
    with shelf.read() as session:
        assert session.query(Thing).count() == 2
    with shelf.read() as session:
        assert session.connection().get_isolation_level() in ("SERIALIZABLE", "READ COMMITTED"), (
            "the others stay as they were"
        )


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as session:
        session.execute(text("INSERT INTO postings (entry_id, line, account_id, amount) VALUES (7, 0, 7, '0')"))


def test_a_database_that_is_not_there_is_said_to_be_unavailable() -> None:
    nowhere = make_engine("postgresql+psycopg://nobody@/nothing?host=/nonexistent")
    with pytest.raises(DatabaseUnavailable), Database(nowhere).read():
        pass
    nowhere.dispose()


def test_an_exhausted_pool_is_a_silent_database(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    crowded = create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01)
    try:
        with crowded.connect(), pytest.raises(DatabaseUnavailable), Database(crowded).read():
            pass
    finally:
        crowded.dispose()


def test_numbers_drawn_at_once_are_nobody_elses(database: Database) -> None:
    rows: dict[str, list[Any]] = {"asset_id": [1] * 3, "account": ["a", "b", "c"]}
    with database.write() as session:
        session.add(AssetRow(id=1, asset="ern"))
        session.flush()
        assert list(draw_numbers(session, AccountRow, 0)) == []
        numbers = list(draw_numbers(session, AccountRow, 3))
        assert numbers == sorted(set(numbers))
        write_many(session, AccountRow, {"id": numbers, **rows})
    with database.write() as session:
        later = list(draw_numbers(session, AccountRow, 2))
    assert len(later) == 2
    assert min(later) > max(numbers)


def test_numbers_between_which_others_drew_are_each_told(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("on SQLite whoever writes is alone")
    with database.write() as session:
        session.execute(text("ALTER SEQUENCE accounts_id_seq INCREMENT BY 2"))  # as if somebody drew every other one
        first, second, third = draw_numbers(session, AccountRow, 3)
        assert (second - first, third - second) == (2, 2)
        session.rollback()


def test_who_writes_much_has_room(database: Database) -> None:
    if database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has its own memory")
    with database.write() as session:
        before = session.execute(text("PRAGMA cache_size")).scalar_one()
        make_room(session)
        assert session.execute(text("PRAGMA cache_size")).scalar_one() == -64 * 1024 != before


def test_who_fills_tables_has_statements_planned_anew_until_the_transaction_ends(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        with database.write() as session:
            plan_anew(session)
            assert session.execute(text("SELECT 1")).scalar_one() == 1, "SQLite keeps no such plans"
        return
    told = text("SHOW plan_cache_mode")
    with database.write() as session:
        plan_anew(session)
        assert session.execute(told).scalar_one() == "force_custom_plan"
    with database.write() as session:
        assert session.execute(told).scalar_one() == "auto"


def test_what_may_have_to_be_undone_stays_in_memory_and_what_a_query_sorts_does_not(tmp_path: Path) -> None:
    database = Database(make_engine(f"sqlite:///{tmp_path}/roomy.db"))

    def kept_in(session: Session) -> int:
        return int(session.execute(text("PRAGMA temp_store")).scalar_one())

    with database.write() as session:
        make_room(session)
    with database.write() as session:
        assert kept_in(session) == 2, "memory"
    with database.read() as session:
        assert kept_in(session) == 0, "a file where it is much"
    with database.write() as session:
        assert kept_in(session) == 2, "memory"
    database.engine.dispose()
