"""Reading a list (pure), whichever form it has: a policy room's state, a server blocklist in CSV, a list of domains."""

from __future__ import annotations

import io
import json
from itertools import chain
from typing import Final

from kit.errors import Invalid
from reputation.lists import blocklists, policy_events
from reputation.lists.model import Listing

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a list's text."""


def read_list(text: str) -> Listing:
    """Read a list by what it looks like. Raises ``Invalid`` where it is none of the forms, or too large.

    JSON is a room's state: a list of events, or an object with one under ``events``, ``state`` or ``chunk``. A first
    line with a column ``domain`` begins a blocklist; anything else is one domain a line.
    """
    if len(text) > LARGEST:
        raise Invalid("list_too_large", f"A list is {LARGEST // 2**20} MiB at most.")
    text = text.removeprefix("\ufeff")
    begins = text.lstrip()[:1]
    if begins in ("[", "{"):
        return policy_events.read_events(_events(text))
    if not begins:
        raise Invalid("list_empty", "There is nothing in it.")
    # Line by line: all lines at once may take twenty times as much memory as their text.
    lines = io.StringIO(text, newline=None)
    first = next(line for line in lines if line.strip())
    columns = blocklists.columns_of(first)
    if columns is not None:
        return blocklists.read_csv(columns, chain([first], lines))
    lines.seek(0)
    found = blocklists.read_domains(lines)
    if not found.entries:
        raise Invalid(
            "list_unknown",
            "It is no policy room's state (JSON), no blocklist with a column `domain`, no list of domains.",
        )
    return found


def _events(text: str) -> list[object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("list_json", f"It begins like JSON, but is none: {str(error)[:100]}") from None
    if isinstance(found, dict):
        found = next((found[name] for name in ("events", "state", "chunk") if isinstance(found.get(name), list)), None)
    if not isinstance(found, list):
        raise Invalid("list_json", "It is JSON, but no list of state events.")
    return found
