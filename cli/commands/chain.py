"""``earnest chain``: the process that follows the chain."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from threading import Event

import click

from app import health, spending
from app.chain_loop import ChainLoop
from app.following import Following
from app.health import Check, Pulse, Vitals
from app.leading import Leader, chain_lease
from cli.health_door import health_door
from cli.serving import begin, stop_on_signals
from contracts.heads import Heads
from kit.leases import Reign

_LONGEST_ROUND_SECONDS = 60


@click.command()
@click.pass_context
def chain(context: click.Context) -> None:
    """Follow the chain: read, book, react, and send what we owe it. Of several, one does it; the others stand by."""
    container = begin(context, "chain")
    settings = container.settings
    pulse = Pulse(longest=_LONGEST_ROUND_SECONDS, what="The chain loop")
    following, wake = Following(container.chain), Event()
    heads = Heads(settings.rpc_ws_url, wake.set) if settings.rpc_ws_url else None
    leader = Leader(chain_lease(container), "chain")

    def beside() -> Mapping[str, Check]:
        told = {} if heads is None else {"new blocks": _heard(heads)}
        return {**following.looks(), **told, "sending": spending.look(container)}

    def rule(reign: Reign) -> None:
        pulse.begin()
        fenced = container.fenced(reign.check)
        ChainLoop(fenced, beat=pulse.beat, following=following, wake=wake).run(reign.over)

    looks = {
        "database": health.database(container),
        "chain": health.chain(container),
        "loop": leader.look(pulse.look),
        "reading": leader.look(following.look),
    }
    vitals = Vitals(looks, beside=beside, role=leader.role)
    with ExitStack() as stack:
        stack.enter_context(health_door(vitals, settings.health_host, settings.chain_health_port))
        if heads is not None:
            stack.enter_context(heads)
        leader.run(stop_on_signals(), rule)


def _heard(heads: Heads) -> Check:
    if heads.listening:
        return Check(ok=True, says=f"{heads.place} tells of them.")
    return Check(ok=False, says=f"{heads.place} does not tell of them: they are looked for a few times a second.")
