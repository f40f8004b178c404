"""What keys spend, and which key must sign: a transaction's final cost, and the one key that a stake's terms name."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    with op.batch_alter_table("outgoing_attempts") as batch_op:
        batch_op.add_column(sa.Column("cost_wei", ExactInteger(), nullable=True))
        batch_op.create_index("ix_outgoing_attempts_made", ["chain_id", "sender", "made_at"])
    with op.batch_alter_table("outgoing") as batch_op:
        batch_op.add_column(sa.Column("signer", sa.LargeBinary(length=20), nullable=True))
    _name_resolvers(op.get_bind())


def _name_resolvers(connection: sa.Connection) -> None:
    """Let a call that ends a stake be signed by the resolver whom its terms name: another one could not."""
    outgoing = sa.table("outgoing", sa.column("id"), sa.column("key"), sa.column("state"), sa.column("signer"))
    stakes = sa.table("stakes", sa.column("id"), sa.column("resolver"))
    waiting = sa.select(outgoing.c.id, outgoing.c.key).where(outgoing.c.state.in_(("waiting", "sent", "mined")))
    for number, key in connection.execute(waiting).all():
        verb, _, rest = key.partition(":")
        if verb not in ("return_answered", "return_unanswered", "announce_forfeit"):
            continue
        stake = bytes.fromhex(rest.partition(":")[0])
        resolver = connection.scalar(sa.select(stakes.c.resolver).where(stakes.c.id == stake))
        if resolver is not None:
            connection.execute(sa.update(outgoing).where(outgoing.c.id == number).values(signer=resolver))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("outgoing") as batch_op:
        batch_op.drop_column("signer")
    with op.batch_alter_table("outgoing_attempts") as batch_op:
        batch_op.drop_index("ix_outgoing_attempts_made")
        batch_op.drop_column("cost_wei")
