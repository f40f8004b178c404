"""``earnest bot``: the process that talks with people on Matrix."""

from __future__ import annotations

import click

from app import health
from app.health import Pulse, Vitals
from bot.main import run
from cli.health_door import health_door
from cli.serving import begin

_LONGEST_ROUND_SECONDS = 120


@click.command()
@click.option("--rehearse", is_flag=True, help="Only log what would be brought to people now, and end.")
@click.pass_context
def bot(context: click.Context, *, rehearse: bool) -> None:
    """Talk with people on Matrix."""
    container = begin(context, "bot")
    if rehearse:
        run(container, rehearse=True)
        return
    pulse = Pulse(longest=_LONGEST_ROUND_SECONDS, what="The courier")
    looks = {
        "database": health.database(container),
        "homeserver": health.homeserver(container),
        "courier": pulse.look,
    }
    with health_door(Vitals(looks), container.settings.health_host, container.settings.bot_health_port):
        run(container, beat=pulse.beat)
