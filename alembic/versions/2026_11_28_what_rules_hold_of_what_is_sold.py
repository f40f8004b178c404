"""What rules hold of what is sold, the hashes by which sales are found again, and refunds that wait for theirs."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0052"
down_revision = "0051"
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
    op.create_table(
        "listing_sale_terms",
        sa.Column("terms", sa.LargeBinary(32), nullable=False),
        sa.Column("listing", _NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("terms", name=op.f("pk_listing_sale_terms")),
        sa.ForeignKeyConstraint(["listing"], ["listings.id"], name=op.f("fk_listing_sale_terms_listing_listings")),
    )
    op.create_index("ix_listing_sale_terms_listing", "listing_sale_terms", ["listing"])
    op.add_column("listing_versions", sa.Column("hashed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "content_refunds_waiting",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("purchase", sa.LargeBinary(32), nullable=False),
        sa.Column("asset", sa.String(100), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.Column("sender", sa.LargeBinary(20), nullable=False),
        sa.Column("recipient", sa.LargeBinary(20), nullable=False),
        sa.Column("transaction", sa.LargeBinary(32), nullable=False),
        sa.Column("block", sa.LargeBinary(32), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kept_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_refunds_waiting")),
    )
    for column, name in (("purchase", "purchase"), ("block", "block"), ("kept_at", "kept")):
        op.create_index(f"ix_content_refunds_waiting_{name}", "content_refunds_waiting", [column])


def downgrade() -> None:
    """Undo it. What was held is not for sale; its seller may list it again."""
    # What is unlisted since no moment an earlier release sells for ever; what was taken down so, once it is put back.
    op.execute("UPDATE listings SET state = 'unlisted', reason = NULL WHERE state = 'held'")
    op.execute("UPDATE listings SET state = 'draft' WHERE state = 'unlisted' AND ended_at IS NULL")
    op.execute("UPDATE listings SET ended_at = created_at WHERE state = 'taken_down' AND ended_at IS NULL")
    op.drop_table("content_refunds_waiting")
    with op.batch_alter_table("listing_versions") as versions:
        versions.drop_column("hashed")
    op.drop_table("listing_sale_terms")
    op.drop_table("listing_holds")
    op.drop_table("shop_versions")
