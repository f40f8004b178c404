"""How fast a file of 100,000 members is read in, and entitlements of 100,000 supporters are computed anew."""

from __future__ import annotations

import csv
import gc
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.container import Work
from app.importing import Works, fold_all, read_in
from benchmarks._ledger import quiet, service
from payments.flair.documents import Assets, read_document, read_tiers
from payments.flair.entitling import entitled
from payments.flair.model import Gift, Source
from payments.flair.patreon import read_members
from tests.support.databases import postgresql_server

_ROWS = 100_000
_BAD = 54_321
_ROUNDS = 5
_SEED = 7
_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_NO_NODE = "http://127.0.0.1:1"
_HEADER = """
    Name,Email,Discord,Patron Status,Follows You,Free Member,Free Trial,Lifetime Amount,Pledge Amount,
    Charge Frequency,Tier,Addressee,Street,City,State,Zip,Country,Phone,Patronage Since Date,Last Charge Date,
    Last Charge Status,Additional Details,User ID,Last Updated,Currency,Max Posts,Access Expiration,Next Charge Date,
    Full country name,Subscription Source"""
_NAMES = [name.strip() for name in _HEADER.split(",")]
_TIERS = """{"version": 1, "kind": "tiers", "tiers": [
    {"id": "friend", "title": "Friend", "month": {"EUR": "3"}},
    {"id": "patron", "title": "Patron", "month": {"EUR": "10"}},
    {"id": "faithful", "title": "Faithful", "streak": {"months": 12, "month": {"EUR": "3"}}},
    {"id": "founder", "title": "Founder", "sum": {"EUR": "250"}}]}"""


def import_csv() -> Mapping[str, Any]:
    """Read 100,000 members in, one line of them bad, as ``earnest supporters import patreon`` does, tiers and all.

    The peer does the least that anybody would: the same rows into one table of SQLite, in one transaction, unread.
    """
    quiet()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        file = _members(folder)
        peer = _plainly(file, folder / "plain.db")
        sqlite, longest = _read_in(folder / "sqlite", f"sqlite:///{folder / 'earnest.db'}", file)
        with postgresql_server() as server:
            postgresql, _ = _read_in(folder / "postgresql", server.url, file)
    return {
        "value": round(sqlite, 2),
        "unit": "s",
        "better": "lower",
        "limit": 20,
        "peers": {"rows into one table, unread": round(peer, 2)},
        "details": {
            "rows": _ROWS,
            "PostgreSQL, s": round(postgresql, 2),
            "longest transaction on SQLite, ms": round(1000 * longest),
        },
    }


def entitlements() -> Mapping[str, Any]:
    """Compute what 100,000 supporters, with a year's charges among them, are entitled to, from all that was told.

    The peer adds up what each gave, which is what a list without streaks, grace and charge-backs would need.
    """
    tiers = read_tiers(read_document(_TIERS), Assets())
    with tempfile.TemporaryDirectory() as made, _members(Path(made)).open(encoding="utf-8", newline="") as lines:
        supporters = [list(line.gifts) for line in read_members(lines) if line.gifts]
    for gifts in supporters[::10]:
        gifts += [_earlier(gifts[0], months) for months in range(1, 12)]
    gc.collect()
    gc.freeze()
    rounds = [(_timed(lambda: [entitled(one, tiers) for one in supporters]), _sums(supporters)) for _ in range(_ROUNDS)]
    return {
        "value": round(statistics.median(ours for ours, _ in rounds), 2),
        "unit": "s",
        "better": "lower",
        "limit": 5,
        "peers": {"sums alone": round(statistics.median(theirs for _, theirs in rounds), 2)},
        "details": {"supporters": len(supporters), "gifts": sum(map(len, supporters))},
    }


def _members(folder: Path) -> Path:
    chance, file = random.Random(_SEED), folder / "members.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, _NAMES, restval="")
        writer.writeheader()
        for number in range(_ROWS):
            charged = _NOW - timedelta(days=chance.randint(0, 45), seconds=chance.randint(0, 80_000))
            since, pledge = charged - timedelta(days=30 * chance.randint(0, 40)), chance.choice((3, 5, 10, 25))
            row = {
                "Name": f"Member {number}, of many",
                "Email": f"m{number}@example.org",
                "Patron Status": "Active patron",
                "Lifetime Amount": f"{pledge * chance.randint(1, 30)}.00",
                "Pledge Amount": "five" if number == _BAD else f"{pledge}.00",
                "Charge Frequency": "Monthly",
                "Patronage Since Date": f"{since:%Y-%m-%d %H:%M:%S}",
                "Last Charge Date": f"{charged:%Y-%m-%d %H:%M:%S.%f}",
                "Last Charge Status": chance.choices(("Paid", "Declined"), (9, 1))[0],
                "User ID": str(10_000_000 + number),
                "Currency": "EUR",
            }
            writer.writerow(row)
    return file


def _plainly(file: Path, into: Path) -> float:
    began = time.perf_counter()
    with sqlite3.connect(into) as connection, file.open(encoding="utf-8", newline="") as lines:
        connection.execute(f"CREATE TABLE members ({', '.join(f'c{place}' for place in range(len(_NAMES)))})")
        marks = ", ".join("?" * len(_NAMES))
        connection.executemany(f"INSERT INTO members VALUES ({marks})", csv.reader(lines))  # noqa: S608 - our own marks
    return time.perf_counter() - began


def _read_in(folder: Path, database: str, file: Path) -> tuple[float, float]:
    """Return how long it took, and the longest that one transaction was open."""
    longest = 0.0
    with service(folder, _NO_NODE, database) as container:

        @contextmanager
        def timed() -> Iterator[Work]:
            nonlocal longest
            with container.work() as work:
                began = time.perf_counter()
                yield work
            longest = max(longest, time.perf_counter() - began)

        works: Callable[[], AbstractContextManager[Work]] = timed
        with container.work() as work:
            work.supporters.use(read_document(_TIERS))
        fold_all(container.work)
        took = _timed(lambda: _whole(works, file))
        with container.read() as work:
            assert len(work.supporters.entitlements()) > _ROWS
    return took, longest


def _whole(works: Works, file: Path) -> None:
    report = read_in(works, file, Source.PATREON, now=_NOW)
    assert (report.lines, report.bad, report.faults[0].number) == (_ROWS, 1, _BAD + 2)


def _earlier(gift: Gift, months: int) -> Gift:
    at = gift.at - timedelta(days=30 * months)
    return Gift(f"{gift.key}:{months}", gift.source, gift.giver, gift.asset, gift.amount, at, months=1)


def _sums(supporters: list[list[Gift]]) -> float:
    def add() -> None:
        for gifts in supporters:
            given = {gift.key: gift.amount for gift in gifts}
            assert sum(given.values()) >= 0

    return _timed(add)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


BENCHMARKS = {"entitlements": entitlements, "import_csv": import_csv}
