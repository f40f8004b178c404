"""``earnest chain``: the process that follows the chain."""

from __future__ import annotations

import click

from app.chain_loop import ChainLoop
from cli.serving import begin, stop_on_signals


@click.command()
@click.pass_context
def chain(context: click.Context) -> None:
    """Follow the chain: read, book, react, and send what we owe it."""
    ChainLoop(begin(context, "chain")).run(stop_on_signals())
