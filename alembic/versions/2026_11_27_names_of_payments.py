"""How buyers name their payments (payment-identifier), and what is handed to another facilitator."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.add_column("settlements", sa.Column("identifier", sa.LargeBinary(32), nullable=True))
    op.create_index("ix_settlements_identifier", "settlements", ["chain_id", "payer", "identifier"], unique=True)
    op.add_column("settlements", sa.Column("signature", sa.LargeBinary(65), nullable=True))
    op.add_column("settlements", sa.Column("tries", sa.Integer(), nullable=True))
    op.add_column("settlements", sa.Column("due_at", UtcDateTime(timezone=True), nullable=True))
    there = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_settlements_due", "settlements", ["chain_id", "due_at"], sqlite_where=there, postgresql_where=there
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_settlements_due", "settlements")
    op.drop_index("ix_settlements_identifier", "settlements")
    for column in ("due_at", "tries", "signature", "identifier"):
        op.drop_column("settlements", column)
