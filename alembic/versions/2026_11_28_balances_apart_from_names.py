"""Balances apart from the accounts' names (ADR 66), and entries that follow each other are looked for as one range."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BALANCES = "fk_balances_account_id_accounts"
_ENTRIES = "fk_postings_entry_id_entries"
# However few rows there were when a session first asked, it goes on by the key: the books grow meanwhile.
_BY_KEY = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off"
_NAMES_NO_ENTRY = "EXISTS (SELECT FROM made LEFT JOIN entries ON entries.id = entry_id WHERE entries.id IS NULL)"
_NAMES_NO_ACCOUNT = "EXISTS (SELECT FROM made LEFT JOIN accounts ON accounts.id = account_id WHERE accounts.id IS NULL)"


def upgrade() -> None:
    """Do it."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    reference = [] if on_postgresql else [sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=_BALANCES)]
    op.create_table(
        "balances",
        sa.Column("account_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        *reference,
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_balances")),
    )
    op.execute("INSERT INTO balances (account_id, amount) SELECT id, amount FROM accounts ORDER BY id")
    op.drop_column("accounts", "amount")
    _index_by_eras(14)
    if on_postgresql:
        _hold_balances()
        _look_for_entries(
            "SELECT min(entry_id), max(entry_id), count(DISTINCT entry_id) INTO first, last, named FROM made; "  # noqa: S608 - words of our own
            "IF named = last - first + 1 THEN SELECT count(*) INTO there FROM entries WHERE id BETWEEN first AND last; "
            f"END IF; IF there IS DISTINCT FROM named AND {_NAMES_NO_ENTRY}"
        )


def downgrade() -> None:
    """Undo it."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        _look_for_entries(f"IF {_NAMES_NO_ENTRY}")
        for which in ("made", "moved", "gone", "emptied"):
            op.execute(f"DROP FUNCTION {_BALANCES}_{which}() CASCADE")  # with its triggers, which are ours alone
    _index_by_eras(16)
    zero = "0" if on_postgresql else "'0'"
    op.add_column("accounts", sa.Column("amount", ExactInteger(), nullable=False, server_default=sa.text(zero)))
    op.execute("UPDATE accounts SET amount = balances.amount FROM balances WHERE balances.account_id = accounts.id")
    with op.batch_alter_table("accounts") as accounts:
        accounts.alter_column("amount", server_default=None)
    op.drop_table("balances")


def _index_by_eras(bits: int) -> None:
    op.drop_index("ix_postings_account", "postings")
    op.execute(f"CREATE INDEX ix_postings_account ON postings ((entry_id >> {bits}), account_id)")


def _look_for_entries(condition: str) -> None:
    refusal = f"a row of postings names none of entries: it violates the foreign key {_ENTRIES}"
    _function(f"{_ENTRIES}_made", f"{condition} THEN", refusal, _ENTRIES)


def _hold_balances() -> None:
    """Hold the reference of balances as revision 0020 holds the other ones."""
    _function(
        f"{_BALANCES}_made",
        f"IF {_NAMES_NO_ACCOUNT} THEN",
        f"a row of balances names none of accounts: it violates the foreign key {_BALANCES}",
        _BALANCES,
    )
    op.execute(
        f"CREATE TRIGGER {_BALANCES}_insert AFTER INSERT ON balances "
        f"REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION {_BALANCES}_made()"
    )
    # Balances change all the time, and hardly ever whose they are: only then is it asked, row by row.
    _function(
        f"{_BALANCES}_moved",
        "IF NOT EXISTS (SELECT FROM accounts WHERE id = NEW.account_id) THEN",
        f"a row of balances names none of accounts: it violates the foreign key {_BALANCES}",
        _BALANCES,
    )
    op.execute(
        f"CREATE TRIGGER {_BALANCES}_update AFTER UPDATE OF account_id ON balances "
        f"FOR EACH ROW EXECUTE FUNCTION {_BALANCES}_moved()"
    )
    # Whoever writes of it now is waited for, and whoever would next waits: so none of them goes unseen.
    _function(
        f"{_BALANCES}_gone",
        "LOCK TABLE balances IN SHARE MODE; IF EXISTS (SELECT FROM balances WHERE account_id = OLD.id) "
        "AND NOT EXISTS (SELECT FROM accounts WHERE id = OLD.id) THEN",
        f"balances name that row of accounts: it violates the foreign key {_BALANCES}",
        _BALANCES,
    )
    op.execute(
        f"CREATE TRIGGER {_BALANCES}_gone AFTER DELETE OR UPDATE OF id ON accounts "
        f"FOR EACH ROW EXECUTE FUNCTION {_BALANCES}_gone()"
    )
    _function(
        f"{_BALANCES}_emptied",
        "IF EXISTS (SELECT FROM balances) THEN",
        f"balances name rows of accounts: it violates the foreign key {_BALANCES}",
        _BALANCES,
    )
    op.execute(
        f"CREATE TRIGGER {_BALANCES}_emptied AFTER TRUNCATE ON accounts "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_BALANCES}_emptied()"
    )


def _function(name: str, condition: str, message: str, constraint: str) -> None:
    declared = "DECLARE first bigint; last bigint; named bigint; there bigint; " if "INTO first" in condition else ""
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {_BY_KEY} AS $$ {declared}BEGIN "
        f"{condition} RAISE foreign_key_violation USING MESSAGE = '{message}', CONSTRAINT = '{constraint}'; "
        "END IF; RETURN NULL; END $$"
    )
