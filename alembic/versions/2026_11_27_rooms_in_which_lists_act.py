"""Management rooms, the rooms that they protect, subscriptions, vetoes, and what was done in which room and why."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "management_rooms",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("room", sa.String(length=255), nullable=True),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("confirm", sa.Boolean(), nullable=False),
        sa.Column("rehearse_until", MOMENT, nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["people.id"], name=op.f("fk_management_rooms_owner_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_management_rooms")),
        sa.UniqueConstraint("room", name=op.f("uq_management_rooms_room")),
    )
    op.create_index("ix_management_rooms_owner", "management_rooms", ["owner"])
    op.create_table(
        "protected_rooms",
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("space", sa.String(length=255), nullable=True),
        sa.Column("is_space", sa.Boolean(), nullable=False),
        sa.Column("lacks", sa.String(length=60), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        _of_management("protected_rooms"),
        sa.PrimaryKeyConstraint("room", name=op.f("pk_protected_rooms")),
    )
    op.create_index("ix_protected_rooms_management", "protected_rooms", ["management"])
    _subscriptions()
    _vetoes()
    _consequences()


def _of_management(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_management_management_rooms")
    return sa.ForeignKeyConstraint(["management"], ["management_rooms.id"], name=name)


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("list", NUMBER, nullable=False),
        sa.Column("mode", sa.String(length=7), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        _of_management("subscriptions"),
        sa.ForeignKeyConstraint(["list"], ["followed_lists.id"], name=op.f("fk_subscriptions_list_followed_lists")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index("ix_subscriptions_pair", "subscriptions", ["management", "list"], unique=True)
    op.create_index("ix_subscriptions_list", "subscriptions", ["list"])


def _vetoes() -> None:
    op.create_table(
        "vetoes",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("list", NUMBER, nullable=True),
        sa.Column("person", NUMBER, nullable=True),
        sa.Column("server", sa.String(length=255), nullable=True),
        sa.Column("subject", sa.String(length=6), nullable=True),
        sa.Column("entity", sa.String(length=255), nullable=True),
        sa.Column("by", NUMBER, nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        _of_management("vetoes"),
        sa.ForeignKeyConstraint(["list"], ["followed_lists.id"], name=op.f("fk_vetoes_list_followed_lists")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_vetoes_person_people")),
        sa.ForeignKeyConstraint(["by"], ["people.id"], name=op.f("fk_vetoes_by_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vetoes")),
    )
    op.create_index("ix_vetoes_management", "vetoes", ["management"])
    op.create_index("ix_vetoes_person", "vetoes", ["person"])


def _consequences() -> None:
    op.create_table(
        "consequences",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("what", sa.String(length=6), nullable=False),
        sa.Column("person", NUMBER, nullable=True),
        sa.Column("server", sa.String(length=255), nullable=True),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("decided_by", NUMBER, nullable=True),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("planned_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("owed_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("overruled", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        _of_management("consequences"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_consequences_person_people")),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name=op.f("fk_consequences_decided_by_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consequences")),
    )
    stands = sa.text("NOT closed")
    for whom in ("person", "server"):
        op.create_index(
            f"ix_consequences_of_{whom}",
            "consequences",
            ["room", "what", whom],
            unique=True,
            sqlite_where=stands,
            postgresql_where=stands,
        )
    op.create_index("ix_consequences_management", "consequences", ["management", "closed", "id"])
    op.create_index("ix_consequences_owed", "consequences", ["management", "owed_at"])
    op.create_index("ix_consequences_due", "consequences", ["due_at"])
    op.create_index("ix_consequences_person", "consequences", ["person"])
    op.create_index("ix_consequences_changed", "consequences", ["closed", "changed_at"])


def downgrade() -> None:
    """Undo it."""
    for table in ("consequences", "vetoes", "subscriptions", "protected_rooms", "management_rooms"):
        op.drop_table(table)
