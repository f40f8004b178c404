"""A gatehouse: @lea sells what stands at a server of hers, a real one on this machine that answers as a test says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from kit.database import Database
from payments.content.behind import WELL_KNOWN
from payments.content.model import Listing, Purchase
from tests.support.receivers import Received, Receiver, a_receiver, answer
from tests.support.services import a_container, http_door
from tests.support.shopping import KIM, LEA, Shopping

REPORT = bytes(range(256)) * 300
SECRET = "/secret-report"
LOCAL = "127.0.0.0/8"
KEY = b"\x31" * 32
Manner = Callable[[BaseHTTPRequestHandler, Received], None]


class Gatehouse(Shopping):
    """A service that may ask this machine, @lea with a wallet, and her server, which has her token."""

    def stand_at(self, upstream: Receiver) -> None:
        """Let ``upstream`` be hers."""
        self.upstream = upstream
        self.link(LEA, KEY)
        self.token_line = self.ask(LEA, "GET", "/gateway").json()["token"]
        self.says: Manner = gives_report
        upstream.manner = self._answer

    def _answer(self, handler: BaseHTTPRequestHandler, got: Received) -> None:
        if got.path == WELL_KNOWN:
            answer(handler, 200, f"# who may sell this\n{self.token_line}\n".encode())
        else:
            self.says(handler, got)

    @property
    def url(self) -> str:
        """The address that is sold."""
        return f"{self.upstream.url}{SECRET}?key=hush"

    def offer(self, **changes: Any) -> httpx.Response:  # noqa: ANN401 - as JSON has them
        """Put it up."""
        told = {"kind": "gateway", "title": "The report", "prices": {self.token: "5"}, "finality": "seen"}
        return self.ask(LEA, "POST", "/listings", json=told | {"upstream": self.url} | changes)

    def listed(self, **changes: Any) -> Listing:  # noqa: ANN401 - as JSON has them
        """Put it up, and return it."""
        made = self.offer(**changes)
        assert made.status_code == 201, made.text
        with self.container.read() as work:
            return work.content.listing(made.json()["id"])

    def linked(self, purchase: Purchase) -> str:
        """A link of @kim's to what she bought: its path."""
        made = self.ask(KIM, "POST", f"/library/{purchase.id}/link")
        assert made.status_code == 200, made.text
        return str(made.json()["url"]).removeprefix("https://earnest.example")

    def asked(self) -> list[Received]:
        """What was asked of her server, her token aside."""
        return [one for one in self.upstream.got if one.path != WELL_KNOWN]


def gives_report(handler: BaseHTTPRequestHandler, got: Received) -> None:
    """Give the report, or the part of it that is asked for."""
    told = {"Content_Type": "application/json", "ETag": '"r1"', "Accept_Ranges": "bytes"}
    part = re.fullmatch(r"bytes=(\d+)-(\d+)", got.headers.get("range", ""))
    if part is None:
        answer(handler, 200, REPORT, **told)
        return
    first, last = int(part[1]), int(part[2])
    told["Content_Range"] = f"bytes {first}-{last}/{len(REPORT)}"
    answer(handler, 206, REPORT[first : last + 1], **told)


def checked(got: Received, url: str, keys: list[str], now: int) -> str:
    """Check a request by the very lines that docs/selling.md gives to sellers; return the purchase that it is for."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "selling.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    known: dict[str, Any] = {}
    exec(compile(code, "selling.md", "exec"), known)  # noqa: S102 - a page of ours
    return str(known["purchase_of"](got.method, url, got.headers, keys, now))


@pytest.fixture
def gatehouse(tmp_path: Path, database: Database) -> Iterator[Gatehouse]:
    """It, on a database of each kind."""
    container = a_container(tmp_path, database, private_networks=LOCAL)
    with a_receiver() as upstream, http_door(container) as door:
        made = Gatehouse(container, door)
        made.stand_at(upstream)
        yield made
