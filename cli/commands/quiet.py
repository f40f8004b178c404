"""``earnest quiet``: homeservers whose people the bot does not write to unasked."""

from __future__ import annotations

import json

import click

from cli.context import container_of, told
from kit.errors import NotFound
from kit.identifiers import parse_server_name


@click.group()
def quiet() -> None:
    """Homeservers whose people are told nothing unasked, because they wish so or refuse our chats."""


@quiet.command()
@click.argument("server")
@click.pass_context
@told
def add(context: click.Context, server: str) -> None:
    """Write to nobody of SERVER unasked, until that is taken back."""
    name = parse_server_name(server)
    with container_of(context).work() as work:
        work.courtesy.keep_quiet(name)
    click.echo(f"Nobody of {name} is written to unasked. Whoever puts down a stake still hears what becomes of it.")


@quiet.command()
@click.argument("server")
@click.pass_context
@told
def remove(context: click.Context, server: str) -> None:
    """Write to people of SERVER again."""
    name = parse_server_name(server)
    with container_of(context).work() as work:
        if not work.courtesy.speak_again(name):
            raise NotFound("server_not_quiet", f"{name} is not left alone.", server_name=name)
    click.echo(f"People of {name} are written to again.")


@quiet.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_quiet(context: click.Context, *, as_json: bool) -> None:
    """List the homeservers that are left alone."""
    with container_of(context).read() as work:
        known = work.courtesy.quiet()
    if as_json:
        rows = [
            {"server": one.server, "since": one.since.isoformat(), "until": one.until and one.until.isoformat()}
            for one in known
        ]
        click.echo(json.dumps(rows))
        return
    if not known:
        click.echo("No homeserver is left alone; `earnest quiet add SERVER` adds one.")
    for one in known:
        end = f"until {one.until:%Y-%m-%d}: it refuses our chats" if one.until else "until you take it back"
        click.echo(f"{one.server}  since {one.since:%Y-%m-%d}, {end}")
