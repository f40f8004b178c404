"""Gifts, who gave them, claims, what they come to, and what of it is shown."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_MOMENT = UtcDateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _person(*, nullable: bool = False) -> sa.Column[int]:
    return sa.Column("person", _NUMBER, nullable=nullable)


def _of_people(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f(f"fk_{table}_person_people"))


def _of_givers(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["giver"], ["givers.id"], name=op.f(f"fk_{table}_giver_givers"))


def upgrade() -> None:
    """Do it."""
    _givers_and_gifts()
    _claims()
    _what_they_come_to()


def _givers_and_gifts() -> None:
    op.create_table(
        "givers",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=True),
        _person(nullable=True),
        sa.Column("claimed_by", sa.String(length=10), nullable=True),
        sa.Column("claimed_at", _MOMENT, nullable=True),
        sa.Column("corporate", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=True),
        _of_people("givers"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_givers")),
    )
    op.create_index("ix_givers_name", "givers", ["source", "name"], unique=True)
    op.create_index("ix_givers_person", "givers", ["person"])
    op.create_table(
        "gifts",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("told", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cause", sa.String(length=42), nullable=False),
        sa.Column("giver", _NUMBER, nullable=False),
        sa.Column("owner", _NUMBER, nullable=True),
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.Column("amount", ExactInteger(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("recurring", sa.String(length=5), nullable=True),
        sa.Column("until", _MOMENT, nullable=True),
        sa.Column("since", _MOMENT, nullable=True),
        sa.Column("total", ExactInteger(), nullable=True),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("taken_back", _MOMENT, nullable=True),
        sa.Column("memo", sa.LargeBinary(length=32), nullable=True),
        _of_givers("gifts"),
        sa.ForeignKeyConstraint(["owner"], ["people.id"], name=op.f("fk_gifts_owner_people")),
        sa.PrimaryKeyConstraint("key", "told", name=op.f("pk_gifts")),
    )
    op.create_index("ix_gifts_giver", "gifts", ["giver"])
    op.create_index("ix_gifts_owner", "gifts", ["owner"])
    op.create_index("ix_gifts_told", "gifts", ["told"])
    op.create_index("ix_gifts_block", "gifts", ["block_hash"])
    op.create_index("ix_gifts_level", "gifts", ["chain_id", "level"])
    op.create_index("ix_gifts_memo", "gifts", ["memo"])
    op.create_table(
        "gift_imports",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("shape", sa.String(length=20), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("as_of", _MOMENT, nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("undone_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift_imports")),
    )
    op.create_index("ix_gift_imports_file", "gift_imports", ["source", "sha256", "as_of"], unique=True)


def _claims() -> None:
    op.create_table(
        "gift_memos",
        sa.Column("memo", sa.LargeBinary(length=32), nullable=False),
        _person(),
        sa.Column("claimed_at", _MOMENT, nullable=False),
        _of_people("gift_memos"),
        sa.PrimaryKeyConstraint("memo", name=op.f("pk_gift_memos")),
    )
    op.create_index("ix_gift_memos_person", "gift_memos", ["person"])
    op.create_table(
        "claim_codes",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("giver", _NUMBER, nullable=False),
        sa.Column("issued_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=True),
        _of_givers("claim_codes"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_claim_codes")),
    )
    op.create_index("ix_claim_codes_giver", "claim_codes", ["giver"])
    op.create_table(
        "claim_tries",
        _person(),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("locked_until", _MOMENT, nullable=True),
        _of_people("claim_tries"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_claim_tries")),
    )
    op.create_table(
        "claim_messages",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        _person(),
        sa.Column("address", sa.String(length=120), nullable=False),
        sa.Column("issued_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=True),
        _of_people("claim_messages"),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_claim_messages")),
    )
    op.create_index("ix_claim_messages_person", "claim_messages", ["person"])
    op.create_table(
        "claim_amounts",
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.Column("amount", sa.BigInteger(), autoincrement=False, nullable=False),
        _person(),
        sa.Column("proposed_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        _of_people("claim_amounts"),
        sa.PrimaryKeyConstraint("asset", "amount", name=op.f("pk_claim_amounts")),
    )
    op.create_index("ix_claim_amounts_person", "claim_amounts", ["person"])


def _what_they_come_to() -> None:
    op.create_table(
        "entitlements",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        _person(nullable=True),
        sa.Column("giver", _NUMBER, nullable=True),
        sa.Column("tier", sa.String(length=40), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=True),
        sa.Column("grace_until", _MOMENT, nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("renews", sa.Boolean(), nullable=False),
        sa.Column("thanks_only", sa.Boolean(), nullable=False),
        sa.Column("sure_from", _MOMENT, nullable=True),
        _of_people("entitlements"),
        _of_givers("entitlements"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlements")),
    )
    op.create_index("ix_entitlements_person", "entitlements", ["person"])
    op.create_index("ix_entitlements_giver", "entitlements", ["giver"])
    op.create_index("ix_entitlements_tier", "entitlements", ["tier", "grace_until"])
    op.create_index("ix_entitlements_until", "entitlements", ["until"])
    op.create_index("ix_entitlements_grace", "entitlements", ["grace_until"])
    op.create_table(
        "supporters_shown",
        _person(),
        sa.Column("flair", sa.Boolean(), nullable=False),
        sa.Column("wall", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.Boolean(), nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=False),
        _of_people("supporters_shown"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_supporters_shown")),
    )
    op.create_table(
        "tier_documents",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tier_documents")),
    )
    op.create_table(
        "supporters_folding",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supporters_folding")),
    )
    op.create_table(
        "patreon_told",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_patreon_told")),
    )
    op.create_index("ix_patreon_told_at", "patreon_told", ["at"])


def downgrade() -> None:
    """Undo it."""
    for table in (
        *("patreon_told", "supporters_folding", "tier_documents", "supporters_shown", "entitlements"),
        *("claim_amounts", "claim_messages", "claim_tries", "claim_codes", "gift_memos"),
        *("gift_imports", "gifts", "givers"),
    ):
        op.drop_table(table)
