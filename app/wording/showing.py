"""Showing: what is said of who would see a person's support, before anything of it is public."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.wording.catalogue import marked
from app.wording.message import Message, Safe, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.identifiers import UserId
from payments.flair.model import Showing, Source

SOURCES: Mapping[Source, str] = {
    Source.CHAIN: marked("the chain"),
    Source.PATREON: "Patreon",
    Source.LIBERAPAY: "Liberapay",
    Source.HAND: marked("by hand"),
}
"""By which way something was given."""

GIVES: Mapping[str, str] = {
    "flair": marked("a flair, signed, and a badge"),
    "wall": marked("a place on the wall"),
    "space": marked("the supporters' space"),
    "rooms": marked("rooms of its own in it"),
    "skip_stake": marked("no stake at doors that let supporters pass"),
}
"""What tiers give."""


@dataclass(frozen=True, slots=True)
class WouldShow:
    """What would be public of somebody's support.

    ``tiers`` they have, by title; ``given``: amounts in words. ``flair`` and ``wall``: a tier of theirs gives it.
    """

    mxid: UserId
    tiers: tuple[str, ...]
    given: tuple[str, ...]
    showing: Showing
    flair: bool
    wall: bool


def who_would_see(reader: Reader, what: WouldShow) -> Message:
    """Say who would see what; it is complete, so that a person can decide by it."""
    flair, wall = what.showing.flair and what.flair, what.showing.wall and what.wall
    said = [_by_the_flair(reader, what)] if flair else []
    said += [_on_the_wall(reader, what)] if wall else []
    if not what.tiers:
        heading = marked(
            "You have no tier now, so nothing would be seen yet; what you chose counts for later gifts too."
        )
    elif said:
        heading = marked("This is who would see what:")
    else:
        heading = marked("Nobody would see that you support us but whoever runs this service.")
    parts = [reader.say(heading)]
    if said:
        parts.append(lines(reader, said))
    if wall and what.showing.amount and not what.showing.name:
        parts.append(reader.say(marked("Without a name it can still be guessed who gave an unusual amount.")))
    if flair:
        template = marked(
            "You can hide it again at any time; copies that others made before then count for a day at most."
        )
        parts.append(reader.say(template))
    return join(parts)


def _by_the_flair(reader: Reader, what: WouldShow) -> Message:
    template = marked(
        "everybody who asks for your flair at {link}, sees your badge, or is with you in the supporters' space: that "
        "{who} supports us as {tiers}, and since when"
    )
    return reader.say(
        template, link=reader.link(f"/v1/flair/{what.mxid}"), who=str(what.mxid), tiers=Safe(", ".join(what.tiers))
    )


def _on_the_wall(reader: Reader, what: WouldShow) -> Message:
    templates = {
        (True, True): marked("everybody, on the wall {link}: {who}, {tiers}, since when, and that you gave {given}"),
        (True, False): marked("everybody, on the wall {link}: {who}, {tiers}, and since when"),
        (False, True): marked("everybody, on the wall {link}: somebody without a name, {tiers}, who gave {given}"),
        (False, False): marked("everybody, on the wall {link}: somebody without a name, {tiers}"),
    }
    return reader.say(
        templates[what.showing.name, what.showing.amount],
        link=reader.link("/wall"),
        who=str(what.mxid),
        tiers=Safe(", ".join(what.tiers)),
        given=Safe(", ".join(what.given) or "-"),
    )
