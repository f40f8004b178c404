"""``earnest rules`` as a person meets it: documents checked, verdicts explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.commands.rules import rules

DOOR = {
    "version": 1,
    "kind": "door",
    "patterns": {"coin": {"words": ["airdrop"], "look_alikes": True}},
    "rules": [
        {"name": "coins", "when": "'coin' in text.found && sender.standing < 0.5", "then": {"do": "refuse"}},
        {"name": "friends", "when": "sender.known_by >= 1", "then": {"do": "admit"}},
    ],
    "otherwise": {"do": "hold", "stake": "5", "free": ["ask", "vouch"]},
}
FILTER = {
    "kind": "filter",
    "rules": [{"name": "far", "when": "message.links > 2", "then": {"label": "spam", "days": 30}}],
}

PROTECTIONS = {
    "kind": "protections",
    "rules": [
        {"name": "flood", "when": "sender.messages_10s >= 10", "then": {"do": "mute", "for": "60m"}},
        {"name": "new", "when": "sender.in_room < duration('10m')", "then": {"do": "redact"}},
    ],
}


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """A runner of the command in an empty folder."""
    return Runner(tmp_path)


class Runner:
    """Writes documents and facts into files and gives them to the command."""

    def __init__(self, folder: Path) -> None:
        """Work in ``folder``."""
        self.folder = folder

    def __call__(self, command: str, document: object, facts: object = None, *, as_json: bool = False) -> Result:
        words = [command, str(self.written("document.json", document))]
        if facts is not None:
            words += ["--facts", str(self.written("facts.json", facts))]
        return CliRunner().invoke(rules, [*words, *(["--json"] if as_json else [])])

    def written(self, name: str, document: object) -> Path:
        file = self.folder / name
        text = document if isinstance(document, str) else json.dumps(document)
        file.write_text(text, encoding="utf-8")
        return file


def test_a_document_without_mistakes(run: Runner) -> None:
    told = run("check", DOOR)
    assert told.exit_code == 0
    assert "a door with 2 rules" in told.output
    assert "sender.known_by, sender.standing, text.found" in told.output
    found = json.loads(run("check", DOOR, as_json=True).output)
    assert (found["ok"], found["kind"], found["rules"]) == (True, "door", 2)


def test_a_mistake_is_told_with_its_place(run: Runner) -> None:
    wrong = json.loads(json.dumps(DOOR))
    wrong["rules"][1]["when"] = "sender.known_by >= 1 or\ntrue"
    told = run("check", wrong)
    assert told.exit_code == 1
    assert "rule 2 (friends), line 1, column 22: or means nothing here; write || instead" in told.output
    as_json = run("check", wrong, as_json=True)
    assert as_json.exit_code == 1
    found = json.loads(as_json.output)
    assert (found["ok"], found["code"], found["line"], found["column"]) == (False, "condition_word", 1, 22)
    assert run("check", "{ nonsense").exit_code == 1


def test_a_verdict_is_explained(run: Runner) -> None:
    facts = {"sender": {"standing": 0.1}, "knock": {"text": "Free A1RDROP"}}
    told = run("explain", DOOR, facts)
    assert told.exit_code == 0, told.output
    assert told.output.splitlines()[0] == "Is refused, by rule 1, \u2068coins\u2069:"
    assert "- sender.standing < 0.5 is true (sender.standing = \u20680.1\u2069)" in told.output
    found = json.loads(run("explain", DOOR, facts, as_json=True).output)
    assert found["verdict"] == {"do": "refuse"}
    assert found["rule"] == "coins"
    (rule,) = found["considered"]
    assert rule["steps"][1]["facts"] == {"sender.standing": 0.1}
    assert rule["steps"][0]["facts"] == {"text.found": ["coin"]}


def test_protections_are_checked_and_explained(run: Runner) -> None:
    assert "protections with 2 rules, and all is well." in run("check", PROTECTIONS).output
    facts = {"sender": {"messages_10s": 12, "in_room": "5m"}}
    told = run("explain", PROTECTIONS, facts)
    assert told.exit_code == 0, told.output
    assert "Rule 1, \u2068flood\u2069, holds:" in told.output
    found = json.loads(run("explain", PROTECTIONS, facts, as_json=True).output)
    assert found["follows"] == [
        {"rule": "flood", "do": "mute", "for": "1h"},
        {"rule": "new", "do": "redact"},
    ]
    assert json.loads(run("explain", PROTECTIONS, {}, as_json=True).output)["follows"] == []


def test_what_strangers_wrote_moves_no_terminal(run: Runner) -> None:
    document = DOOR | {"rules": [{"name": "a", "when": "knock.text != room.name", "then": {"do": "admit"}}]}
    facts = {"knock": {"text": "\x1b[2J\x9b2J\u202e\u2028"}, "room": {"name": "Tea"}}
    assert run("explain", document, facts, as_json=True).output.isascii()
    said = run("explain", document, facts).output
    assert not set(said) & set("\x1b\x9b\u202e\u2028")


def test_what_is_unknown_is_shown_as_such(run: Runner) -> None:
    facts = {"text.found": ["coin"], "sender.known_by": 0}
    told = run("explain", DOOR, facts)
    assert told.output.splitlines()[0] == (
        "Is asked for a stake of 5 ERN, or one sentence that waits in your queue, or the word of one of your contacts, "
        "because no rule says otherwise."
    )
    assert "- sender.standing < 0.5 cannot be told: sender.standing not known" in told.output
    assert "- sender.known_by >= 1 is not true (sender.known_by = \u20680\u2069)" in told.output
    found = json.loads(run("explain", DOOR, facts, as_json=True).output)
    assert found["unsure"] == ["coins"]
    assert found["considered"][0]["missing"] == ["sender.standing"]


def test_labels_of_a_filter_are_explained(run: Runner) -> None:
    found = json.loads(run("explain", FILTER, {"message": {"links": 3}}, as_json=True).output)
    assert found["labels"] == [{"rule": "far", "label": "spam", "severity": "warn", "days": 30}]
    assert "Rule 1, \u2068far\u2069, holds:" in run("explain", FILTER, {"message": {"links": 3}}).output
    assert "does not hold" in run("explain", FILTER, {"message": {"links": 1}}).output


@pytest.mark.parametrize("facts", ["[]", "nonsense", {"sender": {"standng": 1}}, {"sender.standing": "high"}])
def test_facts_that_cannot_be_are_refused(run: Runner, facts: object) -> None:
    told = run("explain", DOOR, facts)
    assert told.exit_code == 1
    assert told.output.startswith("Error: ")
