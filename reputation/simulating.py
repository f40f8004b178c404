"""Simulating (pure): what an attack on doors costs, played day by day with the real decision and the real prices.

The attacker knows the rules and has as many Matrix ids as they like. Each morning they ask for prices everywhere before
they pay any, which is the most that a standing price can be abused; then they pay the cheapest first, up to what they
are willing to pay, and of several such limits the one that suits them best is taken. Everybody reads what reaches them.
Honest strangers come meanwhile, each to one door, and try again daily where it is full or dearer than their purse.

Chance comes from a seed, and nothing else does: the same plan gives the same outcome.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from kit.amounts import ZERO, Amount
from kit.identifiers import Hash32, RoomId, ServerName, TenantId, UserId
from payments.stakes.model import ANSWER_WINDOW, QUOTE_TTL, Price
from reputation import pricing
from reputation.decision import decide
from reputation.model import Door, DoorMode, Facts, Grant, Knock
from reputation.pricing import Caps, Pressure
from reputation.verdict import Admit, Hold, Verdict

LIMITS = (1, 4, 16, 64)
"""How many times a door's own price an attacker may be willing to pay."""
OPEN_DAYS = (QUOTE_TTL + ANSWER_WINDOW).days
"""How long a stake is held that nobody answers, at most."""

_DAY = 24 * 3600
_START = 1_000 * _DAY
_REMEMBERED_DAYS = pricing.REMEMBERED.days
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_HOME = ServerName("home.example")
_RECIPIENT = UserId("@recipient:home.example")
_ROOM = RoomId("!room:home.example")
_STAKE = Hash32(bytes(32))
_TRIES = 6
_SPARE = 10
_BUDGET = Amount(1_000 * 10**18)
_GAS = Amount(10**16)
_DOOR = Door(DoorMode.ASK, pricing.DEFAULT_STAKE)
_NO_CAPS = Caps(10**9, 10**9)


class Habit(StrEnum):
    """What a recipient does with strangers. All but the silent accept honest ones within a day."""

    ANSWERING = "answering"
    """Sends spam's stake back, politely."""
    REPORTING = "reporting"
    """Says that spam is spam."""
    SILENT = "silent"
    """Answers nobody."""


class Part(StrEnum):
    """What stands between an attacker and the doors besides the price itself."""

    BARS = "bars"
    PRICES = "prices"
    CAPS = "caps"


@dataclass(frozen=True, slots=True)
class Plan:
    """One attack: money in base units; ``wallets`` 0 means a fresh one for every stake."""

    seed: int = 1
    days: int = 90
    budget: Amount = _BUDGET
    accounts: int = 1_000
    domains: int = 2
    wallets: int = 0
    answering: int = 60
    reporting: int = 40
    silent: int = 100
    honest_a_day: int = 4
    purse: int = 10
    patience: int = 14
    gas: Amount = _GAS
    door: Door = _DOOR
    without: frozenset[Part] = frozenset()

    @property
    def doors(self) -> int:
        """How many doors there are."""
        return self.answering + self.reporting + self.silent


@dataclass(slots=True)
class Outcome:
    """What came of it: messages read by habit and by day, and what that took; ``held`` is base units times days."""

    limit: int = 1
    read: Counter[Habit] = field(default_factory=Counter)
    by_day: list[int] = field(default_factory=list)
    held: int = 0
    burned: int = 0
    gas: int = 0
    honest: int = 0
    arrived: int = 0
    delayed: int = 0
    waited: int = 0
    gave_up: int = 0

    @property
    def messages(self) -> int:
        """Unwanted messages that were read."""
        return sum(self.read.values())


@dataclass(frozen=True, slots=True)
class _Sender:
    name: UserId
    origin: str
    wallet: str


@dataclass(slots=True)
class _Stake:
    sender: _Sender
    door: int
    amount: int
    closes: int
    honest: bool
    answer: str | None = None


@dataclass(slots=True)
class _Honest:
    sender: _Sender
    door: int
    since: int


def best(plan: Plan, told: Callable[[], None] = lambda: None) -> Outcome:
    """Return the outcome of the limit that suits the attacker best; ``told`` is called after each that was tried."""
    # Where prices never rise, no limit matters.
    limits: Sequence[int] = LIMITS if Part.PRICES not in plan.without else (1,)
    outcomes = []
    for limit in limits:
        outcomes.append(play(plan, limit))
        told()
    return max(outcomes, key=lambda outcome: outcome.messages)


def play(plan: Plan, limit: int) -> Outcome:
    """Play one attack to its end."""
    world = _World(plan, limit)
    for day in range(plan.days):
        world.live(day)
    return world.outcome


class _World:
    """All doors on one day after another."""

    def __init__(self, plan: Plan, limit: int) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)  # noqa: S311 - a simulation needs a seed, not secrecy
        self.outcome = Outcome(limit=limit)
        self._habits = [
            *[Habit.ANSWERING] * plan.answering,
            *[Habit.REPORTING] * plan.reporting,
            *[Habit.SILENT] * plan.silent,
        ]
        self._chance.shuffle(self._habits)
        self._door = replace(plan.door, caps=_NO_CAPS) if Part.CAPS in plan.without else plan.door
        self._free = plan.budget.base_units
        self._day = 0
        # Counts by door (a number) and by sender (a word with its kind), as the queries on grants have them.
        self._unanswered: Counter[object] = Counter()
        self._answered: Counter[int] = Counter()
        self._accepted: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._open: Counter[int] = Counter()
        self._today: Counter[int] = Counter()
        self._due: defaultdict[int, list[Callable[[], None]]] = defaultdict(list)
        self._lapsed: defaultdict[tuple[UserId, int], list[int]] = defaultdict(list)
        self._between: set[tuple[UserId, int]] = set()
        self._spared: set[int] = set()
        self._waiting: list[_Honest] = []
        self._said: dict[Facts, Verdict] = {}
        self._senders = [self._spammer(number) for number in range(plan.accounts)]

    def _spammer(self, number: int) -> _Sender:
        domain = f"spam{number % self._plan.domains}.example"
        wallet = f"w{number % self._plan.wallets}" if self._plan.wallets else f"fresh{number}"
        return _Sender(UserId(f"@s{number}:{domain}"), pricing.origin_of(ServerName(domain)), wallet)

    def live(self, day: int) -> None:
        """Live through one day: what is due, then the attacker's prices, honest people, and the attacker's stakes."""
        self._day = day
        self._today.clear()
        self._said.clear()
        for happen in self._due.pop(day, []):
            happen()
        asked = list(self._ask_around())
        self._honest_day()
        before = self.outcome.messages
        for price, sender, door in asked:
            self._pay(price, sender, door)
        self.outcome.by_day.append(self.outcome.messages - before)

    # ------------------------------------------------------------------------------------ the attacker

    def _ask_around(self) -> Iterator[tuple[Price, _Sender, int]]:
        """Give the attacker's prices of this morning, cheapest first: nothing is paid before all are asked."""
        own = self._door.stake.base_units
        if self._free < own:
            return
        rounds = min(self._free // (own * max(self._plan.doors, 1)) + 1, self._door.caps.most_a_day)
        doors = [door for door in range(self._plan.doors) if door not in self._spared]
        self._chance.shuffle(doors)
        # They know at which doors stakes of theirs were left unanswered, and ask no more doors than they can pay.
        doors.sort(key=lambda door: self._unanswered[door])
        doors = doors[: self._free // own + _SPARE]
        ready = sorted(self._senders, key=lambda sender: self._unanswered["own", sender.name])
        asked: list[tuple[int, int, int, Price, _Sender, int]] = []
        place = 0
        for turn in range(rounds):
            for door in doors:
                for _ in range(_TRIES):  # where one id is barred another is taken
                    sender = ready[place % len(ready)]
                    place += 1
                    if (sender.name, door) in self._between:
                        continue
                    verdict = self._decide(sender, door)
                    if isinstance(verdict, Hold):
                        if verdict.price.stake.base_units <= own * self.outcome.limit:
                            at = (verdict.price.stake.base_units, turn, len(asked))
                            asked.append((*at, verdict.price, sender, door))
                        break
        for *_, price, sender, door in sorted(asked, key=lambda one: one[:3]):
            yield price, sender, door

    def _pay(self, price: Price, sender: _Sender, door: int) -> None:
        amount, gas = price.stake.base_units, self._plan.gas.base_units
        if self._free < amount + gas or (sender.name, door) in self._between or not self._taken(price, sender, door):
            return
        self._free -= amount + gas
        self.outcome.gas += gas
        if not self._open_stake(sender, door, amount, honest=False):
            return
        self.outcome.read[self._habits[door]] += 1

    # ------------------------------------------------------------------------------------ honest people

    def _honest_day(self) -> None:
        for _ in range(self._plan.honest_a_day):
            number, domain = self.outcome.honest, f"town{self._chance.randrange(40)}.example"
            sender = _Sender(UserId(f"@h{number}:{domain}"), pricing.origin_of(ServerName(domain)), f"h{number}")
            self.outcome.honest += 1
            self._waiting.append(_Honest(sender, self._chance.randrange(self._plan.doors), self._day))
        still = []
        for one in self._waiting:
            waited = self._day - one.since
            if self._try_honestly(one):
                self.outcome.arrived += 1
                self.outcome.waited += waited
            elif waited >= self._plan.patience:
                self.outcome.gave_up += 1
            else:
                self.outcome.delayed += waited == 0
                still.append(one)
        self._waiting = still

    def _try_honestly(self, one: _Honest) -> bool:
        verdict = self._decide(one.sender, one.door)
        if not isinstance(verdict, Hold):
            return False
        amount = verdict.price.stake.base_units
        if amount > self._plan.purse * self._door.stake.base_units:
            return False
        return self._open_stake(one.sender, one.door, amount, honest=True)

    # ------------------------------------------------------------------------------------ doors and stakes

    def _open_stake(self, sender: _Sender, door: int, amount: int, *, honest: bool) -> bool:
        """Open a stake and send its invite; whether that gets through is the decision's to say."""
        closes = self._day + OPEN_DAYS
        grant = Grant(_STAKE, closes_at=self._time(closes))
        admitted = decide(_knock(sender.name), self._door, Facts(chain_time=self._time(self._day), grants=(grant,)))
        stake = _Stake(sender, door, amount, closes, honest)
        self._between.add((sender.name, door))
        self._count(stake, 1)
        self._open[door] += 1
        self._today[door] += 1
        habit = self._habits[door]
        if habit is Habit.SILENT:
            self._due[closes].append(lambda: self._run_out(stake))
        else:
            self._due[self._day + 1].append(lambda: self._answer(stake, habit))
        return isinstance(admitted, Admit)

    def _run_out(self, stake: _Stake) -> None:
        self._end(stake)
        self._lapsed[stake.sender.name, stake.door].append(self._time(stake.closes))
        self._due[stake.closes + _REMEMBERED_DAYS].append(lambda: self._count(stake, -1))

    def _answer(self, stake: _Stake, habit: Habit) -> None:
        spam = not stake.honest and habit is Habit.REPORTING
        self._count(stake, -1)
        self._end(stake, burned=spam)
        self._answered[stake.door] += 1
        forget = stake.closes + _REMEMBERED_DAYS
        self._due[forget].append(lambda: self._answered.subtract([stake.door]))
        if stake.honest:
            self._accepted[stake.sender.origin][stake.door] += 1
        if spam:
            self._spared.add(stake.door)

    def _end(self, stake: _Stake, *, burned: bool = False) -> None:
        self._open[stake.door] -= 1
        self._between.discard((stake.sender.name, stake.door))
        if stake.honest:
            return
        self.outcome.held += stake.amount * (self._day - stake.closes + OPEN_DAYS)
        if burned:
            self.outcome.burned += stake.amount
        else:
            self._free += stake.amount

    def _count(self, stake: _Stake, number: int) -> None:
        sender = stake.sender
        for key in (stake.door, ("own", sender.name), ("wallet", sender.wallet), ("origin", sender.origin)):
            self._unanswered[key] += number

    def _taken(self, price: Price, sender: _Sender, door: int) -> bool:
        """Tell whether a stake on this morning's price is taken now, as it is when it opens."""
        pressure = self._pressure(sender, door)
        now = pricing.price_for(self._door.price, pressure)
        return not pricing.is_full(self._door.caps, pressure) and pricing.still_stands(price, now)

    def _decide(self, sender: _Sender, door: int) -> Verdict:
        """Put a knock to the real decision; on one day the same facts are put to it once."""
        lapsed = () if Part.BARS in self._plan.without else tuple(self._lapsed.get((sender.name, door), ()))
        facts = Facts(chain_time=self._time(self._day), pressure=self._pressure(sender, door), lapsed=lapsed)
        verdict = self._said.get(facts)
        if verdict is None:
            verdict = self._said[facts] = decide(_knock(sender.name), self._door, facts)
        return verdict

    def _pressure(self, sender: _Sender, door: int) -> Pressure:
        waiting, today = self._open[door], self._today[door]
        if Part.PRICES in self._plan.without:
            return Pressure(open_now=waiting, opened_today=today)
        return Pressure(
            open_now=waiting,
            opened_today=today,
            door=self._unanswered[door],
            door_answered=self._answered[door],
            own=self._unanswered["own", sender.name],
            # A fresh wallet has paid for nobody before, and tells nothing of its payer.
            wallet=self._unanswered["wallet", sender.wallet] if self._plan.wallets else 0,
            server=self._unanswered["origin", sender.origin],
            server_accepted=len(self._accepted[sender.origin]),
        )

    def _time(self, day: int) -> int:
        return _START + day * _DAY


@lru_cache(maxsize=20_000)
def _knock(sender: UserId) -> Knock:
    """Return a knock of somebody; at whose door makes no difference to the decision."""
    return Knock(TenantId(1), _HOME, sender, _RECIPIENT, _ROOM, _NOON, federated=True)


def recycling(plan: Plan) -> tuple[Plan, Plan]:
    """Return the plan with silent doors alone, and the same without bars and rising prices."""
    silent = replace(plan, silent=plan.doors, answering=0, reporting=0)
    return silent, replace(silent, without=plan.without | {Part.BARS, Part.PRICES})


def per_thousand(plan: Plan, outcome: Outcome, decimals: int = 18) -> float:
    """Return how many messages were read for each 1,000 of the budget."""
    return outcome.messages * 1_000 * 10**decimals / plan.budget.base_units if plan.budget > ZERO else 0.0
