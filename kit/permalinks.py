"""Permalinks: where a message stands, as a link (Matrix specification, appendix "matrix.to navigation"); pure."""

from __future__ import annotations

from urllib.parse import quote

from kit.identifiers import RoomId, ServerName


def permalink(room: RoomId, event: str, via: ServerName) -> str:
    """Return a link to a message; ``via`` is a server that knows its room."""
    return f"https://matrix.to/#/{quote(room, safe='!:')}/{quote(event, safe='$:')}?via={quote(via, safe=':')}"
