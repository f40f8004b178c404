"""Fetching from places that strangers name: what is reached, what never is, and what they may cost us."""

from __future__ import annotations

import gzip
import ipaddress
import ssl
import time

import dns.resolver
import pytest
import trustme

from kit.errors import FetchUnavailable
from kit.names import Names
from kit.reaching import Fetched, Place, Reacher, is_public
from tests.support.elsewhere import Answer, Elsewhere, Server, says

MOST = 10_000
SOON, LATER = 0.5, 20.0


def get(elsewhere: Elsewhere, server: Server, name: str = "far.example", *, seconds: float = LATER) -> Fetched:
    place = Place(name, server.port, name, f"{name}:{server.port}")
    return elsewhere.fetcher().get(place, "/it", until=time.monotonic() + seconds, most_bytes=MOST)


def follow(elsewhere: Elsewhere, url: str, *, seconds: float = LATER) -> Fetched:
    until = time.monotonic() + seconds
    return elsewhere.fetcher().follow(url, until=until, most_bytes=MOST, most_redirects=3)


@pytest.fixture
def far(elsewhere: Elsewhere) -> Server:
    """A server that is found as ``far.example``."""
    server = elsewhere.server("far.example")
    elsewhere.dns.records["far.example", "A"] = [server.address]
    return server


def test_a_document_is_fetched(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"hello")
    assert get(elsewhere, far) == Fetched(200, b"hello")
    (head,) = far.heard
    assert f"Host: far.example:{far.port}\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head


PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.1", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.8"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1"),
    *("2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "fe80::1", "fec0::1", "fd00::1", "ff02::1", "100::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"])
def test_an_address_that_is_public_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "localhost",
            "LOCALHOST",
            "anything.localhost",
            "localhost.",
            "inside.example",
            "mapped.example",
        ),
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "::1", "::ffff:127.0.0.1", "nowhere.example", ""),
        *("a" * 300, "..", "-", ".", ".far.example", "a" * 64 + ".example", "\u00e9.example"),
    ],
)
def test_no_name_leads_to_a_private_address(elsewhere: Elsewhere, host: str) -> None:
    inside = elsewhere.server("inside.example", address="127.0.0.1")
    elsewhere.dns.records["inside.example", "A"] = ["127.0.0.1"]
    elsewhere.dns.records["mapped.example", "AAAA"] = ["::ffff:127.0.0.1"]
    place = Place(host, inside.port, "inside.example", "inside.example")
    with pytest.raises(FetchUnavailable, match=r"public address|leads nowhere"):
        elsewhere.fetcher().get(place, "/it", until=time.monotonic() + LATER, most_bytes=MOST)
    assert inside.reached == 0


def test_a_private_network_is_reached_where_the_operator_says_so(elsewhere: Elsewhere) -> None:
    inside = elsewhere.server("inside.example", address="127.0.0.1")
    inside.answers["/it"] = says(b"hello")
    elsewhere.dns.records["inside.example", "A"] = ["127.0.0.1"]
    network = [ipaddress.ip_network("127.0.0.0/24")]
    fetcher = Reacher(elsewhere.dns.names, private=network, authority=elsewhere.authority_file)
    place = Place("inside.example", inside.port, "inside.example", "inside.example")
    assert fetcher.get(place, "/it", until=time.monotonic() + LATER, most_bytes=MOST).body == b"hello"


def test_of_several_addresses_the_private_ones_are_left_out(elsewhere: Elsewhere, far: Server) -> None:
    inside = elsewhere.server("far.example", address="127.0.0.1", port=far.port)
    elsewhere.dns.records["far.example", "A"] = ["127.0.0.1", far.address]
    far.answers["/it"] = inside.answers["/it"] = says(b"hello")
    assert get(elsewhere, far).body == b"hello"
    assert (inside.reached, far.reached) == (0, 1)


def test_a_name_that_means_another_place_a_moment_later_gains_nothing(elsewhere: Elsewhere, far: Server) -> None:
    inside = elsewhere.server("far.example", address="127.0.0.1", port=far.port)
    far.answers["/it"] = inside.answers["/it"] = says(b"hello")
    turns = iter([[far.address]])
    elsewhere.dns.records["far.example", "A"] = lambda: next(turns, ["127.0.0.1"])
    assert get(elsewhere, far).body == b"hello"
    assert elsewhere.dns.asked.count(("far.example", "A")) == 1, "what was looked at is what is connected to"
    with pytest.raises(FetchUnavailable):
        get(elsewhere, far)
    assert inside.reached == 0


def test_a_server_that_is_not_who_was_named_is_not_believed(elsewhere: Elsewhere, far: Server) -> None:
    other = elsewhere.server("other.example", port=far.port)
    forger = elsewhere.server("far.example", port=far.port, authority=trustme.CA())
    for server in (other, forger):
        server.answers["/it"] = says(b"hello")
        elsewhere.dns.records["far.example", "A"] = [server.address]
        with pytest.raises(FetchUnavailable, match="does not answer"):
            get(elsewhere, server)
        assert server.heard == [], "nothing was said to it"


def test_the_second_address_is_tried_where_the_first_is_dead(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"hello")
    elsewhere.dns.records["far.example", "A"] = ["127.81.255.255", far.address]
    assert get(elsewhere, far).body == b"hello"


# ------------------------------------------------------------------------------------------------- what it costs


def drips(head: bytes) -> Answer:
    """Begin, and then send a byte now and then, for ever."""

    def answer(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return answer


def pours(head: bytes) -> Answer:
    """Begin, and then send without an end."""

    def answer(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x" * 100_000)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        drips(b"HTTP/1.1 200 OK\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nX-Long: "),
        drips(b""),
        lambda connection, _: connection.recv(1),
        lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n") or time.sleep(60),  # type: ignore[func-returns-value]
    ],
    ids=["body", "counted body", "header", "status", "silence", "half"],
)
def test_a_server_that_is_slow_on_purpose_is_left(elsewhere: Elsewhere, far: Server, answer: Answer) -> None:
    far.answers["/it"] = answer
    with pytest.raises(FetchUnavailable):
        get(elsewhere, far, seconds=SOON)


def test_a_server_that_never_shakes_hands_is_left(elsewhere: Elsewhere) -> None:
    silent = elsewhere.silent()
    elsewhere.dns.records["far.example", "A"] = [silent.address]
    with pytest.raises(FetchUnavailable):
        get(elsewhere, silent, seconds=SOON)
    assert silent.reached == 1


@pytest.mark.parametrize(
    "answer",
    [
        says(b"x" * (MOST + 1)),
        pours(b"HTTP/1.1 200 OK\r\n\r\n"),
        pours(b"HTTP/1.1 200 OK\r\nX-Long: "),
        pours(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
        says(gzip.compress(b"x" * 10_000_000), headers=["Content-Encoding: gzip"]),
        pours(b""),
        says(b"", status=99),
        lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ],
    ids=["long", "endless", "endless header", "announced", "unfolds", "noise", "status", "chunks"],
)
def test_an_answer_beyond_bounds_is_not_taken(elsewhere: Elsewhere, far: Server, answer: Answer) -> None:
    far.answers["/it"] = answer
    with pytest.raises(FetchUnavailable):
        get(elsewhere, far)


def test_the_longest_answer_is_taken(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"x" * MOST)
    assert len(get(elsewhere, far).body) == MOST


def test_no_sentence_tells_what_was_asked_for(elsewhere: Elsewhere) -> None:
    place = Place("far.example", 1, "far.example", "far.example")
    for records in ([], ["127.0.0.1"], ["127.81.255.255"]):
        elsewhere.dns.records["far.example", "A"] = records
        with pytest.raises(FetchUnavailable) as caught:
            elsewhere.fetcher().get(place, "/it?token=SECRET", until=time.monotonic() + LATER, most_bytes=MOST)
        assert "SECRET" not in repr(caught.value)
        assert caught.value.__cause__ is None


def test_no_time_left_is_said_at_once(elsewhere: Elsewhere, far: Server) -> None:
    with pytest.raises(FetchUnavailable):
        get(elsewhere, far, seconds=-1)
    assert far.reached == 0


def test_a_machine_without_name_servers_finds_nothing() -> None:
    names = Names(dns.resolver.Resolver(configure=False))
    with pytest.raises(FetchUnavailable):
        names.addresses("far.example", until=time.monotonic() + LATER)


# ------------------------------------------------------------------------------------------------- redirects


def test_redirects_are_followed_so_far_and_no_farther(elsewhere: Elsewhere, far: Server) -> None:
    base = f"https://far.example:{far.port}"
    for step in range(4):
        far.answers[f"/{step}"] = says(b"", status=302, headers=[f"Location: /{step + 1}"])
    far.answers["/4"] = says(b"hello")
    assert follow(elsewhere, f"{base}/1").body == b"hello"
    with pytest.raises(FetchUnavailable, match="again and again"):
        follow(elsewhere, f"{base}/0")


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1:{inside}/secret",
        "https://inside.example:{inside}/secret",
        "https://localhost:{inside}/secret",
        "https://[::1]:{inside}/secret",
        "https://[::ffff:127.0.0.1]:{inside}/secret",
        "//inside.example:{inside}/secret",
        "http://far.example:{far}/hello",
        "ftp://far.example/hello",
        "file:///etc/passwd",
        "gopher://far.example:{far}/hello",
        "https://user:secret@far.example:{far}/hello",
        "https://far.example:99999/hello",
        "https://far.example:{far}/hel lo",
        "https://[far.example/hello",
    ],
)
def test_a_redirect_leads_nowhere_that_could_not_be_named(elsewhere: Elsewhere, far: Server, location: str) -> None:
    inside = elsewhere.server("inside.example", "localhost", address="127.0.0.1")
    elsewhere.dns.records["inside.example", "A"] = ["127.0.0.1"]
    far.answers["/hello"] = inside.answers["/secret"] = says(b"secret")
    where = location.format(inside=inside.port, far=far.port)
    far.answers["/it"] = says(b"", status=307, headers=[f"Location: {where}"])
    with pytest.raises(FetchUnavailable):
        follow(elsewhere, f"https://far.example:{far.port}/it")
    assert inside.reached == 0


def test_a_redirect_takes_no_longer_than_all_of_it_may(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"", status=302, headers=["Location: /slow"])
    far.answers["/slow"] = drips(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(FetchUnavailable):
        follow(elsewhere, f"https://far.example:{far.port}/it", seconds=SOON)
