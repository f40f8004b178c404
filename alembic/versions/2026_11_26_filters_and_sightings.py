"""Versions of filters beside those of doors, rooms that are read for them, and what they would have hidden there."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "document_versions",
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_document_versions_person_people")),
        sa.PrimaryKeyConstraint("person", "kind", "number", name=op.f("pk_document_versions")),
    )
    op.execute(
        "INSERT INTO document_versions (person, kind, number, document, since) "
        "SELECT person, 'door', number, document, since FROM door_versions"
    )
    op.drop_table("door_versions")
    op.create_table(
        "filters",
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_filters_person_people")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_filters")),
    )
    op.create_table(
        "watched_rooms",
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_watched_rooms_person_people")),
        sa.PrimaryKeyConstraint("room", name=op.f("pk_watched_rooms")),
    )
    op.create_index("ix_watched_rooms_person", "watched_rooms", ["person"])
    _sightings()


def _sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("viewer", _NUMBER, nullable=False),
        sa.Column("event", sa.String(length=255), nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("sender", _NUMBER, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.String(length=4), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["viewer"], ["people.id"], name=op.f("fk_sightings_viewer_people")),
        sa.ForeignKeyConstraint(["sender"], ["people.id"], name=op.f("fk_sightings_sender_people")),
        sa.PrimaryKeyConstraint("viewer", "event", name=op.f("pk_sightings")),
    )
    op.create_index("ix_sightings_viewer", "sightings", ["viewer", "at"])
    op.create_index("ix_sightings_event", "sightings", ["event"])
    op.create_index("ix_sightings_sender", "sightings", ["sender"])
    op.create_index("ix_sightings_until", "sightings", ["until"])
    op.create_table(
        "screened",
        sa.Column("viewer", _NUMBER, nullable=False),
        sa.Column("room", sa.String(length=255), nullable=False),
        sa.Column("day", _MOMENT, nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("lacking", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["viewer"], ["people.id"], name=op.f("fk_screened_viewer_people")),
        sa.PrimaryKeyConstraint("viewer", "room", "day", name=op.f("pk_screened")),
    )
    op.create_index("ix_screened_day", "screened", ["day"])


def downgrade() -> None:
    """Undo it. Filters have no place before, and nobody is in rooms for them; doors keep their versions."""
    for table in ("screened", "sightings", "watched_rooms", "filters"):
        op.drop_table(table)
    op.create_table(
        "door_versions",
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_door_versions_person_people")),
        sa.PrimaryKeyConstraint("person", "number", name=op.f("pk_door_versions")),
    )
    op.execute(
        "INSERT INTO door_versions (person, number, document, since) "
        "SELECT person, number, document, since FROM document_versions WHERE kind = 'door'"
    )
    op.drop_table("document_versions")
