"""``earnest tips``: which tips somebody of this service gave and received; what was said with them is theirs alone."""

from __future__ import annotations

import json

import click

from app import tipped
from app.tipped import Side
from cli.context import container_of, told
from kit.amounts import show_signed
from kit.errors import NotFound
from kit.identifiers import isolate, parse_user_id, show_address, show_hash
from payments.tips.model import TipState

_person = click.option("--person", "mxid", required=True, help="Whose tips: a Matrix id, @lea:example.org.")


@click.group()
def tips() -> None:
    """See the tips that people of this service gave and received (docs/selling.md, "Tips")."""


@tips.command("list")
@_person
@click.option("--given", is_flag=True, help="Those that they gave; by default those that they received.")
@click.option("--most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, latest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_(context: click.Context, mxid: str, most: int, *, given: bool, as_json: bool) -> None:
    """List somebody's tips; of those without a name the giver is not shown."""
    container, side = container_of(context), Side.GIVEN if given else Side.RECEIVED
    with container.read(one_moment=True) as work:
        person = work.people.find(parse_user_id(mxid))
        if person is None:
            raise NotFound("person_unknown", "Nobody of that name is known here.")
        wallet = work.tip_links.wallet_of(person)
        found = [(one, tipped.other(work, person, side, one)) for one in tipped.all_of(work, person, side, most)]
        name = work.supporters.assets.name
    if as_json:
        rows = [
            {
                "id": one.id,
                "other": other,
                "asset": one.asset,
                "amount": str(one.amount),
                "state": one.state.value,
                "level": one.level.value,
                "public": one.public,
                "counts": not one.quiet,
                "key": show_hash(one.key),
                "paid_at": one.paid_at.isoformat(),
            }
            for one, other in found
        ]
        click.echo(json.dumps({"wallet": None if wallet is None else show_address(wallet), "tips": rows}))
        return
    click.echo("They take no tips." if wallet is None else f"They take tips at {show_address(wallet)}.")
    if not found:
        click.echo("There is nothing.")
    for one, other in found:
        symbol, places = name(one.asset)
        how = one.level.value if one.state is TipState.PAID else one.state.value
        whom = "(nobody who is named)" if other is None else isolate(other)
        amount = f"{show_signed(one.amount, places)} {symbol}"
        click.echo(f"{one.id}  {one.paid_at:%Y-%m-%d}  {amount}  {how}  {'to' if given else 'from'} {whom}")


@tips.command()
@_person
@click.pass_context
@told
def statement(context: click.Context, mxid: str) -> None:
    """Write somebody's tips as CSV in which no cell is a formula; the last 10,000 of each side."""
    with container_of(context).read(one_moment=True) as work:
        person = work.people.find(parse_user_id(mxid))
        if person is None:
            raise NotFound("person_unknown", "Nobody of that name is known here.")
        for line in tipped.statement_csv(work, person):
            click.echo(line, nl=False)
