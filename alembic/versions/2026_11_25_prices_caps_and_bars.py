"""Prices, caps and bars: what raises a price, how many strangers a door takes, where a stake came from."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FROM_STAKES = "(SELECT stakes.{column} FROM stakes WHERE stakes.id = grants.stake_id)"


def upgrade() -> None:
    """Do it."""
    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("base_stake", ExactInteger(), nullable=True))
        batch_op.add_column(sa.Column("dearer", sa.String(length=60), server_default="", nullable=False))
    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.alter_column("dearer", existing_type=sa.String(length=60), server_default=None)
    with op.batch_alter_table("doors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("most_open", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("most_a_day", sa.Integer(), nullable=True))
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opened_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("payer", sa.LargeBinary(length=20), nullable=True))
        batch_op.add_column(sa.Column("return_to", sa.LargeBinary(length=20), nullable=True))
        batch_op.add_column(sa.Column("origin", sa.String(length=255), nullable=True))
    # Which homeserver an earlier stake came from is not looked up: it counts for its door, its person and its wallet.
    payer, back = (_FROM_STAKES.format(column=column) for column in ("payer", "return_to"))
    op.execute(f"UPDATE grants SET payer = {payer}, return_to = {back}, origin = ''")  # noqa: S608 - words of our own
    op.execute(
        "UPDATE grants SET opened_at = "
        "(SELECT CASE WHEN stakes.state = 'orphaned' THEN 0 ELSE stakes.opened_at END FROM stakes "
        "WHERE stakes.id = grants.stake_id)"
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.alter_column("opened_at", existing_type=sa.BigInteger(), nullable=False)
        batch_op.alter_column("payer", existing_type=sa.LargeBinary(length=20), nullable=False)
        batch_op.alter_column("return_to", existing_type=sa.LargeBinary(length=20), nullable=False)
        batch_op.alter_column("origin", existing_type=sa.String(length=255), nullable=False)
        batch_op.drop_index("ix_grants_recipient")
        batch_op.create_index("ix_grants_recipient", ["recipient", "opened_at"], unique=False)
        batch_op.create_index("ix_grants_stranger", ["stranger", "opened_at"], unique=False)
        batch_op.create_index("ix_grants_origin", ["origin", "opened_at"], unique=False)
        batch_op.create_index("ix_grants_payer", ["payer", "opened_at"], unique=False)
        batch_op.create_index("ix_grants_return_to", ["return_to", "opened_at"], unique=False)


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("grants", schema=None) as batch_op:
        for name in ("return_to", "payer", "origin", "stranger", "recipient"):
            batch_op.drop_index(f"ix_grants_{name}")
        batch_op.create_index("ix_grants_recipient", ["recipient"], unique=False)
        for column in ("origin", "return_to", "payer", "opened_at"):
            batch_op.drop_column(column)
    with op.batch_alter_table("doors", schema=None) as batch_op:
        batch_op.drop_column("most_a_day")
        batch_op.drop_column("most_open")
    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.drop_column("dearer")
        batch_op.drop_column("base_stake")
