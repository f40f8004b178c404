"""Servers seen from outside: challenges answered over federation, reports that go on, and what is said in public."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.add_column("reward_challenges", sa.Column("code", sa.String(43), nullable=True))
    op.add_column("reward_challenges", sa.Column("report_sha256", sa.LargeBinary(32), nullable=True))
    for table in ("reward_challenges", "reward_servers"):
        op.add_column(table, sa.Column("forwards", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "reward_totals",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_reward_totals")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("reward_totals")
    for table in ("reward_servers", "reward_challenges"):
        op.drop_column(table, "forwards")
    for column in ("report_sha256", "code"):
        op.drop_column("reward_challenges", column)
