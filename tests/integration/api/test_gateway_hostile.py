"""The gateway's other side is hostile: whatever it says, buyers keep what they bought and are run nothing."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from api import gateway as door
from app import gateway
from kit import streaming
from payments.content.model import PurchaseState
from tests.support.gatehouse import REPORT, Gatehouse
from tests.support.receivers import Received, answer
from tests.support.services import listening
from tests.support.shopping import problem

Says = Callable[[BaseHTTPRequestHandler, Received], None]


def raw(*parts: bytes) -> Says:
    """Say exactly this."""

    def says(handler: BaseHTTPRequestHandler, _: Received) -> None:
        for part in parts:
            handler.wfile.write(part)

    return says


def status(number: int) -> Says:
    """Answer with a status."""
    return lambda handler, _: answer(handler, number, b"<b>no</b>", WWW_Authenticate="Basic", Set_Cookie="a=b")


def headers(**told: str) -> Says:
    """Answer with a content and these headers."""
    return lambda handler, _: answer(handler, 200, b"content", **told)


HEAD = b"HTTP/1.1 200 OK\r\n"
REFUSED: dict[str, Says] = {
    **{str(number): status(number) for number in (201, 204, 301, 302, 401, 402, 403, 404, 407, 416, 429, 500, 503)},
    "a part unasked": lambda handler, _: answer(handler, 206, b"part", Content_Range="bytes 0-3/9"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH\r\n"),
    "nothing": raw(),
    "half a head": raw(HEAD + b"Content-Le"),
    "a head without an end": raw(HEAD, *(b"X-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(300))),
    "packed": headers(Content_Encoding="gzip"),
    "10 GB": raw(HEAD + b"Content-Length: 10000000000\r\n\r\n"),
    "a length of nonsense": raw(HEAD + b"Content-Length: -5\r\n\r\nx"),
    "two lengths": raw(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
}


@pytest.mark.parametrize("says", REFUSED.values(), ids=REFUSED)
def test_what_is_no_content_is_a_502_and_the_purchase_stays(gatehouse: Gatehouse, says: Says) -> None:
    purchase = gatehouse.pay(gatehouse.listed())
    path = gatehouse.linked(purchase)
    gatehouse.says = says
    failed = gatehouse.door.get(path)
    assert problem(failed) == (502, "upstream_failed")
    assert "You have it still" in failed.json()["detail"]
    assert not {"set-cookie", "www-authenticate", "location"} & failed.headers.keys()
    with gatehouse.container.read() as work:
        (sale,) = work.content.sales(gatehouse.lea)[0]
    assert (sale.state, sale.delivered_at) == (PurchaseState.PAID, None)
    gatehouse.says = headers()
    assert gatehouse.door.get(path).content == b"content"
    with gatehouse.container.read() as work:
        (sale,) = work.content.sales(gatehouse.lea)[0]
    assert sale.delivered_at is not None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml; charset=utf-8", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("TEXT/HTML", "application/octet-stream"),
        ("multipart/x-mixed-replace; boundary=a", "application/octet-stream"),
        ("application/json, text/html", "application/octet-stream"),
        ('text/plain; charset="a\\"', "application/octet-stream"),
        ("", "application/octet-stream"),
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        ("image/png", "image/png"),
    ],
)
def test_only_a_short_list_of_headers_is_passed_on(gatehouse: Gatehouse, told: str, shown: str) -> None:
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed(title="../../etc/pass\u00e9 wd")))
    gatehouse.says = headers(
        Content_Type=told,
        Set_Cookie="session=stolen",
        Content_Security_Policy="default-src *",
        Content_Disposition="inline",
        Access_Control_Allow_Origin="*",
        Refresh="0; url=https://evil.example",
        Link="<https://evil.example>; rel=preload",
        X_Frame_Options="ALLOWALL",
        ETag="no tag",
        Last_Modified="yesterday",
        Clear_Site_Data="*",
        Strict_Transport_Security="max-age=0",
        Service_Worker_Allowed="/",
        PAYMENT_REQUIRED="x",
    )
    found = gatehouse.door.get(path)
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, b"content", shown)
    assert found.headers["content-security-policy"].startswith("sandbox")
    name = found.headers["content-disposition"]
    assert name.startswith("attachment;")
    assert "/" not in name
    assert "evil" not in str(found.headers)
    assert not found.headers.keys() & {
        *("set-cookie", "access-control-allow-origin", "refresh", "link", "x-frame-options", "etag", "last-modified"),
        *("clear-site-data", "strict-transport-security", "service-worker-allowed", "payment-required"),
    }


BROKEN: dict[str, Says] = {
    "cut off": raw(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000),
    "a broken chunk": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
    "an end that is missing": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
}


@pytest.mark.parametrize("says", BROKEN.values(), ids=BROKEN)
def test_what_breaks_off_breaks_off_for_the_buyer_too(gatehouse: Gatehouse, says: Says) -> None:
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))
    with listening(gatehouse.container) as url:
        for _ in range(door.MOST_OF_A_SELLER + 1):
            gatehouse.says = says
            with pytest.raises(httpx.HTTPError):
                httpx.get(url + path)
        gatehouse.says = headers()
        assert httpx.get(url + path).content == b"content", "the places are free again"


def test_without_an_end_it_is_ended(gatehouse: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MOST_BYTES", 200_000)
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))

    def endless(handler: BaseHTTPRequestHandler, _: Received) -> None:
        handler.wfile.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while not gatehouse.upstream.stopping.is_set():
            handler.wfile.write(b"1000\r\n" + b"x" * 4_096 + b"\r\n")

    gatehouse.says = endless
    with listening(gatehouse.container) as url, pytest.raises(httpx.HTTPError):
        httpx.get(url + path)


@pytest.mark.parametrize("begun", [False, True])
def test_slowness_is_bounded(gatehouse: Gatehouse, monkeypatch: pytest.MonkeyPatch, *, begun: bool) -> None:
    monkeypatch.setattr(streaming, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(streaming, "PART_SECONDS", 1.0)
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))

    def slow(handler: BaseHTTPRequestHandler, _: Received) -> None:
        if begun:
            handler.wfile.write(HEAD + b"Content-Length: 1000\r\n\r\nx")
        gatehouse.upstream.stopping.wait()

    gatehouse.says = slow
    with listening(gatehouse.container) as url:
        assert _asks(url + path) in ((0, 502) if begun else (502,))


@pytest.mark.parametrize("enough", [True, False])
def test_a_buyer_who_creeps_is_cut_off(gatehouse: Gatehouse, monkeypatch: pytest.MonkeyPatch, *, enough: bool) -> None:
    if not enough:
        monkeypatch.setattr(door, "LEAST_PACE", 1 << 40)
        monkeypatch.setattr(door, "PATIENCE", 0.5)
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))
    parts, ended = 256, queue.Queue[int]()

    def much(handler: BaseHTTPRequestHandler, _: Received) -> None:
        given = 0
        with suppress(OSError):
            handler.wfile.write(HEAD + b"Content-Length: %d\r\n\r\n" % (parts << 16))
            while given < parts:
                handler.wfile.write(bytes(1 << 16))
                given += 1
        ended.put(given)

    gatehouse.says = much
    with listening(gatehouse.container) as url, httpx.stream("GET", url + path) as found:
        taken = found.iter_raw(1 << 16)
        while ended.empty() and next(taken, None):
            time.sleep(0.02)
        given = ended.get()
    assert given == parts if enough else given < parts


@pytest.mark.parametrize(("patience", "comes"), [(60.0, 200), (0.5, 0)])
def test_a_seller_who_creeps_is_cut_off(
    gatehouse: Gatehouse, monkeypatch: pytest.MonkeyPatch, patience: float, comes: int
) -> None:
    monkeypatch.setattr(door, "PATIENCE", patience)
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))

    def creeps(handler: BaseHTTPRequestHandler, _: Received) -> None:
        handler.wfile.write(HEAD + b"Content-Length: 60\r\n\r\n")
        with suppress(OSError):
            for byte in b"x" * 60:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.05)

    gatehouse.says = creeps
    with listening(gatehouse.container) as url:
        assert _asks(url + path) == comes


def test_one_seller_takes_no_more_than_their_places(gatehouse: Gatehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "ANSWER_SECONDS", 600.0)
    listing = gatehouse.listed()
    many = range(door.MOST_OF_A_SELLER // door.MOST_OF_A_PURCHASE)
    one, *others = (gatehouse.linked(gatehouse.pay(listing, number)) for number in (*many, len(many)))
    waiting, let_go = threading.Semaphore(0), threading.Event()

    def slow(handler: BaseHTTPRequestHandler, _: Received) -> None:
        waiting.release()
        let_go.wait()
        answer(handler, 200, b"late")

    gatehouse.says = slow
    with listening(gatehouse.container) as url, ThreadPoolExecutor(door.MOST_OF_A_SELLER) as pool:
        try:
            held = []
            for path in (one, *others[:-1]):
                held += [pool.submit(_asks, url + path) for _ in range(door.MOST_OF_A_PURCHASE)]
                for _ in range(door.MOST_OF_A_PURCHASE):
                    waiting.acquire()
                assert _asks(url + path) == 429, "no buyer takes all of a seller's places"
            assert httpx.get(f"{url}/health/live").status_code == 200
            assert _asks(url + others[-1]) == 429, "nor all buyers of a seller's all there are"
        finally:
            let_go.set()
        assert [asked.result() for asked in held] == [200] * door.MOST_OF_A_SELLER
        assert _asks(url + one) == 200


def _asks(url: str) -> int:
    """Ask; the status, 0 for what broke off."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=600).status_code
    return 0


def test_it_is_never_held_whole(gatehouse: Gatehouse) -> None:
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))
    gone_on = threading.Event()

    def in_two(handler: BaseHTTPRequestHandler, _: Received) -> None:
        handler.wfile.write(HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(REPORT)) + REPORT)
        gone_on.wait()
        handler.wfile.write(REPORT)

    gatehouse.says = in_two
    with listening(gatehouse.container) as url, httpx.stream("GET", url + path) as found:
        parts = found.iter_raw()
        taken = b""
        while len(taken) < len(REPORT):
            taken += next(parts)
        gone_on.set()
        assert taken + b"".join(parts) == REPORT + REPORT
