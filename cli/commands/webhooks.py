"""``earnest webhooks``: where people have their events sent, as far as an operator must see and help."""

from __future__ import annotations

import json
from typing import Any

import click

from app.feeds import moment
from app.webhooks.model import Webhook
from cli.commands.events import person_named
from cli.context import container_of, told


@click.group()
def webhooks() -> None:
    """Endpoints that people's events are sent to; their secrets are shown to nobody."""


@webhooks.command("list")
@click.argument("whose")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_webhooks(context: click.Context, whose: str, *, as_json: bool) -> None:
    """List the endpoints of a Matrix id, and how far each has got."""
    container = container_of(context)
    person = person_named(container, whose)
    with container.read() as work:
        found = work.webhooks.all(person)
        last = work.feed.bounds(person)[0]
    if as_json:
        click.echo(json.dumps([_as_json(one, last) for one in found]))
        return
    if not found:
        click.echo(f"{whose} has no endpoint; POST /v1/webhooks adds one.")
    for one in found:
        why = f" ({one.why})" if one.why else ""
        failing = f", failing since {moment(one.failing_since)}" if one.failing_since else ""
        click.echo(f"{one.name}  {one.state}{why}  {one.mode}  sent up to {one.cursor} of {last}{failing}")


@webhooks.command()
@click.argument("whose")
@click.argument("name")
@click.option(
    "--after", type=click.IntRange(min=0), required=True, help="The id before the first one that is sent again."
)
@click.pass_context
@told
def replay(context: click.Context, whose: str, name: str, after: int) -> None:
    """Send all events after an id to an endpoint again, each under its same webhook-id."""
    container = container_of(context)
    person = person_named(container, whose)
    with container.work() as work:
        work.webhooks.replay(person, name, after)
    click.echo(f"What follows {after} is sent to {name} again.")


@webhooks.command()
@click.argument("whose")
@click.argument("name")
@click.pass_context
@told
def pause(context: click.Context, whose: str, name: str) -> None:
    """Send nothing to an endpoint until it is resumed."""
    container = container_of(context)
    person = person_named(container, whose)
    with container.work() as work:
        work.webhooks.pause(person, name)
    click.echo(f"Nothing is sent to {name} until `earnest webhooks resume {whose} {name}`.")


@webhooks.command()
@click.argument("whose")
@click.argument("name")
@click.pass_context
@told
def resume(context: click.Context, whose: str, name: str) -> None:
    """Go on where an endpoint was paused or disabled."""
    container = container_of(context)
    person = person_named(container, whose)
    with container.work() as work:
        work.webhooks.resume(person, name)
    click.echo(f"{name} is sent what happened since.")


def _as_json(one: Webhook, last: int) -> dict[str, Any]:
    return {
        "id": one.name,
        "state": one.state.value,
        "why": one.why,
        "mode": one.mode.value,
        "types": list(one.types),
        "sent_up_to": one.cursor,
        "last": last,
        "attempts": one.attempts,
        "failing_since": None if one.failing_since is None else moment(one.failing_since),
    }
