"""A room's power levels with one of them changed (pure): all others stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kit.identifiers import UserId
from reputation.enforcement.reading import level_of

LARGEST: Final = 40_000
"""Bytes of levels, as JSON, to which whoever is muted may be added; a whole event may have 65,536."""
_NAMES: Final = ("users_default", "events_default", "state_default", "ban", "kick", "redact", "invite")


def with_level(levels: Mapping[str, Any], user: UserId, level: int) -> dict[str, Any] | None:
    """Return an ``m.room.power_levels`` in which somebody has ``level``; ``None`` where they have it already.

    Whoever has what everybody has stands in it no more. Levels that an old room has as texts are written as numbers:
    homeservers take nothing else from their users today, and they mean the same.
    """
    named = levels.get("users")
    users = dict(named) if isinstance(named, Mapping) else {}
    default = level_of(levels.get("users_default"), 0)
    if level_of(users.get(user), default) == level:
        return None
    if level == default:
        users.pop(user, None)
    else:
        users[user] = level
    changed = {name: level_of(value, 0) if name in _NAMES else value for name, value in levels.items()}
    for name in ("events", "notifications"):
        if isinstance(levels.get(name), Mapping):
            changed[name] = _numbers(levels[name])
    return changed | {"users": _numbers(users)}


def has_room(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether levels may be written that name somebody more than those ``before``.

    An event has room for some thousand people, and whoever looks after the room needs some of it.
    """
    named, users = before.get("users"), after.get("users")
    more = len(users or ()) > (len(named) if isinstance(named, Mapping) else 0)
    return not more or len(json.dumps(after)) <= LARGEST


def _numbers(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: level_of(value, 0) for name, value in named.items()}
