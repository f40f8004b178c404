"""``earnest filter`` as a person meets it, against the API as it is served."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.commands.filter import filter_
from kit.database import Database
from tests.integration.api.test_filters import COINS, GROUP, sees
from tests.support.services import ALICE, BOB, a_container, a_token, listening

Run = Callable[..., Result]


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def run(container: Container, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command as Alice."""
    monkeypatch.setenv("EARNEST_TOKEN", a_token(container, ALICE).removeprefix("Bearer "))
    with listening(container) as url:
        yield lambda *words: CliRunner().invoke(filter_, [*words, "--service", url])


def test_a_filter_is_set_compared_ended_and_undone(run: Run, container: Container, tmp_path: Path) -> None:
    assert "You have no filter" in run("show").output
    assert "never set a filter" in run("versions").output
    assert "Version 1 of your filter stands" in run("set", "links").output
    assert "Version 1, the preset links:" in run("show").output
    assert "No room is read for you" in run("show").output
    file = tmp_path / "filter.json"
    file.write_text(json.dumps(COINS))
    assert json.loads(run("set", str(file), "--json").output)["number"] == 2
    with container.work() as work:
        work.filters.rooms.watch(work.people.number(ALICE), GROUP, most=1)
    assert f"Reads {GROUP} since " in run("show").output
    assert json.loads(run("show", "--json").output)["rules"][0]["name"] == "coins"
    assert "coins" in run("diff").output
    assert run("diff", "2", "2").output == "Nothing is different.\n"
    assert "There is no version 7" in run("diff", "7", "2").output
    off = run("off").output
    assert "Version 3 of your filter stands" in off
    assert "coins" in off
    assert "You have no filter" in run("show").output
    assert "Version 4 of your filter stands" in run("undo").output
    assert "Version 5 of your filter stands" in run("back", "1").output
    versions = run("versions").output
    assert versions.index("5, ") < versions.index("3, ") < versions.index("1, ")
    assert json.loads(run("versions", "--json").output)["versions"][0]["number"] == 5


def test_what_it_saw_is_told_and_explained(run: Run, container: Container, tmp_path: Path) -> None:
    assert "Of 0 messages" in run("seen").output
    file = tmp_path / "filter.json"
    file.write_text(json.dumps(COINS))
    run("set", str(file))
    sees(container)
    seen = run("seen", "--days", "3").output
    assert "Of 4 messages in the last 3 days (rooms: 1), your filter would hide or mark 1." in seen
    assert "1 it would mark, as spam, by rule coins" in seen
    assert BOB in seen
    assert "https://matrix.to/#/%21group%3Aexample.org/%24one?via=example.org" in seen
    assert "1 more were encrypted" in seen
    assert "2 more came too fast" in seen
    assert "For 4 of them sender.standing is not known" in seen
    why = run("why", "$one").output
    assert "rule 1, coins: it would mark, as spam" in why
    assert "message.text (not kept)" in why
    assert "sender.known_by = 0" in why
    assert "rule low could not tell, not known: sender.standing" in why
    assert json.loads(run("seen", "--json").output)["seen"] == 1
    assert json.loads(run("why", "$one", "--json").output)["event"] == "$one"
    assert run("why", "$two").exit_code == 1


def test_a_mistake_is_told_before_anything_is_asked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "filter.json"
    file.write_text("{")
    for draft, said in (("cosy", "presets are advertising, links, careful"), (str(file), "no JSON")):
        refused = run("set", draft)
        assert (refused.exit_code, said in refused.output) == (1, True)


def test_presets_are_listed() -> None:
    assert "Marks what looks like advertising." in CliRunner().invoke(filter_, ["presets"]).output
    assert json.loads(CliRunner().invoke(filter_, ["presets", "--json"]).output)["links"]["kind"] == "filter"
