"""``earnest contacts``: lets one's door know whom one knows, read from one's own homeserver by a login of once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.settings import load
from cli.acquaintances import Acquaintances, Room, Tie
from cli.asking_login import ask_login, say_how_it_ended
from cli.context import told
from cli.fetching import get_json
from cli.meeting import LARGEST_ROOM, Step, meet
from cli.one_login import TIMEOUT, Homeserver, Visit, at, logged_in, of
from cli.own_token import own_token, service_url
from kit.clock import from_unix
from kit.errors import Conflict, EarnestError
from kit.fetching import Fetcher
from kit.identifiers import UserId, isolate, parse_user_id
from reputation.contacts import MOST_AT_ONCE

_MOST_SHOWN: Final = 100
_MOST_BYTES: Final = 48 * 1024

_service = click.option("--service", help="Where Earnest is; EARNEST_PUBLIC_URL by default.")


@click.group()
def contacts() -> None:
    """Let your door know whom you know: imported from your own homeserver, and taken back."""


@contacts.command("import")
@click.option("--user", "name", required=True, help="Your Matrix id, @alice:example.org.")
@click.option("--homeserver", "url", help="Where your homeserver is; else your server is asked where it is.")
@_service
@click.option(
    "--largest-room",
    type=click.IntRange(2, 1000),
    default=LARGEST_ROOM,
    show_default=True,
    help="Members of the largest private room whose members you know.",
)
@click.option(
    "--token-stdin",
    is_flag=True,
    help="Read an access token of yours from standard input instead of asking for the password; it is not ended.",
)
@click.option("--dry-run", is_flag=True, help="Show who would be imported; tell Earnest nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before telling Earnest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def import_(
    *,
    name: str,
    url: str | None,
    service: str | None,
    largest_room: int,
    token_stdin: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Import whom you know from your direct chats and small private rooms, by a login that is ended at once.

    Run it on a computer of your own: your password goes to your homeserver alone, and Earnest hears nothing but names,
    after you saw them. The bot's word `token` gives you the token for Earnest (EARNEST_TOKEN, or it is asked for).
    """
    user = parse_user_id(name)
    to = None if dry_run else service_url(service)
    authority = load().extra_authority
    homeserver = at(url, authority) if url else of(user, Fetcher(authority=authority, timeout=TIMEOUT))
    known, visit = _read(homeserver, user, largest_room, by_token=token_stdin)
    if not as_json:
        _show(known, homeserver)
    sent: dict[str, Any] | None = None
    if known.people and to is not None:
        token = own_token()
        if not yes:
            click.confirm(f"Let these {len(known.people)} pass your door freely?", abort=True, err=True)
        sent = _send(to, token, list(known.people))
    if as_json:
        click.echo(json.dumps(_as_json(known, homeserver, visit, sent)))
    else:
        _conclude(known, to, sent)
    if not (visit.ended or token_stdin):
        raise click.exceptions.Exit(1)  # something is left to be done by hand


@contacts.command()
@click.argument("moment", type=click.IntRange(0, 2**37), required=False)
@_service
@told
def undo(*, moment: int | None, service: str | None) -> None:
    """Take an import back as a whole: the one of MOMENT, by default your last one."""
    to, token = service_url(service), own_token()
    if moment is None:
        imports = get_json("GET", f"{to}/v1/me/contacts/imports", token=token)["imports"]
        if not imports:
            raise Conflict("nothing_imported", "You have imported nobody.")
        moment = int(imports[0]["imported"])
    done = get_json("DELETE", f"{to}/v1/me/contacts?imported={moment}", token=token)
    click.echo(f"Taken back: the {int(done['undone'])} people of that import are what they were before it.")


# ---------------------------------------------------------------------------------------------------- reading


def _read(homeserver: Homeserver, user: UserId, largest: int, *, by_token: bool) -> tuple[Acquaintances, Visit]:
    password, token = ask_login(homeserver, user, by_token=by_token)
    visit = Visit(homeserver, user)
    try:
        with logged_in(visit, password=password, token=token), _progress() as step:
            known = meet(visit, largest=largest, step=step)
    finally:
        say_how_it_ended(visit, by_token=by_token)
    return known, visit


@contextmanager
def _progress() -> Iterator[Step]:
    """Show how far it is, on a terminal alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Rooms looked into", total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


# ---------------------------------------------------------------------------------------------------- telling Earnest


def _send(to: str, token: str, people: Sequence[UserId]) -> dict[str, Any]:
    """Tell Earnest, a part at a time, all under the moment of the first; whatever fails says what was done."""
    done = {"imported": None, "added": 0, "known": 0, "left_out": 0}
    try:
        for part in _parts(people):
            body = {"people": part, "imported": done["imported"]}
            answer = get_json("POST", f"{to}/v1/me/contacts", body, token=token)
            done["imported"] = int(answer["imported"])
            for what in ("added", "known", "left_out"):
                done[what] = (done[what] or 0) + int(answer[what])
    except EarnestError:
        if done["added"]:
            click.echo(f"Before it failed, {done['added']} were added. {_undo_hint(to, done)}", err=True)
        raise
    return done


def _parts(people: Sequence[UserId]) -> Iterator[list[UserId]]:
    """Cut a list into parts that Earnest takes at once, by number and by bytes."""
    part: list[UserId] = []
    size = 0
    for person in people:
        weight = len(json.dumps(person)) + 1
        if part and (len(part) >= MOST_AT_ONCE or size + weight > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(person)
        size += weight
    if part:
        yield part


# ---------------------------------------------------------------------------------------------------- showing


def _show(known: Acquaintances, homeserver: Homeserver) -> None:
    direct = sum(tie.direct for tie in known.people.values())
    private = known.rooms.get(Room.PRIVATE, 0)
    click.echo(
        f"{isolate(known.own)} knows {len(known.people)} people, says {homeserver.url}: {direct} from direct chats, "
        f"the others from {private} private rooms."
    )
    for person, tie in list(known.people.items())[:_MOST_SHOWN]:
        click.echo(f"  {isolate(person)}  {_tie(tie)}")
    if len(known.people) > _MOST_SHOWN:
        click.echo(f"  and {len(known.people) - _MOST_SHOWN} more; --dry-run --json lists them all.")
    left_out = [
        f"{count} {kind.value}" for kind in Room if kind is not Room.PRIVATE and (count := known.rooms.get(kind))
    ]
    if left_out:
        click.echo(f"Rooms left out: {', '.join(left_out)}.")
    if known.ignored:
        click.echo(f"{len(known.ignored)} people whom you ignore stay out.")
    if known.full:
        click.echo(f"There are more: no more than {len(known.people)} are taken.")


def _tie(tie: Tie) -> str:
    rooms = f"{tie.rooms} private room{'s' if tie.rooms > 1 else ''}" if tie.rooms else ""
    return ", ".join(filter(None, ("direct chat" if tie.direct else "", rooms)))


def _conclude(known: Acquaintances, to: str | None, sent: dict[str, Any] | None) -> None:
    if not known.people:
        click.echo("There is nobody to import: no direct chats, and nobody else in your private rooms.")
    elif to is None:
        click.echo("That was a dry run: Earnest was told nothing.")
    elif sent is not None:
        left_out = f", {sent['left_out']} left out, whom you called spam" if sent["left_out"] else ""
        click.echo(f"{sent['added']} pass your door freely now; {sent['known']} you knew there already{left_out}.")
        if sent["added"]:
            click.echo(_undo_hint(to, sent))


def _undo_hint(to: str, sent: dict[str, Any]) -> str:
    when = from_unix(int(sent["imported"])).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    return f"This import ({when}) is taken back by: earnest contacts undo {sent['imported']} --service {to}"


def _as_json(known: Acquaintances, homeserver: Homeserver, visit: Visit, sent: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "user": known.own,
        "homeserver": homeserver.url,
        "people": [{"who": who, "direct": tie.direct, "rooms": tie.rooms} for who, tie in known.people.items()],
        "rooms": {kind.name.lower(): known.rooms.get(kind, 0) for kind in Room},
        "ignored": len(known.ignored),
        "full": known.full,
        "logged_out": visit.ended,
        "sent": sent,
    }
