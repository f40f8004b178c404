"""Which wallet paid for a purchase, whoever has it since: a refund is paid to that one."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it; what was moved before is paid back to the wallet that has it."""
    op.add_column("purchases", sa.Column("payer", sa.LargeBinary(20), nullable=True))
    op.execute("UPDATE purchases SET payer = wallet")


def downgrade() -> None:
    """Undo it."""
    op.drop_column("purchases", "payer")
