"""Lists that stand in Matrix rooms: in which room each stands now, and how the bot stands to it."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "followed_rooms",
        sa.Column("list", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("room", sa.String(length=255), nullable=True),
        sa.Column("via", sa.String(length=3000), nullable=False),
        sa.Column("standing", sa.String(length=7), nullable=False),
        sa.Column("successor", sa.String(length=255), nullable=True),
        sa.Column("moved_from", sa.String(length=255), nullable=True),
        sa.Column("moved_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["list"], ["followed_lists.id"], name=op.f("fk_followed_rooms_list_followed_lists")),
        sa.PrimaryKeyConstraint("list", name=op.f("pk_followed_rooms")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("followed_rooms")
