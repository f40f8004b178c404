"""``earnest rules``: read a door, a filter or protections, and say what they do to a knock or a message and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from app.wording import rules as wording
from app.wording.reader import Reader, Service
from cli.context import disk_told, told
from kit.clock import system_clock
from kit.errors import Invalid
from reputation.conditions.condition import Trace
from reputation.conditions.facts import flat, plain, record
from reputation.conditions.model import Broken, Outcome, Record, Unknown
from reputation.policy import DECIMALS, KINDS, schema_of
from reputation.policy_rules import (
    FOUND,
    LONGEST_DOCUMENT,
    Considered,
    Finder,
    Guard,
    InForce,
    Policy,
    Screen,
    attach,
    explain,
    explain_screen,
    read_json,
)

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_TEXTS = ("knock.text", "message.text")


@click.group()
def rules() -> None:
    """Try doors, filters and protections of rooms before anybody meets them."""


@rules.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@disk_told
def check(file: Path, *, as_json: bool) -> None:
    """Read FILE (JSON) and say what kind of document it is, or where its mistake is."""
    try:
        policy = _read(file)
    except Invalid as error:
        if not as_json:
            raise click.ClickException(f"{file}: {error.message}") from error
        click.echo(json.dumps({"ok": False, "code": error.code, "message": error.message, **_plain(error.values)}))
        raise click.exceptions.Exit(1) from error
    document = policy.document
    facts = sorted({name for condition in policy.conditions for name in condition.facts})
    costs = [condition.cost for condition in policy.conditions]
    if as_json:
        found = {"ok": True, "kind": document.kind, "rules": len(document.rules), "facts": facts, "cost": sum(costs)}
        click.echo(json.dumps(found))
        return
    count = len(document.rules)
    click.echo(f"{file}: {_named(document.kind)} with {count} rule{'' if count == 1 else 's'}, and all is well.")
    if facts:
        click.echo(f"It asks about {', '.join(facts)}.")


@rules.command()
@click.argument("kind", type=click.Choice(sorted(KINDS)))
def schema(kind: str) -> None:
    """Print the JSON Schema of a kind of document; docs/schemas holds them too."""
    click.echo(json.dumps(schema_of(kind), indent=2, ensure_ascii=False))


@rules.command(name="explain")
@click.argument("file", type=_FILE)
@click.option(
    "--facts", type=_FILE, required=True, help='JSON: {"sender": {"standing": 0.4}}; what is not there is unknown.'
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
@disk_told
def explain_(file: Path, facts: Path, *, as_json: bool) -> None:
    """Say what FILE does to a knock or message of which these facts are known, by which rule and why."""
    policy = _read(file)
    known = _facts(policy, facts)
    reader = Reader(Service("ERN", DECIMALS, "", None), system_clock())
    if isinstance(policy, Policy):
        explained = explain(policy, known)
        ruling = explained.ruling
        if not as_json:
            click.echo(wording.explained(explained, reader).plain)
            return
        document: dict[str, object] = {
            "verdict": ruling.action.model_dump(mode="json"),
            "number": ruling.number,
            "rule": ruling.name,
            "unsure": [each.name for each in ruling.unsure],
            "considered": [_considered(rule) for rule in explained.considered],
        }
    else:
        considered = explain_screen(policy, known)
        if not as_json:
            click.echo(wording.screened(considered, reader).plain)
            return
        document = {**_done(policy, known), "considered": [_considered(rule) for rule in considered]}
    click.echo(json.dumps(document, indent=1))  # ASCII alone: what strangers wrote moves no terminal


def _named(kind: str) -> str:
    return kind if kind.endswith("s") else f"a {kind}"


def _done(policy: Screen | Guard, known: Record) -> dict[str, object]:
    """Tell what the rules that hold do."""
    if isinstance(policy, Screen):
        labels = [{"rule": each.name, **each.label.model_dump(mode="json")} for each in attach(policy, known)]
        return {"labels": labels}
    pairs = zip(policy.document.rules, policy.conditions, strict=True)
    held = [rule for rule, condition in pairs if condition.ask(known) is True]
    follows = [{"rule": rule.name, **rule.then.model_dump(mode="json", exclude_none=True)} for rule in held]
    return {"follows": follows}


def _read(file: Path) -> InForce:
    return read_json(_text(file))


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        found = opened.read(4 * LONGEST_DOCUMENT + 1)
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("document_no_json", f"{file} is no text in UTF-8.") from error


def _facts(policy: InForce, file: Path) -> Record:
    """Read the facts; of a text that is among them, the document's own patterns are looked for."""
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise Invalid("facts_no_json", f"{file} is no JSON.") from error
    if not isinstance(found, dict):
        raise Invalid("facts_no_json", f"{file} is no JSON object, from {{ to }}.")
    known = flat(found)
    text = next((known[name] for name in _TEXTS if isinstance(known.get(name), str)), None)
    if isinstance(text, str) and FOUND not in known:
        known[FOUND] = Finder(policy.document.patterns).found(text)
    return record(policy.schema, known)


def _considered(rule: Considered) -> Mapping[str, object]:
    return {
        "number": rule.number,
        "rule": rule.name,
        "when": rule.when,
        "because": rule.because,
        **_trace(rule.trace),
    }


def _trace(trace: Trace) -> Mapping[str, object]:
    steps = [
        {
            "text": step.text,
            "start": step.start,
            "end": step.end,
            "outcome": _outcome(step.outcome),
            "facts": {seen.name: plain(seen.value) for seen in step.facts},
        }
        for step in trace.steps
    ]
    return {"answer": trace.answer, "missing": list(trace.missing), "steps": steps}


def _outcome(outcome: Outcome) -> object:
    match outcome:
        case Unknown():
            return {"unknown": sorted(outcome.facts)}
        case Broken():
            return {"broken": outcome.why.value}
        case _:
            return plain(outcome)


def _plain(values: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value if isinstance(value, int | str) else str(value) for name, value in values.items()}
