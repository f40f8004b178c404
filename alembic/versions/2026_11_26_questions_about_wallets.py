"""Questions about wallets: the bot asks once more before it unlinks one, and remembers which."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    with op.batch_alter_table("prompts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("wallet", sa.LargeBinary(length=20), nullable=True))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("prompts", schema=None) as batch_op:
        batch_op.drop_column("wallet")
