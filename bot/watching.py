"""Watching in transactions: what the watcher asks and notes of rooms and messages, each step by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.container import Work
from bot.homeserver import Said
from kit import outbox
from kit.identifiers import PersonId, RoomId, UserId
from kit.outbox import Effect
from reputation.seeing import Sighting, Spoken, text_of
from reputation.sightings import Tally
from reputation.watched import Watched

_AWAY: Final = timedelta(seconds=5)
_LATE: Final = timedelta(days=1)
"""How much earlier than it is heard a message is believed to be sent: its sender's homeserver may claim anything."""
_MOST_MENTIONS: Final = 10


def watch(work: Work, *, room: RoomId, inviter: UserId, most: int) -> Watched | None:
    """Note that a room is read for whoever asked; ``None`` where they have no filter."""
    person = work.people.find(inviter)
    if person is None:
        return None
    work.people.lock(person)
    return work.filters.rooms.watch(person, room, most=most)


def who(work: Work, *, watched: Watched, joined: Sequence[UserId]) -> tuple[UserId | None, dict[UserId, PersonId]]:
    """Return whoever asked us in, if they are known still, and the numbers of those whom we know."""
    numbers: dict[UserId, PersonId] = {}
    for start in range(0, len(joined), 1_000):
        numbers |= work.people.find_all(joined[start : start + 1_000])
    return work.people.mxid(watched.person), numbers


def spoken(said: Said, now: datetime) -> Spoken:
    """Return a message as filters are asked about it."""
    at = said.at if now - _LATE <= said.at <= now else now
    all_named, text = len(said.mentions) < _MOST_MENTIONS, text_of(said.body, said.html)
    return Spoken(said.event, said.sender, text, at, said.mentions, all_named, said.kind)


def record(work: Work, *, seen: Sequence[Sighting], tallies: Mapping[PersonId, Mapping[RoomId, Tally]]) -> int:
    """Keep what filters saw."""
    return work.filters.sightings.record(seen, tallies)


def later(work: Work, *, effect: Effect) -> None:
    """Leave a room later."""
    outbox.release(work.session, effect, pause=_AWAY, now=work.now)


def done(work: Work, *, effect: Effect) -> None:
    """Note that a room was left."""
    outbox.mark_done(work.session, effect, now=work.now)
    outbox.wipe(work.session, effect)
