"""``earnest list follow``, ``followed``, ``refresh``, ``trust``, ``unfollow``: whose lists rules ask for by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from shlex import quote
from typing import Any, Final

import click

from app import lists as following
from app.container import Container
from app.lists import Read
from cli.context import container_of, told
from kit.errors import EarnestError, Invalid
from kit.identifiers import isolate
from reputation.followed import FollowedList, in_a_room
from reputation.followed_rooms import FollowedRoom, Standing, room_source
from reputation.followed_services import Service
from reputation.lists.signed import check_key

_BOT_READS: Final = "{}: the bot reads it now; `earnest list followed` shows what became of that."


@click.command()
@click.argument("name")
@click.argument("source")
@click.option("--key", help="Whose list of a service it is to be (ed25519:…); else the first key is believed.")
@click.option("--via", multiple=True, metavar="SERVER", help="A homeserver by which the room can be entered.")
@click.option("--dry-run", is_flag=True, help="Only say what is in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def follow(
    context: click.Context, *, name: str, source: str, key: str | None, via: Sequence[str], dry_run: bool, as_json: bool
) -> None:
    """Follow the list at SOURCE under NAME: doors may ask whether it speaks of somebody.

    SOURCE is an https:// URL, a file, or a policy room: its id, its alias, or a link to it by matrix.to.

    A rule asks 'NAME' in sender.labels; nothing happens to anybody whose door has no such rule. What hits everybody, or
    this service's own homeservers, is left out. A URL is read again every six hours; a room the bot enters, and reads
    again whenever it changes.
    """
    container = container_of(context)
    if room_source(source, via) is not None:
        if key is not None:
            raise click.UsageError("--key is for lists that a service signs.")
        _follow_room(container, name, source, via, dry_run=dry_run, as_json=as_json)
        return
    if via:
        raise click.UsageError("--via is for rooms.")
    if dry_run:
        found = following.look(container, source, key=key)
    else:
        with container.work() as work:
            kept = work.followed.follow(name, source)
        try:
            found = following.update(container, kept, key=key)
        except EarnestError:
            following.unfollow(container.work, name)
            raise
    if as_json:
        click.echo(json.dumps({"name": name, "followed": not dry_run, **_told(found)}))
        return
    click.echo(f"{'Would follow' if dry_run else 'Followed'} {found.kept:,} entries as {name}.")
    _say(found)
    if not dry_run:
        click.echo(f'A door may say now: "when": "\'{name}\' in sender.labels".')


def _follow_room(
    container: Container, name: str, source: str, via: Sequence[str], *, dry_run: bool, as_json: bool
) -> None:
    bot = container.bot_id
    if bot is None:
        raise Invalid("bot_unknown", "Only the bot can read a room, and nothing says who it is: EARNEST_BOT_USER_ID.")
    if dry_run:
        raise Invalid(
            "list_in_a_room", "What stands in a room is seen once the bot is there; to follow changes nothing."
        )
    with container.work() as work:
        work.followed.follow(name, source, via)
    if as_json:
        click.echo(json.dumps({"name": name, "followed": True, "waits_for": bot}))
        return
    click.echo(f"Followed as {name} as soon as the bot has read it: `earnest list followed` shows that.")
    click.echo(f"Where the room is entered by invitation alone, let somebody in it invite {bot}.")
    click.echo(f'A door may say now: "when": "\'{name}\' in sender.labels".')


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def followed(context: click.Context, *, as_json: bool) -> None:
    """Show which lists are followed, and how it went when they were read last."""
    with container_of(context).read() as work:
        found = work.followed.all()
        services = work.followed.services.of([one.id for one in found])
        rooms = {one.list: one for one in work.followed.rooms.all()}
    if as_json:
        click.echo(json.dumps([_row(one, rooms.get(one.id), services.get(one.id)) for one in found]))
    elif not found:
        click.echo("No list is followed. `earnest list follow NAME SOURCE` begins.")
    for one in found if not as_json else ():
        read = f"read {one.read_at:%Y-%m-%d %H:%M} UTC" if one.read_at else "never read"
        wrong = f"; last time: {_isolated(one.error)}" if one.error else ""
        left = f", {one.left_out:,} left out" if one.left_out else ""
        click.echo(f"{one.name}: {one.entries:,} entries{left}, {read}{wrong}\n    {_isolated(one.source)}")
        if one.id in rooms:
            click.echo(f"    {_where(rooms[one.id])}")
        if one.id in services:
            click.echo(f"    {_whose(services[one.id])}")


@click.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def refresh(context: click.Context, *, name: str, dry_run: bool, as_json: bool) -> None:
    """Read the list NAME again now."""
    container = container_of(context)
    with container.read() as work:
        kept = work.followed.find(name)
    if in_a_room(kept.source) and not dry_run:
        with container.work() as work:
            work.followed.begin(name)
            work.followed.rooms.again(kept.id)
        click.echo(json.dumps({"name": name, "waits_for": container.bot_id}) if as_json else _BOT_READS.format(name))
        return
    found = following.look(container, kept.source, kept) if dry_run else following.update(container, kept)
    if as_json:
        click.echo(json.dumps({"name": name, "changed": not dry_run, **_told(found)}))
        return
    would = "would be " if dry_run else ""
    click.echo(f"{name}: {len(found.written):,} entries {would}written, {len(found.gone):,} {would}taken out.")
    _say(found)


@click.command()
@click.argument("name")
@click.option("--key", required=True, help="The key that is its author's now (ed25519:…).")
@click.pass_context
@told
def trust(context: click.Context, *, name: str, key: str) -> None:
    """Believe another key of the list NAME, whose service signs with it now. Ask its author by another way first."""
    container = container_of(context)
    with container.work() as work:
        kept = work.followed.find(name)
        if work.followed.services.find(kept.id) is None:
            raise Invalid("list_unsigned", f"{name} is no list that a service signs.")
        work.followed.services.trust(kept.id, check_key(key))
        work.followed.begin(name)
    found = following.update(container, kept)
    click.echo(f"{name}: {len(found.written):,} entries written, {len(found.gone):,} taken out.")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also where it acts in rooms: what it did there is undone.")
@click.pass_context
@told
def unfollow(context: click.Context, *, name: str, yes: bool, force: bool) -> None:
    """Follow the list NAME no more: rules that ask for it find that it speaks of nobody, and it acts in no room."""
    container = container_of(context)
    with container.read() as work:
        kept = work.followed.find(name)
    if not yes:
        click.confirm(f"Take out {name} with its {kept.entries:,} entries?", abort=True)
    following.unfollow(container.work, name, force=force)
    left = " The bot leaves the room." if in_a_room(kept.source) else ""
    click.echo(
        f"{name} is followed no more.{left} `earnest list follow {name} {quote(kept.source)}` takes it up again."
    )


def _say(found: Read) -> None:
    if found.listing.faults:
        click.echo(f"{len(found.listing.faults):,} could not be read; `earnest list check` says why.")
    for one in found.left_out[:10]:
        whom = f": {_isolated(one.whom)}" if one.whom else ""
        click.echo(f"left out: {_isolated(one.entry.name)} ({one.danger}{whom})")


def _told(found: Read) -> dict[str, Any]:
    return {
        "entries": found.kept,
        "written": len(found.written),
        "taken_out": len(found.gone),
        "faults": len(found.listing.faults),
        "left_out": [{"danger": one.danger, "entity": one.entry.entity} for one in found.left_out],
    }


def _whose(service: Service) -> str:
    """Say whose list of a service it is, how far it was read, and by whose key."""
    author = _isolated(service.author) if service.author else "somebody who has left"
    what = "expired" if service.expired else "expires"
    ends = "" if service.expires_at is None else f", {what} {service.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"{_isolated(service.title)} by {author}, version {service.version:,}{ends}\n    {service.key}"


def _where(room: FollowedRoom) -> str:
    """Say in which room a list stands, and how the bot stands to it."""
    stands = {
        Standing.AWAITED: "the bot is to enter",
        Standing.IN: "the bot is in",
        Standing.OUT: "the bot was put out of",
        Standing.BANNED: "the bot is banned in",
    }[room.standing]
    here = "the room of that alias" if room.room is None else _isolated(room.room)
    moved = ""
    if room.moved_from is not None and room.moved_at is not None:
        moved = (
            f", for which {_isolated(room.moved_from)} was closed (followed since {room.moved_at:%Y-%m-%d %H:%M} UTC)"
        )
    waits = f"; it was closed for {_isolated(room.successor)}" if room.successor is not None else ""
    return f"{stands} {here}{moved}{waits}"


def _row(one: FollowedList, room: FollowedRoom | None, service: Service | None) -> dict[str, Any]:
    told = asdict(one)
    del told["id"]
    told["read_at"] = None if one.read_at is None else one.read_at.isoformat()
    told["room"] = None if room is None else _room_row(room)
    told["signed"] = None
    if service is not None:
        ends = None if service.expires_at is None else service.expires_at.isoformat()
        told["signed"] = {"key": service.key, "author": service.author, "title": service.title}
        told["signed"] |= {"version": service.version, "expires": ends, "expired": service.expired}
    return told


def _room_row(room: FollowedRoom) -> dict[str, Any]:
    moved_at = None if room.moved_at is None else room.moved_at.isoformat()
    told = {"room": room.room, "via": room.via, "standing": room.standing, "successor": room.successor}
    return {**told, "moved_from": room.moved_from, "moved_at": moved_at}


def _isolated(text: str) -> str:
    """Keep what others named from turning the line around, or ending it."""
    return text if text.isascii() and text.isprintable() else isolate(text)
