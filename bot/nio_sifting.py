"""A sync without the events whose shape matrix-nio cannot read: one of them would end all of it."""

from __future__ import annotations

import copy
from typing import Any

import structlog
from nio import EphemeralEvent, Event, InviteEvent, ToDeviceEvent

LOG = structlog.get_logger(__name__)


def sifted(body: dict[str, Any]) -> dict[str, Any]:
    """Return a sync's JSON without the events whose shape nio cannot read."""
    for info in _rooms(body, "join"):
        _sift(info, "state", Event.parse_event)
        _sift(info, "timeline", Event.parse_event)
        _sift(info, "ephemeral", EphemeralEvent.parse_event)
        info["account_data"] = {"events": []}
    for info in _rooms(body, "invite"):
        _sift(info, "invite_state", InviteEvent.parse_event)
    for info in _rooms(body, "leave"):
        _sift(info, "state", Event.parse_event)
        _sift(info, "timeline", Event.parse_event)
    _sift(body, "to_device", ToDeviceEvent.parse_event)
    body["account_data"] = {"events": []}
    body["presence"] = {"events": []}
    return body


def _rooms(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    rooms = body.get("rooms", {}).get(kind, {})
    return [info for info in rooms.values() if isinstance(info, dict)]


def _sift(info: dict[str, Any], part: str, parse: Any) -> None:  # noqa: ANN401 - nio's own types
    if part not in info:
        return
    sound = []
    for event in info[part].get("events", []):
        try:
            parse(copy.deepcopy(event))  # nio's parsers take things out of what they read
        except Exception as error:  # noqa: BLE001 - whatever a stranger's event breaks in nio, only that event is lost
            LOG.warning("unreadable_event_shape", error=type(error).__name__)
        else:
            sound.append(event)
    info[part]["events"] = sound
