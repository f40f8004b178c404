"""What the books refer to is there: whatever names nothing, or takes away what is named, is refused."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from kit.database import Database
from ledger.model import Account
from ledger.tables import AccountRow, EntryRow, PostingRow

BLOCK = b"\x01" * 32
_ENTRY = 'INSERT INTO entries (id, chain_id, block_hash, log_index, turn, "transaction", kind, reversal) VALUES '
_LINE = "INSERT INTO postings (entry_id, line, account_id, amount) VALUES "
_BLOCK = "INSERT INTO chain_blocks (chain_id, hash, number, parent_hash, timestamp, level, turn) VALUES "
_ACCOUNT = "INSERT INTO accounts (id, asset_id, account) VALUES "
_ASSET = "INSERT INTO assets (id, asset) VALUES "
_BALANCE = "INSERT INTO balances (account_id, amount) VALUES "


@pytest.fixture
def books(database: Database) -> Database:
    """A block with one entry of two postings."""
    for statement in (
        _BLOCK + "(1, :hash, 1, :hash, 1, 'seen', 1)",
        _ENTRY + "(1, 1, :hash, 0, 1, :hash, 'mint', false)",
        _ASSET + "(1, 'ern'), (2, 'ether')",
        _ACCOUNT + "(1, 1, 'mint'), (2, 1, 'wallet:a'), (3, 1, 'wallet:b'), (4, 1, 'wallet:c'), (5, 1, 'wallet:d')",
        _BALANCE + "(1, '-5'), (2, '5'), (3, '0'), (4, '0')",
        _LINE + "(1, 0, 1, '-5'), (1, 1, 2, '5')",
    ):
        with database.write() as session:
            session.execute(text(_of(database, statement)), {"hash": BLOCK} if ":hash" in statement else {})
    return database


def _of(database: Database, statement: str) -> str:
    """Write amounts as numbers where they are."""
    on_sqlite = database.engine.dialect.name == "sqlite"
    return statement if on_sqlite else statement.replace("'-5'", "-5").replace("'5'", "5").replace("'0'", "0")


@pytest.mark.parametrize(
    "statement",
    [
        _LINE + "(1, 2, 3, '0'), (9, 0, 3, '0')",
        _LINE + "(1, 2, 3, '0'), (1, 3, 9, '0')",
        _LINE + "(2, 0, 3, '0'), (2, 1, 1, '0')",
        _BALANCE + "(5, '0'), (9, '0')",
        _ACCOUNT + "(7, 2, 'mint'), (6, 9, 'mint')",
        "UPDATE accounts SET asset_id = 9 WHERE id = 3",
        "DELETE FROM assets WHERE id = 1",
        "UPDATE assets SET id = 9 WHERE id = 1",
        "UPDATE balances SET account_id = 9 WHERE account_id = 4",
        "UPDATE postings SET account_id = 9 WHERE line = 1",
        "UPDATE postings SET entry_id = 9",
        _ENTRY + "(2, 1, :other, 0, 1, :other, 'mint', false)",
        _ENTRY + "(2, 2, :hash, 0, 1, :hash, 'mint', false)",
        "UPDATE entries SET block_hash = :other",
        "DELETE FROM accounts WHERE id = 2",
        "UPDATE accounts SET id = 9 WHERE id = 1",
        "DELETE FROM accounts WHERE id = 4",
        "UPDATE accounts SET id = 9 WHERE id = 4",
        "DELETE FROM entries",
        "UPDATE entries SET id = 9",
        "DELETE FROM chain_blocks",
        "UPDATE chain_blocks SET hash = :other",
        "UPDATE chain_blocks SET chain_id = 9",
    ],
)
def test_a_reference_to_nothing_is_refused(books: Database, statement: str) -> None:
    given = {"hash": BLOCK, "other": b"\x02" * 32}
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), books.write() as session:
        session.execute(
            text(_of(books, statement)), {name: value for name, value in given.items() if f":{name}" in statement}
        )
    with books.read() as session:
        assert session.scalars(select(EntryRow.id)).all() == [1]
        lines = select(PostingRow.line, AccountRow.account).join(AccountRow, AccountRow.id == PostingRow.account_id)
        lines = lines.order_by(PostingRow.line)
        assert [(line, Account(name)) for line, name in session.execute(lines)] == [(0, "mint"), (1, "wallet:a")]


@pytest.mark.parametrize(
    "statement",
    [
        _LINE + "(1, 2, 3, '0')",
        "UPDATE postings SET account_id = 3 WHERE line = 1",
        "UPDATE postings SET amount = '0'",
        _BALANCE + "(5, '0')",
        _ACCOUNT + "(7, 2, 'mint')",
        "UPDATE accounts SET asset_id = 2 WHERE id = 3",
        "DELETE FROM assets WHERE id = 2",
        "UPDATE balances SET account_id = 5 WHERE account_id = 4",
        "UPDATE balances SET amount = '5'",
        "DELETE FROM accounts WHERE id = 5",
        "UPDATE accounts SET id = 9 WHERE id = 5",
        "UPDATE accounts SET id = id",
        "UPDATE entries SET kind = 'burn'",
        "UPDATE chain_blocks SET level = 'safe', hash = hash",
    ],
)
def test_what_breaks_no_reference_is_done(books: Database, statement: str) -> None:
    with books.write() as session:
        session.execute(text(_of(books, statement)))


@pytest.mark.parametrize(
    "statement",
    [
        _LINE + "(1, 2, 5, '0')",
        "UPDATE postings SET account_id = 5 WHERE line = 1",
        "DELETE FROM balances WHERE account_id = 2",
        "UPDATE balances SET account_id = 5 WHERE account_id = 2",
    ],
)
def test_a_line_is_of_an_account_with_a_balance_where_each_is_looked_up(books: Database, statement: str) -> None:
    # PostgreSQL asks for the accounts of all lines at once, and for no more than that (ADR 69).
    refused = pytest.raises(IntegrityError, match=r"(?i)foreign key")
    with refused if books.engine.dialect.name == "sqlite" else nullcontext(), books.write() as session:
        session.execute(text(_of(books, statement)))


@pytest.mark.parametrize("table", ["assets", "accounts", "entries", "chain_blocks"])
def test_what_is_referred_to_is_not_emptied(books: Database, table: str) -> None:
    if books.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(Exception, match=r"(?i)foreign key"), books.write() as session:
        session.execute(text(f"TRUNCATE {table}"))


AT_ONCE = [
    pytest.param(_LINE + "(2, 0, 3, 0)", "DELETE FROM entries WHERE id = 2", id="a posting and its entry"),
    pytest.param(_LINE + "(1, 2, 5, 0)", "DELETE FROM accounts WHERE id = 5", id="a posting and its account"),
    pytest.param(_BALANCE + "(5, 0)", "DELETE FROM accounts WHERE id = 5", id="a balance and its account"),
    pytest.param(_ACCOUNT + "(7, 2, 'mint')", "DELETE FROM assets WHERE id = 2", id="an account and its asset"),
    pytest.param(
        _ENTRY + "(3, 1, '\\x02', 0, 1, '\\x02', 'mint', false)",
        "DELETE FROM chain_blocks WHERE number = 2",
        id="an entry and its block",
    ),
]


@pytest.fixture
def unnamed(books: Database) -> Database:
    """The same, with an entry, an account and a block that nothing names, on PostgreSQL alone."""
    if books.engine.dialect.name == "sqlite":
        pytest.skip("on SQLite one writes after the other")
    with books.write() as session:
        session.execute(text(_BLOCK + "(1, '\\x02', 2, '\\x02', 2, 'seen', 1)"))
        session.execute(text(_ENTRY + "(2, 1, :hash, 1, 1, :hash, 'mint', false)"), {"hash": BLOCK})
    return books


def meanwhile(database: Database, first: str, then: str, *, keep: bool) -> bool:
    """Do ``first``, have another begin ``then`` and wait for it, end the first; tell whether the other one was done."""
    done: list[bool] = []

    def other() -> None:
        try:
            with database.write() as session:
                session.execute(text(then))
        except IntegrityError:
            done.append(False)
        else:
            done.append(True)

    with database.engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text(first))
        thread = threading.Thread(target=other)
        thread.start()
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as watching:
            while thread.is_alive() and not watching.scalar(
                text(
                    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                    "WHERE NOT granted AND datname = current_database()"
                )
            ):
                pass
        waited = thread.is_alive()
        if keep:
            transaction.commit()
        else:
            transaction.rollback()
        thread.join()
    assert waited, "it must not see the books as they were before"
    return done == [True]


@pytest.mark.parametrize(("naming", "taking_away"), AT_ONCE)
def test_what_somebody_is_about_to_name_is_not_taken_away(unnamed: Database, naming: str, taking_away: str) -> None:
    assert not meanwhile(unnamed, naming, taking_away, keep=True)


@pytest.mark.parametrize(("naming", "taking_away"), AT_ONCE)
def test_what_somebody_is_about_to_take_away_is_not_named(unnamed: Database, naming: str, taking_away: str) -> None:
    assert not meanwhile(unnamed, taking_away, naming, keep=True)


@pytest.mark.parametrize(("naming", "taking_away"), AT_ONCE)
def test_who_thinks_better_of_it_stands_in_nobodys_way(unnamed: Database, naming: str, taking_away: str) -> None:
    assert meanwhile(unnamed, taking_away, naming, keep=False)
