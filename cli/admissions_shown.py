"""Rooms that people sell admission to, as the terminal shows them."""

from __future__ import annotations

from typing import Any, Final

from payments.content.places import Place, Trouble

_TROUBLES: Final = {
    Trouble.UNSEEN: "the bot is not there",
    Trouble.POWER: "the bot may not invite people or put them out there",
    Trouble.SELLER: "the seller is not there, or may not invite people or put them out",
    Trouble.MOVED: "it was closed for another room",
    Trouble.TAKEN: "the bot has it for something else",
}


def standing(one: Place) -> str:
    """Say how it stands with a room that somebody sells admission to."""
    if one.ready:
        return "ready"
    if one.trouble is not None:
        return _TROUBLES[one.trouble]
    return "not looked at yet" if one.wanted else "not wanted"


def place(one: Place) -> dict[str, Any]:
    """Return the same as JSON."""
    trouble = None if one.trouble is None else one.trouble.value
    known = {"listing": one.listing, "room": one.room, "ready": one.ready, "wanted": one.wanted}
    return known | {"newest": one.newest, "trouble": trouble}
