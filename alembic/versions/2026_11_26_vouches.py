"""Vouches: one person's word for another, with its audience, its end and its trail."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    stands = sa.text("withdrawn_at IS NULL")
    op.create_table(
        "vouches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("author", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["author"], ["people.id"], name=op.f("fk_vouches_author_people")),
        sa.ForeignKeyConstraint(["subject"], ["people.id"], name=op.f("fk_vouches_subject_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouches")),
    )
    op.create_index(
        "ix_vouches_pair", "vouches", ["author", "subject"], unique=True, sqlite_where=stands, postgresql_where=stands
    )
    op.create_index("ix_vouches_author", "vouches", ["author", "since"])
    op.create_index("ix_vouches_subject", "vouches", ["subject", "author"])
    op.create_index("ix_vouches_until", "vouches", ["until"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("vouches")
