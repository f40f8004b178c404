"""Postings are found by account within an era of 65,536 entries, so that a new one's place is always near the end."""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

_NAME = "ix_postings_account"


def upgrade() -> None:
    """Do it."""
    op.drop_index(_NAME, "postings")
    op.execute(f"CREATE INDEX {_NAME} ON postings ((entry_id >> 16), account_id)")


def downgrade() -> None:
    """Undo it."""
    op.drop_index(_NAME, "postings")
    op.create_index(_NAME, "postings", ["account_id"], unique=False)
