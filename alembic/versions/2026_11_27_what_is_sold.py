"""What is sold: contents, listings and their versions, purchases, and what buyers say of them."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0039"
down_revision = "0036"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "content_blobs",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("seller", _NUMBER, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_blobs")),
        sa.ForeignKeyConstraint(["seller"], ["people.id"], name=op.f("fk_content_blobs_seller_people")),
        sa.UniqueConstraint("name", name=op.f("uq_content_blobs_name")),
    )
    op.create_index("ix_content_blobs_seller", "content_blobs", ["seller"])
    op.create_table(
        "listings",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("seller", _NUMBER, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(300)),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.BigInteger()),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.Column("complaints", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.ForeignKeyConstraint(["seller"], ["people.id"], name=op.f("fk_listings_seller_people")),
        sa.UniqueConstraint("token", name=op.f("uq_listings_token")),
    )
    op.create_index("ix_listings_seller", "listings", ["seller"])
    op.create_index("ix_listings_state", "listings", ["state", "id"])
    op.create_table(
        "listing_versions",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("offer", sa.JSON(), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("terms", sa.LargeBinary(32), nullable=False),
        sa.Column("blob", _NUMBER),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("replaced_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_versions")),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_listing_versions_listing_listings")),
        sa.ForeignKeyConstraint(["blob"], ["content_blobs.id"], name=op.f("fk_listing_versions_blob_content_blobs")),
        sa.UniqueConstraint("listing", "number", name=op.f("uq_listing_versions_listing_number")),
    )
    op.create_index("ix_listing_versions_blob", "listing_versions", ["blob"])
    _purchases()


def _purchases() -> None:
    op.create_table(
        "purchases",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seller", _NUMBER, nullable=False),
        sa.Column("person", _NUMBER),
        sa.Column("wallet", sa.LargeBinary(20)),
        sa.Column("asset", sa.String(100), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.Column("terms", sa.LargeBinary(32), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("finality", sa.String(10), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("because", sa.String(16)),
        sa.Column("wash", sa.Boolean(), nullable=False),
        sa.Column("paid_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime()),
        sa.Column("access_until", UtcDateTime()),
        sa.Column("refund", sa.LargeBinary(32)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchases")),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_purchases_listing_listings")),
        sa.ForeignKeyConstraint(["seller"], ["people.id"], name=op.f("fk_purchases_seller_people")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_purchases_person_people")),
        sa.UniqueConstraint("key", name=op.f("uq_purchases_key")),
        sa.UniqueConstraint("token", name=op.f("uq_purchases_token")),
    )
    for column in ("person", "wallet"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_purchases_{column}", "purchases", [column, "id"], sqlite_where=there, postgresql_where=there
        )
    op.create_index("ix_purchases_seller", "purchases", ["seller", "id"])
    op.create_index("ix_purchases_paid", "purchases", ["seller", "paid_at"])
    op.create_index("ix_purchases_listing", "purchases", ["listing"])
    op.create_table(
        "content_complaints",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("purchase", _NUMBER, nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_complaints")),
        sa.ForeignKeyConstraint(["purchase"], ["purchases.id"], name=op.f("fk_content_complaints_purchase_purchases")),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_content_complaints_listing_listings")),
        sa.UniqueConstraint("purchase", name=op.f("uq_content_complaints_purchase")),
    )
    op.create_index("ix_content_complaints_listing", "content_complaints", ["listing"])


def downgrade() -> None:
    """Undo it."""
    for table in ("content_complaints", "purchases", "listing_versions", "listings", "content_blobs"):
        op.drop_table(table)
