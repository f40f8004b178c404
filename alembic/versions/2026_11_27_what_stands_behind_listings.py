"""What stands behind listings, sellers' tokens, and the keys that sign what the gateway asks."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "gateway_upstreams",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("reference", sa.String(71), nullable=False),
        sa.Column("sealed", sa.LargeBinary(3000), nullable=False),
        sa.Column("proved_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_upstreams")),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_gateway_upstreams_listing_listings")),
        sa.UniqueConstraint("listing", "reference", name=op.f("uq_gateway_upstreams_listing_reference")),
    )
    op.create_table(
        "gateway_sellers",
        sa.Column("seller", _NUMBER, nullable=False),
        sa.Column("token", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("seller", name=op.f("pk_gateway_sellers")),
        sa.ForeignKeyConstraint(["seller"], ["people.id"], name=op.f("fk_gateway_sellers_seller_people")),
    )
    op.create_table(
        "gateway_keys",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("sealed", sa.LargeBinary(200), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_gateway_keys_name")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("gateway_keys")
    op.drop_table("gateway_sellers")
    op.drop_table("gateway_upstreams")
