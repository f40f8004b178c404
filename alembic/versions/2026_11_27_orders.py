"""Orders: for whom on Matrix a payment on the chain will be."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "content_orders",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("memo", sa.LargeBinary(32), nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_content_orders_listing_listings")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_content_orders_person_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_orders")),
        sa.UniqueConstraint("memo", name=op.f("uq_content_orders_memo")),
        sa.UniqueConstraint("token", name=op.f("uq_content_orders_token")),
    )
    op.create_index("ix_content_orders_person", "content_orders", ["person", "id"])
    op.create_index("ix_content_orders_listing", "content_orders", ["listing"])
    op.create_index("ix_content_orders_created", "content_orders", ["created_at"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("content_orders")
