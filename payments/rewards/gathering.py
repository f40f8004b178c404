"""Gathering (pure): what is known of a server at the end of an epoch, made of looks, reports and what people here know.

What a server reports of itself is bounded by what can be seen: its people whom people of our own tenants know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from statistics import median_low
from typing import Final

from kit.domains import registrable
from kit.identifiers import ServerName
from payments.rewards.enrolling import Enrolled
from payments.rewards.measuring import Looks
from payments.rewards.model import MOST_NETWORKS, WHOLE_AVAILABILITY, WHOLE_WEIGHT, Measured, bucket_of

LEAST_LOOKS: Final = 12
"""How many looks a place must have taken at somebody before it says anything of anybody."""
UNSEEN: Final = 4
"""As many people a day are believed of a server of which nobody here knows anybody."""
FOR_EACH_SEEN: Final = 25
"""And so many more for each of its people whom somebody here knows."""
NEWCOMERS: Final = (25, 50)
"""What a server weighs in its first epochs, in hundredths; then it weighs whole."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one server in an epoch.

    ``daily_users``: the sum of what it reported for each day. ``seen``: its people whom people here know. ``epochs``:
    how many epochs before this one it took part in.
    """

    server: Enrolled
    looks: Sequence[Looks]
    daily_users: int
    seen: int
    epochs: int


def gather(some: Iterable[Known], *, days: int, ends: datetime) -> list[Measured]:
    """Return how servers were measured in an epoch of ``days`` days that ends at ``ends``.

    Those that nobody ever reached are left out. A server is measured by the looks that a place took at whomever it
    looked at most, so that whoever enrols in the midst of an epoch was not there before.
    """
    known = list(some)
    most = most_looks(one.looks for one in known)
    measured = []
    for one in known:
        networks = sorted({network for looks in one.looks for network in looks.networks})[:MOST_NETWORKS]
        there = availability(one.looks, most)
        if networks and there is not None:
            measured.append(_measured(one, networks, there, days, ends))
    return measured


def availability(looks: Sequence[Looks], most: Mapping[str, int]) -> Fraction | None:
    """Return the share of looks that were answered, 0 to 1, as the middle one of all places sees it.

    ``most``: how many looks each place took at whomever it looked at most. The middle one (of an even number the lower
    of the two): one place with a bad line takes nothing from a server, and one that somebody pays gives it nothing.
    ``None`` where no place has looked often enough at anybody.
    """
    answered = {one.vantage: one.answered for one in looks}
    shares = [Fraction(answered.get(place, 0), count) for place, count in most.items() if count >= LEAST_LOOKS]
    return median_low(shares) if shares else None


def most_looks(some: Iterable[Sequence[Looks]]) -> dict[str, int]:
    """Return, for each place, how many looks it took at whomever it looked at most."""
    most: dict[str, int] = {}
    for one in some:
        for looks in one:
            most[looks.vantage] = max(most.get(looks.vantage, 0), looks.looks)
    return most


def believed(seen: int) -> int:
    """Return how many people a day are believed of a server of which so many are known here."""
    return UNSEEN + FOR_EACH_SEEN * seen


def _measured(one: Known, networks: Sequence[str], there: Fraction, days: int, ends: datetime) -> Measured:
    return Measured(
        server=one.server.server,
        domain=registrable(host_of(one.server.server)),
        networks=tuple(networks),
        payout=one.server.payout_at(ends),
        availability=int(there * WHOLE_AVAILABILITY),
        people=bucket_of(min(one.daily_users // days, believed(one.seen))),
        weight=NEWCOMERS[one.epochs] if one.epochs < len(NEWCOMERS) else WHOLE_WEIGHT,
        withheld=not one.server.may_claim(ends),
    )


def host_of(server: ServerName) -> str:
    """Return the host of a server's name: without a port, and with the brackets of an address."""
    if server.endswith("]"):
        return server
    host, colon, port = server.rpartition(":")
    return host if colon and port.isdecimal() else server
