"""``earnest migrate``: bring the database to the newest schema."""

from __future__ import annotations

import click

from cli.context import container_of, told
from cli.migrations import upgrade


@click.command()
@click.pass_context
@told
def migrate(context: click.Context) -> None:
    """Bring the database to the newest schema; nothing happens where it is there already."""
    upgrade(container_of(context).settings.database())
    click.echo("The database has the newest schema.")
