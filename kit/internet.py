"""The internet's addresses: which of them everybody means the same machine by; pure."""

from __future__ import annotations

import ipaddress
from typing import Final

from kit.errors import Invalid

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
"""This very machine."""

_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Public in name, yet they lead elsewhere: tunnels with an IPv4 address inside, protocol assignments, examples.
_NOT_PUBLIC: Final[tuple[Network, ...]] = (
    *(ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
    *(ipaddress.IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")),
)

_RENTED_BITS: Final = {4: 24, 6: 48}


def is_public(address: IpAddress) -> bool:
    """Tell whether everybody on the internet means the same machine by this address, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if address in _NAT64:  # how a network without IPv4 reaches it
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        elif address not in _UNICAST:
            return False  # mapped ones, too: nobody needs them
    shut = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not shut


def literal(host: str) -> IpAddress | None:
    """Return the address that a host is, without brackets; ``None`` where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def network_of(address: IpAddress) -> str:
    """Return the network that an address is in, as somebody rents it: ``192.0.2.0/24`` or ``2001:db8::/48``."""
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return str(ipaddress.ip_interface(f"{address}/{_RENTED_BITS[address.version]}").network)


def parse_networks(text: str) -> list[Network]:
    """Read networks (``10.1.0.0/16``) with commas or spaces between them. Raises ``Invalid`` for what is none."""
    try:
        return [ipaddress.ip_network(network) for network in text.replace(",", " ").split()]
    except ValueError as error:
        raise Invalid("networks_malformed", f"That is no network: {error}.") from None
