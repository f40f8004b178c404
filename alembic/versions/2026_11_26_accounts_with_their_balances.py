"""Accounts with their balances: an account's name stands once, and postings hold its number."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "accounts",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index("ix_accounts_name", "accounts", ["asset", "account"], unique=True)
    zero = "'0'" if op.get_bind().dialect.name == "sqlite" else "0"
    op.execute(
        f"INSERT INTO accounts (asset, account, amount) "  # noqa: S608 - our own constant
        f"SELECT named.asset, named.account, coalesce(balances.amount, {zero}) "
        "FROM (SELECT DISTINCT asset, account FROM postings) AS named "
        "LEFT JOIN balances ON balances.asset = named.asset AND balances.account = named.account "
        "ORDER BY named.asset, named.account"
    )
    op.execute(
        "CREATE TABLE moved AS SELECT postings.entry_id, postings.line, accounts.id AS account_id, postings.amount "
        "FROM postings JOIN accounts ON accounts.asset = postings.asset AND accounts.account = postings.account"
    )
    op.drop_table("postings")  # dropped before it is made anew: on PostgreSQL its key's name is free only then
    op.create_table(
        "postings",
        sa.Column("entry_id", _NUMBER, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account_id", _NUMBER, nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_postings_account_id_accounts")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_postings_entry_id_entries")),
        sa.PrimaryKeyConstraint("entry_id", "line", name=op.f("pk_postings")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO postings (entry_id, line, account_id, amount) "
        "SELECT entry_id, line, account_id, amount FROM moved ORDER BY entry_id, line"
    )
    op.drop_table("moved")
    op.create_index("ix_postings_account", "postings", ["account_id"], unique=False)
    op.drop_table("balances")


def downgrade() -> None:
    """Undo it."""
    op.create_table(
        "balances",
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("asset", "account", name=op.f("pk_balances")),
    )
    zero = "'0'" if op.get_bind().dialect.name == "sqlite" else "0"
    op.execute(
        f"INSERT INTO balances (asset, account, amount) "  # noqa: S608 - our own constant
        f"SELECT asset, account, amount FROM accounts WHERE amount <> {zero}"
    )
    op.execute(
        "CREATE TABLE moved AS SELECT postings.entry_id, postings.line, accounts.account, accounts.asset, "
        "postings.amount FROM postings JOIN accounts ON accounts.id = postings.account_id"
    )
    op.drop_table("postings")
    op.create_table(
        "postings",
        sa.Column("entry_id", _NUMBER, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_postings_entry_id_entries")),
        sa.PrimaryKeyConstraint("entry_id", "line", name=op.f("pk_postings")),
    )
    op.execute(
        "INSERT INTO postings (entry_id, line, account, asset, amount) "
        "SELECT entry_id, line, account, asset, amount FROM moved ORDER BY entry_id, line"
    )
    op.drop_table("moved")
    op.create_index("ix_postings_account", "postings", ["account", "asset"], unique=False)
    op.drop_table("accounts")
