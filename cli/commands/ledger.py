"""``earnest ledger``: what the books say, and proof that it is so."""

from __future__ import annotations

import json
import tempfile

import click
from rich.console import Console
from rich.progress import Progress

from app import books, rebuilding
from app.container import Container
from cli.books_shown import comparison_as_json, print_comparison, print_reconciliation, reconciliation_as_json
from cli.context import container_of, told
from cli.migrations import upgrade


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
    if as_json:
        click.echo(json.dumps(reconciliation_as_json(found)))
    else:
        print_reconciliation(found)
    if not found.holds:
        raise SystemExit(1)


@ledger.command()
@click.option(
    "--compare", is_flag=True, required=True, help="Compare; nothing else is ever done with a rebuilt ledger."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def rebuild(context: click.Context, *, compare: bool, as_json: bool) -> None:  # noqa: ARG001 - there to be said
    """Read the chain again into a second, temporary ledger and compare it with the books; exit 1 if they differ.

    The books are only read. Compared are blocks, entries, balances and what became of every stake, at the last block of
    the books that is final.
    """
    container = container_of(context)
    with tempfile.TemporaryDirectory(prefix="earnest-rebuild-") as folder:
        url = f"sqlite:///{folder}/ledger.db"
        upgrade(url)
        second = Container(container.settings.model_copy(update={"database_url": url}))
        try:
            with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
                task = progress.add_task("reading the chain again", total=None)
                found = rebuilding.rebuild(
                    container, second, told=lambda done, of: progress.update(task, completed=done, total=of)
                )
        finally:
            second.close()
    if as_json:
        click.echo(json.dumps(comparison_as_json(found)))
    else:
        print_comparison(found)
    if not found.equal:
        raise SystemExit(1)
