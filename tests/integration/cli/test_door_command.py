"""``earnest door`` as a person meets it, against the API as it is served: tried, set, compared, explained, undone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.commands.door import door
from kit.database import Database
from reputation.model import DoorMode, Knock
from tests.support.knocks import ROOM
from tests.support.services import ALICE, BOB, a_bearer, a_container, a_token, listening

Run = Callable[..., Result]
COINS = {
    "version": 1,
    "kind": "door",
    "rules": [{"name": "coins", "when": "knock.text.contains('coin')", "then": {"do": "refuse"}}],
    "otherwise": {"do": "admit"},
}


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    made = a_container(tmp_path, database)
    a_bearer(made, "example.org")
    return made


@pytest.fixture
def run(container: Container, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command as Alice."""
    monkeypatch.setenv("EARNEST_TOKEN", a_token(container, ALICE).removeprefix("Bearer "))
    with listening(container) as url:
        yield lambda *words, answer="": CliRunner().invoke(door, [*words, "--service", url], input=answer)


def mode(container: Container) -> DoorMode:
    with container.read() as work:
        return work.doors.show(work.people.number(ALICE)).mode


def test_a_door_is_tried_set_compared_explained_and_undone(run: Run, container: Container, tmp_path: Path) -> None:
    assert "Version 0, the preset open" in run("show").output
    assert run("set", "open", "--yes").exit_code == 0
    with container.work() as work:
        tenant = work.tenants.all()[0]
        work.gate.ask(Knock(tenant.id, tenant.server_name, BOB, ALICE, ROOM, work.now, federated=True))
    tried = run("try", "friends-of-friends", "--days", "3").output
    assert "Of 1 who knocked in the last 3 days, 1 would meet something else" in tried
    assert "1 come in now and would be held:" in tried
    assert BOB in tried
    asked = run("set", "friends-of-friends", answer="n\n")
    assert asked.exit_code == 1
    assert "1 come in now and would be held:" in asked.output
    assert mode(container) is DoorMode.OPEN
    assert "Version 2 of your door stands" in run("set", "friends-of-friends", answer="y\n").output
    assert mode(container) is DoorMode.RULES
    file = tmp_path / "door.json"
    file.write_text(json.dumps(COINS))
    assert json.loads(run("set", str(file), "--yes", "--json").output)["number"] == 3
    assert "unknown, not known: knock.text" in run("why", BOB).output
    assert "friends of friends" in run("diff").output
    assert run("diff", "3", "3").output == "Nothing is different.\n"
    assert "Comes in free; before: Is asked for a stake of 5 ERN" in run("diff", "2", "3").output
    versions = run("versions").output
    assert versions.index("3, ") < versions.index("2, ") < versions.index("1, ")
    assert "Version 4 of your door stands" in run("undo").output
    assert "Version 5 of your door stands" in run("back", "1").output
    assert mode(container) is DoorMode.OPEN
    assert json.loads(run("show", "--json").output)["otherwise"] == {"do": "admit"}


def test_a_mistake_is_told_before_anything_is_asked(run: Run, container: Container, tmp_path: Path) -> None:
    file = tmp_path / "door.json"
    file.write_text("{")
    for draft, said in (("cosy", "presets are open, stake"), (str(file), "no JSON")):
        refused = run("set", draft, "--yes")
        assert (refused.exit_code, said in refused.output) == (1, True)
    with container.read() as work:
        assert work.doors.versions.all(work.people.number(ALICE)) == []


def test_a_token_goes_nowhere_in_the_clear() -> None:
    refused = CliRunner().invoke(door, ["show", "--service", "http://earnest.example"], env={"EARNEST_TOKEN": "ern_x"})
    assert refused.exit_code == 1
    assert "https://" in refused.output
