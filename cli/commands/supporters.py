"""``earnest supporters``: who gave, what they are entitled to, files of gifts read in and undone, codes, and tiers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.importing import Report, read_in
from app.importing import undo as undo_import
from cli import supporters_shown as shown
from cli.commands.tiers import tiers
from cli.context import container_of, disk_told, told
from cli.counting import counted
from kit.amounts import parse, show_signed
from kit.errors import Invalid
from kit.identifiers import isolate, parse_user_id
from payments.flair.liberapay import RULE
from payments.flair.model import ClaimedBy, Gift, Giver, Source

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_DAY = click.DateTime(["%Y-%m-%d"])
_SHOWN: Final = 20
_FAULTS: Final = {
    "csv": "is no line of CSV",
    "fields": "has another number of fields than the header",
    "amount": "has an amount that is none",
    "currency": "has a currency that is none",
    "date": "has a date that is none",
    "identity": "has an id that is none",
}


@click.group()
def supporters() -> None:
    """Supporters: lists, statements, imports, claim codes, companies and tiers (docs/supporters.md)."""


# ---------------------------------------------------------------------------------------------------- who there is


@supporters.command("list")
@click.option("--lapsed", is_flag=True, help="Also those whose grace has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.pass_context
@told
def list_(context: click.Context, *, lapsed: bool, as_json: bool, as_csv: bool) -> None:
    """List who has which tier, those who claimed nothing too."""
    container = container_of(context)
    with container.read() as work:
        now, spans = work.now, work.supporters.tiers().spans
        found = work.supporters.entitlements() if lapsed else work.supporters.holding()
        names = work.people.mxids({one.person for one in found if one.person is not None})
    rows = [shown.entitlement(one, names, now, spans) for one in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif as_csv:
        click.echo(shown.to_csv(rows), nl=False)
    else:
        for row in rows:
            click.echo(shown.line(row))
        if not rows:
            click.echo("Nobody has a tier.")


@supporters.command()
@click.argument("who")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def show(context: click.Context, who: str, *, as_json: bool) -> None:
    """Show WHO's statement: @name:server, patreon:7001, liberapay:7, or the address that gave."""
    with container_of(context).read() as work:
        found = shown.find(work, who)
        now, spans, assets = work.now, work.supporters.tiers().spans, work.supporters.assets
        if isinstance(found, Giver):
            gifts = work.supporters.gifts_from(found)
            entitled = [one for one in work.supporters.entitlements() if one.giver == found]
            names = {}
        else:
            gifts, entitled = work.supporters.gifts_of(found), work.supporters.of(found)
            names = work.people.mxids([found])
    given = [shown.gift(one, assets, now, spans) for one in gifts]
    rows = [shown.entitlement(one, names, now, spans) for one in entitled]
    if as_json:
        whole = {"who": shown.called(found, names), "gifts": given, "entitlements": rows}
        click.echo(json.dumps(whole, ensure_ascii=False))
        return
    click.echo(f"{isolate(shown.called(found, names))}{':' if given else ': nothing that is theirs is known.'}")
    for one in given:
        click.echo(f"  {shown.gift_line(one)}")
    for row in rows:
        click.echo(f"  {shown.line(row)}")


@supporters.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def totals(context: click.Context, *, as_json: bool) -> None:
    """Say what all gifts come to: by asset and source, and how sure it is."""
    with container_of(context).read() as work:
        found = work.flairs.totals.given(work.supporters.tiers().spans)
        assets = work.supporters.assets
    rows = []
    for one in found:
        name, decimals = assets.name(one.asset)
        amount = show_signed(one.amount, decimals)
        rows.append({"amount": amount, "asset": name, "source": one.source.value, "level": one.level.value})
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['amount']} {row['asset']} ({row['source']}, {row['level']})")
    if not rows:
        click.echo("Nothing was given.")


# ---------------------------------------------------------------------------------------------------- files read in


@supporters.command("import")
@click.argument("source", type=click.Choice([Source.PATREON.value, Source.LIBERAPAY.value]))
@click.argument("file", type=_FILE)
@click.option("--as-of", type=_DAY, help="The day when the file was made, where its name does not say it.")
@click.option("--dry-run", is_flag=True, help="Read it and say what is in it; keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
@disk_told
def import_(
    context: click.Context, source: str, file: Path, *, as_of: datetime | None, dry_run: bool, as_json: bool
) -> None:
    """Read in the donors' or members' FILE of a source. Exit status 1 where a line could not be read.

    Names, mails, addresses and phones in it are kept nowhere.
    """
    container = container_of(context)
    with _bar(file, quiet=as_json) as progress:
        report = read_in(
            container.work,
            file,
            Source(source),
            now=container.clock(),
            as_of=None if as_of is None else as_of.replace(tzinfo=UTC),
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(_report(report, dry_run=dry_run), ensure_ascii=False))
    else:
        _say(report, dry_run=dry_run)
    if report.bad:
        raise click.exceptions.Exit(1)


@supporters.command()
@click.argument("number", type=int)
@click.pass_context
@told
def undo(context: click.Context, number: int) -> None:
    """Take out all that import NUMBER told (`earnest supporters imports`)."""
    undo_import(container_of(context).work, number)
    click.echo(f"Import {number} is undone: what it alone told is gone.")


@supporters.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def imports(context: click.Context, *, as_json: bool) -> None:
    """List the files that were read in, newest first."""
    with container_of(context).read() as work:
        found = work.imports.all()
    rows = [
        {
            "number": one.id,
            "source": one.source.value,
            "shape": one.shape,
            "as_of": shown.day(one.as_of),
            "lines": one.rows,
            "bad": one.bad,
            "state": "undone" if one.undone_at else "read" if one.ended_at else "broken off",
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for one, row in zip(found, rows, strict=True):
        what = f"{row['number']}  {row['source']} ({row['shape']}) of {row['as_of']}"
        click.echo(f"{what}: {counted(one.rows, 'line')}, {row['bad']:,} bad; {row['state']}")
    if not rows:
        click.echo("No file was read in.")


# ---------------------------------------------------------------------------------------------------- by hand


@supporters.command()
@click.argument("who")
@click.pass_context
@told
def code(context: click.Context, who: str) -> None:
    """Make a claim code for WHO (patreon:7001, liberapay:7, 0x…), to be handed to them; the one before it ends."""
    with container_of(context).work() as work:
        giver = _giver(shown.find(work, who))
        made = work.claims.issue(giver)
    click.echo(made)


@supporters.command()
@click.argument("who")
@click.argument("title", required=False)
@click.option("--no", "none", is_flag=True, help="It is none.")
@click.pass_context
@told
def company(context: click.Context, who: str, title: str | None, *, none: bool) -> None:
    """Say that WHO is a company called TITLE: it is in the tiers for companies, and in no other."""
    if (title is None) is not none:
        raise click.UsageError("Say what the company is called, or --no.")
    with container_of(context).work() as work:
        work.supporters.company(_giver(shown.find(work, who)), title)


@supporters.command()
@click.argument("who")
@click.argument("amount")
@click.argument("asset")
@click.option("--months", type=click.IntRange(0, 1200), default=0, help="For how many months it is; 0: once.")
@click.option("--on", type=_DAY, help="The day when it was given; today where nothing is said.")
@click.pass_context
@told
def give(context: click.Context, who: str, amount: str, asset: str, *, months: int, on: datetime | None) -> None:
    """Write down a gift that came another way: WHO is @name:server, or hand: and an address or a word for them."""
    with container_of(context).work() as work:
        person = None
        if who.startswith("@"):
            person = work.people.number(parse_user_id(who))
            giver = Giver(Source.HAND, f"person:{person}")
        else:
            giver = _giver(shown.find(work, who))
        if giver.source is not Source.HAND:
            raise Invalid("not_by_hand", "By hand, name somebody as @name:server or hand:WORD.")
        known, decimals = work.supporters.assets.find(asset)
        at = work.now if on is None else on.replace(tzinfo=UTC)
        key = f"{Source.HAND}:{secrets.token_hex(8)}"
        units = parse(amount, decimals).base_units
        work.supporters.gave(Gift(key, Source.HAND, giver.name, known, units, at, months=months))
        if person is not None:
            work.supporters.claimed(giver, person, ClaimedBy.HAND)
    click.echo(f"Written down as {key}; `earnest supporters take-back {key}` takes it back.")


@supporters.command("take-back")
@click.argument("key")
@click.pass_context
@told
def take_back(context: click.Context, key: str) -> None:
    """Take a gift back (KEY as `show --json` names it): it was charged back, or written down in error."""
    with container_of(context).work() as work:
        gone = work.supporters.took_back(key)
    click.echo("It is taken back." if gone else "There is no such gift, or it is taken back already.")


supporters.add_command(tiers)


def _giver(found: object) -> Giver:
    if not isinstance(found, Giver):
        raise Invalid("giver_wanted", "Name who gave: patreon:7001, liberapay:7, 0x…, or hand:WORD.")
    return found


def _report(report: Report, *, dry_run: bool) -> dict[str, Any]:
    return {
        "import": report.number,
        "source": report.source.value,
        "shape": report.shape,
        "as_of": shown.day(report.as_of),
        "dry_run": dry_run,
        "lines": report.lines,
        "gifts": report.gifts,
        "new": report.new,
        "bad": report.bad,
        "faults": [{"line": one.number, "code": one.fault, "shown": one.shown} for one in report.faults],
    }


def _say(report: Report, *, dry_run: bool) -> None:
    what = f"{report.source} ({report.shape}) of {shown.day(report.as_of)}"
    gifts, bad = counted(report.gifts, "gift"), counted(report.bad, "bad line")
    click.echo(f"{what}: {counted(report.lines, 'line')} with {gifts}, {bad}.")
    for fault in report.faults[:_SHOWN]:
        said = f" ({isolate(fault.shown)})" if fault.shown else ""
        click.echo(f"not read: line {fault.number} {_FAULTS[fault.fault or 'csv']}{said}")
    if report.bad > _SHOWN:
        click.echo(f"… and {report.bad - _SHOWN:,} more; --json shows them.")
    if report.whole and report.bad:
        click.echo("A list with bad lines ends nobody's gifts: mend it, and read it in again.")
    if dry_run:
        click.echo("Nothing was kept: this was a dry run.")
    else:
        new = counted(report.new, "new gift")
        click.echo(f"{new} came in. `earnest supporters undo {report.number}` takes out again what this file told.")
    if report.source is Source.LIBERAPAY:
        click.echo(RULE)


@contextmanager
def _bar(file: Path, *, quiet: bool) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        yield lambda size: progress.advance(task, size)
