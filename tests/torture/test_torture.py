"""Promises 1 to 3 on a real node, real processes and both databases; the short form of ``make torture``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.anvil import SUPPLY, running_anvil
from tests.support.databases import BACKENDS
from tests.support.torture import FINALITY, Ground, ground
from tests.torture.machine import Torture, TortureOfTwo

SHORT = settings(
    max_examples=4,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(params=BACKENDS)
def torturing(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[Ground]:
    """The ground on each kind of database."""
    engine = None if request.param == "sqlite" else request.getfixturevalue("postgresql_engine")
    with ground(tmp_path, sqlite_template, engine) as found:
        yield found


def test_whatever_happens_the_books_are_those_of_the_chain(torturing: Ground) -> None:
    machine = type("Tortured", (Torture,), {"ground": torturing})
    run_state_machine_as_test(machine, settings=SHORT, _min_steps=15)
    tally = torturing.tally
    print(tally, torturing.node.told)  # noqa: T201 - pytest shows it where the test fails
    assert tally.reorgs > 5
    assert tally.kills.total() > 2
    assert tally.reversals > 0
    assert len(torturing.node.told) > 5


def test_whatever_one_of_two_nodes_says_the_books_are_those_of_the_chain(tmp_path: Path, sqlite_template: Path) -> None:
    with ground(tmp_path, sqlite_template, None, two_nodes=True) as torturing:
        machine = type("Tortured", (TortureOfTwo,), {"ground": torturing})
        run_state_machine_as_test(machine, settings=settings(SHORT, max_examples=2), _min_steps=15)
        tally, told = torturing.tally, [node.told for node in torturing.nodes()]
    print(tally, told)  # noqa: T201 - pytest shows it where the test fails
    assert tally.reorgs > 2
    assert tally.kills.total() > 1
    assert tally.troubles["ChainMismatch"], "two that contradict each other were never met"
    assert all(told)


def test_the_deepest_fork_leaves_the_contracts_where_they_are_however_long_the_node_ran(tmp_path: Path) -> None:
    with running_anvil(tmp_path / "anvil.log", finality=FINALITY) as anvil:
        place = anvil.deploy()
        anvil.mine(1_100)
        anvil.reorg(FINALITY)
        assert anvil.tokens_of(place, anvil.signer("treasury").address) == SUPPLY
