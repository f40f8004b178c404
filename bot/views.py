"""Views: rooms as they were seen last, kept while nothing is heard that changes them, looked at anew when it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bot.homeserver import Homeserver
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Member, Membership, RoomSeen

FRESH: Final = 900.0
"""Seconds after which a room is looked at again, whatever was heard."""
_SLOWER: Final = 2_000
"""Of so many members more, a look after something changed waits a second longer: all of them are asked for."""


@dataclass(frozen=True, slots=True)
class View:
    """A room, when it was seen by the clock of what is written down, and when by the one that measures."""

    seen: RoomSeen
    at: datetime
    looked: float
    stale: bool = False
    joined: int = 0
    """How many are in it, those among them who came since it was seen."""


class Views:
    """What is known of rooms without asking."""

    def __init__(self, homeserver: Homeserver, *, time: Callable[[], float], clock: Callable[[], datetime]) -> None:
        """Look through ``homeserver``; ``clock`` is that of whatever is written down."""
        self._homeserver = homeserver
        self._time = time
        self._clock = clock
        self._views: dict[RoomId, View] = {}
        self._came: dict[RoomId, dict[UserId, Member]] = {}
        """Who came since a room was seen: put to the others once somebody asks who is there."""

    async def of(self, room: RoomId) -> View:
        """Return a room as it was seen last, or look. Raises what ``Homeserver.state`` does."""
        view = self._views.get(room)
        if view is not None and not self._due(view):
            return self._with_those_who_came(view)
        return await self.anew(room)

    async def anew(self, room: RoomId) -> View:
        """Look at a room. Raises what ``Homeserver.state`` does."""
        at, looked = self._clock(), self._time()
        seen = await self._homeserver.state(room)
        self._came.pop(room, None)
        self._views[room] = View(seen, at, looked, joined=len(seen.joined()))
        return self._views[room]

    async def last(self, room: RoomId) -> View:
        """Return a room as it was seen last, however long ago, or look. Raises what ``Homeserver.state`` does.

        Whoever came since is counted, and perhaps not among its members yet.
        """
        view = self._views.get(room)
        return await self.anew(room) if view is None else view

    def time(self) -> float:
        """Return the time by the clock that measures: seconds."""
        return self._time()

    def name_of(self, room: RoomId) -> str | None:
        """Return what a room called itself when it was seen last."""
        view = self._views.get(room)
        return None if view is None else view.seen.name

    def is_due(self, room: RoomId) -> bool:
        """Tell whether a room is to be looked at anew now; one that was never seen is."""
        view = self._views.get(room)
        return view is None or self._due(view)

    def _due(self, view: View) -> bool:
        pause = len(view.seen.members) / _SLOWER if view.stale else FRESH
        return self._time() - view.looked > pause

    def came(self, room: RoomId, user: UserId) -> None:
        """Note that somebody came: there is nothing to look for, and a wave of them asks for nothing."""
        view = self._views.get(room)
        if view is None:
            return
        came = self._came.setdefault(room, {})
        before = came.get(user) or view.seen.members.get(user)
        came[user] = Member(Membership.JOIN, user)
        if before is None or before.membership is not Membership.JOIN:
            self._views[room] = replace(view, joined=view.joined + 1)

    def _with_those_who_came(self, view: View) -> View:
        """Return a room with all who are in it: who has it already, in another thread perhaps, has it as it was."""
        came = self._came.pop(view.seen.room, None)
        if came:
            view = replace(view, seen=replace(view.seen, members={**view.seen.members, **came}))
            self._views[view.seen.room] = view
        return view

    def changed(self, room: RoomId) -> None:
        """Note that a room is another than was seen."""
        view = self._views.get(room)
        if view is not None:
            self._views[room] = replace(view, stale=True)

    def drop(self, room: RoomId) -> None:
        """Forget a room."""
        self._views.pop(room, None)
        self._came.pop(room, None)


def servers_of(seen: RoomSeen) -> list[str]:
    """Return a few servers of a room, those of most of its people first."""
    counts: dict[str, int] = {}
    for user, member in seen.members.items():
        if member.membership is Membership.JOIN:
            server = user.partition(":")[2]
            counts[server] = counts.get(server, 0) + 1
    return sorted(counts, key=lambda server: (-counts[server], server))[:5]
