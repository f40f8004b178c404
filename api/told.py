"""What an inviter's homeserver tells of an invite besides who, whom and where, as facts that rules of doors may ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from reputation.conditions.model import LONGEST_TEXT

_KEPT_SECONDS: Final = 60.0
"""How long it counts for calls about the same invite that do not tell it: a homeserver makes two, the first of which
does."""
_MOST_KEPT: Final = 10_000
_MOST_CHARACTERS: Final = 10_000_000
"""Of all that is kept: what comes with one invite may be a megabyte, which is nothing to whoever sends it."""
_LONGEST_REASON: Final = 65_536
"""Characters of an event at most: what cannot be seen is left out before the text is looked through."""
_Which: TypeAlias = tuple[int, str, str, str]
"""Which invite, by tenant, inviter, invitee and room: no tenant tells anything of another's."""
_MOST_EVENTS: Final = 50
"""State events of a room that are looked at; a homeserver sends about eight."""
_STATE: Final = {"m.room.name": ("room.name", "name"), "m.room.topic": ("room.topic", "topic")}


def told_of(event: Mapping[str, Any]) -> dict[str, object]:
    """Return the facts of an invite's event, by their names; what is missing or of another kind is left out.

    All of it is the stranger's to choose: what the room is called, and whether it says that it is public. The stripped
    state is that of Matrix's client-server API, "Stripped state".
    """
    found: dict[str, object] = {}
    content = event.get("content")
    if isinstance(content, dict):
        if isinstance(text := content.get("reason"), str):
            found["knock.text"] = text[:_LONGEST_REASON]
        if isinstance(direct := content.get("is_direct"), bool):
            found["room.direct"] = direct
    unsigned = event.get("unsigned")
    state = unsigned.get("invite_room_state") if isinstance(unsigned, dict) else None
    if not isinstance(state, list) or not state:
        return found
    found["room.encrypted"] = False
    for each in state[:_MOST_EVENTS]:
        kind, inner = (each.get("type"), each.get("content")) if isinstance(each, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(inner, dict):
            continue
        if kind == "m.room.encryption":
            found["room.encrypted"] = True
        elif kind == "m.room.join_rules" and isinstance(rule := inner.get("join_rule"), str):
            found["room.public"] = rule == "public"
        elif kind in _STATE and isinstance(text := inner.get(_STATE[kind][1]), str):
            found[_STATE[kind][0]] = text[:LONGEST_TEXT]
    return found


class Told:
    """What was told of invites a moment ago, for the second call about each; of one process, and bounded."""

    def __init__(self) -> None:
        """Begin."""
        self._kept: OrderedDict[_Which, tuple[float, int, Mapping[str, object]]] = OrderedDict()
        self._characters = 0

    def keep(self, invite: _Which, told: Mapping[str, object], now: float) -> None:
        """Remember what was told of an invite."""
        if not told:
            return
        self._drop(invite)
        size = sum(len(value) for value in told.values() if isinstance(value, str))
        self._kept[invite] = (now, size, told)
        self._characters += size
        while len(self._kept) > _MOST_KEPT or self._characters > _MOST_CHARACTERS:
            self._drop(next(iter(self._kept)))

    def of(self, invite: _Which, now: float) -> Mapping[str, object]:
        """Return what was told of an invite."""
        at, _, told = self._kept.get(invite, (float("-inf"), 0, {}))
        return told if now - at <= _KEPT_SECONDS else {}

    def _drop(self, invite: _Which) -> None:
        _, size, _ = self._kept.pop(invite, (0.0, 0, {}))
        self._characters -= size
