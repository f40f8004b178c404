"""Migrations, run through Alembic's own interface, so that no command depends on the working directory."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from kit.database import make_engine

_FOLDER = Path(__file__).resolve().parent.parent / "alembic"


def configuration(url: str) -> Config:
    """Return Alembic's configuration for the database at ``url``."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to a schema, the newest by default."""
    command.upgrade(configuration(url), revision)


def upgrade_within(connection: Connection, revision: str) -> None:
    """Bring the database of a transaction to a schema, within it: at its end all of that is there, or nothing."""
    config = configuration("")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def newest(url: str) -> str:
    """Return this release's newest schema."""
    return str(ScriptDirectory.from_config(configuration(url)).get_current_head())


def knows(url: str, revision: str) -> bool:
    """Tell whether a schema is one of this release or an older one."""
    return revision in {one.revision for one in ScriptDirectory.from_config(configuration(url)).walk_revisions()}


def revision_of(url: str) -> str | None:
    """Return the schema that the database at ``url`` has; ``None`` where it has none, or is not there."""
    place = make_url(url)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").is_file():
        return None
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
