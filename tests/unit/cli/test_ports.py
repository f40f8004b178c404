"""Ports of the local world: free ones are found, and who holds one is told."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from cli.local import ports


@pytest.fixture
def held() -> Iterator[int]:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        yield int(server.getsockname()[1])


def test_a_held_port_is_not_free(held: int) -> None:
    assert not ports.is_free(held)
    assert ports.is_free(ports.free_port())


def test_free_ports_differ() -> None:
    assert len(set(ports.free_ports(20))) == 20


def test_the_holder_of_a_port_is_named(held: int) -> None:
    holder = ports.holder_of(held)
    assert holder is not None
    assert f"(process {os.getpid()})" in holder
    assert ports.holder_of(ports.free_port()) is None


def test_the_wanted_port_is_taken_where_it_is_free(held: int) -> None:
    taken: set[int] = set()
    wanted = ports.free_port()
    assert ports.prefer(wanted, taken) == wanted
    other = ports.prefer(wanted, taken)
    assert other != wanted
    elsewhere = ports.prefer(held, taken)
    assert elsewhere != held
    assert taken == {wanted, other, elsewhere}


def test_where_no_port_is_wanted_a_free_one_is_taken() -> None:
    assert ports.prefer(None, set()) > 0


def test_a_page_that_nobody_serves_has_no_status() -> None:
    assert ports.status_of(ports.free_port(), "/") is None
    with http.server.ThreadingHTTPServer((ports.LOOPBACK, 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ports.status_of(server.server_port, "/") == 501
        server.shutdown()
