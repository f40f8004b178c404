"""A process that follows the chain as ``earnest chain`` does, round by round as told, and is killed where told.

``python chain_lives.py`` imports once and gives birth: to a fork that lives on a database and a node, and to another
in its place whenever one was killed. ``Lives`` is the other end: whoever tells it what to do.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.settings import Settings
from tests.support.faulty_node import FaultyNode

if TYPE_CHECKING:
    from app.chain_loop import ChainLoop
    from contracts.nodes import Nodes

_ROOT: Final = Path(__file__).resolve().parents[2]
_BETWEEN: Final = 100
"""Seconds that seem to pass between two commands to whoever knows several nodes: by then every pause is over."""
TIMEOUT: Final = 0.7
"""Seconds that a question to the node may take: time-outs are part of the game, and ten seconds each would end it."""


@dataclass(frozen=True)
class Death:
    """Where to die: at the ``number``-th point of its kind from now on (a millisecond, for any moment).

    ``kind`` is a ``statement`` to the database, before (``commit``) or after (``committed``) a commit, before a
    ``question`` reaches the node, before its ``answer`` is back, or at any ``moment``.
    """

    kind: str
    number: int


@dataclass
class Told:
    """What came of a command: ``busy`` if more waits, and what the world did not answer; or ``died``."""

    died: bool = False
    busy: bool = False
    troubles: list[str] = field(default_factory=list)


class Broke(AssertionError):
    """The process met something that it does not expect: it would have ended with a traceback."""


class Lives:
    """Tells the process what to do; at any time there is at most one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Speak to ``process``, which gives birth."""
        self._process = process
        self.pid = 0
        self.node: FaultyNode | None = None

    def begin(
        self, settings: Settings, database_url: str, nodes: Sequence[FaultyNode], *, now: int, patience: float
    ) -> None:
        """Let one be born, with the settings of a service on that database; so many seconds it waits for a node."""
        self.node = nodes[0]
        self._write(
            {
                "data": str(settings.data),
                "keystore_password": settings.password_of_keystore(),
                "bot_user_id": settings.bot_user_id,
                "public_url": settings.public_url,
                "database_url": database_url,
                "rpc_url": ",".join(node.url for node in nodes),
                "now": now,
                "patience": patience,
            }
        )
        self._born()

    def end(self) -> None:
        """End it, whatever it is at; nobody takes its place."""
        self._kill(signal.SIGTERM)
        while "ended" not in (told := self._read()):
            if "born" in told:
                self.pid = told["born"]
                self._kill(signal.SIGTERM)

    def tell(self, do: str, *, now: int, death: Death | None = None, **more: object) -> Told:
        """Have it do something; ``now`` is the Unix time that it sees. Raises ``Broke``."""
        assert self.node is not None
        own = death if death and death.kind in ("statement", "commit", "committed") else None
        if death and death.kind in ("question", "answer"):
            self.node.doom = (self.pid, death.number, death.kind == "question")
        killer = None
        if death and death.kind == "moment":
            killer = threading.Timer(death.number / 1000, self._kill)
            killer.start()
        self._write({"do": do, "now": now, "death": [own.kind, own.number] if own else None, **more})
        answer = self._read()
        if killer is not None:
            killer.join()
            if "died" not in answer:
                answer = self._read()
        self.node.doom = None
        if "died" in answer:
            assert answer["died"] == signal.SIGKILL, answer
            self._born()
            return Told(died=True)
        if "broke" in answer:
            raise Broke(answer["broke"])
        return Told(busy=answer["busy"], troubles=answer["troubles"])

    def restart(self) -> None:
        """Kill it while it does nothing; another takes its place."""
        self._kill()
        assert self._read()["died"] == signal.SIGKILL
        self._born()

    def _born(self) -> None:
        self.pid = self._read()["born"]

    def _kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, how)

    def _write(self, command: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "whoever gives birth has died"
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def lives(log: Path) -> Iterator[Lives]:
    """Run whoever gives birth for the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        try:
            yield Lives(process)
        finally:
            process.kill()
            process.communicate()


# ---------------------------------------------------------------------------------------------- the other process


class _Points:
    """Counts what happens, and ends the process where it was told to."""

    def __init__(self) -> None:
        self._kind, self._left = "", 0

    def order(self, death: list[Any] | None) -> None:
        self._kind, self._left = death or ("", 0)

    def reach(self, kind: str) -> None:
        if kind == self._kind:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _Service:
    """All that a life needs but connections and what it remembers: made, and tried out, before it is born."""

    def __init__(self, config: dict[str, Any], points: _Points) -> None:
        from app.chain_loop import ChainLoop  # noqa: PLC0415 - whoever only tells needs none of it
        from app.container import Container  # noqa: PLC0415 - the same
        from contracts import nodes  # noqa: PLC0415 - the same
        from kit.clock import from_unix  # noqa: PLC0415 - the same
        from kit.errors import Unavailable  # noqa: PLC0415 - the same

        self._points, self._loop_of, self._unavailable = points, ChainLoop, Unavailable
        patience = config.pop("patience")
        self._now = config.pop("now")
        settings = Settings.model_validate(config)
        self._container = container = Container(settings, clock=lambda: from_unix(self._now))
        assert container.signers, "each key is opened once, here"
        urls, chain_id = settings.rpc_urls(), settings.chain_id
        self._commands = 0
        self._chain: Callable[[], Nodes] = lambda: nodes.Nodes(
            urls, chain_id, timeout=patience, clock=lambda: time.monotonic() + _BETWEEN * self._commands
        )
        # A round: what Python does when something is done for the first time would else be done at every birth.
        container.__dict__["chain"] = self._chain()
        with suppress(Unavailable):
            ChainLoop(container).round()
        container.chain.close()
        container.database.engine.dispose()

    def live(self, commands: Any, say: Any) -> None:  # noqa: ANN401 - raw files
        """Be the process: do what the commands say."""
        self._container.__dict__["chain"] = self._chain()
        loop = self._loop_of(self._container)
        while line := commands.readline():
            command = json.loads(line)
            self._now = command["now"]
            self._commands += 1
            self._points.order(command["death"])
            try:
                done = self._follow(loop, command["rounds"]) if command["do"] == "follow" else self._sweep()
            except Exception:  # noqa: BLE001 - told to whoever asks
                say({"broke": traceback.format_exc()})
            else:
                self._points.order(None)
                say(done)

    def _follow(self, loop: ChainLoop, rounds: int) -> dict[str, Any]:
        troubles: list[str] = []
        busy = True
        if len(self._container.chain.report()) > 1:
            self._container.chain.look()  # now, so that which questions come does not hang on the time
        for _ in range(rounds):
            try:
                busy = loop.round()
            except self._unavailable as error:  # as the loop itself does, but for the pause
                troubles.append(f"{type(error).__name__}: {error}")
                busy = True
            if not busy:
                break
        return {"busy": busy, "troubles": troubles}

    def _sweep(self) -> dict[str, Any]:
        """Do what the worker does every few seconds."""
        with self._container.work() as work:
            work.stakes.sweep()
        return {"busy": False, "troubles": []}


def _notice(points: _Points) -> None:
    """Reach a point at whatever happens to a database."""
    from sqlalchemy import Engine, event  # noqa: PLC0415 - whoever only tells needs none of it

    from kit.database import Database  # noqa: PLC0415 - the same

    event.listen(Engine, "before_cursor_execute", lambda *_: points.reach("statement"))
    event.listen(Engine, "commit", lambda *_: points.reach("commit"))
    real = Database.write

    @contextmanager
    def write(self: Database) -> Iterator[Any]:
        with real(self) as session:
            yield session
        points.reach("committed")

    Database.write = write  # type: ignore[method-assign]


def _give_birth() -> None:
    from tests.support.anvil import die_with_parent  # noqa: PLC0415 - whoever only tells needs none of it

    words = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    commands = os.fdopen(0, "rb", buffering=0)  # unbuffered: who is born reads on where its parent stopped

    def say(what: Mapping[str, object]) -> None:
        words.write(json.dumps(what).encode() + b"\n")

    die_with_parent()
    points = _Points()
    _notice(points)
    while line := commands.readline():
        service = _Service(json.loads(line), points)
        while True:
            child = os.fork()
            if not child:
                die_with_parent()
                _drain(commands)
                say({"born": os.getpid()})
                service.live(commands, say)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            if status == signal.SIGTERM:
                _drain(commands)
                say({"ended": True})
                break
            say({"died": status})


def _drain(commands: Any) -> None:  # noqa: ANN401 - a raw file
    """Forget what somebody was told who died before hearing it."""
    while select.select([commands], [], [], 0)[0]:
        os.read(commands.fileno(), 2**16)


if __name__ == "__main__":
    _give_birth()
