"""``earnest bot``: the process that talks with people on Matrix."""

from __future__ import annotations

import click

from bot.main import run
from cli.serving import begin


@click.command()
@click.option("--rehearse", is_flag=True, help="Only log what would be brought to people now, and end.")
@click.pass_context
def bot(context: click.Context, *, rehearse: bool) -> None:
    """Talk with people on Matrix."""
    run(begin(context, "bot"), rehearse=rehearse)
