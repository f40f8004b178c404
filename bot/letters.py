"""Letters: sends a message with its buttons, and remembers what an answer to it means."""

from __future__ import annotations

import hashlib

import structlog

from app.conversations import Meaning
from app.wording.buttons import OFFERED, SIGNS, Letter
from bot.crossing import Crossing
from bot.homeserver import Denied, EventId, Homeserver
from kit.identifiers import PersonId, RoomId

LOG = structlog.get_logger(__name__)


async def post(
    homeserver: Homeserver, cross: Crossing, *, room: RoomId, person: PersonId, letter: Letter, cause: str
) -> EventId:
    """Send ``letter`` into ``room``; the same ``cause`` is sent once only, however often this is tried.

    What an answer means is remembered before the buttons appear, so that the quickest tap finds it.
    """
    txn = hashlib.sha256(cause.encode()).hexdigest()[:32]
    event = await homeserver.send(room, letter.message, txn=txn)
    meaning = letter.meaning
    if meaning is not None:
        await _ask(cross, person, event, meaning, letter.about)
        for word in OFFERED[meaning]:
            try:
                await homeserver.react(room, event, SIGNS[word], txn=f"{txn}-{word}")
            except Denied as denied:
                LOG.warning("button_denied", room=room, status=denied.status)
                break
    return event


async def _ask(cross: Crossing, person: PersonId, event: EventId, meaning: Meaning, about: PersonId | None) -> None:
    await cross.work(lambda work: work.conversations.ask(person, event, meaning, about))
