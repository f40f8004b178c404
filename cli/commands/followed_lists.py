"""``earnest list follow``, ``followed``, ``refresh``, ``trust``, ``unfollow``: whose lists rules ask for by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from app import lists as following
from app.lists import Read
from cli.context import container_of, told
from kit.errors import EarnestError, Invalid
from kit.identifiers import isolate
from reputation.followed import FollowedList
from reputation.followed_services import Service
from reputation.lists.signed import check_key


@click.command()
@click.argument("name")
@click.argument("source")
@click.option("--key", help="Whose list of a service it is to be (ed25519:…); else the first key is believed.")
@click.option("--dry-run", is_flag=True, help="Only say what is in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def follow(context: click.Context, *, name: str, source: str, key: str | None, dry_run: bool, as_json: bool) -> None:
    """Follow the list at SOURCE (an https:// URL, or a file) under NAME: doors may ask whether it speaks of somebody.

    A rule asks 'NAME' in sender.labels; nothing happens to anybody whose door has no such rule. What hits everybody, or
    this service's own homeservers, is left out. A URL is read again every six hours.
    """
    container = container_of(context)
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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def followed(context: click.Context, *, as_json: bool) -> None:
    """Show which lists are followed, and how it went when they were read last."""
    with container_of(context).read() as work:
        found = work.followed.all()
        services = work.followed.services.of([one.id for one in found])
    if as_json:
        click.echo(json.dumps([_row(one, services.get(one.id)) for one in found]))
    elif not found:
        click.echo("No list is followed. `earnest list follow NAME SOURCE` begins.")
    for one in found if not as_json else ():
        read = f"read {one.read_at:%Y-%m-%d %H:%M} UTC" if one.read_at else "never read"
        wrong = f"; last time: {one.error}" if one.error else ""
        left = f", {one.left_out:,} left out" if one.left_out else ""
        click.echo(f"{one.name}: {one.entries:,} entries{left}, {read}{wrong}\n    {one.source}")
        service = services.get(one.id)
        if service is not None:
            whose = isolate(service.author) if service.author else "somebody who has left"
            ends = "" if service.expires_at is None else f", {_ends(service)} {service.expires_at:%Y-%m-%d %H:%M} UTC"
            click.echo(f"    {isolate(service.title)} by {whose}, version {service.version:,}{ends}\n    {service.key}")


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
@click.pass_context
@told
def unfollow(context: click.Context, *, name: str, yes: bool) -> None:
    """Follow the list NAME no more: rules that ask for it find that it speaks of nobody."""
    container = container_of(context)
    with container.read() as work:
        kept = work.followed.find(name)
    if not yes:
        click.confirm(f"Take out {name} with its {kept.entries:,} entries?", abort=True)
    following.unfollow(container.work, name)
    click.echo(f"{name} is followed no more. `earnest list follow {name} {kept.source}` takes it up again.")


def _say(found: Read) -> None:
    if found.listing.faults:
        click.echo(f"{len(found.listing.faults):,} could not be read; `earnest list check` says why.")
    for one in found.left_out[:10]:
        click.echo(f"left out: {one.entry.name} ({one.danger}{': ' + one.whom if one.whom else ''})")


def _told(found: Read) -> dict[str, Any]:
    return {
        "entries": found.kept,
        "written": len(found.written),
        "taken_out": len(found.gone),
        "faults": len(found.listing.faults),
        "left_out": [{"danger": one.danger, "entity": one.entry.entity} for one in found.left_out],
    }


def _ends(service: Service) -> str:
    return "expired" if service.expired else "expires"


def _row(one: FollowedList, service: Service | None) -> dict[str, Any]:
    told = asdict(one)
    del told["id"]
    told["read_at"] = None if one.read_at is None else one.read_at.isoformat()
    told["signed"] = None
    if service is not None:
        ends = None if service.expires_at is None else service.expires_at.isoformat()
        told["signed"] = {"key": service.key, "author": service.author, "title": service.title}
        told["signed"] |= {"version": service.version, "expires": ends, "expired": service.expired}
    return told
