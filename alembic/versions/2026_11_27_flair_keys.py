"""Keys that sign flair."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "flair_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.LargeBinary(length=200), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flair_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_flair_keys_name")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("flair_keys")
