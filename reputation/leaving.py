"""Leaving: has the bot leave a room after the transaction that ends why it was there, whichever process wrote that."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from kit import outbox
from kit.identifiers import RoomId

LEAVE: Final = "leave"
"""The kind of an effect that has the bot leave a room, unless anybody wants it there by then."""


def leave(session: Session, room: RoomId, *, since: datetime, now: datetime, why: str = "") -> None:
    """Owe it that the bot leaves a room, in which it was ``since``; once for each of those times and ``why``."""
    key = hashlib.sha256(f"{room} {since.isoformat()} {why}".encode()).hexdigest()
    outbox.append(session, kind=LEAVE, key=f"{LEAVE}:{key}", payload={"room": room}, now=now)
