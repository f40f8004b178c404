"""Powers (pure): what the bot may do in a room, and to whom; which level mutes somebody there.

Matrix specification, "Authorization rules" of room versions: whoever bans or kicks has the level for it, and more than
the one they do it to; whoever changes somebody's level has more than they have now.
"""

from __future__ import annotations

from typing import Final

from kit.identifiers import UserId
from reputation.enforcement.model import Consequence
from reputation.enforcement.rooms import Powers, RoomSeen

LEVELS: Final = "m.room.power_levels"
ACL: Final = "m.room.server_acl"
_LOWEST: Final = -(2**53) + 1


def lacks(room: RoomSeen, me: UserId, what: Consequence, target: UserId | None = None) -> bool:
    """Tell whether the bot's power in a room is not enough for a consequence; without ``target``: of anybody usual."""
    powers = room.powers
    mine = powers.of(me)
    above = target is None or mine > powers.of(target)
    match what:
        case Consequence.BAN:
            return not (mine >= powers.ban and above)
        case Consequence.KICK:
            return not (mine >= powers.kick and above)
        case Consequence.REDACT:
            return mine < powers.redact
        case Consequence.MUTE:
            return not (mine >= powers.for_state(LEVELS) and above)
        case Consequence.DENY:
            return mine < powers.for_state(ACL)
        case Consequence.WARN:
            return mine < powers.events.get("m.room.message", powers.events_default)


def lacking(room: RoomSeen, me: UserId) -> tuple[Consequence, ...]:
    """Return all consequences for which the bot's power is not enough."""
    return tuple(what for what in Consequence if lacks(room, me, what))


def level_of_muted(powers: Powers) -> int:
    """Return the level of somebody who may write nothing: one below the lowest that anything takes."""
    said = [level for kind, level in powers.events.items() if kind not in (LEVELS, ACL)]
    return max(min(powers.events_default, powers.users_default, *said) - 1, _LOWEST)
