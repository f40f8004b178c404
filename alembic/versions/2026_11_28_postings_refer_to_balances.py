"""Postings on SQLite refer to their account's balance, which was just changed, and no more to its name (ADR 69)."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it. PostgreSQL looks for all accounts of a statement at once, and is left as it is."""
    if op.get_bind().dialect.name == "sqlite":
        # Each account has one. Where somebody took one away by hand, `earnest ledger verify` finds that it is wrong.
        op.execute("INSERT OR IGNORE INTO balances (account_id, amount) SELECT id, '0' FROM accounts")
    _refer_to("balances", "account_id")


def downgrade() -> None:
    """Undo it."""
    _refer_to("accounts", "id")


def _refer_to(table: str, key: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        return
    op.create_table(
        "referring",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], [f"{table}.{key}"], name=op.f(f"fk_postings_account_id_{table}")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_postings_entry_id_entries")),
        sa.PrimaryKeyConstraint("entry_id", "line", name=op.f("pk_postings")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO referring (entry_id, line, account_id, amount) "
        "SELECT entry_id, line, account_id, amount FROM postings ORDER BY entry_id, line"
    )
    op.drop_table("postings")
    op.rename_table("referring", "postings")
    op.execute("CREATE INDEX ix_postings_account ON postings ((entry_id >> 14), account_id)")
