"""What is known of a server at the end of an epoch, and what its payout address gets for it (pure)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, ServerName, parse_server_name

BUCKET: Final = 5
"""How many people there are to a bucket: nobody is told how many a server has more closely than that."""
MOST_BUCKETS: Final = 2_000_000
"""The last bucket: ten million people."""
WHOLE_AVAILABILITY: Final = 1000
"""Always there, in thousandths of the epoch."""
WHOLE_WEIGHT: Final = 100
"""The weight of a server that is weighed as it is, in hundredths."""
MOST_NETWORKS: Final = 8
_PORT: Final = ":"


@dataclass(frozen=True, slots=True)
class Measured:
    """One server in one epoch, as it is published.

    ``domain``: the registrable domain that the server's name belongs to (its address, where the name is one), in
    lower case. ``networks``: those its addresses are in, in order, as ``192.0.2.0/24`` or ``2001:db8::/48``.
    ``payout``: who gets its share. ``availability``: thousandths of the epoch's probes that it answered. ``people``:
    the bucket of how many people used it on an average day (``bucket_of``). ``weight``: hundredths, for whoever weighs
    servers by more than that. ``withheld``: its claims are suspended, and its share is burned.

    Raises ``Invalid`` for what is out of these ranges, or has no place in them.
    """

    server: ServerName
    domain: str
    networks: tuple[str, ...]
    payout: Address
    availability: int
    people: int
    weight: int = WHOLE_WEIGHT
    withheld: bool = False

    def __post_init__(self) -> None:
        """Hold only what can be published and read again."""
        _check_name(self.server, self.domain)
        if self.payout == ZERO_ADDRESS:
            raise _wrong("it is paid to nobody")
        if not 0 <= self.availability <= WHOLE_AVAILABILITY:
            raise _wrong(f"availability lies between 0 and {WHOLE_AVAILABILITY} thousandths")
        if not 0 <= self.people <= MOST_BUCKETS:
            raise _wrong(f"buckets go from 0 to {MOST_BUCKETS}")
        if not 0 <= self.weight <= WHOLE_WEIGHT:
            raise _wrong(f"a weight lies between 0 and {WHOLE_WEIGHT} hundredths")
        if not 1 <= len(self.networks) <= MOST_NETWORKS or list(self.networks) != sorted(set(self.networks)):
            raise _wrong(f"it has no networks, more than {MOST_NETWORKS}, or they are in no order")
        for network in self.networks:
            _check_network(network)


def bucket_of(people: int) -> int:
    """Return the bucket of how many people use a server: 0 for nobody, 1 for one to four, 2 for five to nine, and on.

    Rounded down in even steps, so that the parts of a server never have more full buckets than the whole.
    """
    return 0 if people <= 0 else min(1 + people // BUCKET, MOST_BUCKETS)


def people_in(bucket: int) -> tuple[int, int]:
    """Return the least and the most people that a bucket may stand for."""
    return (0, 0) if bucket <= 0 else (max(1, (bucket - 1) * BUCKET), bucket * BUCKET - 1)


def _check_name(server: ServerName, domain: str) -> None:
    host = parse_server_name(server).lower()
    if not host.endswith("]"):
        name, colon, port = host.rpartition(_PORT)
        host = name if colon and port.isdecimal() else host
    if not domain or domain.startswith(".") or (host != domain and not host.endswith(f".{domain}")):
        raise _wrong("its name does not end with its domain")


def _check_network(text: str) -> None:
    try:
        proper = str(ipaddress.ip_network(text)) == text
    except ValueError:
        proper = False
    if not proper:
        raise _wrong("a network is none, or not written as networks are")


def _wrong(what: str) -> Invalid:
    return Invalid("measured_malformed", f"No server was measured so: {what}.")
