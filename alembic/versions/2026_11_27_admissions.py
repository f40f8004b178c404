"""Admissions to rooms: which rooms listings admit to, and whom the bot asked in."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "admission_places",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("room", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("trouble", sa.String(10), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_admission_places_listing_listings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admission_places")),
        sa.UniqueConstraint("listing", "room", name=op.f("uq_admission_places_listing_room")),
    )
    op.create_index("ix_admission_places_room", "admission_places", ["room"])
    op.create_table(
        "admission_guests",
        sa.Column("room", sa.String(255), nullable=False),
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("purchase", _NUMBER, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("refused_until", UtcDateTime(), nullable=True),
        sa.Column("brought", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_admission_guests_person_people")),
        sa.ForeignKeyConstraint(["purchase"], ["purchases.id"], name=op.f("fk_admission_guests_purchase_purchases")),
        sa.PrimaryKeyConstraint("room", "person", name=op.f("pk_admission_guests")),
    )
    op.create_index("ix_admission_guests_person", "admission_guests", ["person"])
    op.create_index(op.f("ix_admission_guests_purchase"), "admission_guests", ["purchase"])
    there = sa.text("access_until IS NOT NULL")
    op.create_index("ix_purchases_access", "purchases", ["access_until"], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_purchases_access", table_name="purchases")
    op.drop_table("admission_guests")
    op.drop_table("admission_places")
