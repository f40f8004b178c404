"""What a homeserver reports of its use (pure): Synapse's phone-home statistics, read with suspicion.

The body is that of Synapse's ``report_stats_endpoint``: unsigned, and as true as whoever sends it wants. So it is only
a claim; what counts of it is bounded by what can be seen from outside, when shares are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from kit.errors import Invalid
from kit.identifiers import ServerName

LONGEST: Final = 16 * 1024
"""Bytes of a body; Synapse sends about one thousand."""
MOST: Final = 1_000_000_000
"""No server has more users, rooms or messages a day."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a server says of itself: counts, all from 0 to ``MOST``."""

    monthly_users: int
    daily_users: int
    users: int
    rooms: int
    daily_messages: int

    def highest(self, other: Reported) -> Reported:
        """Return the higher of each count: of several reports of a day the order, and copies, make no difference."""
        return Reported(
            monthly_users=max(self.monthly_users, other.monthly_users),
            daily_users=max(self.daily_users, other.daily_users),
            users=max(self.users, other.users),
            rooms=max(self.rooms, other.rooms),
            daily_messages=max(self.daily_messages, other.daily_messages),
        )


def read_report(body: bytes, server: ServerName) -> Reported:
    """Read a report of ``server``. Raises ``Invalid`` for another server's, and for what no server can be."""
    found = _document(body)
    if found.get("homeserver") != server:
        raise Invalid("report_other", f"This report is not of {server}, to which this address was given.")
    reported = Reported(
        monthly_users=_count(found, "monthly_active_users"),
        daily_users=_count(found, "daily_active_users"),
        users=_count(found, "total_users"),
        rooms=_count(found, "total_room_count"),
        daily_messages=_count(found, "daily_messages"),
    )
    if max(reported.monthly_users, reported.daily_users) > reported.users:
        raise Invalid("report_absurd", "More users were active than there are.")
    return reported


def told_at(body: bytes) -> int | None:
    """Return when a report says that it was made, in Unix seconds; ``None`` where it does not say."""
    said = _document(body).get("timestamp")
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > LONGEST:
        raise Invalid("report_too_large", f"A report has at most {LONGEST} bytes.")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Invalid("report_malformed", "A report is a JSON object.")
    return found


def _count(found: dict[str, Any], name: str) -> int:
    """Return a count; servers leave out what they did not work out, and a whole number may be written as 3.0."""
    said = found.get(name, 0)
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if said is None:
        return 0
    if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said <= MOST:
        raise Invalid("report_absurd", f"{name} is no number of 0 to {MOST}.")
    return said
