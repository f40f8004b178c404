"""Sales on the chain: what stands for a listing there, and which blocks hold payments and refunds."""

import sqlalchemy as sa
from alembic import op
from eth_utils.crypto import keccak

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_SOME = 1_000


def upgrade() -> None:
    """Do it; listings that there are get their hash, some at a time."""
    op.add_column("listings", sa.Column("chain_hash", sa.LargeBinary(32), nullable=True))
    listings = sa.table(
        "listings",
        sa.column("id", sa.BigInteger),
        sa.column("token", sa.String),
        sa.column("chain_hash", sa.LargeBinary),
    )
    connection, after = op.get_bind(), 0
    while True:
        some = sa.select(listings.c.id, listings.c.token).where(listings.c.id > after).order_by(listings.c.id)
        rows = connection.execute(some.limit(_SOME)).all()
        if not rows:
            break
        for number, token in rows:
            kept = sa.update(listings).where(listings.c.id == number).values(chain_hash=keccak(text=token))
            connection.execute(kept)
        after = rows[-1][0]
    with op.batch_alter_table("listings") as table:
        table.alter_column("chain_hash", existing_type=sa.LargeBinary(32), nullable=False)
        table.create_unique_constraint(op.f("uq_listings_chain_hash"), ["chain_hash"])
    for column in ("block", "refund_block"):
        op.add_column("purchases", sa.Column(column, sa.LargeBinary(32), nullable=True))
    for name, columns in (("block", ["block", "level"]), ("refund_block", ["refund_block"])):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_purchases_{name}", "purchases", columns, sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    """Undo it."""
    for name in ("refund_block", "block"):
        op.drop_index(f"ix_purchases_{name}", "purchases")
        op.drop_column("purchases", name)
    with op.batch_alter_table("listings") as table:
        table.drop_constraint(op.f("uq_listings_chain_hash"), type_="unique")
        table.drop_column("chain_hash")
