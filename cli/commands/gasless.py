"""``earnest gasless``: for whom no openings are carried any more, and letting them in again."""

from __future__ import annotations

import json

import click

from cli.context import container_of, told
from kit.amounts import Amount, show
from kit.errors import Invalid, NotFound
from kit.identifiers import parse_address, parse_user_id, show_address, show_hash

_GWEI_DECIMALS = 9


@click.group()
def gasless() -> None:
    """Look after the openings that are carried for strangers without ether."""


@gasless.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def bars(context: click.Context, *, as_json: bool) -> None:
    """List for whom nothing is carried: a signature of theirs was good no longer once its gas had been paid."""
    container = container_of(context)
    with container.read() as work:
        found = work.carrying.bars()
        names = work.people.mxids([bar.person for bar in found if bar.person is not None])
    if as_json:
        shown = [
            {
                "stranger": names.get(bar.person) if bar.person is not None else None,
                "wallet": show_address(bar.payer),
                "stake": show_hash(bar.id),
                "lost_gwei": bar.gwei,
                "barred_at": bar.barred_at.isoformat(),
            }
            for bar in found
        ]
        click.echo(json.dumps(shown))
        return
    if not found:
        click.echo("Openings are carried for everybody.")
    for bar in found:
        lost = show(Amount(bar.gwei), _GWEI_DECIMALS)
        name = (names.get(bar.person) if bar.person is not None else None) or "(nobody known)"
        click.echo(f"{bar.barred_at:%Y-%m-%d %H:%M} UTC  {name}  {show_address(bar.payer)}  cost {lost} ETH")


@gasless.command()
@click.argument("who")
@click.pass_context
@told
def lift(context: click.Context, who: str) -> None:
    """Carry again for WHO: a Matrix id (@name:server), or a wallet's address (0x…)."""
    container = container_of(context)
    with container.work() as work:
        if who.startswith("0x"):
            lifted = work.carrying.lift(payer=parse_address(who))
        elif who.startswith("@"):
            person = work.people.find(parse_user_id(who))
            lifted = 0 if person is None else work.carrying.lift(person=person)
        else:
            raise Invalid("nobody_named", "Give a Matrix id (@name:server) or a wallet's address (0x…).")
        if not lifted:
            raise NotFound("not_barred", f"Nothing bars {who}; `earnest gasless bars` lists whom something does.")
    click.echo(f"Openings are carried for {who} again.")
