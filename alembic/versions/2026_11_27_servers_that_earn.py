"""Servers that earn: challenges that their keys sign, who takes part, what they report, how they look from outside."""

import sqlalchemy as sa
from alembic import op

from kit.database import ExactInteger, UtcDateTime

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Do it."""
    op.create_table(
        "reward_challenges",
        sa.Column("nonce", sa.String(43), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("payout", sa.LargeBinary(length=20), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_reward_challenges")),
    )
    op.create_index("ix_reward_challenges_server", "reward_challenges", ["server", "expires_at"])
    op.create_table(
        "reward_servers",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("beside", sa.LargeBinary(length=256), nullable=False),
        sa.Column("payout", sa.LargeBinary(length=20), nullable=False),
        sa.Column("payout_next", sa.LargeBinary(length=20), nullable=True),
        sa.Column("payout_from", UtcDateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(20), nullable=True),
        sa.Column("claims_from", UtcDateTime(timezone=True), nullable=True),
        sa.Column("report_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("enrolled_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("left_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward_servers")),
        sa.UniqueConstraint("report_sha256", name=op.f("uq_reward_servers_report_sha256")),
        sa.UniqueConstraint("server", name=op.f("uq_reward_servers_server")),
    )
    op.create_table(
        "reward_reports",
        sa.Column("server", _NUMBER, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("monthly_users", sa.BigInteger(), nullable=False),
        sa.Column("daily_users", sa.BigInteger(), nullable=False),
        sa.Column("users", sa.BigInteger(), nullable=False),
        sa.Column("rooms", sa.BigInteger(), nullable=False),
        sa.Column("daily_messages", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server"], ["reward_servers.id"], name=op.f("fk_reward_reports_server_reward_servers")
        ),
        sa.PrimaryKeyConstraint("server", "day", name=op.f("pk_reward_reports")),
    )
    op.create_index("ix_reward_reports_day", "reward_reports", ["day"])
    op.create_table(
        "reward_looks",
        sa.Column("server", _NUMBER, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("vantage", sa.String(40), nullable=False),
        sa.Column("looked", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("certificate_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("software", sa.String(205), nullable=True),
        sa.Column("network", sa.String(50), nullable=True),
        sa.ForeignKeyConstraint(["server"], ["reward_servers.id"], name=op.f("fk_reward_looks_server_reward_servers")),
        sa.PrimaryKeyConstraint("server", "day", "vantage", name=op.f("pk_reward_looks")),
    )
    op.create_index("ix_reward_looks_day", "reward_looks", ["day"])
    op.create_table(
        "reward_epochs",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begins", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends", UtcDateTime(timezone=True), nullable=False),
        sa.Column("servers", sa.Integer(), nullable=False),
        sa.Column("budget", ExactInteger(), nullable=False),
        sa.Column("paid", ExactInteger(), nullable=False),
        sa.Column("forfeited", ExactInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("closed_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reward_epochs")),
    )
    op.create_table(
        "reward_epoch_parts",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", "part", name=op.f("pk_reward_epoch_parts")),
    )


def downgrade() -> None:
    """Undo it."""
    for table in (
        "reward_epoch_parts",
        "reward_epochs",
        "reward_looks",
        "reward_reports",
        "reward_servers",
        "reward_challenges",
    ):
        op.drop_table(table)
