"""Health: what a process needs and whether it gets it, in honest words that say no secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Literal

import httpx

from app.container import Container
from kit.errors import EarnestError, Unavailable
from ledger.syncing import FAR

_TIMEOUT_SECONDS = 3.0
_KEPT_SECONDS = 1.0


Role = Literal["leader", "standby"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a process needs."""

    ok: bool
    says: str


@dataclass(frozen=True, slots=True)
class Health:
    """``ready``: all is well. ``degraded``: this process serves, but something lags. ``not_ready``: it cannot serve."""

    status: Literal["ready", "degraded", "not_ready"]
    checks: Mapping[str, Check]
    role: Role | None = None
    """Of a process of which one at a time does the work."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        shown = asdict(self)
        return {name: value for name, value in shown.items() if value is not None}


Look = Callable[[], Check]
"""Looks at one thing; an ``Unavailable`` that comes out means that it does not answer."""


class Pulse:
    """Tells whether a loop still turns: ``beat`` it at the end of each round. Safe to use from several threads."""

    def __init__(self, *, longest: float, what: str, time: Callable[[], float] = time.monotonic) -> None:
        """``longest`` is how many seconds a round of ``what`` may take before it is worth a word."""
        self._longest = longest
        self._what = what
        self._time = time
        self._beat_at = time()
        self._ever = False

    def begin(self) -> None:
        """Note that the work begins now: before it nobody waited for a round."""
        self._beat_at = self._time()
        self._ever = False

    def beat(self) -> None:
        """Note that a round ended well."""
        self._beat_at = self._time()
        self._ever = True

    def look(self) -> Check:
        """Say when the last round ended."""
        ago = self._time() - self._beat_at
        if ago > self._longest:
            return Check(ok=False, says=f"{self._what} has ended no round for {ago:.0f} s; it goes on by itself.")
        if not self._ever:
            return Check(ok=False, says=f"{self._what} has not ended its first round yet.")
        return Check(ok=True, says=f"{self._what} ended its last round {ago:.0f} s ago.")


class Vitals:
    """What one process needs, looked at when somebody asks, at most once a second."""

    def __init__(
        self,
        looks: Mapping[str, Look],
        *,
        beside: Callable[[], Mapping[str, Check]] = dict,
        role: Callable[[], Role] | None = None,
        time: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at these; what is not well of those ``beside`` them keeps the process from nothing.

        ``role`` tells whether this process does its work now, where one at a time does.
        """
        self._looks = looks
        self._beside = beside
        self._role = role
        self._time = time
        self._lock = threading.Lock()
        self._found: Health | None = None
        self._found_at = float("-inf")

    def examine(self) -> Health:
        """Return how everything is. One asks the world; whoever comes at the same moment gets the same answer."""
        with self._lock:
            if self._found is None or self._time() - self._found_at > _KEPT_SECONDS:
                checks = {name: _looked(look) for name, look in self._looks.items()}
                serves = all(check.ok for check in checks.values())
                checks |= self._beside()
                well = all(check.ok for check in checks.values())
                role = None if self._role is None else self._role()
                self._found = Health("ready" if well else "degraded" if serves else "not_ready", checks, role)
                self._found_at = self._time()
            return self._found


def _looked(look: Look) -> Check:
    try:
        return look()
    except Unavailable:  # whatever it says may hold an address with a key in it
        return Check(ok=False, says="It does not answer; it is asked again every few seconds.")
    except EarnestError as error:
        return Check(ok=False, says=str(error))


def database(container: Container) -> Look:
    """Look whether the database answers."""

    def look() -> Check:
        with container.read() as work:
            work.book.head()
        return Check(ok=True, says="It answers.")

    return look


def chain(container: Container) -> Look:
    """Look whether the chain's node answers, and how far behind it the books are, or it behind them."""

    def look() -> Check:
        newest = container.chain.block("latest")
        with container.read() as work:
            head, quiet = work.book.head(), work.outgoing.quiet_until()
        if newest is None or head is None:
            return Check(ok=newest is not None, says="The node answers; no block has been read yet.")
        says = f"Read up to block {head.number}; the node is at {newest.number}."
        if quiet is not None:
            says += " Restored from a backup: nothing new is sent until what was sent before is final."
        return Check(ok=newest.number > head.number - FAR, says=says)

    return look


def homeserver(container: Container) -> Look:
    """Look whether the bot's homeserver answers."""
    url = f"{container.settings.homeserver_url}/_matrix/client/versions"

    def look() -> Check:
        try:
            answer = httpx.get(url, timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError:
            return Check(ok=False, says="It does not answer; messages wait until it does.")
        if answer.status_code != HTTPStatus.OK:
            return Check(ok=False, says=f"It answers with status {answer.status_code}; messages wait.")
        return Check(ok=True, says="It answers.")

    return look


def broker(url: str) -> Look:
    """Look whether the broker answers."""

    def look() -> Check:
        import redis  # noqa: PLC0415 - 6 MiB that the chain's process, for one, does without

        limits = {"socket_timeout": _TIMEOUT_SECONDS, "socket_connect_timeout": _TIMEOUT_SECONDS}
        try:
            with redis.Redis.from_url(url, **limits) as client:
                client.ping()
        except redis.RedisError:
            return Check(ok=False, says="It does not answer; the regular rounds wait until it does.")
        return Check(ok=True, says="It answers.")

    return look
