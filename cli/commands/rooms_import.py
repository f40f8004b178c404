"""``earnest rooms import``: takes up what another policy bot does in rooms, and rehearses it beside that bot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import click

from app.container import Container
from app.settings import load
from cli.asking_login import ask_login, say_how_it_ended
from cli.context import container_of, told
from cli.counting import counted
from cli.one_login import TIMEOUT, Visit, account_path, at, logged_in, of, room_path
from cli.other_bots import ACCOUNT_DATA, COVERED, OtherBot, WatchedRoom
from kit.errors import Conflict, Invalid
from kit.fetching import Fetcher
from kit.identifiers import RoomId, UserId, isolate, on_one_line, parse_room_id, parse_user_id
from reputation.enforcement.model import Mode, Subscription
from reputation.subscribing import MOST_SUBSCRIBED

_LARGEST_STATE: Final = 64 * 1024 * 1024
_MOST_SHOWN: Final = 100
_DAYS: Final = 14
_KINDS: Final = ("draupnir", "mjolnir", "meowlnir")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be made of what was read."""

    kind: str
    bot: UserId
    owner: UserId
    name: str
    days: int


@click.command("import")
@click.argument("kind", type=click.Choice(_KINDS))
@click.option("--user", "bot_name", required=True, help="The other bot's Matrix id, @draupnir:example.org.")
@click.option("--homeserver", "url", help="Where its homeserver is; else its server is asked where that is.")
@click.option("--management-room", "room_name", help="The id of its management room: there stands how it is set.")
@click.option("--name", default="Rooms", show_default=True, help="What the management room here is named.")
@click.option("--owner", "owner_name", required=True, help="Who looks after the rooms, @alice:example.org.")
@click.option("--days", type=click.IntRange(1, 90), default=_DAYS, show_default=True, help="How long to rehearse.")
@click.option(
    "--token-stdin",
    is_flag=True,
    help="Read an access token of the bot from standard input instead of asking for its password; it is not ended.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken up.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def import_(  # noqa: PLR0913 - options
    context: click.Context,
    *,
    kind: str,
    bot_name: str,
    url: str | None,
    room_name: str | None,
    name: str,
    owner_name: str,
    days: int,
    token_stdin: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take up the lists and rooms of a bot of KIND (draupnir, mjolnir, meowlnir), by a login that is ended at once.

    Nothing is done in any room: for two weeks the lists only tell what they would do, and every day the management
    room is told what the other bot did beside it. The bot here is still to be invited into the rooms.
    """
    wish = Wish(kind, parse_user_id(bot_name), parse_user_id(owner_name), name, days)
    room = None if room_name is None else parse_room_id(room_name)
    if kind == "meowlnir" and room is None:
        raise click.UsageError("Meowlnir keeps all of it in its management room: name it with --management-room.")
    container = None if dry_run else container_of(context)
    found, visit = _read(wish, url, room, by_token=token_stdin)
    if not as_json:
        _show(found, wish)
    made: dict[str, Any] | None = None
    if container is not None and (found.watched or found.protected):
        if not yes:
            click.confirm("Follow these lists, and rehearse them for these rooms?", abort=True, err=True)
        made = take_up(container, found, wish)
    if as_json:
        click.echo(json.dumps(_as_json(found, wish, made) | {"logged_out": visit.ended}))
    else:
        _conclude(found, wish, made, dry_run=dry_run)
    if not (visit.ended or token_stdin):
        raise click.exceptions.Exit(1)  # something is left to be done by hand


def _read(wish: Wish, url: str | None, room: RoomId | None, *, by_token: bool) -> tuple[OtherBot, Visit]:
    authority = load().extra_authority
    homeserver = at(url, authority) if url else of(wish.bot, Fetcher(authority=authority, timeout=TIMEOUT))
    password, token = ask_login(homeserver, wish.bot, by_token=by_token)
    visit, found = Visit(homeserver, wish.bot, "reads which rooms the bot looks after"), OtherBot()
    try:
        with logged_in(visit, password=password, token=token):
            for kind in ACCOUNT_DATA:
                found.read_account(kind, visit.ask(account_path(wish.bot, kind)))
            if room is not None:
                state = visit.ask_list(room_path(room, "state"), most_bytes=_LARGEST_STATE)
                if not state:
                    raise Invalid("management_room", "The other bot cannot read that management room.")
                found.read_state(state)
    finally:
        say_how_it_ended(visit, by_token=by_token)
    return found, visit


# ---------------------------------------------------------------------------------------------------- taking up


def take_up(container: Container, found: OtherBot, wish: Wish) -> dict[str, Any]:
    """Write all of it down in one transaction; what is followed already is taken as it is."""
    with container.work() as work:
        one = work.moderation.make(work.people.number(wish.owner), wish.name)
        known = {each.source: each for each in work.followed.all()}
        names = {each.name for each in known.values()}
        lists: dict[str, str] = {}
        left: dict[str, str] = {}
        subscribed = 0
        for watched in found.watched.values():
            kept = known.get(watched.room)
            try:
                kept = kept or work.followed.follow(_free(wish.kind, names), watched.room, watched.via)
            except (Conflict, Invalid) as refused:  # as many as there may be, say: the others are taken up all the same
                left[watched.room] = refused.message
                continue
            names.add(kept.name)
            lists[watched.room] = kept.name
            if watched.applied and subscribed < MOST_SUBSCRIBED:
                work.moderation.lists.subscribe(one.id, Subscription(kept.id, kept.name, Mode.NOTIFY))
                subscribed += 1
        work.moderation.tune(one.id, rehearse_until=work.now + timedelta(days=wish.days))
        work.moderation.beside.set(one.id, wish.bot)
        work.moderation.beside.wait_for(one.id, list(found.protected))
    made = {"management": one.id, "lists": lists, "subscribed": subscribed, "rooms": len(found.protected)}
    return made | {"not_followed": left}


def _free(kind: str, names: set[str]) -> str:
    return next(name for number in range(1, len(names) + 2) if (name := f"{kind}-{number}") not in names)


# ---------------------------------------------------------------------------------------------------- showing


def _show(found: OtherBot, wish: Wish) -> None:
    lists, rooms = counted(len(found.watched), "list"), counted(len(found.protected), "room")
    click.echo(f"{isolate(wish.bot)} watches {lists} and protects {rooms}.")
    for watched in list(found.watched.values())[:_MOST_SHOWN]:
        click.echo(f"  list {_written(watched.room)}{'' if watched.applied else ' (it only tells of it)'}")
    for room in list(found.protected)[:_MOST_SHOWN]:
        click.echo(f"  room {_written(room)}")
    covered = [name for name in found.protections if name in COVERED]
    for name in covered[:_MOST_SHOWN]:
        click.echo(f"  covered here: {_written(name)}, by {COVERED[name]}")
    for name in found.uncovered()[:_MOST_SHOWN]:
        click.echo(f"  not covered here: {_written(name)}")
    if found.left_out:
        click.echo(f"  could not be read, and is left out: {found.left_out:,}")


def _conclude(found: OtherBot, wish: Wish, made: dict[str, Any] | None, *, dry_run: bool) -> None:
    if not (found.watched or found.protected):
        click.echo("There is nothing to take up.")
    elif dry_run:
        click.echo("That was a dry run: nothing was written.")
    elif made is not None:
        lists, days = counted(len(made["lists"]), "list is", "lists are"), counted(wish.days, "day")
        click.echo(
            f"{lists} followed, of which {made['subscribed']:,} for rehearsal,"
            f" for {days}. The bot invites {isolate(wish.owner)} into the room {isolate(wish.name)}."
        )
        for room, why in list(made["not_followed"].items())[:_MOST_SHOWN]:
            click.echo(f"  not followed: {_written(room)}: {why}")
        if len(made["not_followed"]) > _MOST_SHOWN:
            click.echo(f"  and {len(made['not_followed']) - _MOST_SHOWN:,} more are not")
        rooms = "this room" if made["rooms"] == 1 else f"these {made['rooms']:,} rooms"
        click.echo(
            f"Next, {isolate(wish.owner)} invites the bot into {rooms} (and gives it the power to ban, for the day on "
            "which it takes over)."
        )


def _as_json(found: OtherBot, wish: Wish, made: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": wish.kind,
        "bot": wish.bot,
        "watched": [_watched(one) for one in found.watched.values()],
        "protected": list(found.protected),
        "covered": {name: COVERED[name] for name in found.protections if name in COVERED},
        "uncovered": found.uncovered(),
        "left_out": found.left_out,
        "made": made,
    }


def _watched(one: WatchedRoom) -> dict[str, Any]:
    return {"room": one.room, "via": one.via, "applied": one.applied}


def _written(text: str) -> str:
    """Keep what others named from turning the line around, or ending it."""
    return text if text.isascii() and text.isprintable() else isolate(on_one_line(text))
