"""Rooms of supporters: which there are, who was asked into them, what supporters wish and were told."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        "support_rooms",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("cause", sa.String(length=42), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("room", sa.String(length=255), nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("made_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_rooms")),
        sa.UniqueConstraint("cause", "key", name=op.f("uq_support_rooms_cause_key")),
        sa.UniqueConstraint("room", name=op.f("uq_support_rooms_room")),
    )
    op.create_table(
        "support_guests",
        sa.Column("room", number, nullable=False),
        sa.Column("person", number, nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("refused_until", moment, nullable=True),
        sa.ForeignKeyConstraint(["room"], ["support_rooms.id"], name=op.f("fk_support_guests_room_support_rooms")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_support_guests_person_people")),
        sa.PrimaryKeyConstraint("room", "person", name=op.f("pk_support_guests")),
    )
    op.create_index(op.f("ix_support_guests_person"), "support_guests", ["person"])
    op.create_table(
        "support_wishes",
        sa.Column("person", number, nullable=False),
        sa.Column("joins", sa.Boolean(), nullable=False),
        sa.Column("profile", sa.Boolean(), nullable=False),
        sa.Column("written", sa.JSON(), nullable=True),
        sa.Column("said_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_support_wishes_person_people")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_support_wishes")),
    )
    op.create_table(
        "support_told",
        sa.Column("person", number, nullable=False),
        sa.Column("tier", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=12), nullable=False),
        sa.Column("until", moment, nullable=True),
        sa.Column("told_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_support_told_person_people")),
        sa.PrimaryKeyConstraint("person", "tier", name=op.f("pk_support_told")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("support_told")
    op.drop_table("support_wishes")
    op.drop_index(op.f("ix_support_guests_person"), "support_guests")
    op.drop_table("support_guests")
    op.drop_table("support_rooms")
