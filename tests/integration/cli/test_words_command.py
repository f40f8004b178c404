"""``earnest words`` as a person meets it, against the API as it is served: said, listed, withdrawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.commands.words import words
from kit.database import Database
from reputation.evidence import Audience, Reason
from reputation.outlook import Outlook, Strangers
from tests.support.services import ALICE, BOB, a_bearer, a_container, a_token, listening

Run = Callable[..., Result]


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
        yield lambda *said: CliRunner().invoke(words, [*said, "--service", url])


def test_words_are_given_listed_and_withdrawn(run: Run, container: Container) -> None:
    carol = "@carol:example.org"
    assert run("vouch", carol, "--weight", "2", "--audience", "everybody").output == f"You vouch for {carol}.\n"
    assert run("report", BOB, "scam").output == f"You report {BOB}: scam.\n"
    with container.read() as work:
        given = work.vouches.given(work.people.number(ALICE))
        assert [(one.weight, one.reason, one.audience) for one in given] == [
            (-3, Reason.SCAM, Audience.TRUSTED),
            (2, None, Audience.EVERYBODY),
        ]
    listed = run("list").output.splitlines()
    assert listed[0].startswith(f"for      {carol}  2  for everybody  until ")
    assert listed[1].startswith(f"against  {BOB}  scam  for trusted  until ")
    assert run("withdraw", BOB).output == f"You report {BOB} no more.\n"
    assert run("withdraw", carol).output == f"You vouch for {carol} no more.\n"
    assert run("list").output == ""
    past = json.loads(run("list", "--past", "--json").output)
    assert [one["subject"] for kind in ("vouches", "reports") for one in past[kind]] == [carol, BOB]
    assert "taken back" in run("list", "--past").output


def test_what_cannot_be_said_is_refused(run: Run) -> None:
    for said in (("report", BOB, "they owe me money"), ("report", "bob", "spam"), ("withdraw", BOB), ("vouch", ALICE)):
        found = run(*said)
        assert found.exit_code, said
        assert "Traceback" not in found.output


def test_what_one_thinks_of_strangers_is_shown_and_set(run: Run, container: Container) -> None:
    assert run("outlook").output == "strangers  open: they stand at 0.90 of 1\nquorum     2\n"
    assert json.loads(run("outlook", "wary", "--json").output) == {"strangers": "wary", "prior": 0.25, "quorum": 2}
    assert run("outlook", "--quorum", "1").output == "strangers  wary: they stand at 0.25 of 1\nquorum     1\n"
    with container.read() as work:
        assert work.outlooks.show(work.people.number(ALICE)) == Outlook(Strangers.WARY, 1)
    assert run("outlook", "friendly").exit_code
    assert run("outlook", "--quorum", "4").exit_code
