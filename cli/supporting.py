"""What stands in the way of gifts, and of the rooms of those who give."""

from __future__ import annotations

from typing import Final

from app.container import Container
from kit.identifiers import on_one_line, show_address

_MOST_SHOWN: Final = 3
_COUNTED: Final = {True: "There are tiers.", False: "There are no tiers yet (`earnest supporters tiers --help`)."}


def look(container: Container) -> tuple[str, str, bool]:
    """Return what there is in one sentence, how to mend it (empty where it is good), and ``False``: others go on."""
    place = container.gifts_arrive
    with container.read() as work:
        tiers = len(work.supporters.tiers().tiers)
        troubles = work.support.troubles()
    if troubles:
        shown = "; ".join(f"{key}: {on_one_line(why)}" for key, why in sorted(troubles.items())[:_MOST_SHOWN])
        more = len(troubles) - _MOST_SHOWN
        return (
            f"Not kept as they should be: {shown}{f'; and {more} more' if more > 0 else ''}.",
            "Give the bot the power that it lacks there; it tries again by itself.",
            False,
        )
    if place is None:
        return f"{_COUNTED[bool(tiers)]} EARNEST_CAUSE names no address, so no gifts of the chain arrive.", "", False
    where = f"Gifts arrive at {show_address(place.cause)}"
    if place.pledges is None:
        return (
            f"{where}, but the contract that carries them is not there.",
            "`earnest contracts add-pledges` creates it. Tokens that are sent to that address count without it.",
            False,
        )
    return f"{where}. {_COUNTED[bool(tiers)]}", "", False
