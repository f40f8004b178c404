"""Pricing (pure): what a door asks of one stranger, how long a pair is barred, and when a door takes no more of them.

A stake that nobody answers costs its stranger nothing but time, so money alone stops no one who can wait. What is held
or was lately held unanswered therefore raises the price: at this door, and for this stranger under any of the names
that they cannot change for nothing (Matrix id, wallets, homeserver). Only the stake rises, never the fee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from kit.amounts import Amount
from kit.identifiers import ServerName
from payments.stakes.model import HIGHEST_PRICE, Price

REMEMBERED = timedelta(days=30)
"""How long a stake that ran out unanswered still raises prices."""
FIRST_BAR = timedelta(days=7)
"""How long a pair is barred by its first unanswered stake; each further one doubles that."""
LONGEST_BAR = timedelta(days=112)

STEP = 3
"""Unanswered stakes that double a price. At a door, answered ones are taken off; of a homeserver, what it earned."""
PER_ACCEPTED = 3
"""Unanswered stakes that a homeserver is forgiven for each person who accepted somebody from there."""
MOST_DOOR_STEPS = 2
MOST_STEPS = 6
TOLERANCE = 2
"""A price stands while it is not less than this part of what would be asked now."""

DEFAULT_STAKE = Amount(5 * 10**18)
"""What a door asks whose owner names no sum."""
DEFAULT_OPEN = 10
"""Strangers whose stakes may wait at one door, unless its owner says otherwise."""
DEFAULT_A_DAY = 5
"""Strangers who may stake at one door in 24 hours, unless its owner says otherwise."""
HIGHEST_CAP = 1_000

_DAY = 24 * 3600
_COARSE = 6 * 3600
_COUNTRY = 2
_SHORT = 3


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is unanswered, now or lately, as counts; ``free_at`` (chain time) is when the next place at the door frees.

    ``wallet`` is the most that any wallet of the stranger's comes to, whoever paid from it. ``own``, ``wallet`` and
    ``server`` are three views of the same sender.
    """

    door: int = 0
    door_answered: int = 0
    own: int = 0
    wallet: int = 0
    server: int = 0
    server_accepted: int = 0
    open_now: int = 0
    opened_today: int = 0
    free_at: int | None = None


NO_PRESSURE = Pressure()


@dataclass(frozen=True, slots=True)
class Caps:
    """How many strangers a door takes: stakes that wait at once, and new ones in 24 hours."""

    most_open: int = DEFAULT_OPEN
    most_a_day: int = DEFAULT_A_DAY


USUAL = Caps()


@dataclass(frozen=True, slots=True)
class Steps:
    """How often a price doubles for each reason; of the three that tell of the sender only the highest counts."""

    door: int
    own: int
    wallet: int
    server: int

    @property
    def sender(self) -> int:
        """The highest of the three views of one sender."""
        return max(self.own, self.wallet, self.server)

    @property
    def total(self) -> int:
        """How often the price doubles in all."""
        return min(self.door + self.sender, MOST_STEPS)

    @property
    def why(self) -> tuple[str, ...]:
        """The names of what raises the price: the door, and the first of the sender's views that is highest."""
        names = ["door"] if self.door else []
        views = (("own", self.own), ("wallet", self.wallet), ("server", self.server))
        highest = next((name for name, steps in views if steps and steps == self.sender), None)
        return (*names, highest) if highest else tuple(names)


def steps_of(pressure: Pressure) -> Steps:
    """Return the steps that a price has risen by."""
    at_door = max(pressure.door - pressure.door_answered, 0)
    of_server = max(pressure.server - PER_ACCEPTED * pressure.server_accepted, 0)
    return Steps(
        door=min(at_door // STEP, MOST_DOOR_STEPS),
        own=min(pressure.own // STEP, MOST_STEPS),
        wallet=min(pressure.wallet // STEP, MOST_STEPS),
        server=min(of_server // STEP, MOST_STEPS),
    )


def price_for(own: Price, pressure: Pressure) -> Price:
    """Return what a door that asks ``own`` asks under this pressure; never less, and never more than can be held."""
    steps = steps_of(pressure)
    if not (steps.total and own.stake):
        return own
    # Half of what the escrow can hold: whatever is paid for carrying has room beside it.
    ceiling = max(own.stake.base_units, HIGHEST_PRICE // 2 - min(own.fee.base_units, HIGHEST_PRICE // 2))
    stake = Amount(min(own.stake.base_units << steps.total, ceiling))
    return replace(own, stake=stake, base=own.stake, dearer=steps.why) if stake > own.stake else own


def still_stands(quoted: Price, now: Price) -> bool:
    """Tell whether a price that was quoted stands beside what would be asked now.

    It does, but where it has more than doubled since: then somebody gathered cheap prices to pay them all at once, or
    pays from a wallet that the price did not know of.
    """
    return quoted.stake.base_units * TOLERANCE >= now.stake.base_units


def barred_until(lapsed: Sequence[int]) -> int | None:
    """Return until when (chain time) a pair is barred whose unanswered stakes ended at these times."""
    if not lapsed:
        return None
    doublings = min(len(lapsed) - 1, 20)  # far beyond the longest, and no more days than a timedelta holds
    return max(lapsed) + int(min(FIRST_BAR * 2**doublings, LONGEST_BAR).total_seconds())


def is_full(caps: Caps, pressure: Pressure) -> bool:
    """Tell whether a door takes no other stranger now."""
    return pressure.open_now >= caps.most_open or pressure.opened_today >= caps.most_a_day


def free_at(pressure: Pressure, chain_time: int) -> int:
    """Return when a full door takes strangers again at the latest; rounded up, so that it tells little of others."""
    at = chain_time + _DAY if pressure.free_at is None else max(pressure.free_at, chain_time)
    return -(-at // _COARSE) * _COARSE


def origin_of(server: ServerName) -> str:
    """Return the name under which a homeserver counts: the domain that somebody had to register.

    Names below one cost nothing, so ``a.example.org`` and ``b.example.org`` count as one. A country's short second
    level (``co.uk``) belongs to the name above it.
    """
    host = server.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    host = host.partition(":")[0]
    labels = [label for label in host.split(".") if label]
    if all(label.isdecimal() for label in labels):
        return host
    country = len(labels[-1]) == _COUNTRY and len(labels) > _COUNTRY and len(labels[-2]) <= _SHORT
    return ".".join(labels[-3:] if country else labels[-2:])
