"""Looking names up on a name server that answers as a test wants, or not at all."""

from __future__ import annotations

import time

import dns.name
import dns.resolver
import pytest

from kit.errors import PeerUnavailable
from kit.names import Names
from tests.support.elsewhere import Elsewhere

SOON, LATER = 0.5, 20.0


def addresses(names: Names, host: str, *, seconds: float = LATER) -> list[str]:
    return [str(one) for one in names.addresses(host, until=time.monotonic() + seconds)]


def test_both_kinds_of_addresses_are_found_by_turns(elsewhere: Elsewhere) -> None:
    elsewhere.dns.records["far.example", "A"] = ["192.0.2.1", "192.0.2.2"]
    elsewhere.dns.records["far.example", "AAAA"] = ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
    elsewhere.dns.records["six.example", "AAAA"] = ["2001:db8::1"]
    by_turns = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "2001:db8::3"]
    found = addresses(elsewhere.dns.names, "far.example")
    assert sorted(found) == sorted(by_turns)
    assert [":" in one for one in found] == [":" in one for one in by_turns]
    assert addresses(elsewhere.dns.names, "six.example") == ["2001:db8::1"]


def test_a_name_server_that_is_silent_about_the_one_kind_does_not_hide_the_other(elsewhere: Elsewhere) -> None:
    elsewhere.dns.records["far.example", "A"] = ["192.0.2.1"]
    elsewhere.dns.records["far.example", "AAAA"] = lambda: None
    assert addresses(elsewhere.dns.names, "far.example") == ["192.0.2.1"]


def test_addresses_and_this_machine_are_asked_of_nobody(elsewhere: Elsewhere) -> None:
    for host in ("192.0.2.1", "2001:db8::1"):
        assert addresses(elsewhere.dns.names, host) == [host]
    for host in ("localhost", "LOCALHOST", "anything.localhost", "localhost."):
        assert addresses(elsewhere.dns.names, host) == ["127.0.0.1", "::1"]
    assert elsewhere.dns.asked == []


def test_a_name_server_that_never_answers_is_waited_for_no_longer(elsewhere: Elsewhere) -> None:
    elsewhere.dns.records["far.example", "A"] = lambda: None
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(PeerUnavailable) as silent:
            addresses(elsewhere.dns.names, "far.example", seconds=SOON)
        assert silent.value.code == "too_slow"
        assert time.monotonic() - began < 60
    with pytest.raises(PeerUnavailable) as silent:
        addresses(elsewhere.dns.names, "far.example")  # it has a bound of its own, too
    assert silent.value.code == "too_slow"


def test_no_time_left_is_said_at_once(elsewhere: Elsewhere) -> None:
    with pytest.raises(PeerUnavailable) as late:
        addresses(elsewhere.dns.names, "far.example", seconds=-1)
    assert late.value.code == "too_slow"
    with pytest.raises(PeerUnavailable):
        elsewhere.dns.names.services("_matrix-fed._tcp", "far.example", until=time.monotonic() - 1)
    assert elsewhere.dns.asked == []


def test_no_domain_of_ours_is_added_to_a_name(elsewhere: Elsewhere) -> None:
    elsewhere.dns.records["secret.inside.example", "A"] = ["192.0.2.1"]
    elsewhere.dns.records["_matrix-fed._tcp.secret.inside.example", "SRV"] = ["1 1 443 inside.example."]
    names = elsewhere.dns.names
    names._resolver.search = [dns.name.from_text("inside.example")]
    names._resolver.use_search_by_default = True
    with pytest.raises(PeerUnavailable):
        addresses(names, "secret")
    assert names.services("_matrix-fed._tcp", "secret", until=time.monotonic() + LATER) == []
    assert all("inside" not in name for name, _ in elsewhere.dns.asked)


@pytest.mark.parametrize("host", ["nowhere.example", "", ".", "..", "-", "a" * 64 + ".example", "a" * 300])
def test_a_name_that_leads_nowhere_is_unknown(elsewhere: Elsewhere, host: str) -> None:
    with pytest.raises(PeerUnavailable) as unknown:
        addresses(elsewhere.dns.names, host)
    assert unknown.value.code == "name_unknown"


def test_a_machine_without_name_servers_finds_nothing() -> None:
    names = Names(dns.resolver.Resolver(configure=False))
    with pytest.raises(PeerUnavailable) as unknown:
        addresses(names, "far.example")
    assert unknown.value.code == "name_unknown"


def test_a_machine_that_knows_no_name_server_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dns.resolver.Resolver(configure=False)
    known.nameservers = ["127.0.0.1"]
    asked: list[bool] = []

    def as_the_machine_says() -> dns.resolver.Resolver:
        asked.append(True)
        if len(asked) == 1:
            raise OSError
        return known

    monkeypatch.setattr(dns.resolver, "Resolver", as_the_machine_says)
    names = Names()
    with pytest.raises(PeerUnavailable, match="No name server is known"):
        addresses(names, "far.example")
    with pytest.raises(PeerUnavailable, match="not found in time"):
        addresses(names, "far.example", seconds=SOON)
