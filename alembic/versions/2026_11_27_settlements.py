"""Settlements: payments that programs signed (x402)."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "settlements",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("asset", sa.LargeBinary(length=20), nullable=False),
        sa.Column("payer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("pay_to", sa.LargeBinary(length=20), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.Column("valid_after", sa.BigInteger(), nullable=False),
        sa.Column("valid_before", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.String(length=10), nullable=True),
        sa.Column("transaction", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("chain_id", "asset", "payer", "nonce", name=op.f("pk_settlements")),
    )
    op.create_index("ix_settlements_id", "settlements", ["chain_id", "id"], unique=True)
    op.create_index("ix_settlements_made", "settlements", ["chain_id", "created_at"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("settlements")
