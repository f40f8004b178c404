"""``earnest list``: read a filter list of others, and say what is in it, what is dangerous in it, and what changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click

from cli.commands.followed_lists import follow, followed, refresh, trust, unfollow
from cli.commands.published_lists import publish, published, sign_check, unpublish
from cli.context import disk_told, told
from kit.errors import Invalid
from reputation.lists.comparing import compare
from reputation.lists.dangers import Danger, Found, dangers
from reputation.lists.globs import Globs
from reputation.lists.model import MOST_ENTRIES, MOST_READ, Entry, Listing, Subject
from reputation.lists.reading import LARGEST, read_list
from reputation.lists.writing import Form, left_out, to_csv, to_domains, to_events

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SHOWN: Final = 10
_DANGERS: Final[Mapping[Danger, str]] = {
    Danger.EVERYBODY: "hits whoever comes",
    Danger.TOP_LEVEL: "hits every server below a name that nobody owns",
    Danger.YOURS: "hits",
    Danger.LOOKS_ALIKE: "has letters that look like others: it may not hit whom it seems to",
}
_FAULTS: Final[Mapping[str, str]] = {
    "csv": "is no line of CSV",
    "empty": "names nobody",
    "hash": "has a hash that is no SHA-256 in base64",
    "no_ascii": "has letters that no server's name has (write it as xn--…)",
    "no_entity": "names nobody",
    "no_room": "is no room's id",
    "no_server": "is no server's name",
    "no_state": "is no state event",
    "no_user": "is no Matrix id",
    "obscured": "is written with stars in place of letters, so that nobody can follow it",
    "recommendation": "recommends something that is not known here",
    "severity": "has a severity that is not known here",
    "too_long": "is longer than any name",
    "many_pieces": "has more wildcards than anybody needs",
    "alike": "is one of too many patterns of one kind, each of which takes long to look for",
    "too_many": "and what stands behind it is not read: "
    f"a list has {MOST_ENTRIES:,} entries at most, and {MOST_READ:,} lines or rules",
    "unprintable": "has characters that cannot be seen",
}


@click.group("list")
def lists() -> None:
    """Look at lists that others publish, and let doors ask for them (docs/lists.md)."""


@lists.command()
@click.argument("file", type=_FILE)
@click.option("--mine", multiple=True, metavar="NAME", help="A Matrix id, server or room that nothing is to hit.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
@disk_told
def check(file: Path, *, mine: Sequence[str], as_json: bool) -> None:
    """Read FILE and say what is in it. Exit status 1 where an entry is dangerous.

    FILE is a policy room's state (JSON), a server blocklist (CSV), or a list of domains.
    """
    listing = _read(file)
    found = list(dangers(listing, mine))
    if as_json:
        click.echo(json.dumps(_told(listing, found), ensure_ascii=False))
    else:
        _say(file, listing, found)
    if found:
        raise click.exceptions.Exit(1)


@lists.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
@disk_told
def diff(before: Path, after: Path, *, as_json: bool) -> None:
    """Say whom a list speaks of in AFTER and not in BEFORE, and of whom no more; their forms may be different."""
    changes = compare(_read(before), _read(after))
    if as_json:
        told = {
            "added": [_entry(entry) for entry in changes.added],
            "removed": [_entry(entry) for entry in changes.removed],
            "changed": [{"before": _entry(old), "after": _entry(new)} for old, new in changes.changed],
            "same": changes.same,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    if not changes:
        click.echo(f"Nothing changed; {changes.same:,} entries are the same.")
        return
    for entry in changes.removed:
        click.echo(f"- {entry.recommendation} {entry.subject} {_isolated(entry.name)}")
    for entry in changes.added:
        click.echo(f"+ {entry.recommendation} {entry.subject} {_isolated(entry.name)}{_because(entry)}")
    for old, new in changes.changed:
        click.echo(f"~ {new.subject} {_isolated(new.name)}: {old.recommendation}, now {new.recommendation}")
    click.echo(
        f"{len(changes.added):,} added, {len(changes.removed):,} removed, {len(changes.changed):,} changed, "
        f"{changes.same:,} the same."
    )


@lists.command()
@click.argument("file", type=_FILE)
@click.option(
    "--to", "form", type=click.Choice([form.value for form in Form]), required=True, help="What it is to become."
)
@click.option("--hidden", is_flag=True, help="Hide names of people and rooms behind their hashes (policy only).")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Where to; else it is printed.")
@told
@disk_told
def convert(file: Path, *, form: str, hidden: bool, output: Path | None) -> None:
    """Write FILE in another form: state events of a policy room, a server blocklist, or one domain a line."""
    wanted = Form(form)
    if hidden and wanted is not Form.POLICY:
        raise click.UsageError("Only the rules of a policy room can be hidden.")
    listing = _read(file)
    if wanted is Form.POLICY:
        text = json.dumps(to_events(listing, hidden=hidden), indent=2, ensure_ascii=False) + "\n"
    else:
        text = to_csv(listing) if wanted is Form.CSV else to_domains(listing)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    gone = left_out(listing, wanted)
    if gone:
        click.echo(f"{gone:,} of {len(listing.entries):,} entries are left out: {wanted} cannot say them.", err=True)
    if listing.faults:
        click.echo(f"{len(listing.faults):,} could not be read; `earnest list check {file}` says why.", err=True)


@lists.command()
@click.argument("file", type=_FILE)
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
@disk_told
def who(file: Path, names: Sequence[str], *, as_json: bool) -> None:
    """Say which entries of FILE hit NAMES (Matrix ids, servers, rooms); of a Matrix id, its server's too."""
    listing = _read(file)
    owners = [(place, pattern) for place, entry in enumerate(listing) for pattern in entry.patterns]
    globs = Globs([pattern for _, pattern in owners])
    hidden = {(entry.subject, entry.sha256): place for place, entry in enumerate(listing) if entry.sha256 is not None}
    hit: dict[str, list[Entry]] = {}
    for name in names:
        places: set[int] = set()
        for subject, called in _called(name):
            found = {owners[number][0] for number in globs.find(called)}
            places |= {place for place in found if listing.entries[place].subject is subject}
            places |= {hidden[key] for key in [(subject, sha256(called.encode()).digest())] if key in hidden}
        hit[name] = [listing.entries[place] for place in sorted(places)]
    if as_json:
        told = {name: [_entry(entry) for entry in entries] for name, entries in hit.items()}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for name, entries in hit.items():
        if not entries:
            click.echo(f"{_isolated(name)}: nothing in this list speaks of them.")
        for entry in entries:
            place = f" ({entry.place})" if entry.place else ""
            click.echo(f"{_isolated(name)}: {entry.recommendation}, by {_isolated(entry.name)}{place}{_because(entry)}")


def _called(name: str) -> Iterator[tuple[Subject, str]]:
    """Give what rules may speak of: a person or a room, and its server, or a server alone."""
    subject = {"@": Subject.USER, "!": Subject.ROOM, "#": Subject.ROOM}.get(name[:1], Subject.SERVER)
    yield subject, name
    if subject is not Subject.SERVER:
        yield Subject.SERVER, name.partition(":")[2]


def _read(file: Path) -> Listing:
    if file.stat().st_size > LARGEST:
        raise Invalid("list_too_large", f"{file}: a list is {LARGEST // 2**20} MiB at most.")
    try:
        return read_list(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise Invalid("list_text", f"{file} is no text in UTF-8.") from error
    except Invalid as error:
        raise Invalid(error.code, f"{file}: {error.message}") from error


def _say(file: Path, listing: Listing, found: Sequence[Found]) -> None:
    counts = Counter((entry.subject, entry.recommendation) for entry in listing)
    what = ", ".join(
        f"{recommendation}: {count:,} {subject}{'s'[: count != 1]}"
        for (subject, recommendation), count in sorted(counts.items())
    )
    click.echo(f"{file}: {what or 'no entries'} ({listing.form}).")
    if listing.twice:
        click.echo(f"{listing.twice:,} speak of somebody of whom an earlier one did; the later one holds.")
    for fault in listing.faults[:_SHOWN]:
        shown = f" {_isolated(fault.shown)}" if fault.shown else ""
        click.echo(f"not read: {fault.place}:{shown} {_FAULTS[fault.code]}")
    _more(len(listing.faults), "not read")
    for one in found[:_SHOWN]:
        place = f" ({one.entry.place})" if one.entry.place else ""
        whom = f" {_isolated(one.whom)}" if one.whom else ""
        click.echo(f"dangerous: {_isolated(one.entry.name)}{place} {_DANGERS[one.danger]}{whom}")
    _more(len(found), "dangerous")
    if not found:
        click.echo("No entry is dangerous by itself.")


def _more(count: int, what: str) -> None:
    if count > _SHOWN:
        click.echo(f"… and {count - _SHOWN:,} more {what}; --json shows all.")


def _told(listing: Listing, found: Sequence[Found]) -> dict[str, Any]:
    counts = Counter((entry.subject, entry.recommendation) for entry in listing)
    return {
        "form": listing.form,
        "entries": len(listing.entries),
        "counts": [{"subject": s, "recommendation": a, "count": count} for (s, a), count in sorted(counts.items())],
        "twice": listing.twice,
        "faults": [{"code": one.code, "place": one.place, "shown": one.shown} for one in listing.faults],
        "dangers": [{"danger": one.danger, "whom": one.whom or None, **_entry(one.entry)} for one in found],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "subject": entry.subject,
        "entity": entry.entity,
        "sha256": None if entry.sha256 is None else entry.sha256.hex(),
        "recommendation": entry.recommendation,
        "below": entry.below,
        "reason": entry.reason,
        "place": entry.place,
    }


def _because(entry: Entry) -> str:
    return f"; reason: {_isolated(entry.reason)}" if entry.reason else ""


def _isolated(text: str) -> str:
    """Keep letters that are written from right to left from turning the line around."""
    return text if text.isascii() else f"\u2068{text}\u2069"


for _command in (follow, followed, refresh, trust, unfollow, publish, published, unpublish, sign_check):
    lists.add_command(_command)
