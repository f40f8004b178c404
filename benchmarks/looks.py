"""How fast servers that earn are looked at: found by name, asked over TLS for version and keys, and written down."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.resolver

from app import earning
from app.container import Container
from benchmarks import _homeservers as elsewhere
from benchmarks._world import build
from kit.canonical import canonical
from kit.fetching import Fetcher
from kit.identifiers import Address, ServerName
from kit.internet import parse_networks
from kit.names import Names
from kit.server_keys import ServerKeys, VerifyKey

_SERVERS = 3_000
_LEAST = 200
_PAGE = 500
_WAIT_SECONDS = 0.01


def probe_rate() -> Mapping[str, Any]:
    """Look at 3,000 servers from one worker, each for the first time in an hour; they are all in one other process."""
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as (port, names):
        container = Container(build(Path(folder) / "world", doors=1, grants=1).settings())
        container.__dict__["fetcher"] = Fetcher(
            _resolver(names),
            private=parse_networks("127.80.0.0/12"),
            authority=Path(folder) / elsewhere.AUTHORITY,
        )
        _enrol(container, port)
        began, busy = time.perf_counter(), time.process_time()
        looked = earning.look_around(container)
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        answered = _answered(container)
        container.close()
    assert (looked, answered) == (_SERVERS, _SERVERS)
    return {
        "value": round(looked / seconds),
        "unit": "servers/s",
        "better": "higher",
        "limit": _LEAST,
        "details": {
            "servers": looked,
            "at once": earning.AT_ONCE,
            "CPU of the worker for each, ms": round(busy / looked * 1000, 2),
        },
    }


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[int, int]]:
    """Run the servers; give their port, and that of their name server."""
    command = [sys.executable, "-m", "benchmarks._homeservers", str(folder)]
    with subprocess.Popen(command) as process:
        try:
            while not (folder / elsewhere.READY).exists():
                assert process.poll() is None
                time.sleep(_WAIT_SECONDS)
            ready = json.loads((folder / elsewhere.READY).read_text(encoding="utf-8"))
            yield ready["port"], ready["names"]
        finally:
            process.terminate()


def _resolver(port: int) -> Names:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    return Names(resolver)


def _enrol(container: Container, port: int) -> None:
    """Let all of them take part, each with its own key."""
    for first in range(0, _SERVERS, _PAGE):
        with container.work() as work:
            for number in range(first, first + _PAGE):
                name = ServerName(elsewhere.name_of(number, port))
                key = elsewhere.key_of(name)
                document = work.rewards.challenge(name, Address((number + 1).to_bytes(20))).document()
                signature = elsewhere.unpadded(key.sign(canonical(document)))
                published = ServerKeys(name, (VerifyKey("ed25519:a", key.public_key().public_bytes_raw()),))
                work.rewards.enrol({**document, "signatures": {name: {"ed25519:a": signature}}}, published)


def _answered(container: Container) -> int:
    """Count the servers that answered and sign with the key that they enrolled with."""
    with container.read() as work:
        day = work.now.date() - timedelta(days=1)
        servers = work.rewards.servers(limit=_SERVERS)
        looks = {one.id: work.rewards.looks(one.id, day, days=2) for one in servers}
    return sum(one.trouble is None and [place.answered for place in looks[one.id]] == [1] for one in servers)


BENCHMARKS = {"probe_rate": probe_rate}
