"""What settlements buy: the listing, and the hash of the claim by which its buyer is known."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.add_column("settlements", sa.Column("listing", sa.String(22), nullable=True))
    op.add_column("settlements", sa.Column("claim", sa.LargeBinary(32), nullable=True))


def downgrade() -> None:
    """Undo it."""
    for column in ("claim", "listing"):
        op.drop_column("settlements", column)
