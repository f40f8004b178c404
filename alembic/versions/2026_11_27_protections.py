"""Protections of rooms: which version stands in a management room's rooms, and the versions."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "protections",
        sa.Column("management", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("management", name=op.f("pk_protections")),
    )
    op.create_table(
        "protections_versions",
        sa.Column("management", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("management", "number", name=op.f("pk_protections_versions")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("protections_versions")
    op.drop_table("protections")
