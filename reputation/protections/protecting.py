"""Protecting (pure): what is heard in protected rooms is counted, put to the rules, and remembered to try others.

Nothing here outlives the process. For an hour the facts of what was heard are remembered that are no texts of
strangers: who, when, what kind, how many. One thread at a time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from kit.identifiers import RoomId, UserId
from reputation.conditions.facts import ROOM_FACTS, fitted, text_fact
from reputation.conditions.model import LONGEST_TEXT, Record, Value
from reputation.enforcement.rooms import Powers
from reputation.filters.folding import folded
from reputation.policy_rules import FOUND, Guard
from reputation.protections.judging import Judged, Judging
from reputation.protections.model import JOIN, REACTION, TEXTS, Came, Heard, Outcome, Posted
from reputation.protections.recent import Counts, Recently
from reputation.seeing import Place, links_in

MOST_ROOMS: Final = 1_000
"""Rooms that are remembered; beyond it, those that were quiet longest are not."""
MOST_REMEMBERED: Final = 5_000
"""Messages and arrivals, of all rooms together, that are remembered to try rules on."""
REMEMBERED_FOR: Final = timedelta(hours=1)
_AT: Final = ROOM_FACTS.places
_TEXT, _FOUND = _AT["message.text"], _AT[FOUND]
_ID, _LOCALPART, _SERVER = _AT["sender.id"], _AT["sender.localpart"], _AT["sender.server"]
_KIND, _LINKS = _AT["message.kind"], _AT["message.links"]
_MENTIONS, _MENTIONS_ROOM = _AT["message.mentions"], _AT["message.mentions_room"]
_LEVEL, _NOW = _AT["sender.level"], _AT["time.now"]
_FIRST, _IN_ROOM, _SAME = _AT["message.first"], _AT["sender.in_room"], _AT["sender.same_text_1m"]
_SHORT, _MINUTE = _AT["sender.messages_10s"], _AT["sender.messages_1m"]
_JOINS_MINUTE, _JOINS = _AT["room.joins_1m"], _AT["room.joins_10m"]
_OWN: Final = frozenset(
    name
    for name, place in _AT.items()
    if name.partition(".")[0] in ("message", "text")
    or place in (_ID, _LOCALPART, _SERVER, _LEVEL, _NOW, _IN_ROOM, _SAME, _SHORT, _MINUTE, _JOINS_MINUTE, _JOINS)
) | frozenset(Place(RoomId(""), frozenset()).facts())
"""Facts that are known here."""
_LONGEST_KIND: Final = 100
_HIGHEST: Final = 2**53
"""The highest level that is told; creators have more than any."""


class Remembered(NamedTuple):
    """What was heard, as facts without texts; ``text`` is a number that is the same for the same text."""

    heard: Judged
    text: int | None
    record: Record

    @property
    def counted(self) -> bool:
        """Tell whether it was counted; what came late was not."""
        return self.record[_SHORT] is not None


class _Room:
    """A room: its last minutes, and what rules may ask about it as it was seen last."""

    def __init__(self, place: Place) -> None:
        self.recently = Recently()
        self.look(place)

    def look(self, place: Place) -> None:
        self.place = place
        self.values: list[Value | None] = [None] * len(_AT)
        for name, value in place.facts().items():
            self.values[_AT[name]] = fitted(ROOM_FACTS, _AT[name], value)


class Protecting:
    """The protections of one management room's rooms, in one process."""

    def __init__(self, guard: Guard | None = None, *, me: UserId | None = None) -> None:
        """Ask these rules, and none while there is no ``guard``; never act on ``me``."""
        self._me = me
        self._rooms: OrderedDict[RoomId, _Room] = OrderedDict()
        self._remembered: deque[Remembered] = deque(maxlen=MOST_REMEMBERED)
        self.load(guard)

    def load(self, guard: Guard | None) -> None:
        """Ask other rules from now on; what is counted and remembered stays."""
        self._guard = guard
        self._judging = None if guard is None else Judging(guard)
        self.wanted: frozenset[str] = frozenset() if guard is None else guard.facts - _OWN
        """The facts that the rules ask and that ``heard`` is to be told as ``known``, where they are known."""

    def heard(
        self,
        place: Place,
        powers: Powers,
        what: Heard,
        now: datetime,
        *,
        known: Mapping[str, object] | None = None,
        late: bool = False,
    ) -> list[Outcome]:
        """Count what was heard in a room, and return what follows.

        ``known``: facts of whoever wrote or came that are looked up elsewhere (``wanted``). ``late``: it comes with
        what was missed while we were away, so that nobody knows how fast it was; it is counted nowhere. Raises
        ``Invalid`` for a ``known`` fact that does not fit.
        """
        user = what.sender
        if user == self._me:
            return []
        room = self._room(place)
        text = _text_key(what)
        if late:
            room.recently.missed(user, came=isinstance(what, Came))
            counts = None
        elif isinstance(what, Came):
            counts = room.recently.came(user, now.timestamp())
        else:
            counts = room.recently.posted(user, text, what.event, now.timestamp(), speaks=what.kind != REACTION)
        if powers.looks_after(user):
            return []
        values = room.values.copy()
        _fill(values, what, powers, counts, now)
        if known:
            for name in self.wanted & known.keys():
                values[_AT[name]] = fitted(ROOM_FACTS, _AT[name], known[name])
        return self._judged(room, what, values, text, now)

    def left(self, room: RoomId, user: UserId) -> None:
        """Note that somebody went."""
        if room in self._rooms:
            self._rooms[room].recently.left(user)

    def ended(self, room: RoomId) -> None:
        """Forget a room that is not protected any more."""
        self._rooms.pop(room, None)
        self._keep(one for one in self._remembered if one.heard.room != room)

    def forget(self, user: UserId) -> None:
        """Forget somebody."""
        for room in self._rooms.values():
            room.recently.forget(user)
        self._keep(one for one in self._remembered if one.heard.user != user)

    def remembered(self, now: datetime) -> tuple[Remembered, ...]:
        """Return what was heard in the last hour, as far as it is remembered, oldest first."""
        while self._remembered and now - self._remembered[0].heard.at >= REMEMBERED_FOR:
            self._remembered.popleft()
        return tuple(self._remembered)

    def _room(self, place: Place) -> _Room:
        room = self._rooms.get(place.room)
        if room is None:
            room = self._rooms[place.room] = _Room(place)
            if len(self._rooms) > MOST_ROOMS:
                self._rooms.popitem(last=False)
            return room
        self._rooms.move_to_end(place.room)
        if room.place is not place:
            room.look(place)
        return room

    def _judged(
        self, room: _Room, what: Heard, values: list[Value | None], text: int | None, now: datetime
    ) -> list[Outcome]:
        heard = Judged(room.place.room, what.sender, what.event if isinstance(what, Posted) else None, now)
        found: list[Outcome] = []
        if self._judging is not None and self._guard is not None:
            if isinstance(what, Posted) and what.text is not None and FOUND in self._guard.facts:
                values[_FOUND] = self._guard.finder.found(what.text)
            counted = None if values[_SHORT] is None else room.recently
            found = self._judging.follow(heard, tuple(values), counted)
        values[_TEXT] = values[_FOUND] = None
        self._remembered.append(Remembered(heard, text, tuple(values)))
        return found

    def _keep(self, those: Iterable[Remembered]) -> None:
        self._remembered = deque(tuple(those), maxlen=MOST_REMEMBERED)


def _text_key(what: Heard) -> int | None:
    """Return a number that is the same for texts that say the same; ``None`` for what is no text."""
    if isinstance(what, Came) or what.text is None or what.kind not in TEXTS:
        return None
    return hash(" ".join(folded(what.text[:LONGEST_TEXT]).split()))


def _fill(values: list[Value | None], what: Heard, powers: Powers, counts: Counts | None, now: datetime) -> None:
    """Put in what is known of a message or arrival itself."""
    user = text_fact(what.sender)
    values[_ID], values[_NOW], values[_LEVEL] = user, now, min(powers.of(what.sender), _HIGHEST)
    values[_LOCALPART], _, values[_SERVER] = user[1:].partition(":")
    if isinstance(what, Posted):
        values[_KIND] = text_fact(what.kind[:_LONGEST_KIND])
        if what.text is not None:
            values[_TEXT], values[_LINKS] = text_fact(what.text), links_in(what.text)
        values[_MENTIONS], values[_MENTIONS_ROOM] = what.mentions, what.mentions_room
    else:
        values[_KIND] = JOIN
    if counts is not None:
        values[_FIRST], in_room, values[_SHORT], values[_MINUTE], values[_SAME] = counts[:5]
        values[_JOINS_MINUTE], values[_JOINS] = counts.joins_minute, counts.joins_ten_minutes
        values[_IN_ROOM] = None if in_room is None else timedelta(seconds=in_room)
