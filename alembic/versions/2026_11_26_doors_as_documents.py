"""Doors as documents with versions, and a count of whom a door let in by itself."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "door_versions",
        sa.Column("person", number, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_door_versions_person_people")),
        sa.PrimaryKeyConstraint("person", "number", name=op.f("pk_door_versions")),
    )
    op.create_table(
        "arrivals",
        sa.Column("stranger", number, nullable=False),
        sa.Column("recipient", number, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_room", sa.String(length=255), nullable=False),
        sa.Column("last_code", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["stranger"], ["people.id"], name=op.f("fk_arrivals_stranger_people")),
        sa.ForeignKeyConstraint(["recipient"], ["people.id"], name=op.f("fk_arrivals_recipient_people")),
        sa.PrimaryKeyConstraint("stranger", "recipient", name=op.f("pk_arrivals")),
    )
    op.create_index("ix_arrivals_recipient", "arrivals", ["recipient", "last_at"])
    op.create_index("ix_arrivals_last_at", "arrivals", ["last_at"])


def downgrade() -> None:
    """Undo it. A door of rules has no shape before: it is closed then, which lets in nobody whom it did not.

    Whom somebody imported is to them as whom they invited: they pass, and nobody else hears of it.
    """
    op.execute("UPDATE doors SET mode = 'closed' WHERE mode = 'rules'")
    op.execute("UPDATE contacts SET why = 'invited' WHERE why = 'imported'")
    op.drop_table("arrivals")
    op.drop_table("door_versions")
