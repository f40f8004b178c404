"""``earnest chain``: the process that follows the chain."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import click

from app import health
from app.chain_loop import ChainLoop
from app.health import Check, Pulse, Vitals
from cli.health_door import health_door
from cli.serving import begin, stop_on_signals
from contracts.heads import Heads

_LONGEST_ROUND_SECONDS = 60


@click.command()
@click.pass_context
def chain(context: click.Context) -> None:
    """Follow the chain: read, book, react, and send what we owe it."""
    container = begin(context, "chain")
    settings = container.settings
    pulse = Pulse(longest=_LONGEST_ROUND_SECONDS, what="The chain loop")
    loop = ChainLoop(container, beat=pulse.beat)
    heads = Heads(settings.rpc_ws_url, loop.wake.set) if settings.rpc_ws_url else None

    def beside() -> Mapping[str, Check]:
        told = {} if heads is None else {"new blocks": _heard(heads)}
        return {**loop.following.looks(), **told}

    looks = {
        "database": health.database(container),
        "chain": health.chain(container),
        "loop": pulse.look,
        "reading": loop.following.look,
    }
    vitals = Vitals(looks, beside=beside)
    with ExitStack() as stack:
        stack.enter_context(health_door(vitals, settings.health_host, settings.chain_health_port))
        if heads is not None:
            stack.enter_context(heads)
        loop.run(stop_on_signals())


def _heard(heads: Heads) -> Check:
    if heads.listening:
        return Check(ok=True, says=f"{heads.place} tells of them.")
    return Check(ok=False, says=f"{heads.place} does not tell of them: they are looked for a few times a second.")
