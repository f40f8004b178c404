"""Leases: who reads a chain, who is the bot; and a chain on which nothing new is signed for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    with op.batch_alter_table("chain_cursor") as batch_op:
        batch_op.add_column(sa.Column("quiet_until", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("term", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("beats", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("holder", sa.String(length=200), nullable=True))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("chain_cursor") as batch_op:
        for name in ("holder", "beats", "term", "quiet_until"):
            batch_op.drop_column(name)
    op.drop_table("leases")
