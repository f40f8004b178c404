"""Asks: a stranger's one sentence to a person, waiting in their queue, and what became of it."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "asks",
        sa.Column("stranger", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recipient", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("sentence", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["recipient"], ["people.id"], name=op.f("fk_asks_recipient_people")),
        sa.ForeignKeyConstraint(["stranger"], ["people.id"], name=op.f("fk_asks_stranger_people")),
        sa.PrimaryKeyConstraint("stranger", "recipient", name=op.f("pk_asks")),
    )
    op.create_index("ix_asks_recipient", "asks", ["recipient", "state"])
    op.create_index("ix_asks_origin", "asks", ["origin", "asked_at"])
    op.create_index("ix_asks_until", "asks", ["until"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("asks")
