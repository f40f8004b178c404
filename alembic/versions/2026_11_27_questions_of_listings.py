"""Questions of the bot that are about a listing."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    with op.batch_alter_table("prompts") as prompts:
        prompts.add_column(sa.Column("listing", sa.String(22), nullable=True))


def downgrade() -> None:
    """Undo it. Nobody could say what such a question was about."""
    op.execute("DELETE FROM prompts WHERE listing IS NOT NULL")
    with op.batch_alter_table("prompts") as prompts:
        prompts.drop_column("listing")
