"""How fast a chain's logs become books: read from a real node, checked, decoded, booked and stored, beside web3."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import structlog
from web3 import Web3

from app.chain_loop import ChainLoop, Progress
from app.container import KEY_ROLES, Container
from app.settings import Settings
from cli.local import anvil
from cli.local.ports import LOOPBACK, free_port
from cli.migrations import upgrade
from contracts import codec
from contracts.chain import Deployment
from contracts.deployment import write_deployment
from contracts.signers import create_key
from kit.identifiers import Address, show_address

_BLOCKS, _LOGS_A_BLOCK = 200, 100
_ROUNDS = 5
_PATIENCE = 600
_TOKEN, _ESCROW = Address(b"\x70" * 20), Address(b"\xe5" * 20)
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
# Stands at the token's address and emits as many Transfer logs as it is told to, among 4,096 holders. The stack holds
# how many are left (n), which is the amount too; b is the block's number.
_EMITTER: Final = "".join(
    (
        "600035",  # n
        "5b8015605357",  # loop: to the end where n is 0
        "80600052",  # memory: n
        "8043600702016110009006600201",  # to: (n + 7 b) mod 4096 + 2
        "81430261100090066001" + "01",  # from: n b mod 4096 + 1
        "7f" + codec.TRANSFER.hex() + "60206000a3",  # LOG3
        "600190036003" + "56",  # n - 1, and again
        "5b00",  # end
    )
)


def ingest_sqlite() -> Mapping[str, Any]:
    """Transfer logs per second from a node with 20,000 of them to the books, on SQLite."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with _node() as (url, last):
        wanted = _BLOCKS * _LOGS_A_BLOCK
        rounds = [(_ours(url, wanted), _theirs(url, last, wanted), _read_only(url, last)) for _ in range(_ROUNDS)]
    ours, theirs, bytes_only = (round(wanted / statistics.median(column)) for column in zip(*rounds, strict=True))
    print(f"  the node's bytes alone, read and thrown away: {bytes_only} logs/s", flush=True)
    return {
        "value": ours,
        "unit": "logs/s",
        "better": "higher",
        "peers": {"web3 Transfer().get_logs() into one table": theirs},
    }


@contextlib.contextmanager
def _node() -> Iterator[tuple[str, int]]:
    """Run a node whose final blocks hold the logs; give its URL and the last block that holds any."""
    port = free_port()
    command = [str(anvil.find_anvil()), "--host", LOOPBACK, "--port", str(port), "--slots-in-an-epoch", "1", "--silent"]
    with tempfile.TemporaryDirectory() as folder:
        node = subprocess.Popen([*command, "--cache-path", folder], stdin=subprocess.DEVNULL)
        try:
            url = anvil.url(port)
            for _ in range(_PATIENCE):
                if anvil.answers(port):
                    break
                time.sleep(0.1)
            with anvil.asking(url) as ask:
                ask.ask("anvil_setCode", show_address(_TOKEN), "0x" + _EMITTER)
                ask.ask("anvil_impersonateAccount", _SENDER)
                ask.ask("anvil_setBalance", _SENDER, hex(10**21))
                call = {"from": _SENDER, "to": show_address(_TOKEN), "gas": hex(10**7)}
                for _ in range(_BLOCKS):
                    ask.ask("eth_sendTransaction", {**call, "data": "0x" + _LOGS_A_BLOCK.to_bytes(32, "big").hex()})
                    ask.ask("anvil_mine", "0x1")
                last = anvil.head(url)[0]
                ask.ask("anvil_mine", "0x3")  # so that all of them are final
            yield url, last
        finally:
            node.terminate()
            node.wait()


def _ours(url: str, wanted: int) -> float:
    """Seconds from an empty ledger to the whole one, by the chain loop itself."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), rpc_url=url, keystore_password="a benchmark's")  # type: ignore[arg-type]  # noqa: S106
        for role in KEY_ROLES:
            create_key(settings.keystore(), role, "a benchmark's", kdf_work=2)
        write_deployment(Path(folder) / "deployment.json", Deployment(31337, _TOKEN, _ESCROW, 1))
        upgrade(settings.database())
        container = Container(settings)
        loop = ChainLoop(container)
        begun = time.perf_counter()
        while loop.step() is not Progress.NONE:
            pass
        took = time.perf_counter() - begun
        with container.read() as work:
            lines = work.session.connection().exec_driver_sql("SELECT count(*) FROM postings").scalar()
        assert lines == 2 * wanted, f"{lines} postings of {wanted} logs"
        container.close()
    return took


def _theirs(url: str, last: int, wanted: int) -> float:
    """Seconds by web3's own interface into one table: nothing is checked, nothing is booked."""
    web3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": 60}))
    event = web3.eth.contract(address=Web3.to_checksum_address(bytes(_TOKEN)), abi=_ABI).events.Transfer()
    with tempfile.TemporaryDirectory() as folder:
        store = sqlite3.connect(Path(folder) / "logs.db")
        store.execute("PRAGMA journal_mode=WAL")
        store.execute(
            "CREATE TABLE logs (block BLOB, log INTEGER, giver TEXT, taker TEXT, amount TEXT, PRIMARY KEY (block, log))"
        )
        begun, count = time.perf_counter(), 0
        for first in range(1, last + 1, 50):
            found = event.get_logs(from_block=first, to_block=min(last, first + 49))
            rows = [
                (
                    bytes(log["blockHash"]),
                    log["logIndex"],
                    log["args"]["from"],
                    log["args"]["to"],
                    str(log["args"]["value"]),
                )
                for log in found
            ]
            with store:
                store.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", rows)
            count += len(rows)
        took = time.perf_counter() - begun
        store.close()
    assert count == wanted, count
    return took


def _read_only(url: str, last: int) -> float:
    """Seconds to have the node say it all, without a look at what it says."""
    with anvil.asking(url) as node:
        begun = time.perf_counter()
        for first in range(1, last + 1, 50):
            asked = {"fromBlock": hex(first), "toBlock": hex(min(last, first + 49)), "address": show_address(_TOKEN)}
            node._post(  # noqa: SLF001 - the bytes alone: what reads them is what is measured
                b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[%s]}' % str(asked).replace("'", '"').encode()
            )
        return time.perf_counter() - begun


BENCHMARKS = {"ingest_sqlite": ingest_sqlite}
