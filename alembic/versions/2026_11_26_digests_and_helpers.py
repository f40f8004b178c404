"""Digests of knocks, and helpers: who is told when, who answers with whom, and what they answered."""

import sqlalchemy as sa
from alembic import op

from kit.database import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do it."""
    number, moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), UtcDateTime(timezone=True)
    op.create_table(
        "digests",
        sa.Column("person", number, nullable=False),
        sa.Column("every", sa.String(length=6), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("since", moment, nullable=False),
        sa.Column("told_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_digests_person_people")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_digests")),
    )
    op.create_index("ix_digests_due", "digests", ["due_at"])
    op.create_table(
        "helpers",
        sa.Column("owner", number, nullable=False),
        sa.Column("helper", number, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("accepted_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["people.id"], name=op.f("fk_helpers_owner_people")),
        sa.ForeignKeyConstraint(["helper"], ["people.id"], name=op.f("fk_helpers_helper_people")),
        sa.PrimaryKeyConstraint("owner", "helper", name=op.f("pk_helpers")),
    )
    op.create_index("ix_helpers_helper", "helpers", ["helper"])
    op.create_index("ix_helpers_asked", "helpers", ["accepted_at", "asked_at"])
    op.create_table(
        "helper_answers",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("owner", number, nullable=False),
        sa.Column("stranger", number, nullable=False),
        sa.Column("helper", number, nullable=False),
        sa.Column("answer", sa.String(length=8), nullable=False),
        sa.Column("given_at", moment, nullable=False),
        sa.Column("undone_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["people.id"], name=op.f("fk_helper_answers_owner_people")),
        sa.ForeignKeyConstraint(["stranger"], ["people.id"], name=op.f("fk_helper_answers_stranger_people")),
        sa.ForeignKeyConstraint(["helper"], ["people.id"], name=op.f("fk_helper_answers_helper_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_helper_answers")),
    )
    op.create_index("ix_helper_answers_owner", "helper_answers", ["owner", "given_at"])
    op.create_index("ix_helper_answers_stranger", "helper_answers", ["stranger"])
    op.create_index("ix_helper_answers_helper", "helper_answers", ["helper"])
    op.create_index("ix_helper_answers_given", "helper_answers", ["given_at"])
    with op.batch_alter_table("prompts") as prompts:
        prompts.add_column(sa.Column("behalf", number, nullable=True))
        prompts.create_foreign_key(op.f("fk_prompts_behalf_people"), "people", ["behalf"], ["id"])
        prompts.create_index("ix_prompts_behalf", ["behalf"])


def downgrade() -> None:
    """Undo it. What a helper was asked in another's name would be asked in their own."""
    op.execute("DELETE FROM prompts WHERE behalf IS NOT NULL")
    with op.batch_alter_table("prompts") as prompts:
        prompts.drop_index("ix_prompts_behalf")
        prompts.drop_constraint(op.f("fk_prompts_behalf_people"), type_="foreignkey")
        prompts.drop_column("behalf")
    for table in ("helper_answers", "helpers", "digests"):
        op.drop_table(table)
