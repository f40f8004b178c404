"""Fewer places for gifts and what they come to: nothing is looked up by what files leave empty, or by an end alone."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_WHERE_THERE = (
    ("ix_gifts_owner", "gifts", ("owner",)),
    ("ix_gifts_block", "gifts", ("block_hash", "chain_id")),
    ("ix_gifts_level", "gifts", ("chain_id", "level")),
    ("ix_gifts_memo", "gifts", ("memo",)),
    ("ix_entitlements_person", "entitlements", ("person",)),
)
_GONE = (
    ("ix_entitlements_tier", ("tier", "grace_until")),
    ("ix_entitlements_until", ("until",)),
    ("ix_entitlements_grace", ("grace_until",)),
)


def upgrade() -> None:
    """Do it."""
    for name, _ in _GONE:
        op.drop_index(name, "entitlements")
    for name, table, columns in _WHERE_THERE:
        there = sa.text(f"{columns[0]} IS NOT NULL")
        op.drop_index(name, table)
        op.create_index(name, table, list(columns), sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    """Undo it."""
    for name, table, columns in _WHERE_THERE:
        op.drop_index(name, table)
        op.create_index(name, table, list(columns[:1] if name == "ix_gifts_block" else columns))
    for name, columns in _GONE:
        op.create_index(name, "entitlements", list(columns))
