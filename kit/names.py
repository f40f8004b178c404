"""Names: what DNS says of a name that a stranger gave, bounded in time.

The machine's own resolver has no deadline and knows no SRV records, so DNS is asked itself, as ``/etc/resolv.conf``
says. ``/etc/hosts`` is not read: ``localhost`` needs none (RFC 6761), and no other name in there is one that strangers
should know.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from typing import Final

import dns.exception
import dns.resolver

from kit.dns_messages import NOT_THERE, Answer, Kind, Target, name_of
from kit.errors import Invalid, PeerUnavailable
from kit.internet import IpAddress, literal
from kit.name_servers import NameServers, servers_at

_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_LONGEST_LOOK: Final = 3.0
_MOST_TARGETS: Final = 4
_ADDRESSES: Final = (Kind.A, Kind.AAAA)
_CHANCE: Final = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Service:
    """Where an SRV record (RFC 2782) says that a service is."""

    host: str
    port: int


class Names:
    """Looks names up, as the machine's own resolver settings say; search domains are never added."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        """Ask the machine's name servers, or those of ``resolver``."""
        self._given = resolver

    @cached_property
    def _resolver(self) -> dns.resolver.Resolver:
        return dns.resolver.Resolver() if self._given is None else self._given

    @cached_property
    def _servers(self) -> NameServers:
        try:
            settings = self._resolver
        except (dns.exception.DNSException, OSError, ValueError):  # raised, it is not kept: the next look asks again
            raise PeerUnavailable("too_slow", "No name server is known to this machine.") from None
        return NameServers(servers_at([one for one in settings.nameservers if isinstance(one, str)], settings.port))

    def addresses(self, host: str, *, until: float) -> list[IpAddress]:
        """Return the addresses of a host, of both kinds by turns; itself where it is one.

        ``until`` are monotonic seconds. Raises ``PeerUnavailable`` where there are none in time.
        """
        address = literal(host)
        if address is not None:
            return [address]
        name = host.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return list(_LOOPBACK)  # RFC 6761, section 6.3: not to be asked of anybody
        # Each by itself: many a name server fails over the one kind and knows the other.
        answers = self._ask(host, _ADDRESSES, until)
        found = [answers[kind].addresses for kind in _ADDRESSES if kind in answers]
        by_turns = [one for one in chain.from_iterable(zip_longest(*found)) if one is not None]
        if not by_turns:
            raise _unknown() if len(answers) == len(_ADDRESSES) else _too_slow()
        return by_turns

    def services(self, service: str, host: str, *, until: float) -> list[Service]:
        """Return where a service of a host is (``_matrix-fed._tcp`` of it, say), in the order to try; none is normal.

        One record that names no host (``.``) says that there is no such service, which is the same to us. Raises
        ``PeerUnavailable`` where there is no time left to ask.
        """
        answers = self._ask(f"{service}.{host}", (Kind.SRV,), until)
        targets = sorted((target for answer in answers.values() for target in answer.targets), key=_turn)
        return [Service(target.host, target.port) for target in targets if target.host][:_MOST_TARGETS]

    def _ask(self, name: str, kinds: Sequence[Kind], until: float) -> dict[Kind, Answer]:
        """Ask, for no longer than a look may take. Raises ``PeerUnavailable`` where there is no time at all."""
        now = time.monotonic()
        if until <= now:
            raise _too_slow()
        try:
            wire = name_of(name)
        except Invalid:
            return dict.fromkeys(kinds, Answer(NOT_THERE))
        return self._servers.ask(wire, kinds, until=min(until, now + _LONGEST_LOOK))


def _turn(target: Target) -> tuple[int, float]:
    """Return what puts targets in the order to try: by priority, and of one by chance, as their weights are."""
    return target.priority, -(_CHANCE.random() ** (1 / target.weight)) if target.weight else 0.0


def _too_slow() -> PeerUnavailable:
    return PeerUnavailable("too_slow", "The other server was not found in time.")


def _unknown() -> PeerUnavailable:
    return PeerUnavailable("name_unknown", "The other server was not found: its name leads nowhere.")
