"""Where each server and payee stands in an epoch's file."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it. Epochs that are closed already are gone through by the worker, and read whole until then."""
    op.create_table(
        "reward_epoch_index",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(12), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", "place", name=op.f("pk_reward_epoch_index")),
    )


def downgrade() -> None:
    """Undo it. All of it can be made anew of the files."""
    op.drop_table("reward_epoch_index")
