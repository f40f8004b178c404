"""``earnest listings tokens``: what people may sell for here, and what is refused of that."""

from __future__ import annotations

import json

import click

from app import tokens as use_cases
from cli import sales
from cli.context import container_of, told


@click.command("tokens")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def tokens(context: click.Context, *, as_json: bool) -> None:
    """List the tokens that people may sell for (EARNEST_SALES_TOKENS); those that were not read yet are read now."""
    container = container_of(context)
    refused = use_cases.learn(container)
    with container.read() as work:
        room = work.tokens
        found = [
            {
                "name": name,
                "asset": asset,
                "decimals": places,
                "permit": room.domain(asset) is not None,
                "programs": sales.why_not_to_programs(room.transfers(asset)),
            }
            for name, asset, places in room.known()
        ]
    if as_json:
        click.echo(json.dumps({"tokens": found, "refused": refused}))
        return
    for one in found:
        way = "by permit or allowance" if one["permit"] else "by allowance"
        click.echo(f"{one['name']}  {one['decimals']} decimals, paid {way}  {one['asset']}")
        if one["programs"] is not None:
            click.echo(f"  Programs (x402) cannot pay in it: {one['programs']}")
    for why in refused:
        click.echo(f"Refused: {why}")
