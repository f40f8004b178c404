"""How fast a chain's logs become books: read from a real node, checked, decoded, booked and stored, beside web3."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import psycopg
from web3 import Web3

from app.chain_loop import ChainLoop, Progress
from benchmarks._booking import SIZES, entries
from benchmarks._ledger import TOKEN, environment, fresh, quiet, service
from cli.local import anvil
from cli.local.ports import LOOPBACK, free_port
from cli.migrations import upgrade
from contracts import codec
from contracts.rpc import BoundedProvider
from kit.identifiers import show_address
from tests.support.databases import postgresql_server

Rows = list[tuple[bytes, int, str, str, str]]
Store = Callable[[], contextlib.AbstractContextManager[Callable[[Rows], None]]]
Books = dict[str, tuple[list[str], list[Any]]]
"""Each table of the books, with its columns and its rows."""

_BLOCKS, _MANY_BLOCKS = 500, 10_050
_LOGS, _TRANSACTIONS = 25, 4
"""Logs in a transaction, and transactions in a block."""
_ROUNDS = 5
_A_TABLE: Final = {"chain_blocks": 1, "assets": 1, "accounts": 1, "balances": 1, "entries": 1, "postings": 2}
"""The books' tables in the order in which rows refer to each other, and how many rows a log has in each at most."""
_AT_ONCE = 5_000
"""Logs that one transaction books on SQLite, at most."""
_PATIENCE = 600
_TABLE: Final = (
    "CREATE TABLE logs (block {bytes}, log INTEGER, giver TEXT, taker TEXT, amount TEXT, PRIMARY KEY (block, log))"
)
_SENDER: Final = "0x" + "a1" * 20
_ABI: Final = [
    {
        "type": "event",
        "name": "Transfer",
        "anonymous": False,
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    }
]
# Stand at the token's address and emit Transfer logs numbered from one word of the calldata (n) down to the other: to
# one of 100 accounts, of whom 25 are new in each block. The stack holds n, the amount too; b is the block's number.
_HEAD: Final = (
    "600035",  # n
    "5b8060203514{end}57",  # loop: to the end where n is the other
    "80600052",  # memory: n
    "804360190201600201",  # to: 25 b + n + 2
)
_TAIL: Final = (
    "7f" + codec.TRANSFER.hex() + "60206000a3",  # LOG3
    "60019003600356",  # n - 1, and again
    "5b00",  # end
)
ANYBODY: Final = "".join((*_HEAD, "60194302600101824302639e3779b10206600101", *_TAIL)).format(end="605a")
"""From anybody of before: n b, spread, mod (25 b + 1) + 1. So the more accounts there are, the more of them give."""
AS_MANY: Final = "".join(
    (
        *_HEAD,
        "436020526101f4604060002006",  # memory: b; k: the hash of n and b, mod 500
        "6032600a8204430104",  # w = (b + k / 10) / 50
        "60028160050204826101f30302019050600101",  # 5 w / 2 by 499 - k; + w + 1
        *_TAIL,
    )
).format(end="606f")
"""From one of 500 accounts, who lie evenly among all that there were 50 blocks ago. Ten of them are others in each
block, so that any 50 blocks have about as many, however many there are in all."""


def ingest_sqlite() -> Mapping[str, Any]:
    """Transfer logs per second from a node with 50,000 of them to the books, on SQLite."""
    return _ingest(lambda folder: f"sqlite:///{folder / 'earnest.db'}", _into_sqlite)


def ingest_postgres() -> Mapping[str, Any]:
    """Measure the same on a PostgreSQL server."""
    with postgresql_server() as server:
        return _ingest(lambda _: fresh(server.url), partial(_into_postgresql, server.url))


def _ingest(database: Callable[[Path], str], store: Store) -> Mapping[str, Any]:
    quiet()
    with _node(_BLOCKS) as (url, last):
        wanted = _BLOCKS * _LOGS * _TRANSACTIONS
        rounds = []
        for _ in range(_ROUNDS):
            took, books = _ours(url, wanted, database)
            rounds.append((took, _theirs(url, last, wanted, store), _read(url, last), _written(database, books)))
    ours, theirs, bytes_only, rows_only = (
        round(wanted / statistics.median(column)) for column in zip(*rounds, strict=True)
    )
    return {
        "value": ours,
        "unit": "logs/s",
        "better": "higher",
        "peers": {"web3 Transfer().get_logs() into one table there": theirs},
        "limit": 20_000,
        "least_ratio": 10,
        "details": {
            "bytes_from_the_node_alone": bytes_only,
            "the_same_rows_written_by_the_driver_alone": rows_only,
            "both_one_after_the_other": round(1 / (1 / bytes_only + 1 / rows_only)),
        },
    }


def ingest_growth() -> Mapping[str, Any]:
    """How much longer logs take at 100,000 and 1,000,000 booked ones than at 10,000, on SQLite.

    Of about as many accounts at each size, anywhere among all that there are: the books are larger, the logs are alike.
    """
    return {"limit": 1.3, **_grown(AS_MANY)}


def ingest_growth_anybody() -> Mapping[str, Any]:
    """Measure the same where anybody of before gives: a hundred times as many accounts at the end as at the beginning.

    Five thousand logs are then from 2,200 accounts at the beginning and from 4,950 at the end: there is more to do.
    """
    return _grown(ANYBODY)


def ingest_memory() -> Mapping[str, Any]:
    """MiB that the process has at most that books a million logs from anybody."""
    peak = max(found["peak_mib"] for found in _millions(ANYBODY))
    return {"value": round(peak), "unit": "MiB", "better": "lower", "limit": 300}


def _grown(code: str) -> dict[str, Any]:
    rounds = _millions(code)
    growth = {
        size: statistics.median(
            found["seconds_a_log"][str(size)] / found["seconds_a_log"][str(SIZES[0])] for found in rounds
        )
        for size in SIZES
    }
    return {
        "value": round(max(growth.values()), 3),
        "unit": "times",
        "better": "lower",
        "details": {
            **{f"at_{size}_logs": round(each, 3) for size, each in growth.items()},
            "logs_per_second": round(statistics.median(found["logs"] / found["seconds"] for found in rounds)),
        },
    }


@cache
def _millions(code: str) -> list[dict[str, Any]]:
    """Have processes of their own each book a chain with a million logs, and tell what that took."""
    wanted = _MANY_BLOCKS * _LOGS * _TRANSACTIONS
    with _node(_MANY_BLOCKS, code) as (url, _):
        rounds = []
        for _ in range(_ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(booked(url, Path(folder), wanted))
        return rounds


def booked(url: str, folder: Path, wanted: int) -> dict[str, Any]:
    """Have a process of its own book so many logs of a node's chain; return what that took."""
    with service(folder, url, f"sqlite:///{folder / 'earnest.db'}") as container:
        surroundings = environment(container.settings)
    program = [sys.executable, "-m", "benchmarks._booking", str(wanted)]
    told = subprocess.run(
        program, stdout=subprocess.PIPE, check=True, stdin=subprocess.DEVNULL, env=surroundings
    ).stdout
    found: dict[str, Any] = json.loads(told)
    return found


@contextlib.contextmanager
def _node(blocks: int, code: str = ANYBODY) -> Iterator[tuple[str, int]]:
    """Run a node whose final blocks hold the logs; give its URL and the last block that holds any."""
    port = free_port()
    command = [
        str(anvil.find_anvil()),
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--slots-in-an-epoch",
        "1",
        "--no-mining",
        "--silent",
    ]
    with tempfile.TemporaryDirectory() as folder:
        node = subprocess.Popen([*command, "--cache-path", folder], stdin=subprocess.DEVNULL)
        try:
            url = anvil.url(port)
            for _ in range(_PATIENCE):
                if anvil.answers(port):
                    break
                time.sleep(0.1)
            with anvil.asking(url) as ask:
                for _ in range(blocks):
                    for number in range(_TRANSACTIONS):
                        emitting(ask, _LOGS, after=number * _LOGS, code=code)
                    ask.ask("anvil_mine", "0x1")
                last = anvil.head(url)[0]
                ask.ask("anvil_mine", "0x3")  # so that all of them are final
            yield url, last
        finally:
            node.terminate()
            node.wait()


def emitting(node: BoundedProvider, count: int, *, after: int = 0, code: str = ANYBODY) -> None:
    """Have the node's next block hold a transaction with so many Transfer logs of the token; ``after`` others of it."""
    if node.ask("eth_getCode", show_address(TOKEN), "latest") == "0x":
        node.ask("anvil_setCode", show_address(TOKEN), "0x" + code)
        node.ask("anvil_impersonateAccount", _SENDER)
        node.ask("anvil_setBalance", _SENDER, hex(10**21))
    call = {"from": _SENDER, "to": show_address(TOKEN), "gas": hex(10**6)}
    data = (after + count).to_bytes(32, "big") + after.to_bytes(32, "big")
    node.ask("eth_sendTransaction", {**call, "data": "0x" + data.hex()})


def _ours(url: str, wanted: int, database: Callable[[Path], str]) -> tuple[float, Books]:
    """Seconds from an empty ledger to the whole one, by the chain loop itself; and what stands in it then."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with service(place, url, database(place)) as container:
            loop = ChainLoop(container)
            begun = time.perf_counter()
            while loop.step() is not Progress.NONE:
                pass
            took = time.perf_counter() - begun
            assert entries(container) == wanted, f"{entries(container)} entries of {wanted} logs"
            with container.read() as work:
                found = {
                    table: work.session.connection().exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - our names
                    for table in _A_TABLE
                }
                books = {
                    table: (list(result.keys()), [tuple(row) for row in result]) for table, result in found.items()
                }
    return took, books


def _written(database: Callable[[Path], str], books: Books) -> float:
    """Seconds to write the books' rows into the same tables by the driver alone: nothing is read, checked or summed."""
    with tempfile.TemporaryDirectory() as folder:
        url = database(Path(folder))
        upgrade(url)
        if url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as to:
                for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "wal_autocheckpoint=8000"):
                    to.execute(f"PRAGMA {pragma}")
                return _in_slices(books, to.execute, partial(_put_sqlite, to))
        with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as on:
            return _in_slices(books, on.execute, partial(_put_postgresql, on))


def _in_slices(books: Books, run: Callable[[str], object], put: Callable[[str, list[str], list[Any]], None]) -> float:
    begun = time.perf_counter()
    for start in range(0, len(books["entries"][1]), _AT_ONCE):
        run("BEGIN")
        for table, a_log in _A_TABLE.items():
            names, rows = books[table]
            put(table, names, rows[start * a_log : (start + _AT_ONCE) * a_log])
        run("COMMIT")
    return time.perf_counter() - begun


def _put_sqlite(to: sqlite3.Connection, table: str, names: list[str], rows: list[Any]) -> None:
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    to.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - our own names


def _put_postgresql(to: psycopg.Connection, table: str, names: list[str], rows: list[Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    with to.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _theirs(url: str, last: int, wanted: int, store: Store) -> float:
    """Seconds by web3's own interface into one table: nothing is checked, nothing is booked."""
    web3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": 60}))
    event = web3.eth.contract(address=Web3.to_checksum_address(bytes(TOKEN)), abi=_ABI).events.Transfer()
    count = 0
    with store() as keep:
        begun = time.perf_counter()
        for first in range(1, last + 1, 50):
            found = event.get_logs(from_block=first, to_block=min(last, first + 49))
            keep(
                [
                    (
                        bytes(log["blockHash"]),
                        log["logIndex"],
                        log["args"]["from"],
                        log["args"]["to"],
                        str(log["args"]["value"]),
                    )
                    for log in found
                ]
            )
            count += len(found)
        took = time.perf_counter() - begun
    assert count == wanted, count
    return took


@contextlib.contextmanager
def _into_sqlite() -> Iterator[Callable[[Rows], None]]:
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(sqlite3.connect(Path(folder) / "logs.db")) as to:
        to.execute("PRAGMA journal_mode=WAL")
        to.execute(_TABLE.format(bytes="BLOB"))

        def keep(rows: Rows) -> None:
            with to:
                to.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", rows)

        yield keep


@contextlib.contextmanager
def _into_postgresql(url: str) -> Iterator[Callable[[Rows], None]]:
    with psycopg.connect(fresh(url).replace("postgresql+psycopg", "postgresql"), autocommit=True) as to:
        to.execute(_TABLE.format(bytes="BYTEA"))

        def keep(rows: Rows) -> None:
            with to.transaction(), to.cursor() as cursor:
                cursor.executemany("INSERT INTO logs VALUES (%s, %s, %s, %s, %s)", rows)

        yield keep


def _read(url: str, last: int) -> float:
    """Seconds to have the node say it all, without a look at what it says."""
    with anvil.asking(url) as node:
        begun = time.perf_counter()
        for first in range(1, last + 1, 50):
            asked = {"fromBlock": hex(first), "toBlock": hex(min(last, first + 49)), "address": show_address(TOKEN)}
            node._post(  # noqa: SLF001 - the bytes alone: what reads them is what is measured
                b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[%s]}' % str(asked).replace("'", '"').encode()
            )
        return time.perf_counter() - begun


BENCHMARKS = {
    "ingest_sqlite": ingest_sqlite,
    "ingest_postgres": ingest_postgres,
    "ingest_growth": ingest_growth,
    "ingest_growth_anybody": ingest_growth_anybody,
    "ingest_memory": ingest_memory,
}
