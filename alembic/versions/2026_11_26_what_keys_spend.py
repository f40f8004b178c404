"""What keys spend: each signed transaction's cost once it is final, and what a key signed lately, found by itself."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    with op.batch_alter_table("outgoing_attempts") as batch_op:
        batch_op.add_column(sa.Column("cost_wei", ExactInteger(), nullable=True))
        batch_op.create_index("ix_outgoing_attempts_made", ["chain_id", "sender", "made_at"])


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("outgoing_attempts") as batch_op:
        batch_op.drop_index("ix_outgoing_attempts_made")
        batch_op.drop_column("cost_wei")
