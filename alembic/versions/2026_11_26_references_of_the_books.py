"""References of the books: on PostgreSQL they are held for all rows of a statement at once, not row by row (ADR 32)."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_REFERENCES = (
    ("fk_postings_entry_id_entries", "postings", ("entry_id",), "entries", ("id",)),
    ("fk_postings_account_id_accounts", "postings", ("account_id",), "accounts", ("id",)),
    (
        "fk_entries_chain_id_block_hash_chain_blocks",
        "entries",
        ("chain_id", "block_hash"),
        "chain_blocks",
        ("chain_id", "hash"),
    ),
)
# However few rows there were when a session first asked, it goes on by the key: the books grow meanwhile.
_BY_KEY = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off"


def upgrade() -> None:
    """Do it."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for name, table, columns, named, keys in _REFERENCES:
        op.drop_constraint(op.f(name), table, type_="foreignkey")
        both = " AND ".join(f"{named}.{key} = made.{column}" for column, key in zip(columns, keys, strict=True))
        _function(
            f"{name}_made",
            f"IF EXISTS (SELECT FROM made LEFT JOIN {named} ON {both} WHERE {named}.{keys[0]} IS NULL) THEN",
            f"a row of {table} names none of {named}: it violates the foreign key {name}",
            name,
        )
        for event in ("INSERT", "UPDATE"):
            op.execute(
                f"CREATE TRIGGER {name}_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS made "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_made()"
            )
        kept = " AND ".join(f"{key} = OLD.{key}" for key in keys)
        used = " AND ".join(f"{column} = OLD.{key}" for column, key in zip(columns, keys, strict=True))
        # Whoever writes of it now is waited for, and whoever would next waits: so none of them goes unseen.
        _function(
            f"{name}_gone",
            f"LOCK TABLE {table} IN SHARE MODE; "  # noqa: S608 - our own names
            f"IF EXISTS (SELECT FROM {table} WHERE {used}) AND NOT EXISTS (SELECT FROM {named} WHERE {kept}) THEN",
            f"{table} name that row of {named}: it violates the foreign key {name}",
            name,
        )
        op.execute(
            f"CREATE TRIGGER {name}_gone AFTER DELETE OR UPDATE OF {', '.join(keys)} ON {named} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}_gone()"
        )
        _function(
            f"{name}_emptied",
            f"IF EXISTS (SELECT FROM {table}) THEN",
            f"{table} name rows of {named}: it violates the foreign key {name}",
            name,
        )
        op.execute(
            f"CREATE TRIGGER {name}_emptied AFTER TRUNCATE ON {named} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_emptied()"
        )


def downgrade() -> None:
    """Undo it."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for name, table, columns, named, keys in reversed(_REFERENCES):
        for which in ("made", "gone", "emptied"):
            op.execute(f"DROP FUNCTION {name}_{which}() CASCADE")  # with its triggers, which are ours alone
        op.create_foreign_key(op.f(name), table, named, list(columns), list(keys))


def _function(name: str, condition: str, message: str, constraint: str) -> None:
    # In the place of one that a restore has left, which takes away the tables alone.
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {_BY_KEY} AS $$ BEGIN {condition} "
        f"RAISE foreign_key_violation USING MESSAGE = '{message}', CONSTRAINT = '{constraint}'; "
        "END IF; RETURN NULL; END $$"
    )
