"""Feeds: events as programs are shown them, the same over HTTP, in a webhook and on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.container import Work
from kit.identifiers import PersonId, UserId
from ledger.telling import Event


def show_all(work: Work, events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return events as JSON has them; whoever was erased since has no name in them."""
    events = list(events)
    names = work.people.mxids({event.other for event in events if event.other is not None})
    return [show(event, names) for event in events]


def show_one(work: Work, event: Event) -> dict[str, Any]:
    """Return one event as JSON has it."""
    return show_all(work, [event])[0]


def show(event: Event, names: Mapping[PersonId, UserId]) -> dict[str, Any]:
    """Return one event as JSON has it: ``type``, ``timestamp`` and ``data`` are where Standard Webhooks has them."""
    return {
        "id": event.number,
        "type": event.type,
        "timestamp": moment(event.at),
        "subject": event.subject,
        "level": event.level.value,
        "other": None if event.other is None else names.get(event.other),
        "confirms": event.confirms,
        "takes_back": event.takes_back,
        "data": dict(event.data),
    }


def moment(at: datetime) -> str:
    """Write a moment as RFC 3339 does, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
