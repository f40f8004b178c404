"""Migrations go up, down and up again on both databases, and leave exactly the tables that the code declares."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, create_engine, insert, inspect, text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'earnest.db'}"
    server: str = request.getfixturevalue("postgresql_url")
    # A database of its own on the session's server: other tests' tables stay out of sight.
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS migrations"))
        connection.execute(text("CREATE DATABASE migrations"))
    engine.dispose()
    return server.replace("@/earnest?", "@/migrations?")


@pytest.fixture
def config(url: str) -> Config:
    """Give Alembic's configuration as the command line has it, but for the address."""
    made = Config(ROOT / "alembic.ini")
    made.attributes["url"] = url
    return made


def tables(url: str) -> set[str]:
    """List the tables there are, Alembic's own aside."""
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def test_up_down_and_up_again(config: Config, url: str) -> None:
    command.upgrade(config, "head")
    first = tables(url)
    assert first
    command.downgrade(config, "base")
    assert tables(url) == set()
    command.upgrade(config, "head")
    assert tables(url) == first


def test_migrated_tables_are_the_declared_ones(config: Config) -> None:
    command.upgrade(config, "head")
    command.check(config)


def test_history_is_one_line(config: Config) -> None:
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


def test_migrating_again_changes_nothing(config: Config, url: str) -> None:
    command.upgrade(config, "head")
    first = tables(url)
    command.upgrade(config, "head")
    assert tables(url) == first


def test_balances_and_postings_survive_their_move_to_accounts_and_back(config: Config, url: str) -> None:
    command.upgrade(config, "0005")
    engine = create_engine(url)
    amounts = {"wallet:a": 5, "mint": -7, "wallet:b": 2}
    with engine.begin() as session:
        block = {"hash": b"\x01" * 32}
        session.execute(
            text(
                "INSERT INTO chain_blocks (chain_id, hash, number, parent_hash, timestamp, level, turn) "
                "VALUES (1, :hash, 1, :hash, 1, 'seen', 1)"
            ),
            block,
        )
        session.execute(
            text(
                'INSERT INTO entries (id, chain_id, block_hash, log_index, turn, "transaction", kind, reversal) '
                "VALUES (1, 1, :hash, 0, 1, :hash, 'mint', false)"
            ),
            block,
        )
        for line, (account, amount) in enumerate([*amounts.items(), ("wallet:gone", 0)]):
            values = {"line": line, "account": account, "amount": str(amount) if url.startswith("sqlite") else amount}
            session.execute(text("INSERT INTO postings VALUES (1, :line, :account, 'ern', :amount)"), values)
            if amount:
                session.execute(text("INSERT INTO balances VALUES ('ern', :account, :amount)"), values)
    command.upgrade(config, "head")
    named = "SELECT account, postings.amount FROM postings JOIN accounts ON accounts.id = account_id ORDER BY line"
    held = "SELECT account, amount FROM accounts JOIN balances ON account_id = id"
    with engine.connect() as session:
        lines = [(account, int(amount)) for account, amount in session.execute(text(named))]
        assert lines == [*amounts.items(), ("wallet:gone", 0)]
        found = {account: int(amount) for account, amount in session.execute(text(held))}
        assert found == {**amounts, "wallet:gone": 0}
        if url.startswith("sqlite"):
            refers = session.execute(text('SELECT "from", "table" FROM pragma_foreign_key_list(\'postings\')'))
            assert {tuple(row) for row in refers} == {("account_id", "balances"), ("entry_id", "entries")}
            (made,) = session.execute(text("SELECT sql FROM sqlite_master WHERE name = 'postings'")).one()
            assert "WITHOUT ROWID" in made
    command.downgrade(config, "0005")
    with engine.connect() as session:
        old = session.execute(text("SELECT account, amount FROM postings WHERE asset = 'ern' ORDER BY line"))
        assert [(account, int(amount)) for account, amount in old] == lines
        old = session.execute(text("SELECT account, amount FROM balances WHERE asset = 'ern'"))
        assert {account: int(amount) for account, amount in old} == amounts
    engine.dispose()


def test_vouches_survive_as_words_in_their_order_and_reports_do_not_go_back(config: Config, url: str) -> None:
    command.upgrade(config, "0017")
    engine = create_engine(url)
    now, later = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 11, 1, tzinfo=UTC)
    row = {"since": now, "until": later, "now": now}
    with engine.begin() as session:
        for number in (1, 2):
            session.execute(
                text("INSERT INTO people (id, mxid, created_at) VALUES (:id, :mxid, :now)"),
                {"id": number, "mxid": f"@{number}:example.org", "now": now},
            )
        for number, weight, gone in ((7, 1, now), (9, 3, None)):
            session.execute(
                text(
                    "INSERT INTO vouches (id, author, subject, weight, audience, since, until, withdrawn_at) "
                    "VALUES (:id, 1, 2, :weight, 'trusted', :since, :until, :gone)"
                ),
                {**row, "id": number, "weight": weight, "gone": gone},
            )
        session.execute(text("INSERT INTO changes (topic, counter) VALUES ('vouches', 4)"))
    command.upgrade(config, "head")
    with engine.begin() as session:
        kept = "SELECT weight, reason, withdrawn_at IS NULL FROM words ORDER BY id"
        assert [tuple(one) for one in session.execute(text(kept))] == [(1, None, 0), (3, None, 1)]
        assert session.scalar(text("SELECT counter FROM changes WHERE topic = 'words'")) == 4
        session.execute(
            text(
                "INSERT INTO words (author, subject, weight, reason, audience, since, until) "
                "VALUES (2, 1, -3, 'spam', 'trusted', :since, :until)"
            ),
            row,
        )
    command.downgrade(config, "0017")
    with engine.connect() as session:
        back = "SELECT author, weight FROM vouches ORDER BY id"
        assert [tuple(one) for one in session.execute(text(back))] == [(1, 1), (1, 3)]
    engine.dispose()


def test_calls_that_wait_get_the_one_key_that_can_do_them(config: Config, url: str) -> None:
    """A call that ends a stake is its resolver's; a forfeit's execution and an opening are anybody's."""
    command.upgrade(config, "0012")
    engine = create_engine(url)
    stake, resolver = b"\x01" * 32, b"\x52" * 20
    with engine.begin() as connection:
        found = MetaData()
        found.reflect(connection, only=["stakes", "outgoing"])
        stakes, outgoing = found.tables["stakes"], found.tables["outgoing"]
        connection.execute(insert(stakes).values(_filled(stakes) | {"id": stake, "resolver": resolver}))
        for number, verb in enumerate(
            ("return_answered", "announce_forfeit", "execute_forfeit", "expire", "open", "filler")
        ):
            row = {"id": number + 1, "key": f"{verb}:{stake.hex()}:{'02' * 32}", "state": "waiting"}
            connection.execute(insert(outgoing).values(_filled(outgoing) | row))
    command.upgrade(config, "0013")
    with engine.connect() as connection:
        signers = connection.execute(text("SELECT signer FROM outgoing ORDER BY id")).scalars().all()
    engine.dispose()
    assert [signer and bytes(signer) for signer in signers] == [resolver, resolver, None, None, None, None]


def test_openings_that_are_carried_and_bars_survive_their_move_and_back(config: Config, url: str) -> None:
    command.upgrade(config, "0029")
    engine = create_engine(url)
    names = ("people", "quotes", "openings", "gasless_bars")
    due = {"due": "5" if url.startswith("sqlite") else 5, "gwei": 2**40}
    with engine.begin() as connection:
        found = MetaData()
        found.reflect(connection, only=names)
        people, quotes, openings, bars = (found.tables[name] for name in names)
        for number in (1, 2):
            connection.execute(insert(people).values(_filled(people) | {"id": number, "mxid": f"@{number}:a.example"}))
        theirs = {column.name: 2 for column in quotes.columns if column.foreign_keys and not column.nullable}
        connection.execute(insert(quotes).values(_filled(quotes) | theirs | {"id": "q"}))
        for number, outcome in enumerate((None, "opened", "would_revert"), 1):
            row = {"stake_id": bytes([number] * 32), "quote_id": "q", "stranger": 2, "outcome": outcome, **due}
            row |= {"payer": b"\x0a" * 20, "return_to": b"\x0b" * 20, "settled_at": None}
            connection.execute(insert(openings).values(_filled(openings) | row))
        row = {"stake_id": b"\x07" * 32, "stranger": 1, "payer": b"\x0c" * 20, "gwei": 3, "lifted_at": None}
        connection.execute(insert(bars).values(_filled(bars) | row))
        before = [
            [tuple(one) for one in connection.execute(table.select().order_by(table.c.stake_id))]
            for table in (openings, bars)
        ]
    command.upgrade(config, "head")
    with engine.begin() as connection:
        kept = "SELECT cargo, about, person, outcome, gwei, settled_at IS NULL FROM carried ORDER BY id"
        assert [tuple(one) for one in connection.execute(text(kept))] == [
            ("stake", "q", 2, outcome, 2**40, True) for outcome in (None, "opened", "would_revert")
        ]
        assert [tuple(one) for one in connection.execute(text("SELECT person, gwei FROM carrying_bars"))] == [(1, 3)]
        gift = "INSERT INTO carried SELECT chain_id, :id, 'gift', NULL, NULL, payer, target, due, gwei, outcome, "
        connection.execute(text(f"{gift}created_at, settled_at, NULL FROM carried LIMIT 1"), {"id": b"\x09" * 32})
    command.downgrade(config, "0029")
    with engine.connect() as connection:
        found = MetaData()
        found.reflect(connection, only=names)
        after = [
            [tuple(one) for one in connection.execute(table.select().order_by(table.c.stake_id))]
            for table in (found.tables["openings"], found.tables["gasless_bars"])
        ]
    engine.dispose()
    assert after == before


def test_an_older_release_finds_nothing_that_it_would_misread(config: Config, url: str) -> None:
    """It knows no import, and would take what a helper was asked in another's name for said in their own."""
    command.upgrade(config, "head")
    engine = create_engine(url)
    with engine.begin() as connection:
        found = MetaData()
        found.reflect(connection, only=["people", "contacts", "prompts"])
        people, contacts, prompts = (found.tables[name] for name in ("people", "contacts", "prompts"))
        for number in (1, 2):
            connection.execute(insert(people).values(_filled(people) | {"id": number, "mxid": f"@{number}:a.example"}))
        row = {"person": 1, "other": 2, "why": "imported"}
        connection.execute(insert(contacts).values(_filled(contacts) | row))
        for number, behalf in enumerate((None, 2), 1):
            row = {"id": number, "person_id": 1, "event": f"${number}", "behalf": behalf}
            connection.execute(insert(prompts).values(_filled(prompts) | row))
    command.downgrade(config, "0014")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT why FROM contacts")).scalars().all() == ["invited"]
        assert connection.execute(text("SELECT id FROM prompts")).scalars().all() == [1]
    engine.dispose()


def test_what_was_held_is_for_sale_in_no_older_release(config: Config, url: str) -> None:
    """It takes what went off at no moment for what may be paid for still."""
    command.upgrade(config, "head")
    engine = create_engine(url)
    now = datetime(2026, 11, 26, tzinfo=UTC)
    states = (("held", None), ("held", now), ("unlisted", None), ("taken_down", None), ("draft", None))
    with engine.begin() as connection:
        found = MetaData()
        found.reflect(connection, only=["people", "listings"])
        people, listings = found.tables["people"], found.tables["listings"]
        connection.execute(insert(people).values(_filled(people) | {"id": 1, "mxid": "@1:a.example"}))
        for number, (state, ended) in enumerate(states, 1):
            row = {"id": number, "token": f"{number}", "chain_hash": bytes([number]) * 32, "seller": 1}
            row |= {"kind": "text", "state": state, "ended_at": ended, "reason": None}
            connection.execute(insert(listings).values(_filled(listings) | row))
    command.downgrade(config, "0051")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT state, ended_at IS NULL FROM listings ORDER BY id")).all()
    engine.dispose()
    assert [(state, bool(never)) for state, never in rows] == [
        ("draft", True),
        ("unlisted", False),
        ("draft", True),
        ("taken_down", False),
        ("draft", True),
    ]


def _filled(table: Table) -> dict[str, Any]:
    """Fill what must be filled, with nothing in particular."""
    given = {bytes: b"\x07" * 20, str: "7", datetime: datetime(2026, 11, 26, tzinfo=UTC)}
    values: dict[str, Any] = {}
    for column in table.columns:
        if not column.nullable and not column.foreign_keys:
            kind = column.type.python_type
            values[column.name] = given[kind] if kind in given else kind(1)
    return values


def test_an_older_release_takes_no_sum_of_another_token_for_ours_and_no_tip_for_a_sale(
    config: Config, url: str
) -> None:
    command.upgrade(config, "head")
    engine = create_engine(url)
    names = ("tip_links", "tip_terms", "settlements")
    amount: Any = "5" if url.startswith("sqlite") else 5
    with engine.begin() as connection:
        found = MetaData()
        found.reflect(connection, only=names)
        links, terms, settlements = (found.tables[name] for name in names)
        for number, asset in ((1, None), (2, "erc20:1:0x" + "0d" * 20)):
            row = {"id": number, "token": f"{number}" * 22, "chain_hash": bytes([number] * 32), "amount": amount}
            row |= {"giver": None, "receiver": None, "asset": asset}
            connection.execute(insert(links).values(_filled(links) | row))
            theirs = {"id": number, "link": number, "terms": bytes([number] * 32)}
            connection.execute(insert(terms).values(_filled(terms) | theirs))
            paid = {"nonce": bytes([number] * 32), "id": bytes([number] * 32), "amount": amount, "identifier": None}
            paid |= {"listing": f"{number}" * 22, "claim": bytes([number] * 32), "tip": asset is not None or None}
            connection.execute(insert(settlements).values(_filled(settlements) | paid))
    command.downgrade(config, "0056")
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT id, amount IS NULL FROM tip_links ORDER BY id"))
        assert [(number, bool(gone)) for number, gone in kept] == [(1, False), (2, True)]
        assert connection.execute(text("SELECT count(*) FROM tip_terms")).scalar() == 2
        sold = connection.execute(text("SELECT listing, claim IS NULL FROM settlements ORDER BY id"))
        assert [(listing, bool(gone)) for listing, gone in sold] == [("1" * 22, False), (None, True)]
    engine.dispose()
    command.upgrade(config, "head")
    command.check(config)
