"""Lists at the gate: what plans leave behind of rooms, who looks after them, who was not let in; trust in authors."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "gate_grounds",
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        _of("gate_grounds", "management", "management_rooms"),
        sa.PrimaryKeyConstraint("management", name=op.f("pk_gate_grounds")),
    )
    op.create_table(
        "room_keepers",
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("person", NUMBER, nullable=False),
        _of("room_keepers", "management", "management_rooms"),
        _of("room_keepers", "person", "people"),
        sa.PrimaryKeyConstraint("management", "person", name=op.f("pk_room_keepers")),
    )
    op.create_index("ix_room_keepers_person", "room_keepers", ["person"])
    op.create_table(
        "turned_away",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("management", NUMBER, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("person", NUMBER, nullable=True),
        sa.Column("server", sa.String(length=255), nullable=True),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        _of("turned_away", "management", "management_rooms"),
        _of("turned_away", "person", "people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turned_away")),
    )
    op.create_index("ix_turned_away_of_person", "turned_away", ["management", "room", "person"], unique=True)
    op.create_index("ix_turned_away_of_server", "turned_away", ["management", "room", "server"], unique=True)
    op.create_index("ix_turned_away_last", "turned_away", ["management", "last_at"])
    op.create_index("ix_turned_away_person", "turned_away", ["person"])
    with op.batch_alter_table("subscriptions") as subscriptions:
        subscriptions.add_column(sa.Column("trusted", NUMBER, nullable=True))
        subscriptions.add_column(sa.Column("trust", sa.Integer(), nullable=True))
        subscriptions.create_foreign_key(op.f("fk_subscriptions_trusted_people"), "people", ["trusted"], ["id"])
        subscriptions.create_index("ix_subscriptions_trusted", ["trusted"])


def _of(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("subscriptions") as subscriptions:
        subscriptions.drop_index("ix_subscriptions_trusted")
        subscriptions.drop_constraint(op.f("fk_subscriptions_trusted_people"), type_="foreignkey")
        subscriptions.drop_column("trust")
        subscriptions.drop_column("trusted")
    for table in ("turned_away", "room_keepers", "gate_grounds"):
        op.drop_table(table)
