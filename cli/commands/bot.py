"""``earnest bot``: the process that talks with people on Matrix."""

from __future__ import annotations

import click

from app import health
from app.health import Pulse, Vitals
from app.leading import Leader, bot_lease
from bot.main import run
from cli.health_door import health_door
from cli.serving import begin, stop_on_signals
from kit.leases import Reign

_LONGEST_ROUND_SECONDS = 120


@click.command()
@click.option("--rehearse", is_flag=True, help="Only log what would be brought to people now, and end.")
@click.pass_context
def bot(context: click.Context, *, rehearse: bool) -> None:
    """Talk with people on Matrix. Of several, one does it; the others stand by."""
    container = begin(context, "bot")
    if rehearse:
        run(container, rehearse=True)
        return
    pulse = Pulse(longest=_LONGEST_ROUND_SECONDS, what="The courier")
    leader = Leader(bot_lease(container), "bot")
    looks = {
        "database": health.database(container),
        "homeserver": health.homeserver(container),
        "courier": leader.look(pulse.look),
    }

    def rule(reign: Reign) -> None:
        pulse.begin()
        run(container.fenced(reign.check), stop=reign.over, beat=pulse.beat)

    stop = stop_on_signals()
    with health_door(
        Vitals(looks, role=leader.role), container.settings.health_host, container.settings.bot_health_port
    ):
        leader.run(stop, rule)
