"""What cannot be undone: how often a homeserver said no to it; reported messages; lists not read in a row."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.add_column("consequences", sa.Column("denials", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("outcomes", sa.Column("decided", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "complaints",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("event", sa.String(length=255), nullable=False),
        sa.Column("about", NUMBER, nullable=True),
        sa.Column("told", sa.String(length=255), nullable=True),
        sa.Column("done", sa.String(length=6), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        _refers("complaints", "management", "management_rooms"),
        _refers("complaints", "about", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_complaints_message", "complaints", ["room", "event"], unique=True)
    op.create_index("ix_complaints_management", "complaints", ["management", "made_at"])
    op.create_index("ix_complaints_told", "complaints", ["told"])
    op.create_index("ix_complaints_about", "complaints", ["about"])
    op.create_index("ix_complaints_made", "complaints", ["made_at"])
    op.create_table(
        "complaint_voices",
        sa.Column("complaint", NUMBER, nullable=False),
        sa.Column("person", NUMBER, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("said", sa.String(length=255), nullable=True),
        sa.Column("heard", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        _refers("complaint_voices", "complaint", "complaints"),
        _refers("complaint_voices", "person", "people"),
        sa.PrimaryKeyConstraint("complaint", "person", name=op.f("pk_complaint_voices")),
    )
    op.create_index("ix_complaint_voices_person", "complaint_voices", ["person", "at"])
    op.create_index("ix_complaint_voices_heard", "complaint_voices", ["heard"])
    for table in ("list_rooms", "followed_lists"):
        op.add_column(table, sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False))


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"))


def downgrade() -> None:
    """Undo it."""
    for table in ("list_rooms", "followed_lists"):
        op.drop_column(table, "failures")
    op.drop_table("complaint_voices")
    op.drop_table("complaints")
    op.drop_column("outcomes", "decided")
    op.drop_column("consequences", "denials")
