"""How long a page of a library of 10,000 purchases takes, and how fast a sealed content opens beside a plain file."""

from __future__ import annotations

import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from benchmarks._ledger import quiet
from cli.migrations import upgrade
from kit.blobs import CHUNK, Blobs
from kit.database import Database, make_engine
from kit.identifiers import PersonId, UserId
from ledger.people import People
from payments.content.model import Buyer, Listing, PurchaseState
from payments.content.store import random_id
from payments.content.tables import PurchaseRow
from tests.support.databases import postgresql_server
from tests.support.stalls import PAYER, START, Stall

_MINE = 10_000
_OTHERS = 90_000
_LISTINGS = 20
_PAGE = 50
_ROUNDS = 5
_SLICE = 5_000
_CONTENT = 100 * 1024 * 1024
_RANGES = 1_000
_SEED = 7


def library() -> Mapping[str, Any]:
    """Leaf through all of a library of 10,000 purchases, page by page, five times, each page in its own transaction.

    90,000 later purchases of others lie before them, so that to walk back from the newest would find nothing for long.
    The buyer is a person with a wallet: half of the purchases are the one's, half the other's.
    """
    quiet()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sqlite = _leafed(f"sqlite:///{folder / 'earnest.db'}", folder / "sqlite")
        with postgresql_server() as server:
            postgresql = _leafed(server.url, folder / "postgresql")
    worst = max((sqlite, postgresql), key=_p99)
    return {
        "value": round(_p99(worst), 2),
        "unit": "ms",
        "better": "lower",
        "limit": 100,
        "details": {
            "purchases of the buyer": _MINE,
            "purchases in all": _MINE + _OTHERS,
            "purchases on a page": _PAGE,
            "SQLite, p50 and p99, ms": [round(statistics.median(sqlite), 2), round(_p99(sqlite), 2)],
            "PostgreSQL, p50 and p99, ms": [round(statistics.median(postgresql), 2), round(_p99(postgresql), 2)],
        },
    }


def content_open() -> Mapping[str, Any]:
    """Open a content of 100 MiB whole, beside a plain file of the same bytes, both just written; and ranges of it."""
    chance = random.Random(_SEED)
    with tempfile.TemporaryDirectory() as made:
        content, plain = random.Random(_SEED).randbytes(_CONTENT), Path(made) / "plain"
        plain.write_bytes(content)
        blobs = Blobs(Path(made) / "contents")
        began = time.perf_counter()
        written = blobs.write(content[at : at + CHUNK] for at in range(0, _CONTENT, CHUNK))
        sealed = _rate(_CONTENT, time.perf_counter() - began)
        assert b"".join(blobs.read(written.name, written.key)) == content
        rounds = [(_drained(blobs.read(written.name, written.key)), _drained(_plainly(plain))) for _ in range(_ROUNDS)]
        ranges = []
        for _ in range(_RANGES):
            start, began = chance.randrange(_CONTENT - CHUNK), time.perf_counter()
            part = b"".join(blobs.read(written.name, written.key, start=start, end=start + CHUNK))
            ranges.append(1000 * (time.perf_counter() - began))
            assert part == content[start : start + CHUNK]
    return {
        "value": round(statistics.median(ours for ours, _ in rounds)),
        "unit": "MiB/s",
        "better": "higher",
        "peers": {"a plain file": round(statistics.median(theirs for _, theirs in rounds))},
        "details": {
            "sealed and on the disk, MiB/s": round(sealed),
            "a range of 64 KiB, p50 and p99, ms": [round(statistics.median(ranges), 3), round(_p99(ranges), 3)],
        },
    }


def _leafed(url: str, folder: Path) -> list[float]:
    """Return how many milliseconds each page took."""
    took = []
    with _stall(url, folder) as stall:
        buyer = Buyer(stall.kim, PAYER)
        for _ in range(_ROUNDS):
            seen, before = set[str](), None
            while True:
                began = time.perf_counter()
                with stall.database.read() as session:
                    page, before = stall.content(session).library(buyer, before=before, limit=_PAGE)
                took.append(1000 * (time.perf_counter() - began))
                seen |= {one.id for one in page}
                if before is None:
                    break
            assert len(seen) == _MINE, "the library is read whole"
    return took


@contextmanager
def _stall(url: str, folder: Path) -> Iterator[Stall]:
    upgrade(url)
    engine = make_engine(url)
    try:
        stall = Stall(Database(engine), folder)
        listings = [stall.put_up(title=f"Of doors, part {number}") for number in range(_LISTINGS)]
        with stall.database.write() as session:
            other = People(session, stall.now).number(UserId("@noa:earnest.example"))
        _sell(stall, listings, stall.kim, _MINE)
        _sell(stall, listings, other, _OTHERS)
        with engine.connect() as connection:
            connection.execute(text("ANALYZE"))
            connection.commit()
        yield stall
    finally:
        engine.dispose()


def _sell(stall: Stall, listings: list[Listing], person: PersonId, count: int) -> None:
    """Write down ``count`` purchases: one of each listing as it is bought, the others as copies of its row."""
    mine = person == stall.kim
    places = [_bought(stall, listing, Buyer(person)) for listing in listings]
    for first in range(len(listings), count, _SLICE):
        numbers = range(first, min(first + _SLICE, count))
        rows = [_copy(places[number % len(places)], number, by_wallet=mine and number % 2 == 0) for number in numbers]
        with stall.database.write() as session:
            session.execute(insert(PurchaseRow), rows)


def _bought(stall: Stall, listing: Listing, buyer: Buyer) -> dict[str, Any]:
    purchase = stall.pay(listing, secrets.randbits(240), buyer=buyer)
    assert purchase.state is PurchaseState.PAID
    with stall.database.read() as session:
        row = session.query(PurchaseRow).filter_by(token=purchase.id).one()
        return {column.name: getattr(row, column.name) for column in PurchaseRow.__table__.columns}


def _copy(row: Mapping[str, Any], number: int, *, by_wallet: bool) -> dict[str, Any]:
    copied = dict(row) | {"key": secrets.token_bytes(32), "token": random_id()}
    copied["paid_at"] = START + timedelta(seconds=number)
    if by_wallet:
        copied |= {"person": None, "wallet": bytes(PAYER)}
    del copied["id"]
    return copied


def _plainly(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(CHUNK):
            yield part


def _drained(parts: Iterator[bytes]) -> float:
    began = time.perf_counter()
    assert sum(map(len, parts)) == _CONTENT
    return _rate(_CONTENT, time.perf_counter() - began)


def _rate(size: int, seconds: float) -> float:
    return size / 2**20 / seconds


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


BENCHMARKS = {"content_open": content_open, "library": library}
