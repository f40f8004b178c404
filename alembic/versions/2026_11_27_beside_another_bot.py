"""Rooms beside another policy bot: which one, what is published for it, and rooms in which we are not, or no more."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "beside",
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("bot", NUMBER, nullable=False),
        sa.Column("acting", sa.Boolean(), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("room", sa.String(length=255), nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("compared_at", MOMENT, nullable=True),
        _of_management("beside"),
        sa.ForeignKeyConstraint(["bot"], ["people.id"], name=op.f("fk_beside_bot_people")),
        sa.PrimaryKeyConstraint("management", name=op.f("pk_beside")),
        sa.UniqueConstraint("room", name=op.f("uq_beside_room")),
    )
    op.create_index("ix_beside_bot", "beside", ["bot"])
    op.create_table(
        "rooms_outside",
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("put_out", sa.Boolean(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        _of_management("rooms_outside"),
        sa.PrimaryKeyConstraint("management", "room", name=op.f("pk_rooms_outside")),
    )
    op.add_column("consequences", sa.Column("published", sa.Boolean(), server_default=sa.false(), nullable=False))


def _of_management(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_management_management_rooms")
    return sa.ForeignKeyConstraint(["management"], ["management_rooms.id"], name=name)


def downgrade() -> None:
    """Undo it."""
    op.drop_column("consequences", "published")
    op.drop_table("rooms_outside")
    op.drop_index("ix_beside_bot", "beside")
    op.drop_table("beside")
