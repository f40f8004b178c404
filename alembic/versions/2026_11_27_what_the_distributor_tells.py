"""What the distributor tells: roots that were proposed, cancelled and accepted, and claims that were paid."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "reward_events",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("distributor", sa.LargeBinary(20), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_time", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("transaction", sa.LargeBinary(32), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("epoch", ExactInteger(), nullable=True),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.Column("payee", sa.LargeBinary(20), nullable=True),
        sa.Column("cumulative", ExactInteger(), nullable=True),
        sa.Column("counts_from", sa.BigInteger(), nullable=True),
        sa.Column("replaces", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward_events")),
        sa.UniqueConstraint(
            "chain_id", "block_hash", "log_index", name=op.f("uq_reward_events_chain_id_block_hash_log_index")
        ),
    )
    op.create_index("ix_reward_events_kind", "reward_events", ["distributor", "kind", "block_number"])
    op.create_index("ix_reward_events_payee", "reward_events", ["distributor", "payee", "block_number"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("reward_events")
