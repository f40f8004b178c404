"""``earnest filter``: one's own filter on messages: shown, set, undone, and what it would have hidden or marked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from app import drafts
from app.wording import documents
from app.wording import filters as wording
from app.wording import rules as sentences
from cli.acting import document_in, indented, reader, when
from cli.fetching import plain
from cli.own_token import Ask, asking
from kit.errors import Invalid, NotFound
from reputation.filter_presets import FILTER_PRESETS, NOTHING, FilterPreset
from reputation.policy import FilterDocument
from reputation.policy_changes import changes
from reputation.sightings import MOST_DAYS, USUAL_DAYS

_DOES: Final[Mapping[str, str]] = {"hide": "would hide", "warn": "would mark", "note": "would note"}
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="filter")
def filter_() -> None:
    """Your own filter: what it would hide or mark of what you may read. It hides nothing from anybody.

    The bot's word `token` gives you the token (EARNEST_TOKEN, or it is asked for). A DRAFT is the name of a preset or a
    file with a document (docs/rules.md). Rooms are read once you invite the bot into them.
    """


@filter_.command()
@_JSON
@asking
def show(ask: Ask, *, as_json: bool) -> None:
    """Show your filter, and the rooms that are read for it."""
    found = ask("GET", "filter")
    document = _read(found["document"])
    if as_json:
        click.echo(documents.as_text(document))
        return
    if not document.rules:
        click.echo("You have no filter; `earnest filter presets` lists some.")
        return
    preset = f", the preset {plain(found['preset'])}" if found["preset"] else ""
    click.echo(f"Version {int(found['number'])}{preset}:")
    click.echo(wording.document_in_words(reader(), document).plain)
    for room in found["rooms"]:
        click.echo(f"Reads {plain(room['room'])} since {when(room['since'])}.")
    if not found["rooms"]:
        click.echo("No room is read for you: invite the bot into one that you share with others.")


@filter_.command()
@_JSON
def presets(*, as_json: bool) -> None:
    """List the filters that fit into one sentence."""
    if as_json:
        found = {name: one.model_dump(mode="json", exclude_none=True) for name, one in FILTER_PRESETS.items()}
        click.echo(json.dumps(found))
        return
    for name in FILTER_PRESETS:
        click.echo(f"{name:12} {wording.PRESETS[name]}")


@filter_.command("set")
@click.argument("draft")
@_JSON
@asking
def set_(ask: Ask, draft: str, *, as_json: bool) -> None:
    """Let your filter be DRAFT. It is asked from the next message on."""
    if draft in set(FilterPreset):
        body: dict[str, Any] = {"preset": draft}
    elif Path(draft).is_file():
        body = {"document": document_in(Path(draft), FilterDocument).model_dump(mode="json")}
    else:
        raise Invalid("draft_unknown", f"{draft} is no file and no preset; presets are {', '.join(FilterPreset)}.")
    before = ask("GET", "filter")
    made = ask("PUT", "filter", {**body, "based_on": int(before["number"])})
    _say_set(made, _read(before["document"]), as_json=as_json)


@filter_.command()
@_JSON
@asking
def off(ask: Ask, *, as_json: bool) -> None:
    """Have no filter: the bot leaves the rooms that you asked it into."""
    before = _read(ask("GET", "filter")["document"])
    _say_set(ask("DELETE", "filter"), before, as_json=as_json)


@filter_.command()
@_JSON
@asking
def versions(ask: Ask, *, as_json: bool) -> None:
    """List what your filter was, newest first, and what each version changed."""
    found = ask("GET", "filter/versions")
    if as_json:
        click.echo(json.dumps(found))
        return
    kept = found["versions"]
    if not kept:
        click.echo("You never set a filter.")
    for place, version in enumerate(kept):
        click.echo(f"{int(version['number'])}, {when(version['since'])}{' (stands)' if place == 0 else ''}")
        if version["changes"] is not None:
            before = _read(kept[place + 1]["document"]) if place + 1 < len(kept) else NOTHING
            click.echo(indented(_changed(before, _read(version["document"]))))


@filter_.command()
@click.argument("one", type=click.IntRange(0), required=False)
@click.argument("other", type=click.IntRange(0), required=False)
@asking
def diff(ask: Ask, one: int | None, other: int | None) -> None:
    """Say what differs between versions ONE and OTHER (by default: from the last but one to what stands)."""
    kept = {int(each["number"]): _read(each["document"]) for each in ask("GET", "filter/versions")["versions"]}
    kept[0] = NOTHING
    later = max(kept) if other is None else other
    earlier = max((number for number in kept if number < later), default=0) if one is None else one
    for number in (earlier, later):
        if number not in kept:
            raise NotFound("filter_version_unknown", f"There is no version {number} of your filter.")
    click.echo(_changed(kept[earlier], kept[later]))


@filter_.command()
@_JSON
@asking
def undo(ask: Ask, *, as_json: bool) -> None:
    """Let your filter be what it was before the last change; doing so is a change, too."""
    before = _read(ask("GET", "filter")["document"])
    _say_set(ask("POST", "filter/undo"), before, as_json=as_json)


@filter_.command()
@click.argument("number", type=click.IntRange(1))
@_JSON
@asking
def back(ask: Ask, number: int, *, as_json: bool) -> None:
    """Let your filter be what it was in version NUMBER."""
    before = _read(ask("GET", "filter")["document"])
    _say_set(ask("POST", "filter/back", {"number": number}), before, as_json=as_json)


@filter_.command()
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=USUAL_DAYS, show_default=True, help="How far back to look."
)
@_JSON
@asking
def seen(ask: Ask, *, days: int, as_json: bool) -> None:
    """Tell what your filter would have hidden or marked lately, by rule, and the newest of it."""
    found = ask("GET", f"filter/would-have?days={days}")
    if as_json:
        click.echo(json.dumps(found))
        return
    messages, rooms, count = int(found["messages"]), int(found["rooms"]), int(found["seen"])
    click.echo(
        f"Of {messages} messages in the last {days} days (rooms: {rooms}), your filter would hide or mark {count}."
    )
    for one in found["rules"]:
        does = _DOES[str(one["severity"])]
        click.echo(f"{int(one['messages']):6} it {does}, as {plain(one['label'])}, by rule {plain(one['rule'])}")
    for one in found["newest"]:
        click.echo(f"{when(one['at'])}  {plain(one['sender'] or 'somebody who has left us')}  {plain(one['link'])}")
    if found["unread"]:
        click.echo(f"{int(found['unread'])} more were encrypted, and the bot got no key.")
    if found["passed"]:
        click.echo(f"{int(found['passed'])} more came too fast and were passed over.")
    for fact, count in found["lacking"].items():
        click.echo(f"For {int(count)} of them {plain(fact)} is not known, which a rule asks about.")
    if not messages:
        click.echo("`earnest filter show` says which rooms are read for you.")


@filter_.command()
@click.argument("message")
@_JSON
@asking
def why(ask: Ask, message: str, *, as_json: bool) -> None:
    """Say why your filter would hide or mark MESSAGE (a link to it, or its event id), and what was not known."""
    found = ask("GET", f"filter/why?event={quote(message, safe='')}")
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{plain(found['sender'] or 'Somebody who has left us')} wrote it, {when(found['at'])}:")
    click.echo(f"  {plain(found['link'])}")
    for one in found["held"]:
        does = _DOES[str(one["severity"])]
        click.echo(f"rule {int(one['number'])}, {plain(one['rule'])}: it {does}, as {plain(one['label'])}")
        for name, value in one["facts"].items():
            shown = "(not kept)" if value is None else f"= {plain(json.dumps(value, ensure_ascii=False))}"
            click.echo(f"    {plain(name)} {shown}")
    for one in found["unsaid"]:
        click.echo(f"rule {plain(one['rule'])} could not tell, not known: {', '.join(map(plain, one['lacking']))}")


# ---------------------------------------------------------------------------------------------------- within


def _read(found: Mapping[str, object]) -> FilterDocument:
    return drafts.read(found, FilterDocument)


def _changed(before: FilterDocument, after: FilterDocument) -> str:
    return sentences.changed(changes(before, after), reader()).plain


def _say_set(made: Mapping[str, Any], before: FilterDocument, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"Version {int(made['number'])} of your filter stands. What changed:")
    click.echo(_changed(before, _read(made["document"])))
    click.echo("`earnest filter undo` takes it back.")
