"""How a terminal shows what was found of the books: their reconciliation, and the comparison of two ledgers."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from app.container import DECIMALS, SYMBOL
from app.rebuilding import Comparison
from contracts.events import BlockRef
from kit.amounts import show_signed
from kit.clock import from_unix
from kit.identifiers import show_hash
from ledger.reconciling import SAYS, Check, Line, Reconciliation

_MOST_WALLETS_SHOWN = 20
_MOST_DIFFERENCES_SHOWN = 50
_WIDTH = 200
"""Columns where there is no terminal: nothing is cut."""


def reconciliation_as_json(found: Reconciliation) -> dict[str, object]:
    """Return all that was found, amounts as texts of base units."""
    checks = [
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
    ]
    return {
        "holds": found.holds,
        "block": {**_block(found.block), "level": str(found.level)},
        "stakes": str(found.stakes),
        "unsolicited": str(found.unsolicited),
        "wallets": found.wallets,
        "checks": checks,
    }


def print_reconciliation(found: Reconciliation) -> None:
    """Print every invariant with its two sides; of many wallets only those that differ."""
    when = f"{from_unix(found.block.timestamp):%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"Block {found.block.number} ({found.level}, {when}), {show_hash(found.block.hash)}\n")
    wallets = [one for one in found.checks if one.line is Line.WALLET]
    listed = wallets if len(wallets) <= _MOST_WALLETS_SHOWN else [one for one in wallets if not one.holds]
    table = Table("", "invariant", "left side", "", "right side", box=None, pad_edge=False)
    for one in (*(one for one in found.checks if one.line is not Line.WALLET), *listed):
        table.add_row(*row(one))
    _print(table)
    agreeing = sum(one.holds for one in wallets)
    click.echo(f"\nOf the escrow's tokens {money(found.stakes)} are staked and {money(found.unsolicited)} unsolicited.")
    click.echo(f"{agreeing} of {len(wallets)} wallets hold what balanceOf says.")
    good, bad = "Everything holds.", f"{len(found.differences)} lines differ."
    click.echo(click.style(good, fg="green") if found.holds else click.style(bad, fg="red"))


def row(one: Check) -> tuple[str, str, str, str, str]:
    """Return one invariant as the cells of a table."""
    says = SAYS[one.line] if one.account is None else f"{SAYS[one.line]}: {one.account}"
    show = str if one.counts else money
    return "✓" if one.holds else "✗", says, show(one.ledger), "=" if one.holds else "≠", show(one.other)


def comparison_as_json(found: Comparison) -> dict[str, object]:
    """Return all that was found."""
    return {
        "equal": found.equal,
        "block": _block(found.block),
        "compared": {
            "blocks": found.blocks,
            "entries": found.entries,
            "accounts": found.accounts,
            "stakes": found.stakes,
        },
        "count": found.count,
        "differences": [asdict(one) for one in found.differences],
    }


def print_comparison(found: Comparison) -> None:
    """Print what was compared, and every difference."""
    click.echo(
        f"Up to block {found.block.number}: {found.blocks} blocks, {found.entries} entries, {found.accounts} accounts "
        f"and {found.stakes} stakes of the books, held against the chain read again."
    )
    if found.equal:
        click.echo(click.style("Both ledgers are equal.", fg="green"))
        return
    table = Table("what", "where", "the books", "the chain, read again", box=None, pad_edge=False)
    for one in found.differences[:_MOST_DIFFERENCES_SHOWN]:
        table.add_row(one.what, one.where, one.books or "-", one.again or "-")
    _print(table)
    more = found.count - min(found.count, _MOST_DIFFERENCES_SHOWN)
    if more:
        click.echo(f"… and {more} more (--json shows up to a thousand)")
    click.echo(click.style(f"The ledgers differ in {found.count} places.", fg="red"))


def money(base_units: int) -> str:
    """Write base units as people do, below zero too: ``-5 ERN``."""
    return f"{show_signed(base_units, DECIMALS)} {SYMBOL}"


def _block(block: BlockRef) -> dict[str, object]:
    return {"number": block.number, "hash": show_hash(block.hash), "time": block.timestamp}


def _print(table: Table) -> None:
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)
