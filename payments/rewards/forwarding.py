"""Forwarding: reports that go on to Synapse's makers, as they came, because Synapse reports to one address alone.

They count each report that they get. So a report is sent once at most: what may have arrived is not sent again, and of
whoever died over it, it is taken that it did. One that is lost costs less than one that is counted twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from kit import outbox
from kit.clock import unix
from kit.outbox import Effect
from payments.rewards.enrolling import Enrolled
from payments.rewards.statistics import told_at

KIND: Final = "usage_report"
MOST_A_DAY: Final = 24
"""Reports of one server that go on in 24 hours; Synapse makes eight."""
_FRESH: Final = timedelta(days=1)
"""How far from now a report may say that it was made: older ones are copies, whose key may be forgotten."""
_KEPT: Final = timedelta(days=3)
_TRYING: Final = "trying"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a report did not arrive; ``again``: it certainly did not, so that it may be tried again."""

    error: str
    again: bool


def owe(session: Session, server: Enrolled, body: bytes, now: datetime) -> bool:
    """Owe a report that was found good to Synapse's makers; ``False`` for a copy, an old one, and one too many."""
    made = told_at(body)
    if made is None or abs(made - unix(now)) > _FRESH.total_seconds():
        return False
    prefix = f"{KIND}:{server.id}:"
    if outbox.count_since(session, KIND, prefix, now - timedelta(days=1)) >= MOST_A_DAY:
        return False
    payload = {"server": server.id, "body": body.decode()}
    return outbox.append(session, kind=KIND, key=prefix + hashlib.sha256(body).hexdigest(), payload=payload, now=now)


def claim(session: Session, now: datetime) -> Effect | None:
    """Take one report that is due, and note that it is being sent: whoever took it before and died sent it, perhaps."""
    while found := outbox.claim(session, kinds=(KIND,), now=now, limit=1):
        (effect,) = found
        if not effect.payload.get(_TRYING):
            outbox.rewrite(session, effect, {**effect.payload, _TRYING: True})
            return effect
        note(session, effect, Failure("whoever sent it died over it", again=False), now)
    return None


def note(session: Session, effect: Effect, failed: Failure | None, now: datetime) -> None:
    """Note what came of sending one."""
    if failed is None:
        outbox.mark_done(session, effect, now=now)
    else:
        outbox.rewrite(session, effect, {**effect.payload, _TRYING: False})
        outbox.mark_failed(session, effect, error=failed.error, now=now, for_good=not failed.again)
    outbox.wipe(session, effect)


def prune(session: Session, now: datetime, *, limit: int) -> int:
    """Forget reports that are done with; return how many."""
    return outbox.prune(session, KIND, before=now - _KEPT, limit=limit)
