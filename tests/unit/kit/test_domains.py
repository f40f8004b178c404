"""Registrable domains: what somebody registered, whatever is given out below it."""

from __future__ import annotations

import pytest

from kit.domains import registrable


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("matrix.example.org", "example.org"),
        ("A.B.Example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("somebody.github.io", "github.io"),  # given out for nothing: all of them together are one domain
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8::7]", "[2001:db8::7]"),
        ("matrix.xn--fiqs8s", "matrix.xn--fiqs8s"),
    ],
)
def test_the_registered_domain_is_found(host: str, domain: str) -> None:
    assert registrable(host) == domain
