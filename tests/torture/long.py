"""The long form, ``make torture``: run after run until enough forks and kills have happened; 1 where anything differs.

It shows how far it is after each run, and at the end what happened in all. A run that fails prints its steps, which
``STEPS=file`` plays again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ParamSpec

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine

from kit.database import make_engine
from tests.support.databases import BACKENDS, make_schema, postgresql_server, sqlite_made
from tests.support.torture import Ground, Tally, ground
from tests.torture.machine import machine_of, replay

P = ParamSpec("P")

_RUNS_AT_ONCE = 2
_STEPS = 100


def main() -> int:
    """Torture by the arguments; 0 where all was as it must be."""
    parser = argparse.ArgumentParser(prog="make torture")
    parser.add_argument("--database", choices=(*BACKENDS, "both"), default="both")
    parser.add_argument("--seed", type=int, help="begin where an earlier one began; drawn and printed, else")
    parser.add_argument("--reorgs", type=int, default=500, help="as many, at least, of blocks that were booked")
    parser.add_argument("--kills", type=int, default=200, help="as many, at least, in the middle of work")
    parser.add_argument("--nodes", type=int, choices=(1, 2), default=1, help="of two, one lags or lies at times")
    parser.add_argument("--steps", type=Path, help="a file with the steps of a run that failed, to be played again")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("EARNEST_")]:
        del os.environ[name]  # settings are the world's own, as in the tests
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    begin = secrets.randbelow(10**6) if given.seed is None else given.seed
    backends = BACKENDS if given.database == "both" else (given.database,)
    tallies = []
    for number, backend in enumerate(backends):
        share = [-(-wanted // len(backends)) for wanted in (given.reorgs, given.kills)]
        with (
            tempfile.TemporaryDirectory(prefix="earnest-torture-") as folder,
            _ground(Path(folder), backend, two_nodes=given.nodes == 2) as found,
        ):
            print(f"On {backend}, SEED={begin + number}:", flush=True)
            tallies.append(found.tally)
            if given.steps is not None:
                fine = _tried(replay, found, _read(given.steps))
            else:
                fine = _torture(found, begin + number, reorgs=share[0], kills=share[1])
            _tell(found)
            if not fine:
                print((found.folder / "lives.log").read_text(errors="replace")[-5000:])
                print("torture: something differs; see above.", file=sys.stderr)
                return 1
    reorgs, kills = sum(one.reorgs for one in tallies), sum(one.kills.total() for one in tallies)
    print(f"torture: {reorgs} reorgs and {kills} kills, and the books are those of the chain.")
    return 0


def _torture(found: Ground, begin: int, *, reorgs: int, kills: int) -> bool:
    began = time.monotonic()
    tally, turn = found.tally, 0
    while tally.reorgs < reorgs or tally.kills.total() < kills:
        turn += 1
        # Each turn has a seed of its own, so that a failing one can be begun with.
        machine = seed(begin * 1000 + turn)(type("Tortured", (machine_of(found),), {"ground": found}))
        plan = settings(
            max_examples=_RUNS_AT_ONCE,
            stateful_step_count=_STEPS,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        if not _tried(run_state_machine_as_test, machine, settings=plan, _min_steps=_STEPS - 1):
            return False
        print(
            f"  {tally.runs} runs, {tally.steps} steps: {tally.reorgs}/{reorgs} reorgs, "
            f"{tally.kills.total()}/{kills} kills, {found.node.told.total()} faults, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return True


def _tried(doing: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
    try:
        doing(*args, **kwargs)
    except Exception:  # noqa: BLE001 - told, and the exit status with it
        traceback.print_exc(file=sys.stdout)
        return False
    return True


def _read(file: Path) -> list[list[Any]]:
    found: list[list[Any]] = json.loads(file.read_text(encoding="utf-8").strip().removeprefix("STEPS "))
    return found


def _tell(found: Ground) -> None:
    tally: Tally = found.tally
    print(f"  reorgs: {tally.reorgs} of blocks that were booked, of {tally.forks} in all")
    print(f"  kills in the middle of work: {dict(tally.kills)}; between two rounds: {tally.restarts}")
    for node in found.nodes():
        faults = {str(fault): times for fault, times in sorted(node.told.items())}
        print(f"  faults: {faults}")
    print(f"  what the process waited for: {dict(tally.troubles)}; delivered again: {tally.repeats}")
    print(f"  blocks: {tally.blocks}; entries: {tally.entries}, {tally.reversals} of them took others back")
    print(f"  stakes: {dict(tally.stakes)}", flush=True)


@contextmanager
def _ground(folder: Path, backend: str, *, two_nodes: bool) -> Iterator[Ground]:
    with ExitStack() as stack:
        template = sqlite_made(folder / "template.db")
        engine: Engine | None = None
        if backend == "postgresql":
            engine = make_engine(stack.enter_context(postgresql_server()).url)
            stack.callback(engine.dispose)
            make_schema(engine)
        yield stack.enter_context(ground(folder, template, engine, two_nodes=two_nodes))


if __name__ == "__main__":
    sys.exit(main())
