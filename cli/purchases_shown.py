"""Purchases, as sellers and buyers are shown them at the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from app.container import Container
from kit.amounts import show_signed
from kit.identifiers import isolate, show_hash
from ledger.model import Asset
from payments.content.model import Purchase


def show(container: Container, found: list[Purchase], following: str | None, *, as_json: bool) -> None:
    """Print purchases, and where the next page begins."""
    with container.read() as work:
        names: Callable[[Asset], tuple[str, int]] = work.tokens.assets.name
    if as_json:
        rows = [
            {
                "id": one.id,
                "listing": one.listing,
                "title": one.title,
                "state": one.state.value,
                "because": None if one.because is None else one.because.value,
                "asset": one.asset,
                "amount": str(one.amount),
                "paid_at": one.paid_at.isoformat(),
                "refund": None if one.refund is None else show_hash(one.refund),
            }
            for one in found
        ]
        click.echo(json.dumps({"purchases": rows, "next": following}))
        return
    if not found:
        click.echo("There is nothing.")
    for one in found:
        symbol, places = names(one.asset)
        why = "" if one.because is None else f" ({one.because.value})"
        amount = f"{show_signed(one.amount, places)} {symbol}"
        click.echo(f"{one.id}  {one.paid_at:%Y-%m-%d}  {amount}  {one.state.value}{why}  {isolate(one.title)}")
    if following is not None:
        click.echo(f"More: --before {following}")
