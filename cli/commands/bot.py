"""``earnest bot``: the process that talks with people on Matrix."""

from __future__ import annotations

import click

from bot.main import run
from cli.serving import begin


@click.command()
@click.pass_context
def bot(context: click.Context) -> None:
    """Talk with people on Matrix."""
    run(begin(context, "bot"))
