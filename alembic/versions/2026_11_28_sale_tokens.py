"""Tokens that something may be sold for beside our own."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "sale_tokens",
        sa.Column("asset", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(11), nullable=True),
        sa.Column("decimals", sa.Integer(), nullable=False),
        sa.Column("domain_name", sa.String(64), nullable=True),
        sa.Column("domain_version", sa.String(64), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_away_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("asset", name="pk_sale_tokens"),
    )


def downgrade() -> None:
    """Undo it. They are read from the chain again."""
    op.drop_table("sale_tokens")
