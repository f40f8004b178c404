"""What rules of the operator's hold of what is sold."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0052"
down_revision = "0048"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "shop_versions",
        sa.Column("shop", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "number", name=op.f("pk_shop_versions")),
    )
    op.create_table(
        "listing_holds",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("told", sa.String(300), nullable=False),
        sa.Column("answer", sa.String(10)),
        sa.Column("swept", sa.Boolean(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_holds")),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_listing_holds_listing_listings")),
    )
    op.create_index(
        "ix_listing_holds_open", "listing_holds", ["listing"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("ix_listing_holds_listing", "listing_holds", ["listing"])
    op.create_index("ix_listing_holds_since", "listing_holds", ["since"])
    op.create_index("ix_listing_holds_ended", "listing_holds", ["ended_at"])


def downgrade() -> None:
    """Undo it. What was held is not for sale; its seller may list it again."""
    op.execute("UPDATE listings SET state = 'unlisted', reason = NULL WHERE state = 'held'")
    op.drop_table("listing_holds")
    op.drop_table("shop_versions")
