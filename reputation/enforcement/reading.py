"""Reading a room's state (pure), of any shape: who is in it, who may do what, whom it denies, what belongs to it.

What cannot be read is taken for not being there: state comes from other people's homeservers. Matrix specification,
client-server API: ``m.room.member``, ``m.room.power_levels``, ``m.room.server_acl``, ``m.space.child``; "Room
upgrades"; "Room version 10" for levels written as texts before it, "Room version 12" for creators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kit.errors import Invalid
from kit.identifiers import RoomId, UserId, parse_room_id, parse_server_name, parse_user_id
from reputation.enforcement.rooms import Acl, Member, Membership, Powers, RoomSeen
from reputation.lists.model import plain

LONGEST_NAME: Final = 255
MOST_VIA: Final = 10
"""Servers that are kept of those by which a room can be entered."""
GREATEST_LEVEL: Final = 2**53 - 1
"""The greatest number that Matrix's JSON holds (specification, appendix "Canonical JSON")."""
KINDS: Final = frozenset(
    {
        "m.room.create",
        "m.room.member",
        "m.room.power_levels",
        "m.room.server_acl",
        "m.room.name",
        "m.room.encryption",
        "m.room.join_rules",
        "m.room.tombstone",
        "m.space.child",
    }
)
"""Types of state that are read; all others say nothing that enforcement asks."""
_MEMBERSHIPS: Final = {membership.value: membership for membership in Membership}
_CREATORS_SINCE: Final = 12
_CREATOR_BEFORE: Final = 100
_NUMBER: Final = re.compile(r"\s*([+-]?[0-9]{1,20})\s*")
_VERSION: Final = re.compile(r"[0-9]{1,4}")


class RoomReader:
    """Takes the events of a room's state one after the other; of two for the same, the later one holds."""

    def __init__(self, room: RoomId) -> None:
        """Read the state of ``room``."""
        self._room = room
        self._members: dict[UserId, Member] = {}
        self._children: dict[RoomId, tuple[str, ...]] = {}
        self._once: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def take(self, event: object) -> None:
        """Take one event, whatever it is."""
        if not isinstance(event, Mapping):
            return
        kind, key, sender, content = (event.get(name) for name in ("type", "state_key", "sender", "content"))
        if not isinstance(kind, str) or not isinstance(key, str) or not isinstance(content, Mapping):
            return
        by = sender if isinstance(sender, str) else ""
        if kind == "m.room.member":
            self._take_member(key, by, content)
        elif kind == "m.space.child":
            self._take_child(key, content)
        elif not key and kind in KINDS:
            self._once[kind] = (by, content)

    def seen(self) -> RoomSeen:
        """Return the room as it was read."""
        create = self._content("m.room.create")
        successor = room_in(self._content("m.room.tombstone"), "replacement_room")
        before = create.get("predecessor")
        return RoomSeen(
            room=self._room,
            members=self._members,
            powers=self._powers(create),
            acl=acl_of(self._once["m.room.server_acl"][1]) if "m.room.server_acl" in self._once else None,
            name=_name(self._content("m.room.name")),
            encrypted="m.room.encryption" in self._once,
            public=self._content("m.room.join_rules").get("join_rule") == "public",
            space=create.get("type") == "m.space",
            children=self._children,
            successor=None if successor == self._room else successor,
            predecessor=room_in(before, "room_id") if isinstance(before, Mapping) else None,
        )

    def _content(self, kind: str) -> Mapping[str, Any]:
        return self._once.get(kind, ("", {}))[1]

    def _take_member(self, key: str, by: str, content: Mapping[str, Any]) -> None:
        user, membership, reason = user_in(key), content.get("membership"), content.get("reason")
        if user is None or not isinstance(membership, str) or membership not in _MEMBERSHIPS:
            return
        why = plain(reason) if isinstance(reason, str) else ""
        self._members[user] = Member(_MEMBERSHIPS[membership], UserId(by), why)

    def _take_child(self, key: str, content: Mapping[str, Any]) -> None:
        room, via = _room(key), via_in(content.get("via"))
        if room is None:
            return
        self._children.pop(room, None)
        if via:  # a child without servers is none any more (specification, "Spaces")
            self._children[room] = via

    def _powers(self, create: Mapping[str, Any]) -> Powers:
        sender = user_in(self._once.get("m.room.create", ("", {}))[0])
        if "m.room.power_levels" in self._once:
            levels = self._once["m.room.power_levels"][1]
            return _powers(levels, self._creators(create, sender))
        creators = self._creators(create, sender)
        founder = user_in(create.get("creator")) or sender
        old = {founder: _CREATOR_BEFORE} if founder is not None and not creators else {}
        return Powers(users=old, state_default=0, creators=creators)

    def _creators(self, create: Mapping[str, Any], sender: UserId | None) -> frozenset[UserId]:
        """Return who may do everything; in rooms of before version 12, whose ids name a server, nobody."""
        version = create.get("room_version")
        new = isinstance(version, str) and _VERSION.fullmatch(version) and int(version) >= _CREATORS_SINCE
        if sender is None or not (new or ":" not in self._room):
            return frozenset()
        more = create.get("additional_creators")
        others = [user_in(one) for one in more] if isinstance(more, list) else []
        return frozenset([sender, *(one for one in others if one is not None)])


def read_room(room: RoomId, events: Iterable[object]) -> RoomSeen:
    """Read a room's state."""
    reader = RoomReader(room)
    for event in events:
        reader.take(event)
    return reader.seen()


def acl_of(content: Mapping[str, Any]) -> Acl:
    """Read an ``m.room.server_acl``; one without a list of whom it allows allows nobody (specification)."""
    literals = content.get("allow_ip_literals")
    return Acl(_patterns(content.get("allow")), _patterns(content.get("deny")), ip_literals=literals is not False)


def level_of(value: object, otherwise: int) -> int:
    """Read a level, a text where the room is old; what cannot be one is ``otherwise``."""
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value)
        value = int(found.group(1)) if found else None
    if isinstance(value, float) and abs(value) <= GREATEST_LEVEL:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return otherwise
    return min(max(value, -GREATEST_LEVEL), GREATEST_LEVEL)


def user_in(text: object) -> UserId | None:
    """Read a Matrix id, if it is one."""
    try:
        return parse_user_id(text) if isinstance(text, str) else None
    except Invalid:
        return None


def room_in(content: Mapping[str, Any], name: str) -> RoomId | None:
    """Read the id of a room that stands under ``name``, if it is one."""
    return _room(content.get(name))


def via_in(found: object) -> tuple[str, ...]:
    """Read the servers by which a room can be entered, the first ten."""
    return tuple(server for server in found[:MOST_VIA] if _is_server(server)) if isinstance(found, list) else ()


def _powers(levels: Mapping[str, Any], creators: frozenset[UserId]) -> Powers:
    default = level_of(levels.get("users_default"), 0)
    users, events = levels.get("users"), levels.get("events")
    named = {
        UserId(user): level_of(level, default)
        for user, level in (users.items() if isinstance(users, Mapping) else ())
        if user_in(user) is not None
    }
    kinds = {
        str(kind): found
        for kind, level in (events.items() if isinstance(events, Mapping) else ())
        if (found := level_of(level, GREATEST_LEVEL + 1)) <= GREATEST_LEVEL
    }
    return Powers(
        users=named,
        users_default=default,
        ban=level_of(levels.get("ban"), 50),
        kick=level_of(levels.get("kick"), 50),
        redact=level_of(levels.get("redact"), 50),
        state_default=level_of(levels.get("state_default"), 50),
        events_default=level_of(levels.get("events_default"), 0),
        events=kinds,
        invite=level_of(levels.get("invite"), 0),
        creators=creators,
    )


def _patterns(found: object) -> tuple[str, ...]:
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _name(content: Mapping[str, Any]) -> str | None:
    name = content.get("name")
    return (plain(name)[:LONGEST_NAME] or None) if isinstance(name, str) else None


def _room(text: object) -> RoomId | None:
    try:
        return parse_room_id(text) if isinstance(text, str) else None
    except Invalid:
        return None


def _is_server(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(parse_server_name(text))
    except Invalid:
        return False
