"""Servers that would have what is not theirs: a thousand of one operator, and those that look back at who looks."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import earning, epochs
from app.container import Container
from kit.errors import HomeserverUnavailable, Invalid
from kit.federation import Homeservers, Seen
from kit.identifiers import Address, ServerName, parse_address, show_address
from kit.server_keys import ServerKeys, VerifyKey
from payments.rewards.gathering import LEAST_LOOKS
from payments.rewards.service import Rewards
from payments.rewards.shares import share
from tests.support.databases import sqlite_copy
from tests.support.elsewhere import Elsewhere, Server, an_address, says
from tests.support.keyed import KEY_ID, KEYS, VERSION, Crowd, Keyed
from tests.support.services import PUBLIC_URL, Clock, a_container
from tests.unit.payments.test_rewards_measured import body

SYBILS = 1_000
AT_ONCE = 8
HONEST = Address(b"\x77" * 20)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0))


@pytest.fixture
def container(tmp_path: Path, sqlite_template: Path, elsewhere: Elsewhere, clock: Clock) -> Iterator[Container]:
    # On one kind of database: what is kept is tested on both elsewhere.
    with sqlite_copy(sqlite_template, tmp_path / "earnest.db") as database:
        given: dict[str, Any] = {
            "rewards_from": clock.now.date(),
            "rewards_pool": "1300000",
            "rewards_distributor": show_address(parse_address("0x" + "dd" * 20)),
        }
        made = a_container(tmp_path, database, clock=clock, **given)
        made.__dict__["fetcher"] = elsewhere.fetcher()
        made.__dict__["enrolling"] = Homeservers(made.fetcher, https_port=1, most_at_once=AT_ONCE, clock=clock)
        yield made


def enrols(container: Container, server: Keyed, payout: Address) -> str:
    """Enrol as an operator does, with the server asked over federation; the secret of its reports."""
    with container.work() as work:
        challenge = work.rewards.challenge(ServerName(server.name), payout)
    return earning.enrol(container, server.sign(challenge.document())).secret


def seen(server: Keyed, network: str) -> Seen:
    key = VerifyKey(KEY_ID, server.key.public_key().public_bytes_raw())
    return Seen(ServerKeys(ServerName(server.name), (key,)), "Synapse", "1.163.2", 30, 2_000_000_000, network)


def test_a_thousand_servers_of_one_operator_earn_no_more_than_one(
    container: Container, elsewhere: Elsewhere, clock: Clock
) -> None:
    crowd, honest = elsewhere.server("*.evil.example"), elsewhere.server("honest.example")
    elsewhere.dns.records["honest.example", "A"] = [honest.address]
    one = Keyed(f"honest.example:{honest.port}")
    one.at(honest)
    many = [Keyed(f"s{number}.evil.example:{crowd.port}") for number in range(SYBILS)]
    for keyed in many:
        elsewhere.dns.records[keyed.name.partition(":")[0], "A"] = [crowd.address]
    Crowd({keyed.name: keyed for keyed in many}).at(crowd)

    def reports(secret: str, server: Keyed) -> None:
        said = body(homeserver=server.name, daily_active_users=10**9, monthly_active_users=10**9, total_users=10**9)
        with container.work() as work:
            work.rewards.reported(secret, said)

    def joins(number: int) -> None:
        keyed = many[number]
        reports(enrols(container, keyed, Address((number + 1).to_bytes(20))), keyed)

    reports(enrols(container, one, HONEST), one)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(joins, range(SYBILS)))
    assert earning.look_around(container) == SYBILS + 1
    networks = {keyed.name: f"{crowd.address.rpartition('.')[0]}.0/24" for keyed in many}
    networks[one.name] = f"{honest.address.rpartition('.')[0]}.0/24"
    by_name = {keyed.name: keyed for keyed in [one, *many]}
    for hour in range(1, LEAST_LOOKS):  # a place must look as often before it says anything of anybody
        with container.work() as work:
            servers = work.rewards.servers(limit=2 * SYBILS)
            found = {server.id: seen(by_name[server.server], networks[server.server]) for server in servers}
            then = Rewards(work.session, clock.now + timedelta(hours=hour), service=PUBLIC_URL, chain_id=31337)
            then.looked("here", found)
    _, closed = epochs.closing(container)
    measured = [counted.measured for counted in closed.counted]
    assert len(measured) == SYBILS + 1
    assert {(server.availability, server.people) for server in measured} == {(1000, 1)}, (
        "whatever they say of themselves"
    )
    together = sum(amount for payout, amount in closed.shares.of.items() if payout != HONEST)
    two = [server for server in measured if server.server in (one.name, many[0].name)]
    alone = share(closed.budget, two).of
    assert 0 < together <= alone[Address((1).to_bytes(20))] + SYBILS, "but for less than a base unit for each address"
    assert closed.shares.of[HONEST] >= alone[HONEST] - SYBILS


def test_whoever_takes_a_name_over_has_no_use_for_its_old_keys(container: Container, elsewhere: Elsewhere) -> None:
    server = elsewhere.server("far.example")
    elsewhere.dns.records["far.example", "A"] = [server.address]
    true = Keyed(f"far.example:{server.port}")
    true.at(server)
    enrols(container, true, HONEST)
    # Its answers are the very bytes that were published before; what it signs is signed with another key.
    thief = replace(true, key=Ed25519PrivateKey.generate())
    with pytest.raises(Invalid, match="not signed with a key"):
        enrols(container, thief, Address(b"\x66" * 20))
    server.answers[KEYS] = says(true.published(valid_until_ts=int(container.clock().timestamp() * 1000)))
    with pytest.raises(HomeserverUnavailable, match="no longer good"):
        enrols(container, true, HONEST)
    other = Keyed(f"other.example:{server.port}")
    elsewhere.dns.records["other.example", "A"] = [server.address]
    true.at(server)  # another name leads there: its keys are those of far.example
    with pytest.raises(HomeserverUnavailable):
        enrols(container, other, Address(b"\x66" * 20))
    with container.read() as work:
        assert [one.payout for one in work.rewards.servers()] == [HONEST]


def _endless(connection: ssl.SSLSocket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    with suppress(OSError):
        while True:
            connection.sendall(b" " * 65_536)


def _slow(connection: ssl.SSLSocket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    with suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.2)


def test_whoever_looks_is_led_nowhere_and_held_up_by_nobody(
    container: Container, elsewhere: Elsewhere, inside: Server, clock: Clock
) -> None:
    """All of them took part honestly, and turn upon whoever looks at them; one of them does not."""
    keyed: dict[str, tuple[Keyed, Server]] = {}
    names = ("endless", "slow", "redirects", "moves", "changes", "absurd", "silent", "good")
    for name in names:
        host, address = f"{name}.example", an_address()
        server = elsewhere.server(host, address=address)
        elsewhere.dns.records[host, "A"] = [address]
        keyed[name] = Keyed(f"{host}:{server.port}"), server
        keyed[name][0].at(server)
        enrols(container, keyed[name][0], HONEST)
    inward = f"https://127.0.0.1:{inside.port}"
    keyed["endless"][1].answers[VERSION] = _endless
    keyed["slow"][1].answers[VERSION] = _slow
    for path in (KEYS, VERSION):
        keyed["redirects"][1].answers[path] = says(b"", status=302, headers=[f"Location: {inward}{path}"])
    elsewhere.dns.records["moves.example", "A"] = ["127.0.0.1"]
    turns = iter([keyed["changes"][1].address] * 2)  # once for each connection, and then it is ourselves
    elsewhere.dns.records["changes.example", "A"] = lambda: [next(turns, "127.0.0.1")]
    keyed["absurd"][1].answers[VERSION] = says(b'{"server":{"name":"' + b"\xe2\x80\xae" * 4_000 + b'","version":[{}]}}')
    elsewhere.dns.records["silent.example", "A"] = [elsewhere.silent().address]
    clock.pass_(hours=1)
    began = time.monotonic()
    assert earning.look_around(container) == len(names)
    assert time.monotonic() - began < 60, "each has ten seconds, and all of them at once"
    with container.read() as work:
        answered = {}
        for one in work.rewards.servers():
            (looks,) = work.rewards.looks(one.id, clock.now.date() - timedelta(days=1), days=3)
            answered[one.server.partition(".")[0]] = looks.answered
            assert one.payout == HONEST
    assert answered == {name: int(name in ("good", "changes", "absurd")) for name in names}
    assert inside.reached == 0
    clock.pass_(hours=1)
    assert earning.look_around(container) == len(names)
    with container.read() as work:
        changed = work.rewards.find(ServerName(keyed["changes"][0].name))
        assert changed is not None
        (looks,) = work.rewards.looks(changed.id, clock.now.date() - timedelta(days=1), days=3)
    assert (looks.looks, looks.answered, inside.reached) == (2, 1, 0)
