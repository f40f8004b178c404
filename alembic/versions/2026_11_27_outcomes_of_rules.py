"""What rules of rooms want done to people who did something there."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        "outcomes",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("management", number, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("person", number, nullable=False),
        sa.Column("what", sa.String(length=6), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("until", moment, nullable=True),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["management"], ["management_rooms.id"], name=op.f("fk_outcomes_management_management_rooms")
        ),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_outcomes_person_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcomes")),
    )
    op.create_index("ix_outcomes_whose", "outcomes", ["management", "room", "person", "what"], unique=True)
    op.create_index("ix_outcomes_person", "outcomes", ["person"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("outcomes")
