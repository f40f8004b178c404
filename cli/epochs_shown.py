"""Epochs as people see them in a terminal: what a server counts for and why, who gets how much, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from app.container import DECIMALS, SYMBOL
from kit.amounts import show_signed
from kit.clock import from_unix
from kit.identifiers import Address, show_address, show_hash
from payments.rewards.epoch_file import Closed, Difference
from payments.rewards.history import proof_for
from payments.rewards.model import people_in
from payments.rewards.shares import PRECISION, WHOLE, Counted

_MOST_SHOWN: Final = 50
_WIDTH: Final = 220
"""Columns where there is no terminal: nothing is cut."""
_ONE: Final = PRECISION * WHOLE
"""The score of a server that is always there and has one user."""


def print_epoch(epoch: Closed, *, everybody: bool) -> None:
    """Print an epoch: its budget, what its servers count for, and its payees; the largest first."""
    _print_head(epoch)
    total = sum(one.score for one in epoch.counted) or 1
    servers = sorted(epoch.counted, key=lambda one: (-one.score, one.measured.server))
    most = len(servers) if everybody else _MOST_SHOWN
    table = Table("server", "people", "there", "weight", "with", "counts for", "of all", "payout", box=None)
    for one in servers[:most]:
        table.add_row(*_row(one, total))
    _print(table)
    _more(len(servers) - most)
    payees = sorted(epoch.cumulative, key=lambda who: (-epoch.shares.of.get(who, 0), who))
    most = len(payees) if everybody else _MOST_SHOWN
    click.echo()
    table = Table("payout", "gets", "in all", box=None)
    for who in payees[:most]:
        table.add_row(show_address(who), _money(epoch.shares.of.get(who, 0)), _money(epoch.cumulative[who]))
    _print(table)
    _more(len(payees) - most)


def print_differences(epoch: Closed, found: Sequence[Difference]) -> None:
    """Print every difference, or that there is none."""
    _print_head(epoch)
    if not found:
        click.echo(click.style("The file holds: the same shares and the same root come out of it.", fg="green"))
        return
    table = Table("where", "the file", "made anew", box=None)
    for one in found[:_MOST_SHOWN]:
        table.add_row(one.where, one.said or "nothing", one.found or "nothing")
    _print(table)
    _more(len(found) - _MOST_SHOWN)
    places = "one place" if len(found) == 1 else f"{len(found)} places"
    click.echo(click.style(f"The file is wrong in {places}.", fg="red"))


def difference_as_json(one: Difference) -> dict[str, str | None]:
    """Return a difference with both its sides."""
    return asdict(one)


def as_json(epoch: Closed) -> dict[str, Any]:
    """Return an epoch as it is published, and with each server all that its share was made from."""
    shown, total = epoch.shown(), sum(one.score for one in epoch.counted)
    for one, server in zip(epoch.counted, shown["servers"], strict=True):
        server |= {
            "people_between": people_in(one.measured.people),
            "factor": one.factor / WHOLE,
            "alike": one.alike,
            "score": str(one.score),
            "part": one.score / total if total else 0.0,
        }
    return shown


def proof_as_json(epoch: Closed, who: Address) -> dict[str, Any]:
    """Return what a payee's claim needs. Raises ``NotFound`` for an address that never earned anything."""
    found = proof_for(epoch, who)
    return {
        "payee": show_address(found.payee),
        "cumulative": str(found.cumulative),
        "root": show_hash(found.root),
        "proof": [show_hash(one) for one in found.hashes],
    }


def _print_head(epoch: Closed) -> None:
    terms, shares = epoch.terms, epoch.shares
    begins, ends = (f"{from_unix(moment):%Y-%m-%d %H:%M} UTC" for moment in (terms.begins, terms.ends))
    click.echo(f"Epoch {terms.epoch}, {begins} to {ends}; {len(epoch.counted):,} servers on chain {terms.chain_id}.")
    click.echo(
        f"Budget {_money(epoch.budget)}: {_money(shares.paid)} to {sum(map(bool, shares.of.values())):,} addresses, "
        f"{_money(shares.forfeited)} forfeited and burned."
    )
    click.echo(f"Root {show_hash(epoch.root) if epoch.root else 'none: nobody ever earned anything'}\n")


def _row(one: Counted, total: int) -> tuple[str, ...]:
    measured = one.measured
    least, most = people_in(measured.people)
    return (
        measured.server,
        f"{least:,}-{most:,}" if measured.people else "none",
        f"{measured.availability / 10:.1f} %",
        f"{measured.weight} %",
        f"{one.alike - 1:,} more" if one.alike > 1 else "",
        f"{one.score / _ONE:,.2f}",
        f"{100 * one.score / total:.3f} %",
        "withheld" if measured.withheld else show_address(measured.payout),
    )


def _money(base_units: int) -> str:
    return f"{show_signed(base_units, DECIMALS)} {SYMBOL}"


def _more(count: int) -> None:
    if count > 0:
        click.echo(f"… and {count:,} more")


def _print(table: Table) -> None:
    console = Console(markup=False, highlight=False)
    (console if console.is_terminal else Console(width=_WIDTH, markup=False, highlight=False)).print(table)
