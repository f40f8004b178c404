"""``earnest keys`` of the flair: another key takes over, is listed, and none before comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.commands.keys import keys
from kit.database import Database
from tests.support.services import Clock, a_container

Run = Callable[..., Result]


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Iterator[Container]:
    made = a_container(tmp_path, database, clock=Clock())
    yield made
    made.keyring.close()


@pytest.fixture
def run(container: Container) -> Run:
    """Runs the command on the container."""

    @click.group()
    @click.pass_context
    def root(context: click.Context) -> None:
        context.find_root().meta["earnest.container"] = container

    root.add_command(keys)
    return lambda *words: CliRunner().invoke(root, ["keys", *words])


def names(container: Container) -> list[str]:
    with container.read() as work:
        return [name for name, _ in work.flairs.keys.all()]


def test_it_says_what_would_happen_and_then_does_it(container: Container, run: Run) -> None:
    assert "Nothing was changed" in run("rotate", "flair").output
    assert names(container) == []
    first = json.loads(run("rotate", "flair", "--yes", "--json").output)
    second = json.loads(run("rotate", "flair", "--yes", "--json").output)
    assert (first["from"], second["from"], second["done"]) == (None, first["to"], True)
    assert names(container) == [second["to"], first["to"]]
    listed = run("list").output
    assert f"flair: {second['to']} sealed in the database" in listed
    assert "resolver: 0x" in listed


def test_none_before_comes_back(container: Container, run: Run) -> None:
    run("rotate", "flair", "--yes")
    before = names(container)
    for more in (("--back",), ("--to", "0x" + "11" * 20)):
        refused = run("rotate", "flair", *more, "--yes")
        assert refused.exit_code == 1
        assert "neither --to nor --back" in refused.output
    assert names(container) == before
