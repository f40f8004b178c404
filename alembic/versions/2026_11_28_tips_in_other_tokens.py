"""Tips in other tokens than our own: who takes them in which, what a link is in, and which settlements are tips."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Do it. Nobody has said yet that they take others: what is known stays in our own token."""
    op.create_table(
        "tip_receiver_tokens",
        sa.Column("person", _NUMBER, nullable=False),
        sa.Column("asset", sa.String(100), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_tip_receiver_tokens_person_people")),
        sa.PrimaryKeyConstraint("person", "asset", name=op.f("pk_tip_receiver_tokens")),
    )
    op.add_column("tip_links", sa.Column("asset", sa.String(100), nullable=True))
    op.add_column("settlements", sa.Column("tip", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Undo it. A sum in another token is none in our own, and a tip's settlement is for no listing."""
    op.execute(sa.text("UPDATE settlements SET listing = NULL, claim = NULL WHERE tip = :yes").bindparams(yes=True))
    with op.batch_alter_table("settlements") as settlements:
        settlements.drop_column("tip")
    op.execute("UPDATE tip_links SET amount = NULL WHERE asset IS NOT NULL")
    with op.batch_alter_table("tip_links") as links:
        links.drop_column("asset")
    op.drop_table("tip_receiver_tokens")
