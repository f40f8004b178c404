"""One process of Earnest that dies where it is told to: ``python dying.py FOLDER NAME`` is ``earnest NAME``.

It has a *point* after every commit, after every write to the bot's key store and files, and before and after every call
that changes something outside: a transaction to the node, a request to the homeserver, a message to the broker. Nothing
that outlives a process changes anywhere else, so to die between two points is to have died at the first of them.

``FOLDER/NAME.order`` tells where to die, and is taken away as it is read, so that an order kills once:
``{"at": 7}``: at the seventh point from then on; ``{"part": 0.25, "seed": 3}``: at the first point that is not in
``FOLDER/seen`` and belongs to the part of all points that the seed draws. ``FOLDER/NAME.orders`` is the order of each
process that takes the place of a dead one. Every death is a line of ``FOLDER/deaths``.

Who dies is a fork of a parent that has only imported: a whole process in every other way, but born in no time. The
parent puts another in its place at once, as an operator's supervisor would.
"""

# ruff: noqa: PLC0415 - each process pays for no other's libraries
from __future__ import annotations

import ctypes
import json
import os
import random
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from cli.main import COMMANDS, main
from contracts.rpc import BoundedProvider
from kit.database import Database

_WRITES = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)')
_QUIET = frozenset({"chain_blocks", "chain_cursor", "changes", "leases", "tenants"})
"""What is written all the time whether or not anything happens: an order by number does not count it."""
_PLAIN = re.compile(r"[a-z][a-z._]*|v\d")
_LOOKS = ("/keys/query", "/whoami")


class Points:
    """Counts points, and ends the process at the one that is asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        """Take the orders for the process ``name`` from ``folder``."""
        self._order_file = folder / f"{name}.order"
        self._deaths = folder / "deaths"
        self._seen = folder / "seen"
        self._name = name
        self._order: dict[str, Any] = {}
        self._passed = 0
        self._lock = threading.Lock()

    def reach(self, what: str, *, quiet: bool = False) -> None:
        """Be at a point; whoever is to die here does not come back."""
        with self._lock:
            self._take_order()
            label = f"{self._name}: {what}"
            if "at" in self._order:
                self._passed += 0 if quiet else 1
                if not quiet and self._passed == self._order["at"]:
                    self._die(label)
            elif "part" in self._order and self._is_drawn(label):
                with self._seen.open("a", encoding="utf-8") as file:
                    file.write(f"{label}\n")
                self._die(label)

    def _take_order(self) -> None:
        try:
            text = self._order_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        self._order, self._passed = json.loads(text), 0
        self._order_file.unlink(missing_ok=True)

    def _is_drawn(self, label: str) -> bool:
        drawn = random.Random(f"{self._order['seed']} {label}").random() < self._order["part"]
        return drawn and (not self._seen.exists() or label not in self._seen.read_text(encoding="utf-8").splitlines())

    def _die(self, label: str) -> None:
        with self._deaths.open("a", encoding="utf-8") as file:
            file.write(f"{label}\n")
        os.kill(os.getpid(), signal.SIGKILL)


def _before_and_after(points: Points, owner: type, method: str, name_of: Callable[..., str | None]) -> None:
    """Have a point before and after a call, where ``name_of`` gives it a name."""
    real = getattr(owner, method)

    def called(self: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the real one takes
        name = name_of(*args, **options)
        if name is None:
            return real(self, *args, **options)
        points.reach(f"before {name}")
        result = real(self, *args, **options)
        points.reach(f"after {name}")
        return result

    setattr(owner, method, called)


def _after(points: Points, owner: type, method: str, name_of: Callable[..., str]) -> None:
    """Have a point after a call."""
    real = getattr(owner, method)

    def called(self: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the real one takes
        result = real(self, *args, **options)
        points.reach(f"after {name_of(*args, **options)}")
        return result

    setattr(owner, method, called)


def _at_commits(points: Points) -> None:
    """Have a point after every transaction that wrote something, named by the tables that it wrote to."""
    written = threading.local()
    real = Database.write

    @event.listens_for(Engine, "after_cursor_execute")
    def _note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401, ARG001 - SQLAlchemy's own
        found = _WRITES.match(statement)
        if found and cursor.rowcount and hasattr(written, "tables"):
            written.tables.add(found[1])

    @contextmanager
    def write(self: Database) -> Iterator[Session]:
        written.tables = set()
        try:
            with real(self) as session:
                yield session
            tables = written.tables
        finally:
            del written.tables
        if tables:
            points.reach(f"after commit of {' '.join(sorted(tables))}", quiet=tables <= _QUIET)

    Database.write = write  # type: ignore[method-assign]


def _at_node(points: Points) -> None:
    def name_of(method: str, _: object) -> str | None:
        return "eth_sendRawTransaction" if method == "eth_sendRawTransaction" else None

    _before_and_after(points, BoundedProvider, "make_request", name_of)


def _at_homeserver(points: Points) -> None:
    from nio import AsyncClient
    from nio.store import SqliteStore

    from bot.kept import Kept

    real = AsyncClient.send

    async def send(self: AsyncClient, method: str, path: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - nio's own
        plain = path.partition("?")[0]
        if method.upper() == "GET" or plain.endswith(_LOOKS):
            return await real(self, method, path, *args, **options)
        words = "/".join(word if _PLAIN.fullmatch(word) else "*" for word in plain.split("/")[4:])
        points.reach(f"before {method.upper()} {words}")
        answer = await real(self, method, path, *args, **options)
        points.reach(f"after {method.upper()} {words}")
        return answer

    AsyncClient.send = send
    for method in ("save_account", "save_session", "save_inbound_group_session", "save_device_keys", "ignore_devices"):
        _after(points, SqliteStore, method, lambda *_, kind=method, **__: f"the key store's {kind}")
    _after(points, Kept, "write", lambda name, _: f"writing {name}")


def _at_broker(points: Points) -> None:
    from kombu.message import Message
    from kombu.messaging import Producer

    _before_and_after(points, Producer, "publish", lambda *_, **__: "publishing to the broker")
    _before_and_after(points, Message, "ack", lambda *_, **__: "acknowledging to the broker")


def run() -> None:
    """Run one command of ``earnest`` with all points in place, again whenever it dies."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    points = Points(folder, name)
    COMMANDS[name]()  # all that it imports
    _at_commits(points)
    _at_node(points)
    if name == "bot":
        _at_homeserver(points)
    if name == "worker":
        _at_broker(points)
    if _again_and_again(folder, name):
        main([name], prog_name="earnest")


def _again_and_again(folder: Path, name: str) -> bool:
    """Give birth whenever the last one was killed. ``True``: this is a child, who has a life to lead."""
    _inherit_orphans()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            return True
        draft = folder / f".{name}.pid"
        draft.write_text(str(child), encoding="utf-8")
        draft.replace(folder / f"{name}.pid")
        ended = _wait(child, stopping)
        _end_orphans()
        if not (os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL):
            sys.exit(os.waitstatus_to_exitcode(ended))
        orders = folder / f"{name}.orders"
        if orders.exists():
            shutil.copy(orders, folder / f"{name}.order")
    return False


def _wait(child: int, stopping: threading.Event) -> int:
    """Wait for the end of a child, and ask it for that where we are asked for ours."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if stopping.wait(0.02):
            os.kill(child, signal.SIGTERM)
            return os.waitpid(child, 0)[1]


_PR_SET_CHILD_SUBREAPER = 36


def _inherit_orphans() -> None:
    """Become the parent of whatever a dead child leaves behind."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _end_orphans() -> None:
    """End what a dead child left behind, as a supervisor ends the rest of a process group."""
    me = os.getpid()
    for orphan in Path(f"/proc/{me}/task/{me}/children").read_text(encoding="ascii").split():
        os.kill(int(orphan), signal.SIGKILL)
        os.waitpid(int(orphan), 0)


if __name__ == "__main__":
    run()
