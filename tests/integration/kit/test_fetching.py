"""Fetching from where strangers lead us: what is reached, what never is, and what they may cost us.

By plain HTTP from a receiver on this machine, which an operator may open, and over TLS from servers that stand for the
public internet.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from kit.errors import Forbidden, Invalid, PeerUnavailable
from kit.fetching import Fetched, Fetcher, Place
from kit.internet import IpAddress
from kit.names import Names
from tests.support.elsewhere import PUBLIC, Elsewhere, Server, an_address, says
from tests.support.receivers import Receiver, a_receiver, answer

MOST = 10_000
LATER = 20.0
LOCAL = Fetcher(private=[ipaddress.ip_network("127.0.0.0/8")])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


def url_of(server: Server) -> str:
    return f"https://far.example:{server.port}/it"


class InOrder(Names):
    """Every name leads to these addresses, in this order; a name server may give them in any."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self._addresses = [ipaddress.ip_address(one) for one in addresses]

    def addresses(self, host: str, *, until: float) -> list[IpAddress]:  # noqa: ARG002 - as names are looked up
        return self._addresses


# ----------------------------------------------------------------------------------------------- what is told


def test_an_answer_is_told_whatever_its_status(receiver: Receiver) -> None:
    receiver.manner = lambda handler, got: answer(handler, 404, b"nothing " + got.method.encode(), X_Why="because")
    found = LOCAL.get(f"{receiver.url}/here?a=b", headers={"Accept": "text/plain"})
    assert (found.status, found.body, found.headers["x-why"], found.whole) == (404, b"nothing GET", "because", True)
    (got,) = receiver.got
    assert (got.path, got.headers["accept"], got.headers["accept-encoding"]) == ("/here?a=b", "text/plain", "identity")
    assert got.headers["host"] == receiver.url.removeprefix("http://")


def test_what_is_posted_arrives(receiver: Receiver) -> None:
    found = LOCAL.post(receiver.url, b"a body", headers={"Content-Type": "text/plain"})
    assert found.status == 204
    (got,) = receiver.got
    assert (got.method, got.path, got.body, got.headers["content-type"]) == ("POST", "/", b"a body", "text/plain")


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.manner = lambda handler, _: answer(handler, 302, Location=f"{receiver.url}/inside")
    assert LOCAL.get(receiver.url).status == 302
    assert [one.path for one in receiver.got] == ["/"]


def test_a_document_is_fetched(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"hello")
    found = elsewhere.ask(far)
    assert (found.status, found.body) == (200, b"hello")
    (head,) = far.heard
    assert f"Host: far.example:{far.port}\r\n" in head
    assert "Accept: application/json\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head


def test_another_machine_may_answer_for_a_name(elsewhere: Elsewhere, far: Server) -> None:
    elsewhere.dns.records["machine.example", "A"] = [far.address]
    far.answers["/it"] = says(b"hello")
    place = Place("machine.example", far.port, "far.example", "said.example")
    assert elsewhere.fetcher().ask(place, "/it", until=time.monotonic() + LATER, most_bytes=MOST).body == b"hello"
    assert "Host: said.example\r\n" in far.heard[0]
    itself = Place("machine.example", far.port, "machine.example", "said.example")
    with pytest.raises(PeerUnavailable) as wrong:
        elsewhere.fetcher().ask(itself, "/it", until=time.monotonic() + LATER, most_bytes=MOST)
    assert wrong.value.code == "certificate_wrong"


# ----------------------------------------------------------------------------------------------- where it never goes

OURS = [
    *("127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "anything.localhost", "localhost.", "127.1", "0", "0.0.0.0"),  # noqa: S104 - not bound to
    *("2130706433", "0x7f000001", "0177.0.0.1", "inside.example", "mapped.example", "nowhere.example"),
]
OURS_V6 = ["::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"]
NO_NAMES = ["", "a" * 300, "..", "-", ".", ".far.example", "a" * 64 + ".example", "\u00e9.example"]


@pytest.mark.parametrize("host", [*OURS, *OURS_V6, *NO_NAMES])
def test_no_place_is_ourselves(elsewhere: Elsewhere, inside: Server, host: str) -> None:
    place = Place(host, inside.port, "inside.example", "inside.example")
    with pytest.raises(PeerUnavailable) as refused:
        elsewhere.fetcher().ask(place, "/it", until=time.monotonic() + LATER, most_bytes=MOST)
    assert refused.value.code in {"address_private", "name_unknown"}
    assert inside.reached == 0


@pytest.mark.parametrize("host", [*OURS, *(f"[{one}]" for one in OURS_V6)])
def test_no_url_leads_to_ourselves(elsewhere: Elsewhere, inside: Server, host: str) -> None:
    with pytest.raises((Forbidden, PeerUnavailable), match=r"public address|leads nowhere"):
        elsewhere.fetcher().get(f"https://{host}:{inside.port}/")
    assert inside.reached == 0


def test_a_private_network_is_reached_where_the_operator_says_so(elsewhere: Elsewhere, inside: Server) -> None:
    inside.answers["/it"] = says(b"hello")
    fetcher = elsewhere.fetcher(private=[ipaddress.ip_network("127.0.0.0/24")])
    place = Place("inside.example", inside.port, "inside.example", "inside.example")
    assert fetcher.ask(place, "/it", until=time.monotonic() + LATER, most_bytes=MOST).body == b"hello"
    assert fetcher.get(f"https://localhost:{inside.port}/it").body == b"hello"


def test_of_several_addresses_the_private_ones_are_left_out(elsewhere: Elsewhere, far: Server) -> None:
    inside = elsewhere.server("far.example", address="127.0.0.1", port=far.port)
    elsewhere.dns.records["far.example", "A"] = ["127.0.0.1", "10.0.0.1", *["127.0.0.1"] * 8, far.address]
    far.answers["/it"] = inside.answers["/it"] = says(b"hello")
    assert elsewhere.ask(far).body == b"hello"
    assert (inside.reached, far.reached) == (0, 1)


def test_a_name_that_means_another_place_a_moment_later_gains_nothing(elsewhere: Elsewhere, far: Server) -> None:
    inside = elsewhere.server("far.example", address="127.0.0.1", port=far.port)
    far.answers["/it"] = inside.answers["/it"] = says(b"hello")
    fetches: list[Callable[[], Fetched]] = [
        lambda: elsewhere.ask(far),
        lambda: elsewhere.fetcher().get(url_of(far)),
    ]
    for fetch in fetches:
        turns = iter([[far.address]])
        elsewhere.dns.asked.clear()
        elsewhere.dns.records["far.example", "A"] = lambda turns=turns: next(turns, ["127.0.0.1"])  # type: ignore[misc]
        assert fetch().body == b"hello"
        assert elsewhere.dns.asked.count(("far.example", "A")) == 1, "what was looked at is what is connected to"
        with pytest.raises(PeerUnavailable) as refused:
            fetch()
        assert refused.value.code == "address_private"
    assert inside.reached == 0


def test_a_server_that_is_not_who_was_named_is_not_believed(elsewhere: Elsewhere, far: Server) -> None:
    other = elsewhere.server("other.example", port=far.port)
    forger = elsewhere.server("far.example", port=far.port, authority=trustme.CA())
    for server in (other, forger):
        server.answers["/it"] = says(b"hello")
        elsewhere.dns.records["far.example", "A"] = [server.address]
        fetches: list[Callable[[], Fetched]] = [
            lambda: elsewhere.ask(far),
            lambda: elsewhere.fetcher().post(url_of(far), b"hello"),
        ]
        for fetch in fetches:
            with pytest.raises(PeerUnavailable) as wrong:
                fetch()
            assert wrong.value.code == "certificate_wrong"
        assert server.heard == [], "nothing was said to it"


def test_an_authority_is_believed_where_the_operator_names_it(elsewhere: Elsewhere, far: Server) -> None:
    with pytest.raises(PeerUnavailable) as unknown:
        elsewhere.fetcher(authority=None).get(url_of(far))
    assert unknown.value.code == "certificate_wrong"
    assert elsewhere.fetcher().get(url_of(far)).status == 404


def test_an_authority_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(Invalid) as refused:
            Fetcher(authority=tmp_path / name)
        assert refused.value.code == "authority_malformed"


@pytest.mark.parametrize("addresses", [["127.81.255.255"], [f"127.81.254.{last}" for last in (1, 2)]])
def test_the_next_address_is_tried_where_one_is_dead(elsewhere: Elsewhere, far: Server, addresses: list[str]) -> None:
    far.answers["/it"] = says(b"hello")
    elsewhere.dns.records["far.example", "A"] = [*addresses, far.address]
    assert elsewhere.ask(far).body == b"hello"


def test_an_address_that_is_silent_leaves_time_to_the_next_one(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"hello")
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((an_address(), far.port))
        full.listen(0)
        for one in (first, second):  # it has room for no more, and answers no further wish to connect
            one.setblocking(False)  # noqa: FBT003 - the library's name
            one.connect_ex(full.getsockname())
        fetcher = elsewhere.fetcher(names=InOrder(full.getsockname()[0], far.address))
        assert fetcher.get(url_of(far)).body == b"hello"


def test_of_many_addresses_a_few_are_tried(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"hello")
    dead = [f"127.81.253.{last}" for last in range(1, 5)]
    assert elsewhere.fetcher(names=InOrder(*dead[1:], far.address)).get(url_of(far)).body == b"hello"
    with pytest.raises(PeerUnavailable) as refused:
        elsewhere.fetcher(names=InOrder(*dead, far.address)).get(url_of(far))
    assert refused.value.code == "no_connection"
    assert far.reached == 1


# ----------------------------------------------------------------------------------------------- what it takes


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.org/", "url_not_https"),
        ("http://127.0.0.1/", "url_not_https"),
        ("ftp://example.org/", "url_not_https"),
        ("file:///etc/passwd", "url_malformed"),
        ("gopher://example.org:25/", "url_not_https"),
        ("https://", "url_malformed"),
        ("example.org", "url_malformed"),
        ("https://name:password@example.org/", "url_malformed"),
        ("https://@example.org/", "url_malformed"),
        ("https://example.org/#part", "url_malformed"),
        ("https://example.org/a b", "url_malformed"),
        ("https://example.org/\r\nHost: other", "url_malformed"),
        ("https://exämple.org/", "url_malformed"),
        ("https://example.org:25/", "url_port"),
        ("https://example.org:80/", "url_port"),
        ("https://example.org:0/", "url_port"),
        ("https://example.org:99999/", "url_malformed"),
        ("https://[::1/", "url_malformed"),
        ("https://" + "a" * 64 + ".org/", "url_malformed"),
        ("https://example.org/" + "a" * 2_000, "url_malformed"),
    ],
)
def test_a_url_that_is_none_of_ours_is_refused_before_anybody_is_asked(
    elsewhere: Elsewhere, url: str, code: str
) -> None:
    fetcher = elsewhere.fetcher(private=[ipaddress.ip_network("10.0.0.0/8")])
    for refuse in (fetcher.check, fetcher.get, lambda url: fetcher.post(url, b"")):
        with pytest.raises(Invalid) as refused:
            refuse(url)
        assert refused.value.code == code
    assert elsewhere.dns.asked == []


def test_what_may_be_asked_passes_the_check(elsewhere: Elsewhere) -> None:
    fetcher = elsewhere.fetcher(private=[])
    for url in ("https://example.org", "https://example.org:8448/hook?token=1", "https://8.8.8.8/"):
        fetcher.check(url)
    with pytest.raises(Forbidden):
        fetcher.check("https://192.168.1.1/")
    for url in ("http://127.0.0.1:25/", "http://example.org/"):
        LOCAL.check(url)
    assert elsewhere.dns.asked == []


def test_without_tls_and_on_odd_ports_this_machine_alone_is_asked(elsewhere: Elsewhere) -> None:
    elsewhere.dns.records["near.example", "A"] = ["10.0.0.1"]
    opened = [ipaddress.ip_network("10.0.0.0/8"), PUBLIC]
    fetcher = elsewhere.fetcher(private=opened)
    for url, code in (
        ("http://10.0.0.1/", "url_not_https"),
        ("http://8.8.8.8/", "url_not_https"),
        ("https://10.0.0.1:25/", "url_port"),
    ):
        with pytest.raises(Invalid) as never:
            fetcher.check(url)
        assert never.value.code == code
    for url, code in (("http://near.example/", "url_not_https"), ("https://near.example:25/", "url_port")):
        with pytest.raises(PeerUnavailable) as refused:
            fetcher.get(url)
        assert refused.value.code == code
    place = Place("10.0.0.1", 25, "10.0.0.1", "10.0.0.1")
    with pytest.raises(PeerUnavailable) as refused:
        fetcher.ask(place, "/it", until=time.monotonic() + LATER, most_bytes=MOST)
    assert refused.value.code == "url_port"


@pytest.mark.parametrize(("stays", "connections"), [(True, 1), (False, 2)])
def test_several_documents_come_over_one_connection_where_it_stays_open(
    elsewhere: Elsewhere, far: Server, *, stays: bool, connections: int
) -> None:
    def first(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")  # it is not said that it closes
        if stays:
            head = connection.recv(4096)
            assert head.startswith(b"GET /second ")
            says(b"two")(connection, head)

    far.answers["/first"], far.answers["/second"] = first, says(b"two")
    place = Place("far.example", far.port, "far.example", "far.example")
    until = time.monotonic() + 20
    found = elsewhere.fetcher().ask_each(place, ["/first", "/second"], until=until, most_bytes=3)
    assert [one.body for one in found] == [b"one", b"two"]
    assert {str(one.address) for one in found} == {far.address}
    assert all(one.certificate_until for one in found)
    assert far.reached == connections
    for lies in ("/first", "/second"):  # each of them is bounded
        far.answers[lies] = says(b"x" * 4)
        with pytest.raises(PeerUnavailable, match="more than is read"):
            elsewhere.fetcher().ask_each(place, ["/second", "/first"], until=time.monotonic() + 20, most_bytes=3)
