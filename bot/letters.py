"""Letters: sends a message with its buttons, remembers what an answer to it means, and owes what answers a command.

An answer is owed in the transaction that does what was asked, so that a word that comes twice (the process died over
it) is done once and still answered. Once it is sent, only its key is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import structlog

from app.container import Work
from app.conversations import Meaning
from app.wording import manners
from app.wording.buttons import OFFERED, SIGNS, Letter
from app.wording.message import Message
from app.wording.reader import Reader
from bot.crossing import Crossing
from bot.homeserver import Denied, EventId, Homeserver, txn_of
from kit import outbox
from kit.identifiers import PersonId, RoomId, parse_address, show_address
from kit.outbox import Effect

LOG = structlog.get_logger(__name__)

ANSWER = "answer"
"""The kind of an owed answer."""
_OURS_FOR = timedelta(minutes=1)
"""How long an answer is for the one to send who heard the question; then the courier brings it."""


async def post(
    homeserver: Homeserver, cross: Crossing, *, room: RoomId, person: PersonId, letter: Letter, cause: str
) -> EventId:
    """Send ``letter`` into ``room``; the same ``cause`` is sent once only, however often this is tried.

    What an answer means is remembered before the buttons appear, so that the quickest tap finds it.
    """
    txn = txn_of(cause)
    event = await homeserver.send(room, letter.message, txn=txn)
    meaning = letter.meaning
    if meaning is not None:
        await _ask(cross, person, event, meaning, letter)
        await offer(homeserver, room, event, {SIGNS[word]: f"{txn}-{word}" for word in OFFERED[meaning]})
    return event


async def offer(homeserver: Homeserver, room: RoomId, event: EventId, signs: Mapping[str, str]) -> None:
    """Put signs that can be tapped under a message, each with its transaction's name; words do without them."""
    for sign, txn in signs.items():
        try:
            await homeserver.react(room, event, sign, txn=txn)
        except Denied as denied:
            LOG.warning("button_denied", room=room, status=denied.status)
            break


async def _ask(cross: Crossing, person: PersonId, event: EventId, meaning: Meaning, letter: Letter) -> None:
    await cross.work(
        lambda work: work.conversations.ask(
            person, event, meaning, letter.about, letter.wallet, letter.behalf, letter.listing
        )
    )


def owe(work: Work, key: str, *, room: RoomId, person: PersonId, letter: Letter) -> None:
    """Owe somebody an answer, in the transaction that makes it true."""
    payload = {
        "room": room,
        "to": person,
        "plain": letter.message.plain,
        "html": letter.message.html,
        "meaning": letter.meaning,
        "about": letter.about,
        "behalf": letter.behalf,
        "listing": letter.listing,
        "wallet": None if letter.wallet is None else show_address(letter.wallet),
    }
    due_at = work.now + _OURS_FOR
    outbox.append(work.session, kind=ANSWER, key=key, payload=payload, now=work.now, due_at=due_at)


def owe_later(work: Work, key: str, room: RoomId, letter: Letter, reader: Reader, person: PersonId) -> None:
    """Owe what did not reach its reader, if it is not owed yet: a refusal as it is, and of a secret to ask again."""
    told = Letter(manners.failed(reader)) if letter.secret else letter
    owe(work, key, room=room, person=person, letter=told)


async def send_owed(homeserver: Homeserver, cross: Crossing, effect: Effect) -> None:
    """Send an answer that is owed; again is no harm."""
    payload = effect.payload
    meaning, about, wallet = payload["meaning"], payload["about"], payload.get("wallet")
    behalf = payload.get("behalf")
    letter = Letter(
        Message(payload["plain"], payload["html"]),
        None if meaning is None else Meaning(meaning),
        None if about is None else PersonId(about),
        wallet=None if wallet is None else parse_address(wallet),
        behalf=None if behalf is None else PersonId(behalf),
        listing=payload.get("listing"),
    )
    await post(
        homeserver,
        cross,
        room=RoomId(payload["room"]),
        person=PersonId(payload["to"]),
        letter=letter,
        cause=effect.key,
    )


def sent(work: Work, effect: Effect) -> None:
    """Note that an owed answer is sent, and keep nothing of what it said."""
    outbox.mark_done(work.session, effect, now=work.now)
    outbox.wipe(work.session, effect)
