"""Names: what DNS says of a name that a stranger gave, bounded in time."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import dns.exception
import dns.rdtypes.IN.SRV
import dns.resolver

from kit.errors import FetchUnavailable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_LONGEST_LOOK: Final = 3.0
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
        return self._given or dns.resolver.Resolver()

    def addresses(self, host: str, *, until: float) -> list[IpAddress]:
        """Return the addresses of a host: itself where it is one. Raises ``FetchUnavailable`` where it has none."""
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass
        name = host.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return list(_LOOPBACK)  # RFC 6761, section 6.3: not to be asked of anybody
        try:
            found = self._resolver.resolve_name(host, lifetime=_left(until), search=False)
            return [ipaddress.ip_address(address) for address in found.addresses()]
        except (dns.exception.DNSException, OSError, ValueError):
            raise FetchUnavailable("Its name leads nowhere.") from None

    def services(self, service: str, host: str, *, until: float) -> list[Service]:
        """Return where a service of a host is (``_matrix-fed._tcp`` of it, say), in the order to try; none is normal.

        One record that names no host (``.``) says that there is no such service, which is the same to us.
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


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise FetchUnavailable("It took too long.")
    return min(left, _LONGEST_LOOK)
