"""``earnest listings``: what the operator lets nobody sell: rules, what they hold, and what was taken down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from app import shopkeeping
from app.shopkeeping import Plan
from cli.commands.sale_tokens import tokens as tokens_command
from cli.commands.sell import show_one
from cli.context import container_of, disk_told, told
from cli.counting import counted
from kit.identifiers import isolate
from payments.content.holds import Hold
from reputation.policy import Keeping, ShopDocument
from reputation.policy_rules import LONGEST_DOCUMENT
from reputation.shop_rules import read_rules, rules_of, with_list, without_list

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SHOWN = 20

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only show what it would do.")


@click.group()
def listings() -> None:
    """Look after what people sell here (docs/selling.md)."""


listings.add_command(tokens_command)


@listings.command("take-down")
@click.argument("listing")
@click.option("--reason", required=True, help="Why; everybody sees it.")
@click.option("--dry-run", is_flag=True, help="Only show what would be taken down.")
@_json
@click.pass_context
@told
def take_down(context: click.Context, listing: str, reason: str, *, dry_run: bool, as_json: bool) -> None:
    """Take LISTING down: it is sold and delivered no more, and its buyers are told how to ask for their money."""
    container = container_of(context)
    with container.read() if dry_run else container.work() as work:
        found = work.content.take_down(listing, reason)  # what a reading transaction writes is lost
        owed = work.content.owed_for(listing)
    if not dry_run:
        shopkeeping.tell_buyers(container)
    show_one(found, as_json=as_json)
    if not as_json:
        click.echo(
            f"{counted(owed.bought, 'purchase')} of it, {owed.asked} of which the money is asked for or promised."
        )
        if dry_run:
            click.echo("Nothing was changed.")


@listings.command("put-back")
@click.argument("listing")
@_json
@click.pass_context
@told
def put_back(context: click.Context, listing: str, *, as_json: bool) -> None:
    """Take the take-down of LISTING back: its buyers have it again, and its seller may list it again."""
    with container_of(context).work() as work:
        found = work.content.put_back(listing)
    show_one(found, as_json=as_json)


@listings.command()
@click.argument("listing")
@click.argument("version", type=int)
@_json
@click.pass_context
@told
def allow(context: click.Context, listing: str, version: int, *, as_json: bool) -> None:
    """Let VERSION of LISTING, as `held` shows it, be sold, whatever the rules say; a later one is looked at again."""
    with container_of(context).work() as work:
        found = work.content.allow(listing, version)
    show_one(found, as_json=as_json)


@listings.command()
@click.argument("listing")
@click.argument("version", type=int)
@click.option("--reason", required=True, help="Why; the seller is told.")
@_json
@click.pass_context
@told
def refuse(context: click.Context, listing: str, version: int, reason: str, *, as_json: bool) -> None:
    """Say that VERSION of LISTING, which a rule holds, is not sold here; its seller may put up another one."""
    with container_of(context).work() as work:
        found = work.content.refuse(listing, version, reason)
    show_one(found, as_json=as_json)


@listings.command()
@click.option("--all", "over", is_flag=True, help="Also what is over, back to 180 days.")
@_json
@click.pass_context
@told
def held(context: click.Context, *, over: bool, as_json: bool) -> None:
    """Show what rules hold and why, the newest first, 100 at most."""
    with container_of(context).read() as work:
        found = work.content.held(over=over)
        sellers = work.people.mxids({one.listing.seller for one in found})
    if as_json:
        click.echo(json.dumps([_row(one, sellers.get(one.listing.seller)) for one in found]))
        return
    if not found:
        click.echo("Nothing is held.")
    for one in found:
        seller = sellers.get(one.listing.seller) or "somebody who has left us"
        click.echo(
            f"{one.listing.id}  {isolate(one.listing.version.offer.title)}, version {one.version}, by {isolate(seller)}"
        )
        answer = "" if one.answer is None else f"; {one.answer.value}"
        ended = "" if one.ended_at is None else f"; over since {one.ended_at:%Y-%m-%d %H:%M} UTC"
        why = f"{isolate(one.objection.rule)}: {isolate(one.objection.told)}"
        click.echo(f"    {one.objection.outcome.value} since {one.since:%Y-%m-%d %H:%M} UTC by {why}{answer}{ended}")


@listings.command()
@_dry_run
@click.option("--beyond-share", is_flag=True, help="Take off more than the rules may unasked.")
@_json
@click.pass_context
@told
def look(context: click.Context, *, dry_run: bool, beyond_share: bool, as_json: bool) -> None:
    """Put all that is for sale to the rules again now; else that happens within a minute of a change."""
    container = container_of(context)
    found = shopkeeping.plan(container) if dry_run else shopkeeping.look(container, beyond=beyond_share)
    _tell(found, done=not dry_run, beyond=beyond_share, as_json=as_json)


@listings.group()
def rules() -> None:
    """Set the rules by which listings are held or refused."""


@rules.command()
@click.pass_context
@told
def show(context: click.Context) -> None:
    """Print the rules that stand, as a document."""
    with container_of(context).read() as work:
        document = work.shop.show()
    click.echo(document.model_dump_json(indent=2))


@rules.command("set")
@click.argument("file", type=_FILE)
@_dry_run
@_json
@click.pass_context
@told
@disk_told
def set_(context: click.Context, file: Path, *, dry_run: bool, as_json: bool) -> None:
    """Let the document in FILE be the rules, and put all that is for sale to them."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        text = opened.read(LONGEST_DOCUMENT + 1)
    _set(context, read_rules(text).document, dry_run=dry_run, as_json=as_json)


@rules.command()
@_dry_run
@_json
@click.pass_context
@told
def off(context: click.Context, *, dry_run: bool, as_json: bool) -> None:
    """Have no rules; what they hold is for sale again."""
    _set(context, ShopDocument(), dry_run=dry_run, as_json=as_json)


@rules.command()
@click.argument("number", type=int, required=False)
@_json
@click.pass_context
@told
def back(context: click.Context, number: int | None, *, as_json: bool) -> None:
    """Let the rules be again what they were: in version NUMBER, else before the last change."""
    container = container_of(context)
    with container.work() as work:
        work.shop.back(number)
    _tell(shopkeeping.look(container), done=True, beyond=False, as_json=as_json)


@listings.command()
@click.argument("name")
@click.argument("consequence", type=click.Choice(["hold", "refuse"]))
@_dry_run
@_json
@click.pass_context
@told
def subscribe(context: click.Context, name: str, consequence: Any, *, dry_run: bool, as_json: bool) -> None:  # noqa: ANN401 - one of two words
    """Hold or refuse what sellers put up of whom the followed list NAME speaks, or of whose servers or rooms."""
    with container_of(context).read() as work:
        work.followed.find(name)
        document = with_list(work.shop.show(), name, Keeping(do=consequence))
    _set(context, document, dry_run=dry_run, as_json=as_json)


@listings.command()
@click.argument("name")
@_dry_run
@_json
@click.pass_context
@told
def unsubscribe(context: click.Context, name: str, *, dry_run: bool, as_json: bool) -> None:
    """Ask the list NAME no more; what it held is for sale again."""
    with container_of(context).read() as work:
        document = without_list(work.shop.show(), name)
    _set(context, document, dry_run=dry_run, as_json=as_json)


def _set(context: click.Context, document: ShopDocument, *, dry_run: bool, as_json: bool) -> None:
    container = container_of(context)
    draft = rules_of(document)
    if dry_run:
        _tell(shopkeeping.plan(container, draft), done=False, beyond=False, as_json=as_json)
        return
    with container.work() as work:
        work.shop.write(document)
    _tell(shopkeeping.look(container), done=True, beyond=False, as_json=as_json)


def _tell(found: Plan, *, done: bool, beyond: bool, as_json: bool) -> None:
    stopped = found.beyond and not beyond
    if as_json:
        off = [{"listing": one.id, "rule": why.rule, "told": why.told} for one, why in found.off]
        told_ = {"off": off, "back": [one.id for one in found.back], "for_sale": found.for_sale, "most": found.most}
        click.echo(json.dumps(told_ | {"stopped": stopped, "done": done}))
        return
    would = "" if done and not stopped else "would be "
    click.echo(f"Of {found.for_sale} for sale {len(found.off)} {would}taken off, {len(found.back)} let back.")
    for one, why in found.off[:_SHOWN]:
        click.echo(f"    {one.id}  {isolate(one.version.offer.title)}  {isolate(why.rule)}")
    if len(found.off) > _SHOWN:
        click.echo(f"    and {len(found.off) - _SHOWN} more")
    if stopped:
        click.echo(f"That is more than the {found.most} that may be taken off now unasked, so none is taken off:")
        click.echo("`earnest listings look --beyond-share` does it all the same.")


def _row(one: Hold, seller: str | None) -> dict[str, Any]:
    return {
        "listing": one.listing.id,
        "title": one.listing.version.offer.title,
        "version": one.version,
        "seller": seller,
        "consequence": one.objection.outcome.value,
        "rule": one.objection.rule,
        "told": one.objection.told,
        "answer": None if one.answer is None else one.answer.value,
        "since": one.since.isoformat(),
        "ended_at": None if one.ended_at is None else one.ended_at.isoformat(),
    }
