"""``earnest ledger``: what the books say, and proof that it is so."""

from __future__ import annotations

import json
import tempfile

import click
from rich.console import Console
from rich.progress import Progress

from app import books, rebuilding
from app.container import Container
from app.statements import Span, of_addresses, of_everybody, of_person, read_day
from cli.books_shown import comparison_as_json, print_comparison, print_reconciliation, reconciliation_as_json
from cli.context import container_of, told
from cli.migrations import upgrade
from kit.errors import NotFound
from kit.identifiers import parse_address, parse_user_id
from ledger.statements import Form, write


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


@ledger.command()
@click.argument("whose", required=False)
@click.option("--format", "form", type=click.Choice([one.value for one in Form]), default="csv", show_default=True)
@click.option("--from", "first", metavar="DAY", help="First day, like 2026-11-01.")
@click.option("--to", "last", metavar="DAY", help="Last day, like 2026-11-30.")
@click.pass_context
@told
def statement(context: click.Context, whose: str | None, form: str, first: str | None, last: str | None) -> None:
    """Print what was moved: of an ADDRESS, of the wallets of a Matrix id, or (without WHOSE) of the whole book.

    Days and times are those of the person's zone, else UTC. What a reorg took back is shown, and so is its taking back.
    """
    span = Span(read_day(first), read_day(last))
    with container_of(context).read(one_moment=True) as work:
        if whose is None:
            found = of_everybody(work, span)
        elif whose.startswith("@"):
            person = work.people.find(parse_user_id(whose))
            if person is None:
                raise NotFound("person_unknown", f"Nobody called {whose} is known.")
            found = of_person(work, person, span)
        else:
            found = of_addresses(work, [parse_address(whose)], span)
        for part in write(found, Form(form)):
            click.echo(part, nl=False)
