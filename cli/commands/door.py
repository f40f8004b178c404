"""``earnest door``: one's own door as a document: shown, tried, set, compared and undone, as its owner by the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from app import drafts
from app.wording import documents
from app.wording import doors as wording
from app.wording import rules as sentences
from cli.acting import document_in, indented, reader, when
from cli.fetching import plain
from cli.own_token import Ask, asking
from kit.clock import from_unix
from kit.errors import Invalid, NotFound
from kit.identifiers import parse_user_id
from reputation.model import Door
from reputation.policy import DoorDocument
from reputation.policy_changes import changes
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset
from reputation.trying import MOST_DAYS, USUAL_DAYS

_FATES: Final[Mapping[str, str]] = {"comes_in": "come in", "held": "are held", "refused": "are refused"}
_WOULD: Final[Mapping[str, str]] = {"comes_in": "come in", "held": "be held", "refused": "be refused"}
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_DRAFT = click.argument("draft")
_DAYS = click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=USUAL_DAYS, show_default=True, help="How far back to try."
)


@click.group()
def door() -> None:
    """Your own door: show, try, set, compare and undo it.

    The bot's word `token` gives you the token (EARNEST_TOKEN, or it is asked for). A DRAFT is the name of a preset or a
    file with a document (docs/rules.md).
    """


@door.command()
@_JSON
@asking
def show(ask: Ask, *, as_json: bool) -> None:
    """Show your door: in sentences, or as the document that it is."""
    found = ask("GET", "door/document")
    document = _read(found["document"])
    if as_json:
        click.echo(documents.as_text(document))
        return
    preset = f", the preset {plain(found['preset'])}" if found["preset"] else ""
    click.echo(f"Version {int(found['number'])}{preset}:")
    click.echo(wording.document_in_words(reader(), document).plain)


@door.command()
@_JSON
def presets(*, as_json: bool) -> None:
    """List the doors that fit into one sentence."""
    if as_json:
        found = {name: document.model_dump(mode="json", exclude_none=True) for name, document in PRESETS.items()}
        click.echo(json.dumps(found))
        return
    for name in PRESETS:
        click.echo(f"{name:20} {sentences.preset(name, reader()).plain}")


@door.command("try")
@_DRAFT
@_DAYS
@_JSON
@asking
def try_(ask: Ask, draft: str, *, days: int, as_json: bool) -> None:
    """Tell what DRAFT would have changed for whoever knocked lately; changes nothing."""
    body, _ = _draft(draft)
    found = ask("POST", "door/try", {**body, "days": days})
    if as_json:
        click.echo(json.dumps(found))
    else:
        _show_tried(found)


@door.command("set")
@_DRAFT
@_DAYS
@_JSON
@click.option("--yes", is_flag=True, help="Neither try it first nor ask.")
@asking
def set_(ask: Ask, draft: str, *, days: int, as_json: bool, yes: bool) -> None:
    """Let your door be DRAFT, after showing what that changes."""
    body, document = _draft(draft)
    standing = ask("GET", "door/document")
    before = _read(standing["document"])
    if not yes:
        click.echo(_changed(before, document), err=True)
        _show_tried(ask("POST", "door/try", {**body, "days": days}), err=True)
        click.confirm("Let your door be that?", abort=True, err=True)
    made = ask("PUT", "door/document", {**body, "based_on": int(standing["number"])})
    _say_set(made, before, as_json=as_json)


@door.command()
@_JSON
@asking
def versions(ask: Ask, *, as_json: bool) -> None:
    """List what your door was, newest first, and what each version changed."""
    found = ask("GET", "door/versions")
    if as_json:
        click.echo(json.dumps(found))
        return
    kept = found["versions"]
    if not kept:
        click.echo("You never changed your door.")
    for place, version in enumerate(kept):
        click.echo(f"{int(version['number'])}, {when(version['since'])}{' (stands)' if place == 0 else ''}")
        if version["changes"] is not None:
            before = _read(kept[place + 1]["document"]) if place + 1 < len(kept) else document_of(Door())
            click.echo(indented(_changed(before, _read(version["document"]))))


@door.command()
@click.argument("one", type=click.IntRange(0), required=False)
@click.argument("other", type=click.IntRange(0), required=False)
@asking
def diff(ask: Ask, one: int | None, other: int | None) -> None:
    """Say what differs between versions ONE and OTHER (by default: from the last but one to what stands)."""
    kept = {int(each["number"]): _read(each["document"]) for each in ask("GET", "door/versions")["versions"]}
    kept[0] = document_of(Door())  # before the first one it was open, as everybody's is
    newest = max(kept)
    later = newest if other is None else other
    earlier = max((number for number in kept if number < later), default=0) if one is None else one
    for number in (earlier, later):
        if number not in kept:
            raise NotFound("door_version_unknown", f"There is no version {number} of your door.")
    click.echo(_changed(kept[earlier], kept[later]))


@door.command()
@_JSON
@asking
def undo(ask: Ask, *, as_json: bool) -> None:
    """Let your door be what it was before the last change; doing so is a change, too."""
    before = _read(ask("GET", "door/document")["document"])
    _say_set(ask("POST", "door/undo"), before, as_json=as_json)


@door.command()
@click.argument("number", type=click.IntRange(1))
@_JSON
@asking
def back(ask: Ask, number: int, *, as_json: bool) -> None:
    """Let your door be what it was in version NUMBER."""
    before = _read(ask("GET", "door/document")["document"])
    _say_set(ask("POST", "door/back", {"number": number}), before, as_json=as_json)


@door.command()
@click.argument("who")
@_JSON
@asking
def why(ask: Ask, who: str, *, as_json: bool) -> None:
    """Say what an invite of WHO would meet at your door now, by which rule, and what is not known of them."""
    found = ask("GET", f"why?other={parse_user_id(who).replace('%', '%25').replace('&', '%26').replace('+', '%2B')}")
    if as_json:
        click.echo(json.dumps(found))
        return
    codes = ", ".join(plain(reason["code"]) for reason in found["because"])
    free = f"; free: {', '.join(map(plain, found['free']))}" if found["free"] else ""
    click.echo(f"{plain(found['verdict'])}: {codes}{free}")
    for rule in found["rules"] or ():
        lacking = f", not known: {', '.join(map(plain, rule['missing']))}" if rule["missing"] else ""
        click.echo(f"  rule {int(rule['number'])}, {plain(rule['name'])}: {plain(rule['answer'])}{lacking}")
        click.echo(f"    {plain(rule['when'])}")


# ---------------------------------------------------------------------------------------------------- within


def _draft(draft: str) -> tuple[dict[str, Any], DoorDocument]:
    """Return what is sent for a draft, and the document that it is: a mistake is told before anything is asked."""
    if draft in set(Preset):
        return {"preset": draft}, PRESETS[Preset(draft)]
    file = Path(draft)
    if not file.is_file():
        raise Invalid("draft_unknown", f"{draft} is no file and no preset; presets are {', '.join(Preset)}.")
    document = document_in(file, DoorDocument)
    return {"document": document.model_dump(mode="json")}, document


def _read(found: Mapping[str, object]) -> DoorDocument:
    return drafts.read(found, DoorDocument)


def _changed(before: DoorDocument, after: DoorDocument) -> str:
    return sentences.changed(changes(before, after), reader()).plain


def _say_set(made: Mapping[str, Any], before: DoorDocument, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"Version {int(made['number'])} of your door stands. What changed:")
    click.echo(_changed(before, _read(made["document"])))
    click.echo("`earnest door undo` takes it back.")


def _show_tried(found: Mapping[str, Any], *, err: bool = False) -> None:
    """Say what a draft would change."""
    all_, days, count = int(found["strangers"]), int(found["days"]), int(found["changed"])
    else_ = "would meet something else, by what is known of them today."
    click.echo(f"Of {all_} who knocked in the last {days} days, {count} {else_}", err=err)
    if found["cut"]:
        click.echo("There were more: these are the latest.", err=err)
    if not found["counted"]:
        click.echo("Whom a door lets in is counted from when it is first set, and yours was not yet.", err=err)
    for one in found["differences"]:
        count, now, then = int(one["strangers"]), _FATES[one["now"]], _WOULD[one["then"]]
        click.echo(f"{count} {now} now and would {then}:", err=err)
        for sample in one["samples"]:
            times = int(sample["came_in"]) + int(sample["kept_out"])
            last = from_unix(int(sample["last_at"])).astimezone().strftime("%Y-%m-%d %H:%M")
            rule = sample["then"]["rule"]
            by = f"by rule {plain(rule)}" if rule else "no rule names them"
            click.echo(f"  {plain(sample['stranger'])}  {times} times, last {last}; {by}", err=err)
        if count > len(one["samples"]):
            click.echo(f"  and {count - len(one['samples'])} more", err=err)
    for fact, count in found["lacking"].items():
        click.echo(f"Of {int(count)} of them {plain(fact)} is not known, which its rules ask about.", err=err)
