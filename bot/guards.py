"""Guards: put what is heard in rooms that are looked after to the rules that stand there, and note what follows.

What is counted is in memory alone: of what came while nobody listened, nobody knows how fast it was.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from app import protecting
from app.container import Container, Work
from bot.away import Away
from bot.crossing import Crossing
from bot.homeserver import (
    Denied,
    Edited,
    EventId,
    Happening,
    Homeserver,
    Joined,
    Left,
    Polled,
    Reacted,
    Said,
    Unreadable,
    Written,
)
from bot.views import View, Views
from kit.errors import HomeserverUnavailable, Invalid, Unavailable
from kit.identifiers import RoomId, UserId
from reputation.moderation import Management
from reputation.policy import ProtectionsDocument
from reputation.policy_rules import Guard
from reputation.protections.model import POLL, REACTION, Came, Heard, Outcome, Posted, mentions_in
from reputation.protections.protecting import Protecting, Remembered
from reputation.seeing import Place, text_of

LOG = structlog.get_logger(__name__)

_MOST_HEARD: Final = 10_000
"""Messages that are known again, where the homeserver tells of one twice."""
_PATIENCE: Final = 10.0
"""Seconds that the first look at a room may take: all who write to us wait meanwhile."""
_LONGEST_WAIT: Final = 60.0
_UNREAD: Final = "m.room.encrypted"
_NOBODY: Final[frozenset[UserId]] = frozenset()


class Guards:
    """The rules of all management rooms, in rooms as ``views`` have them."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, container: Container, views: Views) -> None:
        """Begin without rules."""
        self._homeserver = homeserver
        self._cross = cross
        self._container = container
        self._views = views
        self._protecting: dict[int, Protecting] = {}
        self._loaded: dict[int, Guard | None] = {}
        self._places: dict[RoomId, tuple[View, Place]] = {}
        self._heard: OrderedDict[EventId, None] = OrderedDict()
        self._unnoted: dict[int, list[Outcome]] = {}
        self._noting = asyncio.Lock()
        self._away = Away(views.time, longest=_LONGEST_WAIT)

    def load(self, managements: Mapping[int, Management], guards: Mapping[int, Guard]) -> None:
        """Ask these rules from now on; what was counted stays. Rooms without rules are counted, too: to try some."""
        living = [number for number, one in managements.items() if one.ended_at is None]
        kept = {number: self._protecting.get(number) or Protecting(me=self._homeserver.me) for number in living}
        for number, one in kept.items():
            guard = guards.get(number)
            if _document(self._loaded.get(number)) != _document(guard):  # whoever was acted on just now is known in it
                one.load(guard)
                self._loaded[number] = guard
        self._protecting, self._loaded = kept, {number: self._loaded.get(number) for number in kept}

    def ended(self, room: RoomId) -> None:
        """Forget a room that is looked after no more."""
        self._places.pop(room, None)
        for one in self._protecting.values():
            one.ended(room)

    def remembered(self, management: int, now: datetime) -> tuple[Remembered, ...]:
        """Return what was heard in the last hour, as far as it is remembered, to try rules on it."""
        one = self._protecting.get(management)
        return () if one is None else one.remembered(now)

    async def hear(self, management: Management, happening: Happening) -> None:
        """Count something that happened in a room, and note what follows from it."""
        protecting_, room = self._protecting.get(management.id), happening.room
        if protecting_ is None:
            return
        if isinstance(happening, Left):
            protecting_.left(room, happening.user)
            return
        what = _heard(happening)
        if what is not None and self._is_new(happening):
            if self._away.seconds(room):
                return
            try:
                async with asyncio.timeout(_PATIENCE):
                    # A look takes long, and a plan looks at who is spared anew.
                    view = await self._views.last(room)
            except (Denied, Invalid):  # we are not there any more, or it is too large to be seen
                return
            except (HomeserverUnavailable, TimeoutError):  # one room's trouble keeps nobody's commands waiting
                self._away.failed(room)
                return
            self._away.answered(room)
            known = await self._known(management, protecting_.wanted, room, what.sender)
            place, now, late = self._place(view), self._container.clock(), self._homeserver.late
            found = protecting_.heard(place, view.seen.powers, what, now, known=known, late=late)
            if found:
                self._unnoted.setdefault(management.id, []).extend(found)
            self._note_heard(happening)
        if self._unnoted:
            await self.note()

    async def note(self) -> None:
        """Write down what follows; where the database is away, it is kept for the next time."""
        async with self._noting:
            for number in list(self._unnoted):
                some = list(self._unnoted[number])
                try:
                    await self._cross.aside(partial(protecting.note, self._container, number, some))
                except Unavailable:
                    raise
                except Exception:  # nothing that somebody is called may keep all others from being noted
                    LOG.exception("outcomes_lost", management=number, count=len(some))
                del self._unnoted[number][: len(some)]
                if not self._unnoted[number]:
                    del self._unnoted[number]

    async def _known(
        self, management: Management, wanted: frozenset[str], room: RoomId, user: UserId
    ) -> Mapping[str, object]:
        """Look up what rules ask of somebody and is known elsewhere, as whoever made the management room sees it."""
        if not wanted:
            return {}

        def _look(work: Work) -> dict[str, object]:
            knowing, sender = work.knowing, work.people.find(user)
            found = knowing.of_sender(wanted, management.owner, user, sender, at=work.now)
            found |= knowing.of_room(wanted, room)
            return found | knowing.of_time(wanted, management.owner, at=work.now)

        return await self._cross.read(_look)

    def _place(self, view: View) -> Place:
        """Return what rules may ask about a room: the same as long as it was not seen otherwise, and nobody came."""
        seen = view.seen
        before = self._places.get(seen.room)
        if before is None or before[0] is not view:
            place = Place(seen.room, _NOBODY, {}, seen.encrypted, seen.public, seen.name, count=view.joined)
            before = self._places[seen.room] = (view, place)
        return before[1]

    def _is_new(self, happening: Happening) -> bool:
        return not isinstance(happening, Written) or happening.event not in self._heard

    def _note_heard(self, happening: Happening) -> None:
        if isinstance(happening, Written):
            self._heard[happening.event] = None
            while len(self._heard) > _MOST_HEARD:
                self._heard.popitem(last=False)


def _document(guard: Guard | None) -> ProtectionsDocument | None:
    return None if guard is None else guard.document


def _heard(happening: Happening) -> Heard | None:
    """Return what rules are asked about; ``None`` for what they are not."""
    match happening:
        case Said() | Edited() | Polled():
            return _posted(happening)
        case Joined(_, user):
            return Came(user)
        case Reacted():
            return Posted(happening.event, happening.sender, happening.key, REACTION, 0, mentions_room=False)
        case Unreadable(_, event, sender, _):
            return Posted(event, sender, None, _UNREAD)
        case _:
            return None


def _posted(written: Said | Edited | Polled) -> Posted:
    kind = POLL if isinstance(written, Polled) else written.kind
    text = "\n".join(written.texts) if isinstance(written, Polled) else text_of(written.body, written.html)
    if isinstance(written, Edited):  # whoever's app knows edits sees the new text, and all others the other one
        other = written.fallback.removeprefix("* ")
        text = text if other in ("", text) else f"{text}\n{other}"
    mentions, all_of_them = mentions_in(written.named, text)
    return Posted(written.event, written.sender, text, kind, mentions, all_of_them)
