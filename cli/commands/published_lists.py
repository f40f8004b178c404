"""``earnest list publish``, ``published``, ``unpublish``, ``sign-check``: lists of this service, and proof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from app import publishing
from app.signed_lists import LARGEST_HEADER, header_in, read_signed
from cli.context import container_of, disk_told, told
from kit.clock import from_unix, unix
from kit.errors import Invalid, NotFound, PeerUnavailable
from kit.identifiers import isolate, parse_user_id
from reputation.lists.authoring import Description, Published
from reputation.lists.reading import LARGEST, read_list
from reputation.lists.signed import LABEL, Header, check_key, key_of, verify
from reputation.lists.verifying import read_header, read_label

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OK = 200


@click.command()
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--as", "author", required=True, metavar="@NAME:SERVER", help="Whose list it is.")
@click.option("--title", help="What it is called; by default its name.")
@click.option("--unlisted", is_flag=True, help="Do not show it among all lists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
@disk_told
def publish(
    context: click.Context, *, name: str, file: Path, author: str, title: str | None, unlisted: bool, as_json: bool
) -> None:
    """Publish what is in FILE as the list NAME of somebody, or make that list equal to it.

    FILE is a policy room's state (JSON), a server blocklist (CSV), or a list of domains. What would hit everybody, or
    all servers below a name that nobody owns, is left out.
    """
    if file.stat().st_size > LARGEST:
        raise Invalid("list_too_large", f"{file}: a list is {LARGEST // 2**20} MiB at most.")
    container, listing = container_of(context), read_list(file.read_text(encoding="utf-8", errors="replace"))
    user = parse_user_id(author)
    with container.work() as work:
        person = work.people.number(user)
        try:
            one = work.publishing.named(person, name)
        except NotFound:
            one = work.publishing.create(person, name, Description(title or name, public=not unlisted))
    found = publishing.make_equal(container, person, one, listing)
    url = f"{container.settings.public_url}/v1/lists/{one.id}"
    if as_json:
        shown = {"id": one.id, "url": url, "version": found.version, "said": found.said, "taken_back": found.back}
        click.echo(json.dumps({**shown, "left_out": found.left_out}))
        return
    click.echo(f"{name} is at version {found.version:,}: {found.said:,} said, {found.back:,} taken back.")
    if found.left_out:
        click.echo(f"left out: {found.left_out:,}, which hit nearly everybody or are said twice")
    click.echo(url)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def published(context: click.Context, *, as_json: bool) -> None:
    """Show all lists that people publish here, the keys that sign them, and the rooms that mirror them."""
    with container_of(context).read() as work:
        keys, found = work.publishing.keys.all(), work.publishing.everything()
        authors = work.people.mxids({one.person for one in found})
        rooms = {one.number: work.publishing.rooms.find(one.number) for one in found}
    if as_json:
        lists = [_row(one, authors.get(one.person), rooms[one.number]) for one in found]
        click.echo(json.dumps({"keys": [name for name, _ in keys], "lists": lists}, ensure_ascii=False))
        return
    for name, since in keys[:1]:
        click.echo(f"signed by {name} since {since:%Y-%m-%d}")
    for one in found:
        author = authors.get(one.person)
        retired = ", retired" if one.retired_at else ""
        whose = isolate(author) if author else "somebody who has left"
        what = f"{one.entries:,} entries, version {one.version:,}{retired}"
        click.echo(f"{one.id} {isolate(one.described.title)} by {whose}: {what}")
        room = rooms[one.number]
        if room is not None:
            wrong = f"; last time: {room[1]}" if room[1] else ""
            click.echo(f"    room {room[0] or 'to be made'}{wrong}")
    if not found:
        click.echo("Nobody publishes a list here. `list new NAME TITLE` to the bot begins one.")


@click.command()
@click.argument("list_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
@told
def unpublish(context: click.Context, *, list_id: str, yes: bool) -> None:
    """Publish the list LIST_ID no more, whoever's it is: its address says that it is retired. This cannot be undone."""
    container = container_of(context)
    with container.read() as work:
        one = work.publishing.find(list_id)
    if not yes:
        click.confirm(f"Retire {isolate(one.described.title)} with its {one.entries:,} entries?", abort=True)
    with container.work() as work:
        work.publishing.retire_any(list_id)
    click.echo(f"{list_id} is published no more.")


@click.command("sign-check")
@click.argument("source")
@click.option("--key", help="Who is to have signed it (ed25519:…); else the key that it names.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def sign_check(context: click.Context, *, source: str, key: str | None, as_json: bool) -> None:
    """Say whether a list, a page of one, or a single label is as its author signed it; exit status 1 where it is not.

    SOURCE is the https:// address of a list, which is read to its end, or a file with what was answered.
    """
    container = container_of(context)
    now = unix(container.clock())
    if "://" in source:
        answer = container.fetcher.get(source, most_bytes=LARGEST_HEADER)
        if answer.status != _OK:
            raise PeerUnavailable("list_unavailable", f"It answered {answer.status}.")
        found = header_in(answer.body.decode(errors="replace"))
        if found is None:
            raise Invalid("list_unsigned", "It is no list that a service signs.")
        read = read_signed(container, source, found, None, key)
        _say(read.key, read.header, len(read.standing), as_json=as_json, whole=True)
        return
    thing = _object(Path(source))
    if thing.get("type") == LABEL:
        used = key_of(thing) if key is None else check_key(key)
        verify(thing, used)
        _say(used, None, 1, as_json=as_json, whole=False)
        return
    shown = thing.get("header", thing)
    used = key_of(shown if isinstance(shown, dict) else {}) if key is None else check_key(key)
    header = read_header(shown, used, now=now)
    labels = thing.get("labels", [])
    for one in labels if isinstance(labels, list) else ():
        read_label(one, used, header)
    _say(used, header, len(labels), as_json=as_json, whole=False)


def _object(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST:
            raise Invalid("list_too_large", f"{file}: a list is {LARGEST // 2**20} MiB at most.")
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid("list_file", f"{file}: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        raise Invalid("list_json", f"{file} is no JSON.") from None
    if not isinstance(found, dict):
        raise Invalid("list_form", f"{file} is no signed list, page or label.")
    return found


def _say(key: str, header: Header | None, labels: int, *, as_json: bool, whole: bool) -> None:
    if as_json:
        told_: dict[str, Any] = {"good": True, "key": key, "labels": labels, "whole": whole}
        told_ |= {} if header is None else {"id": header.id, "author": header.author, "version": header.version}
        click.echo(json.dumps(told_, ensure_ascii=False))
        return
    if header is not None:
        expires = f", until {from_unix(header.expires):%Y-%m-%d}" if header.expires is not None else ""
        author = isolate(header.author) if header.author else "nobody"
        click.echo(f"{isolate(header.title)} by {author}, version {header.version:,}{expires}")
    click.echo(f"good: {labels:,} label{'s'[: labels != 1]}, signed by {key}")
    if whole:
        click.echo("None was kept back: they come to what the author signed.")


def _row(one: Published, author: str | None, room: tuple[str | None, str | None] | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "title": one.described.title,
        "author": author,
        "public": one.described.public,
        "retired": one.retired_at is not None,
        "version": one.version,
        "entries": one.entries,
        "changed_at": one.changed_at.isoformat(),
        "room": None if room is None else room[0],
        "room_error": None if room is None else room[1],
    }
