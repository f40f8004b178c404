"""The chain loop and the worker die after every commit, and before and after every transaction that they send.

What comes of it, on a real node, is what comes of a life without deaths.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from contracts.chain import Deployment
from contracts.rpc import BoundedProvider
from kit.database import Database
from tests.support.anvil import Anvil
from tests.support.lives import Life, Place, always_alike, burned, came_of_it, nothing_twice, returned

_SOME = 8
"""How many points kill where not every death is asked for."""
_QUIET = frozenset({"chain_blocks", "chain_cursor"})


@contextmanager
def mortal(life: Life, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let whoever writes to a database or sends to a node die of it."""
    write, ask = Database.write, BoundedProvider.make_request
    tables = set[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        words = statement.split(maxsplit=3)
        if words[0] in ("INSERT", "UPDATE", "DELETE"):
            tables.add(words[1] if words[0] == "UPDATE" else words[2])

    @contextmanager
    def dying_write(self: Database) -> Iterator[Session]:
        tables.clear()
        event.listen(self.engine, "before_cursor_execute", note)
        try:
            with write(self) as session:
                yield session
        finally:
            event.remove(self.engine, "before_cursor_execute", note)
        if not tables <= _QUIET:
            life.point()

    def dying_ask(self: BoundedProvider, method: Any, params: Any) -> Any:  # noqa: ANN401 - web3's own
        if method != "eth_sendRawTransaction":
            return ask(self, method, params)
        life.point()
        answer = ask(self, method, params)
        life.point()
        return answer

    with patch.context() as patched:
        patched.setattr(Database, "write", dying_write)
        patched.setattr(BoundedProvider, "make_request", dying_ask)
        yield


@pytest.fixture
def play(
    tmp_path: Path,
    sqlite_template: Path,
    fresh_anvil: Anvil,
    fresh_deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[Callable[[Place], None], int | None], tuple[dict[str, list[Any]], int]]]:
    """Play a story with a death at a point, always on the same chain; what came of it, and how many points it has."""
    with always_alike(tmp_path, sqlite_template, fresh_anvil, fresh_deployment) as begin:

        def one(story: Callable[[Place], None], ends_at: int | None) -> tuple[dict[str, list[Any]], int]:
            life = Life(ends_at)
            place = begin(lambda file: Place(tmp_path, file, fresh_anvil, fresh_deployment, life))
            with mortal(life, monkeypatch):
                story(place)
            nothing_twice(place)
            return came_of_it(place), life.points

        yield one


@pytest.mark.parametrize("story", [returned, burned])
def test_a_life_with_a_death_ends_like_one_without(
    play: Callable[[Callable[[Place], None], int | None], tuple[dict[str, list[Any]], int]],
    story: Callable[[Place], None],
    seed: int,
    *,
    everything: bool,
) -> None:
    undisturbed, points = play(story, None)
    assert undisturbed["stakes"][0][0] == story.__name__.replace("burned", "forfeited")
    assert points > 10
    every = range(1, points + 1)
    for point in every if everything else random.Random(seed).sample(every, _SOME):
        found, _ = play(story, point)
        assert found == undisturbed, f"died at point {point}"
