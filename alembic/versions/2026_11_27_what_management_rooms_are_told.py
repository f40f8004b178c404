"""What management rooms were told and asked."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        "management_told",
        sa.Column("management", number, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["management"], ["management_rooms.id"], name=op.f("fk_management_told_management_management_rooms")
        ),
        sa.PrimaryKeyConstraint("management", name=op.f("pk_management_told")),
    )
    op.create_table(
        "management_questions",
        sa.Column("event", sa.String(length=255), nullable=False),
        sa.Column("management", number, nullable=False),
        sa.Column("consequences", sa.JSON(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["management"], ["management_rooms.id"], name=op.f("fk_management_questions_management_management_rooms")
        ),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_management_questions")),
    )
    op.create_index("ix_management_questions_management", "management_questions", ["management", "asked_at"])
    op.create_index("ix_consequences_told", "consequences", ["management", "changed_at"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_consequences_told", "consequences")
    op.drop_index("ix_management_questions_management", "management_questions")
    op.drop_table("management_questions")
    op.drop_table("management_told")
