"""What a local world is to be, written down before any of it is made: its ports, names and secrets."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from cli.local import ports
from kit.errors import Conflict, Invalid

PEOPLE: Final = ("alice", "bob", "carol", "mallory", "dave")
"""The people of the story; each has an account, a wallet, some ether and some tokens."""
SERVER_NAME: Final = "localhost"
BOT: Final = "earnest"

OWN_FOLDERS: Final = ("anvil", "bot", "homeserver", "keystore", "logs", "valkey", "wallets")
"""What a world makes in the data folder; a reset takes away these and ``OWN_FILES``, nothing else."""
OWN_FILES: Final = (
    "earnest.db*",
    "earnest.env",
    "deployment.json",
    "keystore.password",
    "bot.password",
    "celery*",
    "world.json",
)
"""Patterns of names; the plan is the last."""

_FILE = "world.json"
LOCK: Final = "world.lock"
"""The lock of whoever runs or clears the world; it stays."""

_WORDS: Final = (
    "amber",
    "birch",
    "cedar",
    "fjord",
    "grove",
    "hazel",
    "iris",
    "jade",
    "kelp",
    "lilac",
    "maple",
    "olive",
)
_WANTED: Final = {"api": 8600, "homeserver": 8008, "chain": 8545, "broker": 8637}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback address."""

    api: int
    homeserver: int
    chain: int
    broker: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the chain of play is: seconds a block, blocks to ``safe``, seconds between saves (``None``: never)."""

    block_time: int
    epoch: int
    save_every: int | None


KEPT: Final = Pace(block_time=2, epoch=4, save_every=4)
"""A world that is kept: what a killed node loses (4 s) lies above finality (16 s), so the books just rewind."""
PASSING: Final = Pace(block_time=1, epoch=1, save_every=None)
"""A world for one play: final after two seconds, and gone with its processes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A world's ports, names and secrets; a secret is shown by nothing but what its owner asks for."""

    folder: Path
    server_name: str
    ports: Ports
    registration_secret: str
    bot_password: str
    passwords: Mapping[str, str]
    pace: Pace = KEPT

    @property
    def public_url(self) -> str:
        """Return where people find the pages."""
        return f"http://{ports.LOOPBACK}:{self.ports.api}"

    @property
    def homeserver_url(self) -> str:
        """Return the homeserver's client API."""
        return f"http://{ports.LOOPBACK}:{self.ports.homeserver}"

    @property
    def rpc_url(self) -> str:
        """Return the chain's JSON-RPC endpoint."""
        return f"http://{ports.LOOPBACK}:{self.ports.chain}"

    def moved(self, to: Ports) -> Plan:
        """Return the same world on other ports."""
        return replace(self, ports=to)

    def user_id(self, localpart: str) -> str:
        """Return the Matrix id of an account of this world."""
        return f"@{localpart}:{self.server_name}"

    def wallet_file(self, name: str) -> Path:
        """Return the file with a wallet's key."""
        return self.folder / "wallets" / f"{name}.key"


def new_plan(folder: Path, *, pace: Pace, wanted: Mapping[str, int] | None = None) -> Plan:
    """Make up a world for ``folder``: fresh secrets, the usual ports where they are free."""
    return Plan(
        folder=folder,
        server_name=SERVER_NAME,
        ports=new_ports(_WANTED if wanted is None else wanted),
        registration_secret=secrets.token_urlsafe(32),
        bot_password=secrets.token_urlsafe(32),
        passwords={name: "-".join(secrets.choice(_WORDS) for _ in range(3)) for name in PEOPLE},
        pace=pace,
    )


def new_ports(wanted: Mapping[str, int] = _WANTED) -> Ports:
    """Take the wanted ports where they are free, others where they are not or none is wanted."""
    taken: set[int] = set()
    return Ports(**{name: ports.prefer(wanted.get(name), taken) for name in ("api", "homeserver", "chain", "broker")})


def has_plan(folder: Path) -> bool:
    """Tell whether ``folder`` holds a local world."""
    return (folder / _FILE).is_file()


def foreign(folder: Path) -> list[str]:
    """Name what tells that a folder without a plan belongs to a service of somebody's, and not to a world."""
    return [name for name in ("earnest.env", "keystore") if (folder / name).exists()]


def read_plan(folder: Path) -> Plan:
    """Read the plan of the world in ``folder``. Raises ``Invalid`` for a damaged one."""
    path = folder / _FILE
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Plan(
            folder=folder,
            server_name=str(found["server_name"]),
            ports=Ports(**{name: int(port) for name, port in found["ports"].items()}),
            registration_secret=str(found["registration_secret"]),
            bot_password=str(found["bot_password"]),
            passwords={str(name): str(password) for name, password in found["passwords"].items()},
            pace=Pace(**found["pace"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid("world_malformed", f"{path} is damaged ({error}); `make reset` clears the world.") from None


def write_plan(plan: Plan) -> None:
    """Write a plan down, whole or not at all; for its owner's eyes only."""
    document = asdict(plan)
    del document["folder"]
    write_private(plan.folder / _FILE, json.dumps(document, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold the world of ``folder``: one run, or one reset, at a time. Gives the handle of the lock.

    Raises ``Conflict`` where somebody else holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Conflict(
                "world_running",
                f"The world in {folder} is running (process {holder}): end that run first, with Ctrl-C.",
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock.fileno()
