"""The state machine: every rule is one thing that may happen; a run ends with everything that must then hold."""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.faulty_node import Fault
from tests.support.proofs import Trail, at_every_moment, in_the_end
from tests.support.torture import FINALITY, SECONDS, Ground, World

P = ParamSpec("P")
WHICH = st.integers(0, 30)
KEPT = st.integers(0, 2)
OTHERS = st.integers(0, 3)
AGAIN = st.booleans()
CHANCE = st.integers(0, 999)
DOING = st.tuples(
    st.sampled_from(["pay", "pay", "burn", "open", "open", "end", "end", "knock", "knock", "answer"]),
    WHICH,
    st.integers(0, 5),
    WHICH,
)
MOST = {"statement": 40, "commit": 5, "committed": 5, "question": 12, "answer": 12, "moment": 120}
"""At which point of each kind a process dies at the latest: what reading a few blocks surely comes to."""
DEATHS = st.tuples(st.sampled_from(sorted(MOST)), st.integers(0, 119))
FORKS = st.lists(st.integers(1, 4), min_size=1, max_size=4)
NO_FAULTS: st.SearchStrategy[list[str]] = st.just([])
FAULTS = st.lists(
    st.sampled_from(["", *(fault for fault in Fault if fault is not Fault.OTHER_FINAL)]), min_size=1, max_size=12
)
MOODS = st.sampled_from(
    ["", Fault.LAGS, Fault.OTHER_FORK, Fault.OTHER_FINAL, Fault.MISSING, Fault.HANG_UP, Fault.WITHHELD]
)
DEPTHS = st.one_of(st.integers(1, 4), st.integers(1, FINALITY))


def step(rule_of: Callable[P, None]) -> Callable[P, None]:
    """Write down what was done, so that it can be done again; show it all where it failed."""

    @functools.wraps(rule_of)
    def _do(*args: P.args, **kwargs: P.kwargs) -> None:
        machine: Torture = args[0]  # type: ignore[assignment]
        machine.steps.append([rule_of.__name__, kwargs])
        machine.ground.tally.steps += 1
        machine.guarded(lambda: rule_of(*args, **kwargs))

    return _do


class Torture(RuleBasedStateMachine):
    """A world to which things happen; ``ground`` is set in a subclass."""

    ground: ClassVar[Ground]

    def __init__(self) -> None:
        """Begin a run."""
        super().__init__()
        self.steps: list[list[Any]] = []
        self.failed = False
        self.trail = Trail()
        self.guarded(self._begin)

    def _begin(self) -> None:
        self.world = World(self.ground)

    def guarded(self, doing: Callable[[], object]) -> None:
        """Do something; where it fails, print the steps up to there as ``make torture STEPS=file`` takes them."""
        try:
            doing()
        except BaseException:
            if not self.failed:  # Hypothesis plays it once more, and may then not come so far
                print(f"STEPS {json.dumps(self.steps)}\n{traceback.format_exc()}")  # noqa: T201 - it is to be found again
            self.failed = True
            raise

    @invariant()
    def holds(self) -> None:
        """What must hold at every moment."""
        if self.world.touched:
            self.guarded(self._holding)

    def _holding(self) -> None:
        self.world.touched = False
        self.trail.holds(self.world.container)
        at_every_moment(self.world)

    def teardown(self) -> None:
        """End the run, and look whether all is as it must be."""
        try:
            if not self.failed:
                self.guarded(self._ending)
        finally:
            self.world.close()

    def _ending(self) -> None:
        self.world.settle()
        in_the_end(self.world, self.trail)
        tally = self.ground.tally
        tally.runs += 1
        tally.entries += len(self.trail.entries)
        with self.world.container.read() as work:
            tally.blocks += len(list(work.book.blocks_until(2**62)))
        tally.reversals += sum(bool(entry[7]) for entry in self.trail.entries)

    def busy_blocks(self, count: int) -> None:
        """Mine blocks that hold something of ours."""
        for number in range(count):
            self.world.pay(number, number + 1, 3)
            self.world.mine()

    @initialize(depths=FORKS, deaths=st.lists(DEATHS, min_size=2, max_size=4), faults=FAULTS, chance=CHANCE)
    @step
    def begin(self, depths: list[int], deaths: list[tuple[str, int]], faults: list[str], chance: int) -> None:
        """Let some of each happen in every run: Hypothesis leaves whole rules out of some, to go deeper into others."""
        for who in range(3):
            self.world.open(who, who + 1, chance % 7 + who)
        self.world.knock(chance % 4, 0, carried=chance % 2 == 0)
        for depth in depths:
            self.busy_blocks(1 + chance % 3)
            self.world.follow()
            self.world.reorg(depth, chance % 3, chance % 2, chance, again=chance % 5 == 0)
        self.world.disturb(faults)
        self.world.follow(len(faults))
        for kind, number in deaths:
            self.busy_blocks(2)
            self.world.kill(kind, number % MOST[kind] + 1)

    # ------------------------------------------------------------------------------------------------- people

    @rule(doings=st.lists(DOING, min_size=1, max_size=5))
    @step
    def people(self, doings: list[tuple[str, int, int, int]]) -> None:
        """Let people pay, burn, stake, end stakes, knock and answer."""
        world = self.world
        for what, who, whom, much in doings:
            match what:
                case "pay":
                    world.pay(who, whom, much)
                case "burn":
                    world.burn(who, much)
                case "open":
                    world.open(who, whom, much)
                case "end":
                    world.end(who, whom)
                case "knock":
                    world.knock(who, whom, carried=much % 2 == 1)
                case _:
                    world.answer(who, whom, much)

    # --------------------------------------------------------------------------------------------------- chain

    @rule(blocks=st.sampled_from([1, 1, 2, 3, 40]), later=st.sampled_from([None, *range(len(SECONDS))]))
    @step
    def grow(self, blocks: int, later: int | None) -> None:
        """Let blocks be mined, or time pass."""
        if later is None:
            self.world.mine(blocks)
        else:
            self.world.travel(later)

    @rule(depths=FORKS, kept=KEPT, others=OTHERS, chance=CHANCE, again=AGAIN)
    @step
    def fork(self, depths: list[int], kept: int, others: int, chance: int, *, again: bool) -> None:
        """Let the last blocks leave after they were read, and the new last ones again."""
        for depth in depths:
            self.busy_blocks(1 + chance % 3)
            self.world.follow()
            self.world.reorg(depth, kept, others, chance, again=again)
        if chance % 4:
            self.world.follow()

    @rule(depth=DEPTHS, kept=KEPT, others=OTHERS, chance=CHANCE, again=AGAIN)
    @step
    def deep_fork(self, depth: int, kept: int, others: int, chance: int, *, again: bool) -> None:
        """Let many blocks leave, whether or not they were read, and perhaps others right after."""
        self.world.reorg(depth, kept, others, chance, again=again)
        if chance % 2:
            self.world.follow(chance % 3 + 1)
            self.world.mine()
            self.world.reorg(chance % 5 + 1, (kept + 1) % 3, others, chance, again=again)

    # ------------------------------------------------------------------------------------------------- process

    @rule(sweeps=st.integers(0, 2))
    @step
    def follow(self, sweeps: int) -> None:
        """Let the process follow, and the worker's sweep run, also twice."""
        self.world.follow()
        for _ in range(sweeps):
            self.world.sweep()

    @rule(faults=FAULTS, blocks=st.integers(1, 3))
    @step
    def disturb(self, faults: list[str], blocks: int) -> None:
        """Spoil the node's answers while there is something to read."""
        self.busy_blocks(blocks)
        self.world.disturb(faults)
        self.world.follow(len(faults))

    @rule(
        deaths=st.lists(DEATHS, min_size=1, max_size=3), blocks=st.integers(1, 3), faults=st.one_of(NO_FAULTS, FAULTS)
    )
    @step
    def kill(self, deaths: list[tuple[str, int]], blocks: int, faults: list[str]) -> None:
        """Kill the process while it follows, and those that take its place, at times in the midst of faults."""
        self.world.disturb(faults)
        for kind, number in deaths:
            self.busy_blocks(blocks)
            self.world.kill(kind, number % MOST[kind] + 1)

    @rule(which=WHICH)
    @step
    def repeat(self, which: int) -> None:
        """Deliver again what was delivered before."""
        self.world.repeat(which)


class TortureOfTwo(Torture):
    """The same with two nodes of one chain before our process, of which one lags or lies."""

    @initialize(which=st.integers(0, 1), mood=MOODS)
    @step
    def first_turn(self, which: int, mood: str) -> None:
        """Let one of them be bad from the beginning."""
        self.world.turn(which, mood)

    @rule(which=st.integers(0, 1), mood=MOODS)
    @step
    def turn(self, which: int, mood: str) -> None:
        """Let one of them turn bad while there is something to read, or both be good."""
        self.world.turn(which, mood)
        self.busy_blocks(2)
        self.world.follow(6)


def machine_of(ground: Ground) -> type[Torture]:
    """Return the machine for a ground with so many nodes."""
    return Torture if ground.standby is None else TortureOfTwo


def replay(ground: Ground, steps: list[list[Any]]) -> None:
    """Play steps that were printed before."""
    machine = type("Again", (machine_of(ground),), {"ground": ground})()
    try:
        for name, arguments in steps:
            getattr(machine, name)(**arguments)
            machine.holds()
    finally:
        machine.teardown()
