"""``earnest chain``: the process that follows the chain."""

from __future__ import annotations

import click

from app import health
from app.chain_loop import ChainLoop
from app.health import Pulse, Vitals
from cli.health_door import health_door
from cli.serving import begin, stop_on_signals

_LONGEST_ROUND_SECONDS = 60


@click.command()
@click.pass_context
def chain(context: click.Context) -> None:
    """Follow the chain: read, book, react, and send what we owe it."""
    container = begin(context, "chain")
    pulse = Pulse(longest=_LONGEST_ROUND_SECONDS, what="The chain loop")
    vitals = Vitals({"database": health.database(container), "chain": health.chain(container), "loop": pulse.look})
    with health_door(vitals, container.settings.health_host, container.settings.chain_health_port):
        ChainLoop(container, beat=pulse.beat).run(stop_on_signals())
