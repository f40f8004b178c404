"""A chain process that is killed and born again before every block leaves the database that one life leaves.

Two nodes of the same beginning make the same blocks, the same seeds draw the same secrets, and the clock is that of the
chain: so every table is compared, and as it is.
"""

from __future__ import annotations

import base64
import random
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from kit.database import Base
from tests.support.anvil import running_anvil
from tests.support.chain_lives import lives
from tests.support.databases import BACKENDS
from tests.support.faulty_node import faulty_node
from tests.support.torture import Ground, World

BEGINNING = "1800000000"
FINALITY = 4
PATIENT = 60.0
"""A death or a fault is what may make a difference here, never a slow machine."""
EVERY = {
    ("outgoing", "done"),
    ("stakes", "returned"),
    ("stakes", "forfeited"),
    ("stakes", "expired"),
    ("chain_blocks", "orphaned"),
}
Dump = dict[str, list[tuple[Any, ...]]]
Restart = Callable[[World], object]


def once(world: World) -> None:
    """Live on."""


def again(world: World) -> None:
    """Be killed, and born again."""
    world.lives.restart()


def story(world: World, restart: Restart) -> None:
    """Let every kind of thing happen, block by block, with a branch that is left and one that comes back."""

    def blocks(count: int = 1) -> None:
        for _ in range(count):
            world.mine()
            restart(world)
            assert not world.follow().troubles
            assert not world.sweep().troubles

    def later(which: int) -> None:
        world.travel(which)
        blocks()

    blocks(2)
    for who in range(3):
        world.pay(who, who + 1, 3)
        world.open(who, who + 1, 5 + who)
    world.pay(0, 4, 7)  # to the escrow, unasked
    world.burn(1, 9)
    blocks(2)
    world.reorg(2, 1, 2, 5, again=False)
    blocks(3)
    for who, what in enumerate((0, 1, 2)):  # accepted, returned, spam
        world.knock(who, 0, carried=who != 1)
        blocks(3)
        world.answer(who, 0, what)
        blocks()
    world.knock(3, 1, carried=False)
    world.end(0, 0)
    world.end(1, 2)
    blocks(2)
    world.reorg(3, 0, 1, 5, again=True)
    blocks(FINALITY)
    later(2)
    world.end(1, 3)
    blocks(FINALITY)
    later(3)
    world.end(2, 4)
    for _ in range(6):
        later(1)
        blocks(FINALITY)


def dumped(world: World) -> Dump:
    """All rows of all tables, by their keys."""
    with world.database.read(one_moment=True) as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


def lived(folder: Path, template: Path, engine: Engine | None, restart: Restart) -> Dump:
    """Play the story on a node of its own; what the database then holds."""
    folder.mkdir()
    with (
        running_anvil(folder / "anvil.log", "--timestamp", BEGINNING, finality=FINALITY) as anvil,
        faulty_node(anvil.url) as node,
        lives(folder / "lives.log") as born,
    ):
        anvil.rpc("anvil_setBlockTimestampInterval", 1)
        world = World(Ground(anvil, node, born, folder, template, engine), patience=PATIENT)
        try:
            story(world, restart)
            return dumped(world)
        finally:
            world.close()


@pytest.fixture
def same_secrets(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Draw the same secrets again from the beginning whenever it is called."""

    def begin() -> None:
        chance = random.Random(7)
        monkeypatch.setattr(secrets, "token_bytes", chance.randbytes)
        monkeypatch.setattr(secrets, "token_hex", lambda count: chance.randbytes(count).hex())
        monkeypatch.setattr(secrets, "choice", chance.choice)
        monkeypatch.setattr(
            secrets,
            "token_urlsafe",
            lambda count: base64.urlsafe_b64encode(chance.randbytes(count)).decode().rstrip("="),
        )

    return begin


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_twin_that_is_killed_before_every_block_leaves_the_same_database(
    tmp_path: Path,
    sqlite_template: Path,
    request: pytest.FixtureRequest,
    same_secrets: Callable[[], None],
    backend: str,
) -> None:
    engine = None if backend == "sqlite" else request.getfixturevalue("postgresql_engine")
    same_secrets()
    undisturbed = lived(tmp_path / "once", sqlite_template, engine, once)
    same_secrets()
    restarted = lived(tmp_path / "again", sqlite_template, engine, again)
    states = {
        (name, value) for name, rows in undisturbed.items() for row in rows for value in row if type(value) is str
    }
    assert states >= EVERY, "the story came to less than it tells"
    for name, rows in undisturbed.items():
        assert restarted[name] == rows, name
