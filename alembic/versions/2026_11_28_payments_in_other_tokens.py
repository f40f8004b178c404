"""Payments by programs in other tokens than our own: by what their transfers are signed, and what is due in which."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

_OF_TRANSFERS = (("transfer_name", 64), ("transfer_version", 64), ("no_transfers", 10))


def upgrade() -> None:
    """Do it. Of tokens that are known already it is asked at the next start."""
    for name, length in _OF_TRANSFERS:
        op.add_column("sale_tokens", sa.Column(name, sa.String(length), nullable=True))
    op.add_column("carried", sa.Column("asset", sa.LargeBinary(20), nullable=True))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("carried") as carried:
        carried.drop_column("asset")
    with op.batch_alter_table("sale_tokens") as tokens:
        for name, _ in _OF_TRANSFERS:
            tokens.drop_column(name)
