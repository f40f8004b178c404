"""Lists of others that the service follows, and their entries."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        "followed_lists",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=2000), nullable=False),
        sa.Column("form", sa.String(length=10), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("followed_at", moment, nullable=False),
        sa.Column("read_at", moment, nullable=True),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_followed_lists")),
        sa.UniqueConstraint("name", name=op.f("uq_followed_lists_name")),
    )
    op.create_index("ix_followed_lists_due", "followed_lists", ["due_at"])
    op.create_table(
        "list_entries",
        sa.Column("list", number, nullable=False),
        sa.Column("subject", sa.String(length=6), nullable=False),
        sa.Column("entity", sa.String(length=255), nullable=False),
        sa.Column("advice", sa.String(length=8), nullable=False),
        sa.Column("below", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["list"], ["followed_lists.id"], name=op.f("fk_list_entries_list_followed_lists")),
        sa.PrimaryKeyConstraint("list", "subject", "entity", name=op.f("pk_list_entries")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("list_entries")
    op.drop_index("ix_followed_lists_due", "followed_lists")
    op.drop_table("followed_lists")
