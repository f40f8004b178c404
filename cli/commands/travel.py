"""``earnest travel``: let time pass on the local chain of play."""

from __future__ import annotations

import re

import click

from cli.context import container_of, told
from cli.local import anvil
from kit.clock import from_unix
from kit.errors import Conflict, Invalid

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


@click.command()
@click.argument("duration")
@click.pass_context
@told
def travel(context: click.Context, duration: str) -> None:
    """Let DURATION (such as 90s, 30m, 48h or 7d) pass on the local chain; a real chain cannot be hurried."""
    seconds = parse_duration(duration)
    rpc_url = container_of(context).settings.rpc_urls()[0]
    if not anvil.is_of_play(rpc_url):
        raise Conflict("chain_is_real", "The chain in the settings is no chain of play: its time passes by itself.")
    click.echo(f"It is {from_unix(anvil.travel(rpc_url, seconds)):%Y-%m-%d %H:%M} UTC on the chain now.")


def parse_duration(text: str) -> int:
    """Return the seconds that ``48h`` and the like stand for. Raises ``Invalid``."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise Invalid("duration_malformed", "Write a duration as 90s, 30m, 48h or 7d.")
    return int(found[1]) * _UNITS[found[2]]
