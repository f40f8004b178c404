"""Which addresses of the internet strangers may lead us to."""

from __future__ import annotations

import ipaddress

import pytest

from kit.errors import Invalid
from kit.internet import is_public, literal, network_of, parse_networks

PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.1", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.8"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "192.0.0.9"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b:1::7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::c058:6301", "64:ff9b::e000:1"),
    *("2002:7f00:1::", "2002:808:808::", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:20::1"),
    *("2001:db8::1", "3fff::1", "fe80::1", "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "fc00::1", "fd00::1"),
    *("ff02::1", "100::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888"),
        "64:ff9b::808:808",
    ],
)
def test_an_address_that_is_public_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["", "far.example", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal(host) is None


def test_networks_are_read_as_an_operator_writes_them() -> None:
    assert parse_networks("") == []
    found = parse_networks(" 10.1.0.0/16,::1/128  127.0.0.1 ")
    assert [str(network) for network in found] == ["10.1.0.0/16", "::1/128", "127.0.0.1/32"]
    for wrong in ("10.1.0.0/33", "10.1.2.3/16", "localhost", "10.1.0.0/16; 10.2.0.0/16"):
        with pytest.raises(Invalid) as refused:
            parse_networks(wrong)
        assert refused.value.code == "networks_malformed"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("64:ff9b::c000:24d", "192.0.2.0/24"),  # a NAT64 gateway's name for 192.0.2.77
    ],
)
def test_an_address_is_in_the_network_that_somebody_rents(address: str, network: str) -> None:
    assert network_of(ipaddress.ip_address(address)) == network
