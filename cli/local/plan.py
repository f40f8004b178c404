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

PEOPLE: Final = ("alice", "bob", "carol", "mallory", "dave", "gina", "hugo", "ivan", "kim", "lea")
"""The people of the stories; each has an account, a wallet, some ether and some tokens."""
STRANGERS: Final = ("erin",)
"""The people of the homeserver elsewhere; each has an account there and a wallet with some tokens, and no ether."""
SERVER_NAME: Final = "localhost"
BOT: Final = "earnest"

OWN_FOLDERS: Final = (
    "anvil",
    "bot",
    "certificates",
    "elsewhere",
    "homeserver",
    "keystore",
    "logs",
    "valkey",
    "wallets",
)
"""What a world makes in the data folder; a reset takes away these and ``OWN_FILES``, nothing else."""
OWN_FILES: Final = (
    "earnest.db*",
    "earnest.env",
    "deployment.json",
    "keystore.password",
    "bot.password",
    "celery*",
    "sealing.key",
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
_WANTED: Final = {
    "api": 8600,
    "homeserver": 8008,
    "chain": 8545,
    "broker": 8637,
    "bot_health": 8601,
    "chain_health": 8602,
    "worker_health": 8603,
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback address; 0 is nowhere."""

    api: int
    homeserver: int
    chain: int
    broker: int
    bot_health: int = 0
    chain_health: int = 0
    worker_health: int = 0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A second homeserver with which ours federates: where each hears the other, and the second one's own parts.

    ``our_federation`` and ``its_federation`` are ports that end the two servers' names: they never move.
    """

    our_federation: int
    its_federation: int
    client: int
    registration_secret: str
    host: str = SERVER_NAME
    """What its name begins with: another host than ours, so that a room can deny it, but in worlds made earlier."""

    @property
    def server_name(self) -> str:
        """Return its name."""
        return f"{self.host}:{self.its_federation}"

    def ports(self) -> dict[str, int]:
        """Return the ports, by what they are for."""
        return {
            "homeserver's federation": self.our_federation,
            "homeserver elsewhere": self.client,
            "federation of the homeserver elsewhere": self.its_federation,
        }


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
    elsewhere: Elsewhere | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """Return everybody's name, ours first."""
        return PEOPLE if self.elsewhere is None else (*PEOPLE, *STRANGERS)

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

    @property
    def rpc_ws_url(self) -> str:
        """Return where the same node tells of new blocks."""
        return f"ws://{ports.LOOPBACK}:{self.ports.chain}"

    def moved(self, to: Ports) -> Plan:
        """Return the same world on other ports."""
        return replace(self, ports=to)

    def user_id(self, localpart: str) -> str:
        """Return the Matrix id of an account of this world."""
        far = self.elsewhere if localpart in STRANGERS else None
        return f"@{localpart}:{self.server_name if far is None else far.server_name}"

    def wallet_file(self, name: str) -> Path:
        """Return the file with a wallet's key."""
        return self.folder / "wallets" / f"{name}.key"


def new_plan(folder: Path, *, pace: Pace, wanted: Mapping[str, int] | None = None, federated: bool = False) -> Plan:
    """Make up a world for ``folder``: fresh secrets, the usual ports where they are free.

    ``federated`` adds a second homeserver; both are then named by a port, which is how one finds the other here.
    """
    taken: set[int] = set()
    usual = new_ports(_WANTED if wanted is None else wanted, taken)
    plan = Plan(
        folder=folder,
        server_name=SERVER_NAME,
        ports=usual,
        registration_secret=secrets.token_urlsafe(32),
        bot_password=secrets.token_urlsafe(32),
        passwords={},
        pace=pace,
    )
    if federated:
        ours, its, client = (ports.prefer(None, taken) for _ in range(3))
        elsewhere = Elsewhere(ours, its, client, secrets.token_urlsafe(32), ports.LOOPBACK)
        plan = replace(plan, server_name=f"{SERVER_NAME}:{ours}", elsewhere=elsewhere)
    passwords = {name: "-".join(secrets.choice(_WORDS) for _ in range(3)) for name in plan.people}
    return replace(plan, passwords=passwords)


def new_ports(wanted: Mapping[str, int] = _WANTED, taken: set[int] | None = None) -> Ports:
    """Take the wanted ports where they are free, others where they are not or none is wanted; none of ``taken``.

    ``taken`` learns of them.
    """
    taken = set() if taken is None else taken
    return Ports(**{name: ports.prefer(wanted.get(name), taken) for name in _WANTED})


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
            elsewhere=None if found.get("elsewhere") is None else Elsewhere(**found["elsewhere"]),
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
