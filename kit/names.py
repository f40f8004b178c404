"""Names: what DNS says of a name that a stranger gave, bounded in time.

The machine's own resolver has no deadline and knows no SRV records, so DNS is asked itself, as ``/etc/resolv.conf``
says. ``/etc/hosts`` is not read: ``localhost`` needs none (RFC 6761), and no other name in there is one that strangers
should know.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from typing import Final

import dns.exception
import dns.rdtypes.IN.SRV
import dns.resolver

from kit.errors import PeerUnavailable
from kit.internet import IpAddress, literal

_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_LONGEST_LOOK: Final = 3.0
_LONGEST_TRY: Final = 1.0
_MOST_TARGETS: Final = 4


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
        if self._given is not None:
            return self._given
        made = dns.resolver.Resolver()
        made.timeout = _LONGEST_TRY  # a name server that is dead leaves time to the next one
        return made

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
        until = min(until, time.monotonic() + _LONGEST_LOOK)
        found: list[list[IpAddress]] = []
        failed: PeerUnavailable | None = None
        for kind in ("A", "AAAA"):  # each by itself: many a name server fails over the one and knows the other
            try:
                found.append(self._look_up(host, kind, until))
            except PeerUnavailable as error:
                failed = failed or error
        by_turns = [one for one in chain.from_iterable(zip_longest(*found)) if one is not None]
        if not by_turns:
            raise failed or _unknown()
        return by_turns

    def services(self, service: str, host: str, *, until: float) -> list[Service]:
        """Return where a service of a host is (``_matrix-fed._tcp`` of it, say), in the order to try; none is normal.

        One record that names no host (``.``) says that there is no such service, which is the same to us. Raises
        ``PeerUnavailable`` where there is no time left to ask.
        """
        try:
            answer = self._resolver.resolve(f"{service}.{host}", "SRV", lifetime=_left(until), search=False)
        except (dns.exception.DNSException, OSError, ValueError):
            return []
        records = [] if answer.rrset is None else answer.rrset.processing_order()
        found = [
            Service(record.target.to_text(omit_final_dot=True), record.port)
            for record in records
            if isinstance(record, dns.rdtypes.IN.SRV.SRV) and record.target.to_text() != "."
        ]
        return found[:_MOST_TARGETS]

    def _look_up(self, host: str, kind: str, until: float) -> list[IpAddress]:
        try:
            answer = self._resolver.resolve(host, kind, lifetime=_left(until), search=False, raise_on_no_answer=False)
            return [ipaddress.ip_address(record.to_text()) for record in answer.rrset or ()]
        except dns.exception.Timeout:
            raise _too_slow() from None
        except (dns.exception.DNSException, OSError, ValueError):
            raise _unknown() from None


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise _too_slow()
    return min(left, _LONGEST_LOOK)


def _too_slow() -> PeerUnavailable:
    return PeerUnavailable("too_slow", "The other server was not found in time.")


def _unknown() -> PeerUnavailable:
    return PeerUnavailable("name_unknown", "The other server was not found: its name leads nowhere.")
