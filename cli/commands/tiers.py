"""``earnest supporters tiers``: check, show and use a tier document, and see first what it would change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from app.importing import fold_all
from app.retiering import would_change
from cli import supporters_shown as shown
from cli.context import container_of, disk_told, told
from kit.errors import Invalid
from kit.identifiers import isolate
from payments.flair.documents import TiersDocument, read_document, read_tiers, schema, show_document
from payments.flair.liberapay import RULE
from payments.flair.model import Giver

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SHOWN: Final = 20
_LARGEST: Final = 2**20


@click.group()
def tiers() -> None:
    """Tiers: what a supporter must give, and what they get for it (a document, docs/schemas/tiers.json)."""


@tiers.command()
@click.argument("file", type=_FILE)
@click.pass_context
@told
@disk_told
def check(context: click.Context, file: Path) -> None:
    """Read FILE and say whether it is a tier document; it changes nothing."""
    document = _read(file)
    with container_of(context).read() as work:
        read = read_tiers(document, work.supporters.assets)
    for tier in read.tiers:
        click.echo(f"{tier.id}: {isolate(tier.title)}{' (companies)' if tier.corporate else ''}")
    click.echo(
        f"{len(read.tiers)} tiers; a lapse is warned of {document.warning_days} days before, and taken back "
        f"{document.grace_days} days after."
    )
    click.echo(RULE)


@tiers.command()
@click.pass_context
@told
def show(context: click.Context) -> None:
    """Print the tier document that holds."""
    with container_of(context).read() as work:
        document = work.supporters.document()
    if document is None:
        raise Invalid("no_tiers", "There is no tier document yet; `earnest supporters tiers use FILE` makes one hold.")
    click.echo(json.dumps(json.loads(show_document(document)), indent=2, ensure_ascii=False))


@tiers.command()
@click.argument("file", type=_FILE)
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would change.")
@click.pass_context
@told
@disk_told
def use(context: click.Context, file: Path, *, yes: bool) -> None:
    """Let FILE be the tier document; without --yes, say who would gain and lose what."""
    container, document = container_of(context), _read(file)
    with container.read(one_moment=True) as work:
        change = would_change(work, read_tiers(document, work.supporters.assets), shown=_SHOWN)
        names = work.people.mxids({one.who for one in change.some if not isinstance(one.who, Giver)})
    for one in change.some:
        signs = [f"+{tier}" for tier in one.gained] + [f"-{tier}" for tier in one.lost]
        click.echo(f"{isolate(shown.called(one.who, names))}: {' '.join(signs)}")
    gained, lost = change.gained, change.lost
    for tier in sorted({*gained, *lost}):
        click.echo(f"{tier}: {gained[tier]:,} would gain it, {lost[tier]:,} would lose it.")
    if not gained and not lost:
        click.echo("Nobody would gain or lose a tier.")
    if not yes:
        click.echo("Nothing was changed: --yes does it.")
        return
    with container.work() as work:
        number = work.supporters.use(document)
    fold_all(container.work)
    click.echo(f"It holds, as version {number}.")


@tiers.command("schema")
def schema_() -> None:
    """Print the JSON Schema of tier documents."""
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))


def _read(file: Path) -> TiersDocument:
    if file.stat().st_size > _LARGEST:
        raise Invalid("tiers_too_long", f"{file}: a tier document is shorter than that.")
    try:
        return read_document(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise Invalid("tiers_no_text", f"{file} is no text in UTF-8.") from None
