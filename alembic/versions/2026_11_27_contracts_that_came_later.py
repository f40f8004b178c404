"""From which block on a contract that came later has been read; what is carried is stakes and gifts."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_PERSON = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = UtcDateTime(timezone=True)


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "contract_reads",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.LargeBinary(length=20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "contract", name=op.f("pk_contract_reads")),
    )
    op.create_table(
        "carried",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("cargo", sa.String(length=10), nullable=False),
        sa.Column("about", sa.String(length=22), nullable=True),
        sa.Column("person", _PERSON, nullable=True),
        *_common("target"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_carried_person_people")),
        sa.PrimaryKeyConstraint("chain_id", "id", name=op.f("pk_carried")),
    )
    op.create_table(
        "carrying_bars",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("payer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("person", _PERSON, nullable=True),
        *_barred(),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_carrying_bars_person_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrying_bars")),
    )
    op.execute(
        "INSERT INTO carried (chain_id, id, cargo, about, person, payer, target, due, gwei, outcome, created_at, "
        "settled_at) SELECT chain_id, stake_id, 'stake', quote_id, stranger, payer, return_to, due, gwei, outcome, "
        "created_at, settled_at FROM openings"
    )
    op.execute(
        "INSERT INTO carrying_bars (id, payer, person, gwei, barred_at, lifted_at) "
        "SELECT stake_id, payer, stranger, gwei, barred_at, lifted_at FROM gasless_bars"
    )
    op.drop_table("openings")
    op.drop_table("gasless_bars")
    op.create_index("ix_carried_about", "carried", ["about"])
    op.create_index("ix_carried_made", "carried", ["chain_id", "created_at"])
    op.create_index("ix_carried_settled", "carried", ["chain_id", "settled_at"])
    op.create_index("ix_carried_person", "carried", ["person", "created_at"])
    op.create_index("ix_carried_payer", "carried", ["payer", "created_at"])
    op.create_index("ix_carrying_bars_payer", "carrying_bars", ["payer"])
    op.create_index("ix_carrying_bars_person", "carrying_bars", ["person"])


def downgrade() -> None:
    """Undo it; gifts that were carried have no place in what was before."""
    op.create_table(
        "openings",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("stake_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("quote_id", sa.String(length=22), nullable=False),
        sa.Column("stranger", _PERSON, nullable=False),
        *_common("return_to"),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.id"], name=op.f("fk_openings_quote_id_quotes")),
        sa.ForeignKeyConstraint(["stranger"], ["people.id"], name=op.f("fk_openings_stranger_people")),
        sa.PrimaryKeyConstraint("chain_id", "stake_id", name=op.f("pk_openings")),
    )
    op.create_table(
        "gasless_bars",
        sa.Column("stake_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("payer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("stranger", _PERSON, nullable=False),
        *_barred(),
        sa.ForeignKeyConstraint(["stranger"], ["people.id"], name=op.f("fk_gasless_bars_stranger_people")),
        sa.PrimaryKeyConstraint("stake_id", name=op.f("pk_gasless_bars")),
    )
    op.execute(
        "INSERT INTO openings (chain_id, stake_id, quote_id, stranger, payer, return_to, due, gwei, outcome, "
        "created_at, settled_at) SELECT chain_id, id, about, person, payer, target, due, gwei, outcome, created_at, "
        "settled_at FROM carried WHERE cargo = 'stake' AND person IS NOT NULL AND about IN (SELECT id FROM quotes)"
    )
    op.execute(
        "INSERT INTO gasless_bars (stake_id, payer, stranger, gwei, barred_at, lifted_at) "
        "SELECT id, payer, person, gwei, barred_at, lifted_at FROM carrying_bars WHERE person IS NOT NULL"
    )
    op.drop_table("carrying_bars")
    op.drop_table("carried")
    op.drop_table("contract_reads")
    op.create_index("ix_openings_made", "openings", ["chain_id", "created_at"])
    op.create_index("ix_openings_payer", "openings", ["payer", "created_at"])
    op.create_index("ix_openings_quote", "openings", ["quote_id"])
    op.create_index("ix_openings_settled", "openings", ["chain_id", "settled_at"])
    op.create_index("ix_openings_stranger", "openings", ["stranger", "created_at"])
    op.create_index("ix_gasless_bars_payer", "gasless_bars", ["payer"])
    op.create_index("ix_gasless_bars_stranger", "gasless_bars", ["stranger"])


def _common(target: str) -> list[sa.Column[object]]:
    return [
        sa.Column("payer", sa.LargeBinary(length=20), nullable=False),
        sa.Column(target, sa.LargeBinary(length=20), nullable=False),
        sa.Column("due", ExactInteger(), nullable=False),
        sa.Column("gwei", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("settled_at", _MOMENT, nullable=True),
    ]


def _barred() -> list[sa.Column[object]]:
    return [
        sa.Column("gwei", sa.BigInteger(), nullable=False),
        sa.Column("barred_at", _MOMENT, nullable=False),
        sa.Column("lifted_at", _MOMENT, nullable=True),
    ]
