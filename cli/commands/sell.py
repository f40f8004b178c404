"""``earnest sell``: what people put up, revise, unlist and sold."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import click

from app import gateway, selling, shopkeeping, tokens
from app.container import SYMBOL, Container
from app.statements import read_day
from cli import admissions_shown as shown
from cli import purchases_shown
from cli.commands.sell_refund import refund
from cli.commands.travel import parse_duration
from cli.context import container_of, disk_told, told
from cli.counting import counted
from kit.amounts import show_signed
from kit.errors import Invalid, NotFound
from kit.identifiers import PersonId, isolate, parse_address, parse_room_id, parse_user_id, show_hash
from ledger.model import Asset, Level
from payments.content.model import Buyer, Kind, Listing, Offer
from payments.content.service import Content
from payments.tokens.model import read_price

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_PIECE: Final = 1024 * 1024

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_seller = click.option("--seller", required=True, help="Whose it is: a Matrix id, @lea:example.org.")


@click.group()
def sell() -> None:
    """Sell texts, files, addresses and admissions for people of this service; see what was sold (docs/selling.md)."""


sell.add_command(refund)


def _terms(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option("--title", required=True, help="One line of at most 120 characters."),
            click.option(
                "--price",
                "prices",
                required=True,
                multiple=True,
                help=f"What it costs in {SYMBOL}, or 2.5:USDX; once for each token that pays it.",
            ),
            click.option("--wallet", required=True, help="The seller's wallet, which is paid."),
            click.option("--preview", default="", help="What everybody may read of it."),
            click.option("--licence", default="", help="What a buyer may do with it."),
            click.option(
                "--stock", type=click.IntRange(1), help="How many pieces there are; no end of them by default."
            ),
            click.option(
                "--finality",
                type=click.Choice(["seen", "safe", "finalized"]),
                default="safe",
                show_default=True,
                help="How sure the chain must be of a payment.",
            ),
            click.option("--draft", is_flag=True, help="Do not list it yet."),
        )
    ):
        command = option(command)
    return command


def _putting_up(kind: Kind, name: str, sentence: str) -> None:
    @sell.command(name, help=sentence)
    @click.argument("file", type=_FILE)
    @_seller
    @_terms
    @_json
    @click.pass_context
    @told
    @disk_told
    def put_up(context: click.Context, /, file: Path, seller: str, *, as_json: bool, **terms: Any) -> None:  # noqa: ANN401
        _put_up(container_of(context), kind, file, seller, terms, as_json=as_json)


_putting_up(Kind.TEXT, "text", "Put up the text in FILE.")
_putting_up(Kind.FILE, "file", "Put up FILE, of at most 128 MiB.")


@sell.command()
@click.option("--room", required=True, help="The room or space: its id, !opaque:server.")
@click.option("--for", "period", required=True, help="For how long: 1h to ten years, such as 30d.")
@_seller
@_terms
@_json
@click.pass_context
@told
def admission(context: click.Context, /, room: str, period: str, seller: str, *, as_json: bool, **terms: Any) -> None:  # noqa: ANN401
    """Sell admission to a room for a time; it is for sale as soon as the bot finds that it may admit people there."""
    container = container_of(context)
    admitted = timedelta(seconds=parse_duration(period))
    offer = _offer(container, Kind.ADMISSION, terms, reference=parse_room_id(room), admitted=admitted)
    made = selling.put_up(container, _person(container, seller), offer, draft=terms["draft"])
    show_one(made, as_json=as_json)
    if not as_json:
        click.echo("Invite the bot to that room, with the power to invite people and to put them out.")


@sell.command()
@click.option("--to", required=True, help="The address (https://…), which nobody is shown.")
@click.option("--for", "period", help="For how long it may be asked for, such as 30d; without an end by default.")
@_seller
@_terms
@_json
@click.pass_context
@told
def url(context: click.Context, /, to: str, period: str | None, seller: str, *, as_json: bool, **terms: Any) -> None:  # noqa: ANN401
    """Sell what stands at an address: its host shows first that the seller may (docs/selling.md)."""
    container = container_of(context)
    person, admitted = _person(container, seller), timedelta(seconds=parse_duration(period)) if period else None
    behind = gateway.prove(container, person, to)
    offer = _offer(container, Kind.GATEWAY, terms, reference=behind.reference, admitted=admitted)
    show_one(gateway.put_up(container, person, offer, behind, draft=terms["draft"]), as_json=as_json)


@sell.command()
@_seller
@_json
@click.pass_context
@told
def admissions(context: click.Context, seller: str, *, as_json: bool) -> None:
    """List the rooms that somebody sells admission to, and what stands in the way of it."""
    container = container_of(context)
    person = _person(container, seller)
    with container.read() as work:
        found = work.content.admissions.of(person)
    if as_json:
        click.echo(json.dumps([shown.place(one) for one in found]))
        return
    if not found:
        click.echo("There is nothing.")
    for one in found:
        click.echo(f"{one.listing}  {shown.standing(one)}  {isolate(one.room)}")


@sell.command()
@click.argument("listing")
@click.option("--file", "file", type=_FILE, help="Its new content; the one before by default.")
@click.option("--title", help="Its new title.")
@click.option("--price", "prices", multiple=True, help=f"Its new price in {SYMBOL}, or 2.5:USDX; all that it has.")
@_seller
@_json
@click.pass_context
@told
@disk_told
def revise(
    context: click.Context,
    listing: str,
    file: Path | None,
    title: str | None,
    prices: tuple[str, ...],
    seller: str,
    *,
    as_json: bool,
) -> None:
    """Put a new version of LISTING up; whoever bought an earlier one has this one, too."""
    container = container_of(context)
    with container.read() as work:
        person = _person(container, seller)
        offer = work.content.own(person, listing).version.offer
    if file is not None and offer.kind not in (Kind.TEXT, Kind.FILE):
        raise Invalid("content_missing", "A text or a file, and nothing else, is given another content.")
    if title is not None:
        offer = replace(offer, title=title)
    if prices:
        offer = replace(offer, prices=_prices(container, prices))
    parts, name = (None, "") if file is None else (_pieces(file), file.name)
    show_one(selling.revise(container, person, listing, offer, parts, name=name), as_json=as_json)


def _moving(name: str, move: Callable[[Content, PersonId, str], Listing], sentence: str) -> None:
    @sell.command(name, help=sentence)
    @click.argument("listing")
    @_seller
    @_json
    @click.pass_context
    @told
    def moved(context: click.Context, listing: str, seller: str, *, as_json: bool) -> None:
        container = container_of(context)
        person = _person(container, seller)
        shopkeeping.ready(container)
        with container.work() as work:
            found = move(work.content, person, listing)
        show_one(found, as_json=as_json)


_moving("unlist", Content.unlist, "Sell LISTING no more; whoever bought it keeps it.")
_moving("relist", Content.relist, "Sell LISTING again that was unlisted, or for the first time where it is a draft.")


@sell.command("list")
@_seller
@_json
@click.pass_context
@told
def list_(context: click.Context, seller: str, *, as_json: bool) -> None:
    """List what somebody has put up, newest first."""
    container = container_of(context)
    person = _person(container, seller)
    found: list[Listing] = []
    before: str | None = None
    with container.read(one_moment=True) as work:
        while True:
            page, before = work.content.mine(person, before=before, limit=100)
            found += page
            if before is None:
                break
    if as_json:
        click.echo(json.dumps([_listing(one) for one in found]))
        return
    if not found:
        click.echo("Nothing was put up yet; `earnest sell text` does it.")
    for one in found:
        click.echo(_told(one))


@sell.command()
@_seller
@click.option("--before", help="Go on from there: the last purchase of the page before.")
@_json
@click.pass_context
@told
def sales(context: click.Context, seller: str, before: str | None, *, as_json: bool) -> None:
    """List what somebody sold and what they owe back, latest first, 100 at a time."""
    container = container_of(context)
    person = _person(container, seller)
    with container.read() as work:
        found, following = work.content.sales(person, before=before, limit=100)
        owed, names = work.content.owed(person), work.tokens.assets.name
    purchases_shown.show(container, found, following, as_json=as_json)
    for asset, (count, total) in owed.items() if not as_json else ():
        symbol, places = names(asset)
        click.echo(f"Asked back or owed: {show_signed(total, places)} {symbol} of {counted(count, 'payment')}.")


@sell.command()
@_seller
@click.option("--from", "first", help="The first day (UTC), 2026-11-30.")
@click.option("--to", "last", help="The last day (UTC).")
@click.pass_context
@told
def statement(context: click.Context, seller: str, first: str | None, last: str | None) -> None:
    """Write all that was paid to somebody as CSV to standard output."""
    container = container_of(context)
    person = _person(container, seller)
    begin, end = read_day(first), read_day(last)
    since = None if begin is None else datetime.combine(begin, time(), tzinfo=UTC)
    before = None if end is None else datetime.combine(end + timedelta(days=1), time(), tzinfo=UTC)
    with container.read(one_moment=True) as work:
        names = work.tokens.assets.name
        for line in selling.statement_csv(work.content.statement(person, since, before), names):
            sys.stdout.write(line)


@click.command()
@click.option("--buyer", required=True, help="Whose: a Matrix id, or a wallet.")
@click.option("--before", help="Go on from there: the last purchase of the page before.")
@_json
@click.pass_context
@told
def library(context: click.Context, buyer: str, before: str | None, *, as_json: bool) -> None:
    """List what somebody bought, latest first, 100 at a time."""
    container = container_of(context)
    who = Buyer(wallet=parse_address(buyer)) if buyer.startswith("0x") else Buyer(person=_person(container, buyer))
    with container.read() as work:
        found, following = work.content.library(who, before=before, limit=100)
    purchases_shown.show(container, found, following, as_json=as_json)


def _person(container: Container, name: str) -> PersonId:
    with container.read() as work:
        person = work.people.find(parse_user_id(name))
    if person is None:
        raise NotFound("person_unknown", f"{isolate(name)} is not known here; they have never written to the bot.")
    return person


def _prices(container: Container, texts: Sequence[str]) -> dict[Asset, int]:
    """Read prices; where they name a token that nobody has read from the chain yet, it is read now."""
    with container.read() as work:
        unread = work.tokens.unread
    if unread and any(read_price(text)[1] is not None for text in texts):
        tokens.learn(container)
    with container.read() as work:
        return work.tokens.prices(texts)


def _offer(
    container: Container, kind: Kind, terms: dict[str, Any], *, reference: str = "", admitted: timedelta | None = None
) -> Offer:
    return Offer(
        kind=kind,
        title=terms["title"],
        wallet=parse_address(terms["wallet"]),
        prices=_prices(container, terms["prices"]),
        preview=terms["preview"],
        licence=terms["licence"],
        reference=reference,
        stock=terms["stock"],
        finality=Level(terms["finality"]),
        admitted=admitted,
    )


def _put_up(container: Container, kind: Kind, file: Path, seller: str, terms: dict[str, Any], *, as_json: bool) -> None:
    offer, person = _offer(container, kind, terms), _person(container, seller)
    made = selling.put_up(container, person, offer, _pieces(file), name=file.name, draft=terms["draft"])
    show_one(made, as_json=as_json)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _listing(one: Listing) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state.value,
        "kind": one.version.offer.kind.value,
        "title": one.version.offer.title,
        "version": one.version.number,
        "terms": show_hash(one.version.terms),
        "prices": {asset: str(amount) for asset, amount in one.version.offer.prices.items()},
        "left": one.left,
        "sold": one.sold,
        "complaints": one.complaints,
        "reason": one.reason,
    }


def _told(one: Listing) -> str:
    version = one.version
    why = "" if one.reason is None else f" ({isolate(one.reason)})"
    stands = f"{one.state.value}{why}"
    return f"{one.id}  {stands}  {isolate(version.offer.title)}  version {version.number}, sold {one.sold}"


def show_one(one: Listing, *, as_json: bool) -> None:
    """Print how a listing stands."""
    click.echo(json.dumps(_listing(one)) if as_json else _told(one))
