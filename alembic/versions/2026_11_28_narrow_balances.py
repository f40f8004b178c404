"""Balances apart from names, assets by number, shorter eras (ADR 66); entries in a row are looked for as one range."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ASSETS, _BALANCES = "fk_accounts_asset_id_assets", "fk_balances_account_id_accounts"
_REFERENCES = ((_ASSETS, "accounts", "asset_id", "assets"), (_BALANCES, "balances", "account_id", "accounts"))
_ENTRIES = "fk_postings_entry_id_entries"
# However few rows there were when a session first asked, it goes on by the key: the books grow meanwhile.
_BY_KEY = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off"
_NAMES_NO_ENTRY = "EXISTS (SELECT FROM made LEFT JOIN entries ON entries.id = entry_id WHERE entries.id IS NULL)"


def upgrade() -> None:
    """Do it."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "assets",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        sa.UniqueConstraint("asset", name=op.f("uq_assets_asset")),
    )
    op.execute("INSERT INTO assets (asset) SELECT DISTINCT asset FROM accounts ORDER BY asset")
    op.create_table(
        "balances",
        sa.Column("account_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        *([] if on_postgresql else [sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f(_BALANCES))]),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_balances")),
    )
    op.execute("INSERT INTO balances (account_id, amount) SELECT id, amount FROM accounts ORDER BY id")
    op.drop_index("ix_accounts_name", "accounts")
    op.add_column("accounts", sa.Column("asset_id", _NUMBER, nullable=True))
    op.execute("UPDATE accounts SET asset_id = (SELECT assets.id FROM assets WHERE assets.asset = accounts.asset)")
    with op.batch_alter_table("accounts") as accounts:
        accounts.alter_column("asset_id", existing_type=_NUMBER, nullable=False)
        accounts.drop_column("asset")
        accounts.drop_column("amount")
        if not on_postgresql:
            accounts.create_foreign_key(op.f(_ASSETS), "assets", ["asset_id"], ["id"])
    op.create_index("ix_accounts_name", "accounts", ["asset_id", "account"], unique=True)
    _index_by_eras(14)
    if on_postgresql:
        for name, table, column, named in _REFERENCES:
            _hold(name, table, column, named)
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
        for name, *_ in _REFERENCES:
            for which in ("made", "moved", "gone", "emptied"):
                op.execute(f"DROP FUNCTION {name}_{which}() CASCADE")  # with its triggers, which are ours alone
    _index_by_eras(16)
    op.drop_index("ix_accounts_name", "accounts")
    op.add_column("accounts", sa.Column("asset", sa.String(length=80), nullable=True))
    op.add_column("accounts", sa.Column("amount", ExactInteger(), nullable=True))
    op.execute(
        "UPDATE accounts SET asset = (SELECT assets.asset FROM assets WHERE assets.id = accounts.asset_id), "
        "amount = (SELECT balances.amount FROM balances WHERE balances.account_id = accounts.id)"
    )
    with op.batch_alter_table("accounts") as accounts:
        if not on_postgresql:
            accounts.drop_constraint(op.f(_ASSETS), type_="foreignkey")
        accounts.alter_column("asset", existing_type=sa.String(length=80), nullable=False)
        accounts.alter_column("amount", existing_type=ExactInteger(), nullable=False)
        accounts.drop_column("asset_id")
    op.create_index("ix_accounts_name", "accounts", ["asset", "account"], unique=True)
    op.drop_table("balances")
    op.drop_table("assets")


def _index_by_eras(bits: int) -> None:
    op.drop_index("ix_postings_account", "postings")
    op.execute(f"CREATE INDEX ix_postings_account ON postings ((entry_id >> {bits}), account_id)")


def _look_for_entries(condition: str) -> None:
    refusal = f"a row of postings names none of entries: it violates the foreign key {_ENTRIES}"
    _function(f"{_ENTRIES}_made", f"{condition} THEN", refusal, _ENTRIES)


def _hold(name: str, table: str, column: str, named: str) -> None:
    """Hold a reference as revision 0020 holds the other ones."""
    refusal = f"a row of {table} names none of {named}: it violates the foreign key {name}"
    _function(
        f"{name}_made",
        f"IF EXISTS (SELECT FROM made LEFT JOIN {named} ON {named}.id = made.{column} WHERE {named}.id IS NULL) THEN",
        refusal,
        name,
    )
    op.execute(
        f"CREATE TRIGGER {name}_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS made "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_made()"
    )
    # Rows change all the time, and hardly ever what they name: only then is it asked, row by row.
    _function(f"{name}_moved", f"IF NOT EXISTS (SELECT FROM {named} WHERE id = NEW.{column}) THEN", refusal, name)
    op.execute(
        f"CREATE TRIGGER {name}_update AFTER UPDATE OF {column} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}_moved()"
    )
    # Whoever writes of it now is waited for, and whoever would next waits: so none of them goes unseen.
    _function(
        f"{name}_gone",
        f"LOCK TABLE {table} IN SHARE MODE; IF EXISTS (SELECT FROM {table} WHERE {column} = OLD.id) "  # noqa: S608 - our own names
        f"AND NOT EXISTS (SELECT FROM {named} WHERE id = OLD.id) THEN",
        f"{table} name that row of {named}: it violates the foreign key {name}",
        name,
    )
    op.execute(
        f"CREATE TRIGGER {name}_gone AFTER DELETE OR UPDATE OF id ON {named} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}_gone()"
    )
    _function(
        f"{name}_emptied",
        f"IF EXISTS (SELECT FROM {table}) THEN",
        f"{table} name rows of {named}: it violates the foreign key {name}",
        name,
    )
    op.execute(
        f"CREATE TRIGGER {name}_emptied AFTER TRUNCATE ON {named} FOR EACH STATEMENT EXECUTE FUNCTION {name}_emptied()"
    )


def _function(name: str, condition: str, message: str, constraint: str) -> None:
    declared = "DECLARE first bigint; last bigint; named bigint; there bigint; " if "INTO first" in condition else ""
    # In the place of one that a restore has left, which takes away the tables alone.
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {_BY_KEY} AS $$ {declared}BEGIN "
        f"{condition} RAISE foreign_key_violation USING MESSAGE = '{message}', CONSTRAINT = '{constraint}'; "
        "END IF; RETURN NULL; END $$"
    )
