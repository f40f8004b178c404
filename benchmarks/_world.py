"""A world for the gate's benchmarks: many doors and grants on a fresh SQLite file, written in bulk."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.container import KEY_ROLES, Container
from app.settings import Settings
from benchmarks import _rules_of_lists as patterns
from cli.migrations import upgrade
from contracts.chain import Deployment
from contracts.deployment import write_deployment
from contracts.signers import create_key
from kit.identifiers import Address, parse_server_name
from reputation.policy import Admitting, Rule
from reputation.policy_presets import PRESETS, Preset

HOME = "bench.example"
BOT = f"@earnest:{HOME}"
STAKE = 5 * 10**18
ROOMS, LISTS, ENTRIES = 100, 5, 100_000
STRANGERS, SERVERS = 200_000, 1_000
"""People elsewhere with whom the grants are, and their homeservers."""
PASSWORD = "a benchmark's"  # noqa: S105 - it opens keys that hold nothing
_TOKEN, _ESCROW = Address(b"\x11" * 20), Address(b"\x22" * 20)
_CHAIN = 31337
_KNOWN = "sender.standing >= 0.7 && sender.confidence >= 0.5"
"""Asked of everybody of whom nothing else is known: as many words as there are grants tell how they stand."""
_A_SLICE = 10_000
_LONG_AGO = 60 * 86_400
"""Seconds: what was opened before counts for no price and no cap any more."""


@dataclass(frozen=True, slots=True)
class World:
    """A data folder with ``doors`` doors that ask for a stake, ``grants`` accepted grants, and one tenant's bearer."""

    folder: Path
    bearer: str
    doors: int
    grants: int
    standing: bool = False
    """Whether doors of rules ask how a stranger stands, too."""
    lists: bool = False
    """Whether all that knock do so for rooms in which five lists of 100,000 entries act."""
    bot: str = BOT

    def settings(self) -> Settings:
        """Return what an API process reads here."""
        return settings_of(self.folder)

    def pair(self, number: int) -> tuple[str, str]:
        """Return the stranger and the recipient of a grant."""
        door, turn = number % self.doors, number // self.doors
        return stranger((door * 31 + turn * 9_973) % STRANGERS), recipient(door)


def settings_of(folder: Path, **more: object) -> Settings:
    """Return settings on a data folder of a benchmark."""
    return Settings.model_validate(
        {"data": folder, "keystore_password": PASSWORD, "bot_user_id": BOT, "database_url": None, **more}
    )


def recipient(number: int) -> str:
    """Return the owner of a door."""
    return f"@recipient{number}:{HOME}"


def stranger(number: int) -> str:
    """Return somebody elsewhere."""
    return f"@stranger{number}:s{number % SERVERS}.example"


def build(folder: Path, *, doors: int, grants: int, standing: bool = False, lists: bool = False) -> World:
    """Make the world in an empty folder; a million grants take about a minute."""
    settings = settings_of(folder)
    for role in KEY_ROLES:
        create_key(settings.keystore(), role, PASSWORD, kdf_work=2)
    write_deployment(folder / "deployment.json", Deployment(_CHAIN, _TOKEN, _ESCROW, 0))
    upgrade(settings.database())
    container = Container(settings)
    with container.work() as work:
        bearer = work.tenants.add(parse_server_name(HOME))
    container.close()
    world = World(folder, bearer, doors, grants, standing, lists)
    connection = sqlite3.connect(folder / "earnest.db", isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("BEGIN")
    now = datetime.now(UTC).replace(tzinfo=None)
    _fill(connection, world, _said(now), int(now.replace(tzinfo=UTC).timestamp()))
    if lists:
        _fill_lists(connection, _said(now))
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return world


def _fill(connection: sqlite3.Connection, world: World, now: str, unix: int) -> None:
    others = min(STRANGERS, world.grants)
    names = [*(recipient(door) for door in range(world.doors)), *(stranger(other) for other in range(STRANGERS))]
    people = enumerate(names[: world.doors + (STRANGERS if others else 0)], 1)
    _insert(connection, "people (id, mxid, created_at)", ((number, name, now) for number, name in people))
    _insert(
        connection,
        "doors (person, mode, stake, fee, changed_at)",
        (
            (door + 1, *(("rules", "0") if door in _of_rules(world) else ("ask", str(STAKE))), "0", now)
            for door in range(world.doors)
        ),
    )
    preset, known = PRESETS[Preset.FRIENDS_OF_FRIENDS], Rule(name="well spoken of", when=_KNOWN, then=Admitting())
    rules = (*preset.rules, known) if world.standing else preset.rules
    document = preset.model_copy(update={"rules": rules}).model_dump_json()
    _insert(
        connection,
        "document_versions (person, kind, number, document, since)",
        ((door + 1, "door", 1, document, now) for door in _of_rules(world)),
    )
    pairs = [
        (
            world.doors + 1 + (number % world.doors * 31 + number // world.doors * 9_973) % STRANGERS,
            number % world.doors + 1,
        )
        for number in range(world.grants)
    ]
    _insert(
        connection,
        "stakes (id, chain_id, payer, return_to, amount, fee, fee_payee, relay_fee, relay_receiver, resolver,"
        " guardian, answer_by, quote_expiry, commitment, stranger, recipient, state, surplus, answered, opened_block,"
        " opened_hash, opened_at, opened_transaction, last_hash, last_transaction)",
        (_stake(number, *pair, unix) for number, pair in enumerate(pairs)),
    )
    _insert(
        connection,
        "grants (stake_id, stranger, recipient, state, opened_at, closes_at, payer, return_to, origin, answer,"
        " answered_at)",
        (
            (
                *(_id(number), who, door, "accepted", unix - _LONG_AGO, unix, _wallet(who), _wallet(who)),
                *(f"s{(who - world.doors - 1) % SERVERS}.example", "accept", now),
            )
            for number, (who, door) in enumerate(pairs)
        ),
    )
    since = _said(datetime.now(UTC).replace(tzinfo=None) - timedelta(days=30))
    _insert(
        connection,
        "contacts (person, other, why, since)",
        sorted((door, who, "accepted", since) for who, door in pairs),
    )


def _of_rules(world: World) -> range:
    """Return which doors are of rules: every second one, but for the first, at which holds are repeated.

    A hold by rules is remembered for seconds only, so that no measurement could begin with all of them in memory.
    """
    return range(1_000, world.doors, 2)


def _fill_lists(connection: sqlite3.Connection, now: str) -> None:
    """Let five lists act in the rooms of one management room; they speak of nobody who knocks."""
    connection.execute(
        "INSERT INTO management_rooms (id, owner, name, threshold, confirm, made_at)"
        " VALUES (1, (SELECT min(id) FROM people), 'bench', 1, 1, ?)",
        (now,),
    )
    rooms = ((f"!room{number}:{HOME}", 1, False, "", now) for number in range(ROOMS))
    _insert(connection, "protected_rooms (room, management, is_space, lacks, since)", rooms)
    _insert(connection, "gate_grounds (management, people, servers, seen_at)", [(1, 10_000, "[]", now)])
    for number in range(1, LISTS + 1):
        source = (number, f"list{number}", "/list", "policy", ENTRIES, 0, now, now)
        columns = "followed_lists (id, name, source, form, entries, left_out, followed_at, read_at)"
        _insert(connection, columns, [source])
        follows = '{"ban": ["ban"]}', '{"ban": ["deny"]}'
        columns = "subscriptions (management, list, mode, weight, people, servers, share, since)"
        _insert(connection, columns, [(1, number, "act", 1, *follows, 5, now)])
        columns = "list_entries (list, subject, entity, recommendation, below, reason)"
        _insert(connection, columns, ((number, *entry) for entry in entries_of(number)))
    changed = [("rooms", 1), ("lists", 1)]
    _insert(connection, "changes (topic, counter)", changed)


def entries_of(number: int) -> Iterator[tuple[str, str, str, bool, str]]:
    """Make the entries of a list: people, in the mix that large policy lists have, and a third as many servers."""
    chance = random.Random(number)
    seen: set[str] = set()
    servers = patterns.servers(chance)
    while len(seen) < ENTRIES:
        name = patterns.one(chance, servers) if len(seen) % 4 else f"{patterns.word(chance, 10)}.example"
        if name not in seen:
            seen.add(name)
            subject = "user" if name.startswith("@") else "server"
            yield subject, name, "ban", subject == "server", "spam"


def _stake(number: int, who: int, door: int, unix: int) -> tuple[object, ...]:
    payer, block = _wallet(who), _id(number // 100)
    keys = (bytes(20), "0", bytes(20), b"\x33" * 20, b"\x33" * 20)
    return (
        *(_id(number), _CHAIN, payer, payer, str(STAKE), "0", *keys, unix, unix, _id(number), who, door, "returned"),
        *(False, True, number // 100, block, unix, _id(number), block, _id(number)),
    )


def _wallet(who: int) -> bytes:
    return who.to_bytes(20, "big")


def _id(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _said(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="microseconds")


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    columns = table.count(",") + 1
    statement = f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - names of ours
    connection.executemany(statement, _each(rows))


def _each(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    yield from rows
