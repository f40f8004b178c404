"""Vouches become words, for somebody or against them; and people say what they think of strangers."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    _make("words", sa.Column("reason", sa.String(length=13), nullable=True))
    _move("vouches", "words", "weight > 0")
    op.create_table(
        "outlooks",
        sa.Column("person", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("strangers", sa.String(length=7), nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_outlooks_person_people")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_outlooks")),
    )


def downgrade() -> None:
    """Undo it: what was said against somebody is lost."""
    op.drop_table("outlooks")
    _make("vouches")
    _move("words", "vouches", "weight > 0")


def _make(table: str, *more: sa.Column[str]) -> None:
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        table,
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("author", number, nullable=False),
        sa.Column("subject", number, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        *more,
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["author"], ["people.id"], name=op.f(f"fk_{table}_author_people")),
        sa.ForeignKeyConstraint(["subject"], ["people.id"], name=op.f(f"fk_{table}_subject_people")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _move(old: str, new: str, which: str) -> None:
    """Take the rows over in their order, and number them anew; then have the indexes."""
    stands, columns = sa.text("withdrawn_at IS NULL"), "author, subject, weight, audience, since, until, withdrawn_at"
    op.execute(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {old} WHERE {which} ORDER BY id")  # noqa: S608 - ours
    op.drop_table(old)
    for table in ("changes", "changed_subjects"):
        op.execute(f"UPDATE {table} SET topic = '{new}' WHERE topic = '{old}'")  # noqa: S608 - ours
    pair = ["author", "subject"]
    op.create_index(f"ix_{new}_pair", new, pair, unique=True, sqlite_where=stands, postgresql_where=stands)
    op.create_index(f"ix_{new}_author", new, ["author", "since"])
    op.create_index(f"ix_{new}_subject", new, ["subject", "author"])
    op.create_index(f"ix_{new}_until", new, ["until"])
