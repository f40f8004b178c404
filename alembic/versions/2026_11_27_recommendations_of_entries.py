"""What an entry of a list says follows from it is called its recommendation, as the field calls it."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    op.alter_column("list_entries", "advice", new_column_name="recommendation")


def downgrade() -> None:
    """Undo it."""
    op.alter_column("list_entries", "recommendation", new_column_name="advice")
