"""What servers that strangers name may cost us, and where redirects may lead."""

from __future__ import annotations

import gzip
import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from kit.errors import PeerUnavailable
from kit.fetching import Fetched, Fetcher, Place
from tests.support.elsewhere import Answer, Elsewhere, Server, says
from tests.support.receivers import Receiver, a_receiver, answer

MOST = 10_000
SOON, LATER = 0.5, 20.0
LOCAL = Fetcher(private=[ipaddress.ip_network("127.0.0.0/8")])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


def follow(elsewhere: Elsewhere, url: str, *, seconds: float = LATER) -> Fetched:
    until = time.monotonic() + seconds
    return elsewhere.fetcher().follow(url, until=until, most_bytes=MOST, most_redirects=3)


def url_of(server: Server) -> str:
    return f"https://far.example:{server.port}/it"


def say(handler: BaseHTTPRequestHandler, noise: bytes) -> None:
    handler.wfile.write(noise)


# ----------------------------------------------------------------------------------------------- what it costs


def pours(head: bytes, pause: float = 0.0, much: bytes = b"x" * 100_000) -> Answer:
    """Begin, and then send without an end."""

    def pour(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(much)
            time.sleep(pause)

    return pour


def drips(head: bytes) -> Answer:
    """Begin, and then send a byte now and then, for ever: no pause is ever long."""
    return pours(head, 0.05, b"x")


@pytest.mark.parametrize(
    "slowly",
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
def test_a_server_that_is_slow_on_purpose_is_left(elsewhere: Elsewhere, far: Server, slowly: Answer) -> None:
    far.answers["/it"] = slowly
    fetches: list[Callable[[], Fetched]] = [
        lambda: elsewhere.ask(far, seconds=SOON),
        lambda: elsewhere.fetcher(timeout=SOON).get(url_of(far)),
        lambda: elsewhere.fetcher(timeout=SOON).post(url_of(far), b""),
    ]
    for fetch in fetches:
        with pytest.raises(PeerUnavailable) as silent:
            fetch()
        assert silent.value.code in {"too_slow", "nonsense"}


def test_a_server_that_never_shakes_hands_is_left(elsewhere: Elsewhere) -> None:
    silent = elsewhere.silent()
    elsewhere.dns.records["far.example", "A"] = [silent.address]
    with pytest.raises(PeerUnavailable):
        elsewhere.ask(silent, seconds=SOON)
    assert silent.reached == 1


@pytest.mark.parametrize(
    "beyond",
    [
        says(b"x" * (MOST + 1)),
        pours(b"HTTP/1.1 200 OK\r\n\r\n"),
        pours(b"HTTP/1.1 200 OK\r\nX-Long: "),
        pours(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
        says(gzip.compress(b"x" * 10_000_000), headers=["Content-Encoding: gzip"]),
        says(b"\x1f\x8b", headers=["Content-Encoding: GZIP"]),
        pours(b""),
        says(b"", status=99),
        lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        pours(b"", much=b"HTTP/1.1 100 Continue\r\n\r\n"),
        pours(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    ],
    ids=[
        "long",
        "endless",
        "endless header",
        "announced",
        "unfolds",
        "odd",
        "noise",
        "status",
        "chunks",
        "not yet",
        "upgrade",
    ],
)
def test_an_answer_beyond_bounds_is_not_taken(elsewhere: Elsewhere, far: Server, beyond: Answer) -> None:
    far.answers["/it"] = beyond
    with pytest.raises(PeerUnavailable) as refused:
        elsewhere.ask(far)
    assert refused.value.code in {"too_large", "nonsense"}


def test_the_longest_answer_is_taken(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"x" * MOST)
    assert len(elsewhere.ask(far).body) == MOST


def test_a_long_answer_is_no_answer_to_get_and_a_cut_one_to_post(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = pours(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(PeerUnavailable) as refused:
        elsewhere.fetcher().get(url_of(far), most_bytes=1_000)
    assert refused.value.code == "too_large"
    found = elsewhere.fetcher().post(url_of(far), b"", most_bytes=1_000)
    assert (found.status, len(found.body), found.whole) == (200, 1_000, False)


def test_an_answer_that_unfolds_is_not_unfolded(receiver: Receiver) -> None:
    receiver.manner = lambda handler, _: answer(handler, 200, b"\x1f\x8b", Content_Encoding="gzip")
    with pytest.raises(PeerUnavailable):
        LOCAL.get(receiver.url)
    assert LOCAL.post(receiver.url, b"").status == 200


@pytest.mark.parametrize("noise", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000])
def test_what_does_not_speak_http_is_no_answer(receiver: Receiver, noise: bytes) -> None:
    receiver.manner = lambda handler, _: say(handler, noise)
    with pytest.raises(PeerUnavailable):
        LOCAL.get(receiver.url)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(PeerUnavailable) as silent:
        LOCAL.get("http://127.0.0.1:1/")
    assert silent.value.code == "no_connection"


def test_no_time_left_is_said_at_once(elsewhere: Elsewhere, far: Server) -> None:
    with pytest.raises(PeerUnavailable) as late:
        elsewhere.ask(far, seconds=-1)
    assert late.value.code == "too_slow"
    by_address = Place(far.address, far.port, "far.example", "far.example")
    with pytest.raises(PeerUnavailable) as late:
        elsewhere.fetcher().ask(by_address, "/it", until=time.monotonic() - 1, most_bytes=MOST)
    assert late.value.code == "too_slow"
    assert far.reached == 0


def test_no_error_repeats_what_was_asked_for_or_what_was_said(elsewhere: Elsewhere, receiver: Receiver) -> None:
    place = Place("far.example", 1, "far.example", "far.example")
    for records in ([], ["127.0.0.1"], ["127.81.255.255"]):
        elsewhere.dns.records["far.example", "A"] = records
        with pytest.raises(PeerUnavailable) as caught:
            elsewhere.fetcher().ask(place, "/it?token=SECRET", until=time.monotonic() + LATER, most_bytes=MOST)
        assert "SECRET" not in repr(caught.value)
        assert caught.value.__cause__ is None
    receiver.manner = lambda handler, _: say(handler, b"a secret\r\n")
    with pytest.raises(PeerUnavailable) as refused:
        LOCAL.get(f"{receiver.url}/?key=hidden")
    assert "hidden" not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__


# ----------------------------------------------------------------------------------------------- redirects


def test_redirects_are_followed_so_far_and_no_farther(elsewhere: Elsewhere, far: Server) -> None:
    base = f"https://far.example:{far.port}"
    for step in range(4):
        far.answers[f"/{step}"] = says(b"", status=302, headers=[f"Location: /{step + 1}#part"])
    far.answers["/4"] = says(b"hello")
    assert follow(elsewhere, f"{base}/1").body == b"hello"
    with pytest.raises(PeerUnavailable, match="again and again"):
        follow(elsewhere, f"{base}/0")


@pytest.mark.parametrize(
    "location",
    [
        *("https://127.0.0.1:{inside}/secret", "https://inside.example:{inside}/secret"),
        *("https://localhost:{inside}/secret", "https://[::1]:{inside}/secret"),
        *("https://[::ffff:127.0.0.1]:{inside}/secret", "//inside.example:{inside}/secret"),
        *("http://far.example:{far}/hello", "ftp://far.example/hello", "file:///etc/passwd"),
        *("gopher://far.example:{far}/hello", "https://user:secret@far.example:{far}/hello"),
        *("https://far.example:99999/hello", "https://far.example:{far}/hel lo", "https://[far.example/hello"),
    ],
)
def test_a_redirect_leads_nowhere_that_could_not_be_named(
    elsewhere: Elsewhere, far: Server, inside: Server, location: str
) -> None:
    far.answers["/hello"] = inside.answers["/secret"] = says(b"secret")
    where = location.format(inside=inside.port, far=far.port)
    far.answers["/it"] = says(b"", status=307, headers=[f"Location: {where}"])
    with pytest.raises(PeerUnavailable):
        follow(elsewhere, url_of(far))
    assert (inside.reached, far.reached) == (0, 1)


def test_a_redirect_takes_no_longer_than_all_of_it_may(elsewhere: Elsewhere, far: Server) -> None:
    far.answers["/it"] = says(b"", status=302, headers=["Location: /slow"])
    far.answers["/slow"] = drips(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(PeerUnavailable):
        follow(elsewhere, url_of(far), seconds=SOON)
