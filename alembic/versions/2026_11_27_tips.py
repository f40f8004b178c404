"""Tips: who takes them, links by which they are paid, the terms of each, and what was paid."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "tip_receivers",
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("wallet", sa.LargeBinary(20), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_tip_receivers_person_people")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_tip_receivers")),
    )
    _links()
    _terms()
    _tips()


def _links() -> None:
    op.create_table(
        "tip_links",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("giver", _NUMBER, nullable=True),
        sa.Column("receiver", _NUMBER, nullable=True),
        sa.Column("room", sa.String(255), nullable=True),
        sa.Column("event", sa.String(255), nullable=True),
        sa.Column("amount", ExactInteger(), nullable=True),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(1400), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["giver"], ["people.id"], name=op.f("fk_tip_links_giver_people")),
        sa.ForeignKeyConstraint(["receiver"], ["people.id"], name=op.f("fk_tip_links_receiver_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tip_links")),
        sa.UniqueConstraint("chain_hash", name=op.f("uq_tip_links_chain_hash")),
        sa.UniqueConstraint("token", name=op.f("uq_tip_links_token")),
    )
    op.create_index("ix_tip_links_giver", "tip_links", ["giver", "created_at"])
    op.create_index("ix_tip_links_receiver", "tip_links", ["receiver", "created_at"])
    op.create_index("ix_tip_links_created", "tip_links", ["created_at"])


def _terms() -> None:
    op.create_table(
        "tip_terms",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("link", _NUMBER, nullable=False),
        sa.Column("terms", sa.LargeBinary(32), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(1400), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["tip_links.id"], name=op.f("fk_tip_terms_link_tip_links")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tip_terms")),
        sa.UniqueConstraint("terms", name=op.f("uq_tip_terms_terms")),
    )
    op.create_index("ix_tip_terms_link", "tip_terms", ["link"])


def _tips() -> None:
    op.create_table(
        "tips",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(22), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("link", _NUMBER, nullable=False),
        sa.Column("terms", _NUMBER, nullable=False),
        sa.Column("giver", _NUMBER, nullable=True),
        sa.Column("receiver", _NUMBER, nullable=False),
        sa.Column("payer", sa.LargeBinary(20), nullable=False),
        sa.Column("asset", sa.String(100), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("block", sa.LargeBinary(32), nullable=False),
        sa.Column("paid_at", UtcDateTime(), nullable=False),
        sa.Column("giver_told", sa.Boolean(), nullable=False),
        sa.Column("receiver_told", sa.Boolean(), nullable=False),
        sa.Column("line_tried", sa.Boolean(), nullable=False),
        sa.Column("line", sa.String(255), nullable=True),
        sa.ForeignKeyConstraint(["giver"], ["people.id"], name=op.f("fk_tips_giver_people")),
        sa.ForeignKeyConstraint(["link"], ["tip_links.id"], name=op.f("fk_tips_link_tip_links")),
        sa.ForeignKeyConstraint(["receiver"], ["people.id"], name=op.f("fk_tips_receiver_people")),
        sa.ForeignKeyConstraint(["terms"], ["tip_terms.id"], name=op.f("fk_tips_terms_tip_terms")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tips")),
        sa.UniqueConstraint("key", name=op.f("uq_tips_key")),
        sa.UniqueConstraint("token", name=op.f("uq_tips_token")),
    )
    op.create_index("ix_tips_giver", "tips", ["giver", "id"])
    op.create_index("ix_tips_receiver", "tips", ["receiver", "id"])
    op.create_index("ix_tips_link", "tips", ["link"])
    op.create_index("ix_tips_terms", "tips", ["terms"])
    op.create_index("ix_tips_level", "tips", ["level", "block"])
    op.create_index("ix_tips_block", "tips", ["block"])


def downgrade() -> None:
    """Undo it."""
    for table in ("tips", "tip_terms", "tip_links", "tip_receivers"):
        op.drop_table(table)
