"""Fewer places for entries: only those that take another back stand in the index of what was taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TAKES_BACK = sa.text("reverses IS NOT NULL")


def upgrade() -> None:
    """Do it."""
    with op.batch_alter_table("entries") as batch:
        batch.drop_constraint(op.f("uq_entries_reverses"), type_="unique")
    op.create_index(
        "ix_entries_reverses",
        "entries",
        ["reverses"],
        unique=True,
        sqlite_where=_TAKES_BACK,
        postgresql_where=_TAKES_BACK,
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_entries_reverses", "entries")
    with op.batch_alter_table("entries") as batch:
        batch.create_unique_constraint(op.f("uq_entries_reverses"), ["reverses"])
