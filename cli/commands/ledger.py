"""``earnest ledger``: what the books say, and proof that it is so."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app import books
from app.container import DECIMALS, SYMBOL
from cli.context import container_of, told
from kit.amounts import show_signed
from kit.clock import from_unix
from kit.identifiers import show_hash
from ledger.reconciling import SAYS, Check, Line, Reconciliation

_MOST_WALLETS_SHOWN = 20


@click.group()
def ledger() -> None:
    """Look into the books, and prove them against the chain."""


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def verify(context: click.Context, *, as_json: bool) -> None:
    """Hold every sum and every wallet of the books against the chain, at a finalized block; exit 1 if any differs."""
    container = container_of(context)
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        task = progress.add_task("asking the chain for every wallet", total=None)
        found = books.verify(container, asked=lambda done, of: progress.update(task, completed=done, total=of))
    click.echo(json.dumps(_as_json(found)) if as_json else "", nl=as_json)
    if not as_json:
        _print(found)
    if not found.holds:
        raise SystemExit(1)


def _as_json(found: Reconciliation) -> dict[str, object]:
    return {
        "holds": found.holds,
        "block": {
            "number": found.block.number,
            "hash": show_hash(found.block.hash),
            "time": found.block.timestamp,
            "level": str(found.level),
        },
        "stakes": str(found.stakes),
        "unsolicited": str(found.unsolicited),
        "wallets": found.wallets,
        "checks": [
            {
                "line": str(one.line),
                "says": SAYS[one.line],
                "account": one.account,
                "books": str(one.ledger),
                "other": str(one.other),
                "unit": "count" if one.counts else "base_units",
                "holds": one.holds,
            }
            for one in found.checks
        ],
    }


def _print(found: Reconciliation) -> None:
    when = f"{from_unix(found.block.timestamp):%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"Block {found.block.number} ({found.level}, {when}), {show_hash(found.block.hash)}\n")
    wallets = [one for one in found.checks if one.line is Line.WALLET]
    shown = [one for one in found.checks if one.line is not Line.WALLET]
    table = Table("", "what", "books", "", "the other side", box=None, pad_edge=False)
    for one in shown:
        table.add_row(*_row(one))
    listed = [one for one in wallets if not one.holds] if len(wallets) > _MOST_WALLETS_SHOWN else wallets
    for one in listed:
        table.add_row(*_row(one))
    console = Console(width=None if Console().is_terminal else 200)
    console.print(table)
    agreeing = sum(one.holds for one in wallets)
    click.echo(f"\nWallets: {agreeing} of {len(wallets)} are what balanceOf says.")
    if found.holds:
        click.echo(click.style("Everything holds.", fg="green"))
    else:
        click.echo(click.style(f"{len(found.differences)} lines differ.", fg="red"))


def _row(one: Check) -> tuple[str, str, str, str, str]:
    sign = "✓" if one.holds else "✗"
    says = SAYS[one.line] if one.account is None else f"{SAYS[one.line]}: {one.account}"
    if one.counts:
        return sign, says, str(one.ledger), "=" if one.holds else "≠", str(one.other)
    return sign, says, _money(one.ledger), "=" if one.holds else "≠", _money(one.other)


def _money(base_units: int) -> str:
    return f"{show_signed(base_units, DECIMALS)} {SYMBOL}"
