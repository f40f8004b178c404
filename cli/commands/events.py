"""``earnest events``: what a person is told happened, once or as it comes."""

from __future__ import annotations

import json
from typing import Any

import click

from app.container import Container
from app.feeds import show_all
from cli.context import container_of, told
from cli.serving import stop_on_signals
from kit.errors import NotFound
from kit.identifiers import PersonId, parse_user_id
from ledger.telling import Mode

_LOOK_SECONDS = 0.5
_PAGE = 500


@click.command()
@click.argument("whose")
@click.option("--after", type=click.IntRange(min=0), help="Only what follows this id; all that is kept by default.")
@click.option("--mode", type=click.Choice([one.value for one in Mode]), default="all", show_default=True)
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one event a line.")
@click.pass_context
@told
def events(context: click.Context, whose: str, after: int | None, mode: str, *, follow: bool, as_json: bool) -> None:
    """Print the events of a Matrix id, oldest first: the same that they read on /v1/events."""
    container = container_of(context)
    person = person_named(container, whose)
    stop = stop_on_signals() if follow else None
    while True:
        with container.read(one_moment=True) as work:
            page = work.feed.page(person, after, limit=_PAGE, mode=Mode(mode))
            shown = show_all(work, page.events)
        for one in shown:
            click.echo(json.dumps(one) if as_json else _line(one))
        after = page.next
        if page.more:
            continue
        if stop is None or stop.is_set():
            return
        stop.wait(_LOOK_SECONDS)


def person_named(container: Container, whose: str) -> PersonId:
    """Return somebody's number. Raises ``Invalid`` and ``NotFound``."""
    with container.read() as work:
        person = work.people.find(parse_user_id(whose))
    if person is None:
        raise NotFound("person_unknown", f"Nobody called {whose} is known.")
    return person


def _line(one: dict[str, Any]) -> str:
    about = f"  {one['other']}" if one["other"] else ""
    back = f"  takes back {one['takes_back']}" if one["takes_back"] else ""
    again = f"  confirms {one['confirms']}" if one["confirms"] else ""
    return (
        f"{one['id']:>6}  {one['timestamp']}  {one['type']:<24} {one['level']:<9}{about}{back}{again}  {one['subject']}"
    )
