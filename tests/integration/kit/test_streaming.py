"""Streaming: the same addresses are refused as by fetching, at each question anew; what is read is let go of."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from kit.errors import Forbidden, Invalid, PeerUnavailable
from kit.internet import IpAddress
from kit.names import Names
from kit.streaming import StreamingFetcher
from tests.support.receivers import a_receiver, answer

LOCAL = StreamingFetcher(private=[ipaddress.ip_network("127.0.0.0/8")])


class Turning(Names):
    """A name that leads elsewhere each time it is looked up."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self._addresses = [ipaddress.ip_address(one) for one in addresses]

    def addresses(self, host: str, *, until: float) -> Sequence[IpAddress]:  # type: ignore[override]  # noqa: ARG002
        return [self._addresses.pop(0)]


def test_a_name_is_judged_at_each_question() -> None:
    inward = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.1")
    fetcher = StreamingFetcher(Turning(*inward))
    for _ in inward:
        with pytest.raises(PeerUnavailable) as refused:
            fetcher.open("GET", "https://far.example/x", headers={}, most_bytes=10)
        assert refused.value.code == "address_private"
    with pytest.raises(Forbidden):
        fetcher.open("GET", "https://192.168.0.1/x", headers={}, most_bytes=10)
    with pytest.raises(Invalid):
        fetcher.open("GET", "http://1.1.1.1/x", headers={}, most_bytes=10)


def test_parts_are_read_in_any_thread_and_no_more_than_asked_for() -> None:
    with a_receiver() as upstream, ThreadPoolExecutor(4) as pool:
        upstream.manner = lambda handler, _: answer(handler, 200, b"x" * 200_000, X_Twice="first", x_twice="then")
        with LOCAL.open("GET", f"{upstream.url}/a?b", headers={"X-Of-Ours": "1"}, most_bytes=200_000) as found:
            assert (found.status, found.headers["x-twice"]) == (200, "first")
            read = b""
            while part := pool.submit(found.read).result():
                read += part
            assert read == b"x" * 200_000
        with LOCAL.open("GET", upstream.url, headers={}, most_bytes=199_999) as found:
            with pytest.raises(PeerUnavailable) as refused:
                _ = [part for _ in range(1_000) if (part := found.read())]
            assert refused.value.code == "too_large"
        with LOCAL.open("HEAD", upstream.url, headers={}, most_bytes=0) as found:
            assert (found.headers["content-length"], found.read()) == ("200000", b"")
        assert [one.path for one in upstream.got] == ["/a?b", "/", "/"]


def test_what_is_let_go_of_is_closed() -> None:
    closed = threading.Event()
    with a_receiver() as upstream:

        def says(handler: object, _: object) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")  # type: ignore[attr-defined]
            try:
                while True:
                    handler.wfile.write(b"x" * 65_536)  # type: ignore[attr-defined]
            except OSError:
                closed.set()

        upstream.manner = says
        found = LOCAL.open("GET", upstream.url, headers={}, most_bytes=10**9)
        assert found.read()
        found.close()
        found.close()
        closed.wait()


@pytest.mark.parametrize(
    ("url", "origin", "whole"),
    [
        ("https://far.example", "https://far.example", "https://far.example/"),
        ("https://far.example:443/a?b=c", "https://far.example", "https://far.example/a?b=c"),
        ("https://Far.Example:8443/A", "https://far.example:8443", "https://far.example:8443/A"),
        ("https://[2606:4700::1]:8443/", "https://[2606:4700::1]:8443", "https://[2606:4700::1]:8443/"),
    ],
)
def test_an_address_is_written_in_one_way(url: str, origin: str, whole: str) -> None:
    assert LOCAL.place_of(url) == (origin, whole)
