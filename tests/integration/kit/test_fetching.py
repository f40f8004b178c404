"""Fetching from hostile URLs: bounded in every way, never into our own network, and pinned to what was judged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme
from pytest_socket import SocketConnectBlockedError

from kit.errors import Forbidden, Invalid, PeerUnavailable
from kit.fetching import Fetcher, is_public
from tests.support.receivers import Received, Receiver, a_receiver, answer

PUBLIC = "93.184.216.34"
LOCAL = Fetcher(allow_private=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


def say(handler: BaseHTTPRequestHandler, noise: bytes) -> None:
    handler.wfile.write(noise)


def port_of(receiver: Receiver) -> str:
    return receiver.url.rpartition(":")[2]


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


# ----------------------------------------------------------------------------------------------- where it never goes

OURS = (
    "127.0.0.1",
    "127.9.9.9",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "0",
    "0.0.0.0",  # noqa: S104 - not bound to
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
)


@pytest.mark.parametrize("host", OURS)
def test_no_name_for_ourselves_leads_to_ourselves(receiver: Receiver, host: str) -> None:
    with pytest.raises(Forbidden) as refused:
        Fetcher().get(f"https://{host}:{port_of(receiver)}/")
    assert refused.value.code == "address_private"
    assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.2.1"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "0.1.2.3", "203.0.113.7"),
        *("fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::", "::1", "100::1", "2001:db8::1"),
        *("::ffff:8.8.8.8", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::a00:1", "nonsense"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.filterwarnings("ignore:A test tried")
def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_judged(receiver: Receiver) -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return answers.pop(0)

    fetcher = Fetcher(resolve=rebinding)
    # Only this machine may be connected to here, so this tells where it went.
    with pytest.raises(SocketConnectBlockedError, match=PUBLIC):
        fetcher.get(f"https://rebinding.example:{port_of(receiver)}/")
    assert asked == [("rebinding.example", int(port_of(receiver)))]
    with pytest.raises(Forbidden):
        fetcher.get(f"https://rebinding.example:{port_of(receiver)}/")
    assert receiver.got == []


@pytest.mark.filterwarnings("ignore:A test tried")
def test_of_several_addresses_the_private_ones_are_passed_over() -> None:
    fetcher = Fetcher(resolve=lambda _, __: ["127.0.0.1", "10.0.0.1", PUBLIC])
    with pytest.raises(SocketConnectBlockedError, match=PUBLIC):
        fetcher.get("https://many.example/")


# ----------------------------------------------------------------------------------------------- what it takes


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.org/", "url_not_https"),
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
        ("https://example.org:99999/", "url_malformed"),
        ("https://[::1/", "url_malformed"),
        ("https://" + "a" * 64 + ".org/", "url_malformed"),
        ("https://example.org/" + "a" * 2_000, "url_malformed"),
    ],
)
def test_a_url_that_is_none_of_ours_is_refused_before_anybody_is_asked(url: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        Fetcher(resolve=lambda _, __: pytest.fail("it asked")).check(url)
    assert refused.value.code == code
    with pytest.raises(Invalid):
        Fetcher(resolve=lambda _, __: pytest.fail("it asked")).get(url)


def test_what_may_be_asked_passes_the_check() -> None:
    for url in ("https://example.org", "https://example.org:8448/hook?token=1", "https://8.8.8.8/"):
        Fetcher(resolve=lambda _, __: pytest.fail("it asked")).check(url)
    with pytest.raises(Forbidden):
        Fetcher().check("https://192.168.1.1/")
    LOCAL.check("http://127.0.0.1:25/")


# ----------------------------------------------------------------------------------------------- bounds


def dawdling(receiver: Receiver, *, status_first: bool) -> None:
    def dawdle(handler: BaseHTTPRequestHandler, _: Received) -> None:
        if status_first:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not receiver.stopping.wait(0.02):  # a byte now and then: no pause is ever long
            handler.wfile.write(b"x")

    receiver.manner = dawdle


@pytest.mark.parametrize("status_first", [False, True])
def test_whoever_dawdles_is_left(receiver: Receiver, *, status_first: bool) -> None:
    dawdling(receiver, status_first=status_first)
    with pytest.raises(PeerUnavailable) as silent:
        Fetcher(allow_private=True, timeout=0.3).get(receiver.url)
    assert silent.value.code in {"too_slow", "nonsense"}


def test_a_name_that_is_never_found_is_waited_for_no_longer() -> None:
    release = threading.Event()

    def never(_: str, __: int) -> list[str]:
        release.wait()
        raise OSError

    fetcher = Fetcher(timeout=0.2, resolve=never)
    began = time.monotonic()
    for _ in range(20):  # more than look up at once
        with pytest.raises(PeerUnavailable, match="in time"):
            fetcher.get("https://slow.example/")
    assert time.monotonic() - began < 60
    release.set()


def test_a_long_answer_is_no_answer_to_get_and_a_cut_one_to_post(receiver: Receiver) -> None:
    sent = 0

    def endless(handler: BaseHTTPRequestHandler, _: Received) -> None:
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not receiver.stopping.is_set():
            handler.wfile.write(b"x" * 65_536)
            sent += 65_536

    receiver.manner = endless
    with pytest.raises(PeerUnavailable) as refused:
        LOCAL.get(receiver.url, most_bytes=1_000)
    assert refused.value.code == "too_large"
    found = LOCAL.post(receiver.url, b"", most_bytes=1_000)
    assert (found.status, len(found.body), found.whole) == (200, 1_000, False)


def test_an_answer_that_unfolds_is_not_unfolded(receiver: Receiver) -> None:
    receiver.manner = lambda handler, _: answer(handler, 200, b"\x1f\x8b", Content_Encoding="gzip")
    with pytest.raises(PeerUnavailable):
        LOCAL.get(receiver.url)


@pytest.mark.parametrize("noise", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000])
def test_what_does_not_speak_http_is_no_answer(receiver: Receiver, noise: bytes) -> None:
    receiver.manner = lambda handler, _: say(handler, noise)
    with pytest.raises(PeerUnavailable):
        LOCAL.get(receiver.url)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(PeerUnavailable) as silent:
        LOCAL.get("http://127.0.0.1:1/")
    assert silent.value.code == "no_connection"


# ----------------------------------------------------------------------------------------------- certificates


def test_a_certificate_is_good_for_the_name_in_the_url_alone(tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    fetcher = Fetcher(allow_private=True, ca_file=file, resolve=lambda _, __: ["127.0.0.1"])
    with a_receiver(authority.issue_cert("right.example").configure_cert) as receiver:
        port = port_of(receiver)
        assert fetcher.post(f"https://right.example:{port}/", b"hello").status == 204
        with pytest.raises(PeerUnavailable) as wrong:
            fetcher.post(f"https://wrong.example:{port}/", b"hello")
        assert wrong.value.code == "certificate_wrong"
        stranger = Fetcher(allow_private=True, resolve=lambda _, __: ["127.0.0.1"])
        with pytest.raises(PeerUnavailable) as unknown:
            stranger.post(f"https://right.example:{port}/", b"hello")
        assert unknown.value.code == "certificate_wrong"
        assert [one.body for one in receiver.got] == [b"hello"]


def test_no_error_repeats_the_url_or_what_the_server_said(receiver: Receiver) -> None:
    receiver.manner = lambda handler, _: say(handler, b"a secret\r\n")
    with pytest.raises(PeerUnavailable) as refused:
        LOCAL.get(f"{receiver.url}/?key=hidden")
    assert "hidden" not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__
