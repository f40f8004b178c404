"""New heads, told by a real node and by servers that mean ill: a reason to look, never more, and never too often."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from app import chain_loop
from app.chain_loop import ChainLoop
from contracts import heads
from contracts.chain import Deployment
from contracts.heads import MOST_BYTES, Heads
from kit.clock import system_clock
from kit.database import Database
from kit.errors import Invalid
from tests.support.anvil import Anvil
from tests.support.services import a_container

_LOOKS = 6_000


class Ear:
    """Counts how often it was woken."""

    def __init__(self) -> None:
        self.woken = 0

    def __call__(self) -> None:
        self.woken += 1


def until(true: Callable[[], bool]) -> None:
    for _ in range(_LOOKS):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


@contextmanager
def telling(
    tell: Callable[[ServerConnection], None],
    answer: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[str]:
    """A server that tells whatever it likes; its URL."""
    server = serve(tell, "127.0.0.1", 0, process_request=answer, logger=logging.getLogger("heads"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_FIRST_PAUSE", 0.01)


def test_a_real_node_tells_of_its_blocks(fresh_anvil: Anvil) -> None:
    ear = Ear()
    with Heads(fresh_anvil.url.replace("http", "ws"), ear) as told:
        until(lambda: told.listening)
        before = ear.woken
        fresh_anvil.mine()
        until(lambda: ear.woken > before)
        fresh_anvil.process.kill()
        fresh_anvil.process.wait()
        until(lambda: not told.listening)


def test_the_loop_reads_a_block_that_it_was_told_of_at_once(
    tmp_path: Path,
    database: Database,
    fresh_anvil: Anvil,
    fresh_deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain_loop, "_IDLE_SECONDS", 10_000)  # by itself it would not look again today
    container = a_container(
        tmp_path, database, deployment=fresh_deployment, rpc_url=fresh_anvil.url, clock=system_clock
    )
    rounds = Ear()
    loop, stop = ChainLoop(container, beat=rounds), threading.Event()

    def read() -> int:
        with container.read() as work:
            head = work.book.head()
        return head.number if head else 0

    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    with Heads(fresh_anvil.url.replace("http", "ws"), loop.wake.set) as told:
        began = fresh_anvil.chain.block("latest")
        assert began is not None
        until(lambda: told.listening and read() == began.number)
        for _ in range(3):
            fresh_anvil.mine()
            head = fresh_anvil.chain.block("latest")
            assert head is not None
            until(lambda: read() == head.number)  # noqa: B023 - it is called before the next one
        stop.set()
        loop.wake.set()
        thread.join()
    container.close()


def test_a_socket_that_died_is_opened_again() -> None:
    opened = Ear()

    def hang_up(connection: ServerConnection) -> None:
        opened()
        connection.send("new!")

    ear = Ear()
    with telling(hang_up) as url, Heads(url, ear):
        until(lambda: opened.woken > 3 and ear.woken > 3)


def test_where_nobody_listens_it_is_tried_after_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    told = Heads("ws://127.0.0.1:1/", Ear())

    def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            told._stop.set()

    monkeypatch.setattr(heads, "_FIRST_PAUSE", 1.0)
    monkeypatch.setattr(told._stop, "wait", note)
    with capture_logs() as logs:
        told._listen()
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 6]
    assert [line["event"] for line in logs] == ["heads_unheard"], "said once"


def test_a_message_without_end_is_not_taken() -> None:
    opened = Ear()

    def shout(connection: ServerConnection) -> None:
        opened()
        connection.send("x" * (MOST_BYTES + 1))
        with_patience(connection)

    ear = Ear()
    with telling(shout) as url, Heads(url, ear):
        until(lambda: opened.woken > 2)
        assert ear.woken == 0


def with_patience(connection: ServerConnection) -> None:
    try:
        while True:
            connection.recv()
    except ConnectionClosed:
        pass


def test_a_flood_wakes_nobody_more_often_than_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_LEAST_SECONDS", 0.2)

    def flood(connection: ServerConnection) -> None:
        try:
            while True:
                connection.send("new!")
        except ConnectionClosed:
            pass

    ear = Ear()
    with telling(flood) as url, Heads(url, ear) as told:
        until(lambda: told.listening)
        began = time.monotonic()
        time.sleep(1)
        assert ear.woken <= (time.monotonic() - began) / 0.2 + 2


@pytest.mark.parametrize(
    "message", ["", "{}", "null", "[" * 10_000, '{"error":{"code":-32601}}', b"\xff\xfe", b""], ids=repr
)
def test_whatever_is_told_is_not_read(message: str | bytes) -> None:
    def tell(connection: ServerConnection) -> None:
        connection.send(message)
        with_patience(connection)

    ear = Ear()
    with telling(tell) as url, Heads(url, ear):
        until(lambda: ear.woken == 1)


def test_it_is_led_nowhere_else() -> None:
    ear, asked = Ear(), Ear()

    def elsewhere(connection: ServerConnection) -> None:
        asked()
        with_patience(connection)

    with telling(elsewhere) as other:
        away = Ear()

        def redirect(_: ServerConnection, __: Request) -> Response:
            away()
            return Response(HTTPStatus.FOUND, "Found", Headers({"Location": other, "Content-Length": "0"}), b"")

        with telling(with_patience, redirect) as url, Heads(url, ear):
            until(lambda: away.woken > 2)
    assert asked.woken == 0


def test_the_url_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with telling(lambda connection: connection.send("new!")) as url, capture_logs() as logs:
        ear = Ear()
        told = Heads(url.replace("ws://", "ws://user:s3cret@") + "/k3y?key=k3y", ear)
        with told:
            until(lambda: ear.woken > 2)
        nowhere = Heads("ws://user:s3cret@127.0.0.1:1/k3y", ear)
        with nowhere:
            until(lambda: any(line["event"] == "heads_unheard" for line in logs))
    shown = f"{told.place} {logs} {caplog.text}"
    assert "127.0.0.1" in shown
    assert "s3cret" not in shown
    assert "k3y" not in shown


@pytest.mark.parametrize("url", ["", "http://s3cret/", "ws://", "ws://:s3cret@/", "wss://h\r\ns3cret/"])
def test_what_is_no_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Invalid, match="EARNEST_RPC_WS_URL") as refused:
        Heads(url, Ear())
    assert "s3cret" not in str(refused.value)
