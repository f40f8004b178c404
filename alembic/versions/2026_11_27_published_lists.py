"""Lists that people publish, their keys and rooms; lists that other services publish, with their labels."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        "list_keys",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.LargeBinary(length=200), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_list_keys_name")),
    )
    op.create_table(
        "followed_labels",
        sa.Column("list", number, nullable=False),
        sa.Column("subject", sa.String(length=6), nullable=False),
        sa.Column("entity", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("until", moment, nullable=True),
        sa.ForeignKeyConstraint(["list"], ["followed_lists.id"], name=op.f("fk_followed_labels_list_followed_lists")),
        sa.PrimaryKeyConstraint("list", "subject", "entity", name=op.f("pk_followed_labels")),
    )
    op.create_index("ix_followed_labels_until", "followed_labels", ["until"], unique=False)
    op.create_table(
        "followed_services",
        sa.Column("list", number, nullable=False),
        sa.Column("remote", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("author", number, nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("meaning", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("expired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["author"], ["people.id"], name=op.f("fk_followed_services_author_people")),
        sa.ForeignKeyConstraint(["list"], ["followed_lists.id"], name=op.f("fk_followed_services_list_followed_lists")),
        sa.PrimaryKeyConstraint("list", name=op.f("pk_followed_services")),
    )
    op.create_table(
        "published_lists",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("person", number, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("licence", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("definitions", sa.JSON(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("sum", sa.LargeBinary(length=2048), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("retired_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_published_lists_person_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_lists")),
        sa.UniqueConstraint("public_id", name=op.f("uq_published_lists_public_id")),
    )
    op.create_index("ix_published_lists_person", "published_lists", ["person", "name"], unique=True)
    op.create_index("ix_published_lists_public", "published_lists", ["public", "id"], unique=False)
    op.create_table(
        "list_rooms",
        sa.Column("list", number, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=True),
        sa.Column("alias", sa.String(length=255), nullable=True),
        sa.Column("written", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["list"], ["published_lists.id"], name=op.f("fk_list_rooms_list_published_lists")),
        sa.PrimaryKeyConstraint("list", name=op.f("pk_list_rooms")),
        sa.UniqueConstraint("room", name=op.f("uq_list_rooms_room")),
    )
    op.create_table(
        "published_entries",
        sa.Column("list", number, nullable=False),
        sa.Column("subject", sa.String(length=6), nullable=False),
        sa.Column("entity", sa.String(length=255), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.String(length=30), nullable=False),
        sa.Column("below", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("negated", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("until", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["list"], ["published_lists.id"], name=op.f("fk_published_entries_list_published_lists")
        ),
        sa.PrimaryKeyConstraint("list", "subject", "entity", name=op.f("pk_published_entries")),
    )
    op.create_index("ix_published_entries_negated", "published_entries", ["negated", "since"], unique=False)
    op.create_index("ix_published_entries_until", "published_entries", ["until"], unique=False)
    op.create_index("ix_published_entries_version", "published_entries", ["list", "version"], unique=True)


def downgrade() -> None:
    """Undo it."""
    for name in (
        "followed_labels",
        "followed_services",
        "list_rooms",
        "published_entries",
        "published_lists",
        "list_keys",
    ):
        op.drop_table(name)
