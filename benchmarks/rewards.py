"""How fast an epoch of 100,000 servers is closed: counted, shared, put under a root and written."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Mapping
from typing import Any

from kit.identifiers import Address, ServerName
from payments.rewards.epoch_file import Terms, close, differences, read_file
from payments.rewards.model import Measured, bucket_of
from payments.rewards.schedule import Schedule
from payments.rewards.shares import share

_SERVERS = 100_000
_ROUNDS = 5
_SEED = 7
_ALONE = 0.9
_TERMS = Terms(1, Address(b"\x99" * 20), 2, 1_790_000_000, 1_792_419_200, Schedule(10**24))


def epoch_close() -> Mapping[str, Any]:
    """Close an epoch of 100,000 servers, each of whose payees had earned before, to the bytes that are published."""
    servers, before = _world()
    times, written = [], b""
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        written = close(_TERMS, servers, before).encoded()
        times.append(time.perf_counter() - began)
    began = time.perf_counter()
    payees = share(_TERMS.schedule.budget(2), servers).of
    shared = time.perf_counter() - began
    began = time.perf_counter()
    assert list(differences(read_file(written))) == []
    verified = time.perf_counter() - began
    return {
        "value": round(statistics.median(times), 2),
        "unit": "s",
        "better": "lower",
        "limit": 5,
        "details": {
            "servers": _SERVERS,
            "payees": len(payees),
            "file, MB": round(len(written) / 1e6, 1),
            "shares alone, s": round(shared, 2),
            "read and verified, s": round(verified, 2),
        },
    }


def _world() -> tuple[list[Measured], dict[Address, int]]:
    """Make servers, most of them small; one in ten shares its domain, its payout address or its network."""
    chance = random.Random(_SEED)
    servers = []
    for number in range(_SERVERS):
        owner, payout, network = (number if chance.random() < _ALONE else chance.randrange(_SERVERS) for _ in range(3))
        domain = f"d{owner}.example"
        servers.append(
            Measured(
                server=ServerName(f"s{number}.{domain}"),
                domain=domain,
                networks=(f"10.{network // 256 % 256}.{network % 256}.0/24",),
                payout=Address((payout + 1).to_bytes(20)),
                availability=min(1000, int(chance.gauss(985, 30))),
                people=bucket_of(int(chance.paretovariate(0.7))),
            )
        )
    chance.shuffle(servers)
    return servers, {one.payout: chance.randrange(10**20) + 1 for one in servers}


BENCHMARKS = {"epoch_close": epoch_close}
