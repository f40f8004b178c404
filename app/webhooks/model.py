"""Webhooks as values, and the rules of delivery: what counts as delivered, when to try again, when to stop; pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kit.identifiers import PersonId
from ledger.telling import Mode

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long is waited after each failed attempt to deliver an event; after the one that follows the last, it is dead."""
PAUSES_OF_A_NO: Final = PAUSES[:3]
"""The same where the endpoint answers and says no to that very event: others behind it need not wait for days."""
DISABLED_AFTER: Final = timedelta(days=5)
"""An endpoint that took nothing for so long is sent nothing more, until its owner says so."""
OVERLAP: Final = timedelta(hours=24)
"""How long the secret before the present one signs too."""
LONGEST_WISH: Final = timedelta(hours=24)
"""An endpoint that wants to be left alone for longer is tried again after that."""
MOST_WEBHOOKS: Final = 5
"""Endpoints of one person."""
MOST_TESTS: Final = 50
"""Events that one person has sent to try endpoints, in 24 hours."""
MOST_AT_ONCE: Final = 2
"""Endpoints of one person that are sent something at the same moment, however much each is owed."""
SLOW: Final = 1_000
"""Milliseconds from which on an endpoint counts as slow; those never take the places of the others."""

_GONE: Final = 410
_BUSY: Final = frozenset({408, 409, 425, 429})
_SPREAD: Final = 0.1


class State(StrEnum):
    """Whether an endpoint is sent anything."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Its owner wants it so."""
    DISABLED = "disabled"
    """It took nothing for days, or said that it is gone, or its secret cannot be opened any more."""


class Outcome(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again."""
    DEAD = "dead"
    """It is not: the event is passed over, unless it is replayed."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint, without its secret."""

    name: str
    person: PersonId
    url: str
    mode: Mode
    types: tuple[str, ...]
    state: State
    why: str | None
    cursor: int
    attempts: int
    due_at: datetime
    failing_since: datetime | None
    delivered_at: datetime | None
    old_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended: the status that the endpoint answered with, or one word for why it did not."""

    event: int
    attempt: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Claim:
    """An endpoint that one deliverer has taken up; ``number`` tells it from whoever takes it up later."""

    webhook: str
    number: int
    slow: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One event, ready to be sent."""

    event: int
    attempt: int
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What came of sending: a status, or one word for why there was none; ``wait`` is what the endpoint asks for."""

    milliseconds: int
    status: int | None = None
    error: str | None = None
    wait: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Tell whether the endpoint has it: any 2xx, and nothing else."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own

    @property
    def gone(self) -> bool:
        """Tell whether the endpoint says that it is there no more."""
        return self.status == _GONE

    @property
    def no(self) -> bool:
        """Tell whether it says no to what it was sent, and would say so again."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in _BUSY  # noqa: PLR2004 - too


def pause_after(failures: int, result: Result, salt: str) -> timedelta | None:
    """Return how long to wait after so many failures (at least 1) of one event; ``None``: it is dead.

    ``salt`` spreads those that failed at the same moment over a tenth of the time.
    """
    pauses = PAUSES_OF_A_NO if result.no else PAUSES
    if failures > len(pauses):
        return None
    spread = 1 + _SPREAD * zlib.crc32(f"{salt}:{failures}".encode()) / 2**32
    pause = pauses[failures - 1] * spread
    return pause if result.wait is None else max(pause, min(result.wait, LONGEST_WISH))
