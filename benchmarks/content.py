"""How fast a library of 10,000 purchases is paged, and a sealed content of 100 MB is read beside a plain file."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from kit.blobs import CHUNK, Blobs
from kit.database import Database, make_engine
from payments.content.model import Buyer
from payments.content.tables import PurchaseRow
from tests.support.databases import make_schema, postgresql_server
from tests.support.stalls import Stall, key

_BOUGHT = 10_000
_PAGE = 50
_BYTES = 100 * 1024 * 1024
_ROUNDS = 5
_HUNDREDTHS = 100


def library() -> Mapping[str, Any]:
    """Page through all of a buyer's 10,000 purchases, 50 at a time, from the newest to the oldest."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sqlite = _pages(f"sqlite:///{folder / 'earnest.db'}", folder)
        with postgresql_server() as server:
            postgresql = _pages(server.url, folder)
    return {
        "value": round(1000 * _p99(sqlite), 2),
        "unit": "ms (p99 of a page)",
        "better": "lower",
        "limit": 100,
        "details": {
            "purchases": _BOUGHT,
            "median, ms": round(1000 * statistics.median(sqlite), 2),
            "PostgreSQL, p99, ms": round(1000 * _p99(postgresql), 2),
        },
    }


def blob_read() -> Mapping[str, Any]:
    """Read 100 MB that lie sealed, all of them; the peer reads the same bytes from a plain file, in the same pieces."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        content = os.urandom(_BYTES)
        blobs, plain = Blobs(folder / "contents"), folder / "plain"
        written = blobs.write(content[at : at + 2**20] for at in range(0, _BYTES, 2**20))
        plain.write_bytes(content)
        ours = min(_timed(lambda: sum(map(len, blobs.read(written.name, written.key)))) for _ in range(_ROUNDS))
        theirs = min(_timed(lambda: _plainly(plain)) for _ in range(_ROUNDS))
        middle = _BYTES // 2
        part = min(
            _timed(lambda: sum(map(len, blobs.read(written.name, written.key, start=middle, end=middle + 1000))))
            for _ in range(_ROUNDS)
        )
    return {
        "value": round(_BYTES / ours / 1e6),
        "unit": "MB/s",
        "better": "higher",
        "peers": {"a plain file": round(_BYTES / theirs / 1e6)},
        "details": {"1,000 bytes from the middle, ms": round(1000 * part, 3)},
    }


def _pages(url: str, folder: Path) -> list[float]:
    engine = make_engine(url)
    make_schema(engine)
    stall = Stall(Database(engine), folder / "contents")
    listing = stall.put_up()
    stall.pay(listing)
    with stall.database.write() as session:
        made = session.execute(select(PurchaseRow.__table__)).mappings().one()
        rows = [
            {**made, "id": number, "key": key(number), "token": f"purchase{number:014}"}
            for number in range(made["id"] + 1, made["id"] + _BOUGHT)
        ]
        session.execute(insert(PurchaseRow), rows)
    times, seen, before = list[float](), 0, None
    buyer = Buyer(person=stall.kim)
    while True:
        begun = time.perf_counter()
        with stall.database.read() as session:
            page, before = stall.content(session).library(buyer, before=before, limit=_PAGE)
        times.append(time.perf_counter() - begun)
        seen += len(page)
        if before is None:
            break
    assert seen == _BOUGHT
    engine.dispose()
    return times


def _plainly(file: Path) -> int:
    seen = 0
    with file.open("rb") as opened:
        while piece := opened.read(CHUNK):
            seen += len(piece)
    return seen


def _timed(work: Callable[[], int]) -> float:
    begun = time.perf_counter()
    assert work()
    return time.perf_counter() - begun


def _p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) * 99 // _HUNDREDTHS, len(times) - 1)]


BENCHMARKS = {"library": library, "blob_read": blob_read}
