"""Whoever asks for an account's lines gets them out of all eras, and by the index: never by reading the whole book."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from kit.database import Database
from kit.identifiers import Address
from ledger.model import Account, erc20, wallet
from ledger.store import books as store
from ledger.store import recorded

CHAIN = 31337
ASSET = erc20(CHAIN, Address(b"\x70" * 20))
ALICE, BOB, CAROL = (wallet(Address(bytes([number]) * 20)) for number in (1, 2, 3))
ENTRIES = {1: (ALICE, BOB), 16_383: (BOB, CAROL), 16_384: (ALICE, CAROL), 200_000: (BOB, ALICE)}
"""Who gave whom 5, in entries of which the first two are of one era, and the others each of one of their own."""


@pytest.fixture
def books(database: Database) -> Database:
    """Books of several eras, in few entries."""
    names = {ALICE: 1, BOB: 2, CAROL: 3}
    put = {
        "chain_blocks": "(chain_id, hash, number, parent_hash, timestamp, level, turn) "
        "VALUES (:c, :h, 1, :h, 9, 'seen', 1)",
        "assets": "(id, asset) VALUES (1, :asset)",
        "accounts": "(id, asset_id, account) VALUES (:id, 1, :name)",
        "balances": "(account_id, amount) VALUES (:id, :amount)",
        "entries": "(id, chain_id, block_hash, log_index, turn, transaction, kind, reversal) "
        "VALUES (:id, :c, :h, :id, 1, :t, 'transfer', false)",
        "postings": "(entry_id, line, account_id, amount) VALUES (:entry, :line, :account, :amount)",
    }
    on_sqlite = database.engine.dialect.name == "sqlite"

    def amount(value: int) -> Any:  # noqa: ANN401 - the driver's own type
        return str(value) if on_sqlite else value

    rows: list[tuple[str, dict[str, Any]]] = [("chain_blocks", {"c": CHAIN, "h": b"\x01" * 32})]
    rows += [("assets", {"asset": ASSET})]
    rows += [("accounts", {"id": at, "name": of}) for of, at in names.items()]
    rows += [("balances", {"id": at, "amount": amount(0)}) for at in names.values()]
    for number, (giver, taker) in ENTRIES.items():
        rows.append(("entries", {"id": number, "c": CHAIN, "h": b"\x01" * 32, "t": number.to_bytes(32)}))
        for line, (account, much) in enumerate(((giver, -5), (taker, 5))):
            one = {"entry": number, "line": line, "account": names[account], "amount": amount(much)}
            rows.append(("postings", one))
    with database.write() as session:
        for table, values in rows:
            into = put[table].replace(" transaction,", ' "transaction",')
            session.execute(text(f"INSERT INTO {table} {into}"), values)
    return database


def test_lines_of_all_eras_are_found(books: Database) -> None:
    with books.read() as session:
        for account in (ALICE, BOB, CAROL):
            found = recorded.recorded(session, CHAIN, ASSET, accounts=[account], since=None, before=None)
            assert [entry.id for entry in found] == [number for number, both in ENTRIES.items() if account in both]
        held = recorded.held_before(session, CHAIN, ASSET, accounts=[ALICE, CAROL], before=10)
        assert held == {ALICE: -5, CAROL: 10}
        assert recorded.held_before(session, CHAIN, ASSET, accounts=[ALICE], before=9) == {}
        everybodys = recorded.held_before(session, CHAIN, ASSET, accounts=None, before=10)
        assert everybodys == {ALICE: -5, BOB: -5, CAROL: 10}
        nobody = Account("wallet:0x" + "09" * 20)
        assert not list(recorded.recorded(session, CHAIN, ASSET, accounts=[nobody], since=None, before=None))


@contextmanager
def plans_of(books: Database) -> Iterator[list[str]]:
    """How the database goes about each question for postings in the block."""
    on_sqlite, plans = books.engine.dialect.name == "sqlite", list[str]()

    @event.listens_for(books.engine, "before_cursor_execute")
    def _plan(connection: Connection, _cursor: Any, statement: str, given: Any, *_: Any) -> None:  # noqa: ANN401
        if "FROM postings" in statement:
            cursor: Any = connection.connection.cursor()
            cursor.execute(("EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN ") + statement, given)
            plans.append("\n".join(str(row) for row in cursor.fetchall()))

    try:
        yield plans
    finally:
        event.remove(books.engine, "before_cursor_execute", _plan)


@pytest.mark.parametrize("accounts", [[ALICE], [ALICE, BOB, CAROL]])
def test_lines_are_found_by_the_index(books: Database, accounts: list[Account]) -> None:
    on_sqlite = books.engine.dialect.name == "sqlite"
    with plans_of(books) as plans, books.read() as session:
        if not on_sqlite:  # which has so few rows that it would read them all
            session.execute(text("SET LOCAL enable_seqscan = off"))
        list(recorded.recorded(session, CHAIN, ASSET, accounts=accounts, since=None, before=None))
        recorded.held_before(session, CHAIN, ASSET, accounts=accounts, before=10)
    assert len(plans) == 2
    for plan in plans:
        assert "ix_postings_account" in plan
        assert not on_sqlite or "(<expr>=? AND account_id=?)" in plan


def test_what_is_not_final_is_found_by_its_blocks_and_whole_books_are_read_once(books: Database) -> None:
    with plans_of(books) as plans, books.read() as session:
        assert store.not_final(session, CHAIN, ASSET) == {ALICE: -5, BOB: -5, CAROL: 10}
        assert store.audit(session, ASSET).folded == {ALICE: -5, BOB: -5, CAROL: 10}
    pending, whole = plans
    if books.engine.dialect.name != "sqlite":  # PostgreSQL counts its rows, and goes by that
        return
    assert "ix_entries_log (chain_id=? AND block_hash=?)" in pending
    assert "ix_chain_blocks_level (chain_id=? AND level=?)" in pending
    assert whole.count("SCAN") == 1
