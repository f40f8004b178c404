"""Other policy bots (pure): what Draupnir, Mjolnir and Meowlnir keep of watched lists, protected rooms and protections.

Draupnir and Mjolnir keep it in their account's data (``org.matrix.mjolnir.…``) and settings of protections in the state
of their management room; Meowlnir keeps all of it there (``fi.mau.meowlnir.…``). Nothing of it is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from kit.errors import Invalid
from kit.identifiers import RoomId, parse_room_id, parse_server_name

WATCHED: Final = "org.matrix.mjolnir.watched_lists"
PROTECTED: Final = "org.matrix.mjolnir.protected_rooms"
ENABLED: Final = "org.matrix.mjolnir.enabled_protections"
ACCOUNT_DATA: Final = (WATCHED, PROTECTED, ENABLED)
"""What is asked of the other bot's account."""
MOST: Final = 1_000
"""Lists, rooms and protections that are read at most, of each."""
_LONGEST_NAME: Final = 80
_MOST_VIA: Final = 5

COVERED: Final[Mapping[str, str]] = {
    "MemberBanSynchronisationProtection": "subscriptions that ban",
    "ServerBanSynchronisationProtection": "subscriptions that deny servers",
    "RedactionSynchronisationProtection": "takedown: redact",
    "PolicyChangeNotification": "notices here of what lists change",
    "RoomsSetBehaviour": "rooms of a space, and upgraded rooms",
    "ProtectRoomsOnInviteProtection": "whoever manages rooms invites me there",
    "ProtectReplacementRoomsProtection": "upgraded rooms",
    "BasicFloodingProtection": "protections preset flood",
    "MentionLimitProtection": "protections preset mentions",
    "MentionSpam": "protections preset mentions",
    "JoinWaveShortCircuitProtection": "protections preset join-wave",
    "JoinWaveShortCircuit": "protections preset join-wave",
    "FirstMessageIsImageProtection": "protections preset newcomers-media",
    "FirstMessageIsLinkProtection": "protections preset newcomers-links",
    "anti_flood": "protections preset flood",
    "max_mentions": "protections preset mentions",
    "max_join_rate": "protections preset join-wave",
}
"""Protections of others, and what does the same here."""


@dataclass(frozen=True, slots=True)
class WatchedRoom:
    """A policy room that the other bot reads: its id or alias, and servers by which it is entered."""

    room: str
    via: tuple[str, ...] = ()
    applied: bool = True
    """Whether what it says is done, and not only told."""


@dataclass
class OtherBot:
    """What another bot does, as far as it says: ``left_out`` counts what could not be read."""

    watched: dict[str, WatchedRoom] = field(default_factory=dict)
    protected: dict[RoomId, None] = field(default_factory=dict)
    protections: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name, with their settings."""
    left_out: int = 0

    def uncovered(self) -> list[str]:
        """Return the protections for which there is nothing here, by name."""
        return sorted(name for name in self.protections if name not in COVERED)

    def read_account(self, kind: str, content: object) -> None:
        """Take in a piece of account data of Draupnir's or Mjolnir's."""
        found = content if isinstance(content, dict) else {}
        if kind == WATCHED:
            for link in self._each(found.get("references")):
                self._watch(_linked(link))
        elif kind == PROTECTED:
            for room in self._each(found.get("rooms")):
                self._protect(room)
        elif kind == ENABLED:
            for name in self._each(found.get("enabled")):
                self._enable(name, {})

    def read_state(self, events: Sequence[object]) -> None:
        """Take in the state of the management room: settings of Draupnir's protections, and all of Meowlnir's."""
        for event in events:
            content = event.get("content") if isinstance(event, Mapping) else None
            if isinstance(event, Mapping) and isinstance(content, Mapping):
                self._read_event(str(event.get("type")), event.get("state_key"), content)

    def _read_event(self, kind: str, key: object, content: Mapping[str, Any]) -> None:
        match kind, key:
            case "org.matrix.mjolnir.setting", str() as name if name in self.protections:
                self.protections[name] = dict(content)
            case "fi.mau.meowlnir.watched_lists", "":
                for one in self._each(content.get("lists")):
                    self._watch(_listed(one))
            case "fi.mau.meowlnir.protected_rooms", "":
                for room in self._each(content.get("rooms")):
                    self._protect(room)
            case "fi.mau.meowlnir.protections", "":
                for name, settings in list(content.items())[:MOST]:
                    if isinstance(settings, Mapping):
                        self._enable(name, settings)
            case _:
                pass

    def _watch(self, room: WatchedRoom | None) -> None:
        if room is None or len(self.watched) >= MOST:
            self.left_out += 1
        else:
            self.watched[room.room] = room

    def _protect(self, room: object) -> None:
        try:
            found = parse_room_id(room if isinstance(room, str) else "")
        except Invalid:
            self.left_out += 1
        else:
            self.protected[found] = None

    def _enable(self, name: object, settings: Mapping[str, Any]) -> None:
        if isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST_NAME:
            self.protections[name] = dict(settings)
        else:
            self.left_out += 1

    def _each(self, found: object) -> Iterator[object]:
        every = found if isinstance(found, list) else []
        self.left_out += max(0, len(every) - MOST)
        yield from every[:MOST]


def _linked(link: object) -> WatchedRoom | None:
    """Read a permalink, ``https://matrix.to/#/…?via=…`` (Matrix specification, appendix "matrix.to navigation")."""
    if not isinstance(link, str):
        return None
    fragment = link.partition("/#/")[2] if "/#/" in link else link
    room, _, query = fragment.partition("?")
    return _room(unquote(room.partition("/")[0]), parse_qs(query).get("via", []))


def _listed(one: object) -> WatchedRoom | None:
    if not isinstance(one, Mapping):
        return None
    room = one.get("room_id")
    return None if not isinstance(room, str) else _room(room, [], applied=not one.get("dont_apply"))


def _room(room: str, via: Sequence[str], *, applied: bool = True) -> WatchedRoom | None:
    try:
        if room.startswith("#"):
            name, _, server = room[1:].partition(":")
            parse_server_name(server)
            if not name or not room.isprintable():
                return None
            parse_room_id(f"!{room[1:]}")  # as long as an alias may be, too
        else:
            parse_room_id(room)
    except Invalid:
        return None
    return WatchedRoom(room, tuple(server for server in via[:_MOST_VIA] if _is_server(server)), applied)


def _is_server(text: str) -> bool:
    try:
        parse_server_name(text)
    except Invalid:
        return False
    return True
