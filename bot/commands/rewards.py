"""``rewards``: what a homeserver earned in each epoch and why, and what it would have earned."""

from __future__ import annotations

from app import epochs
from app.container import Work
from app.wording import earned
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, nothing_more
from kit.identifiers import parse_server_name

_LONGEST = 8
"""Digits of how many people use a server."""


def run(work: Work, asked: Asked) -> Letter:
    """Tell a server's history, or estimate."""
    if not asked.words:
        raise Unclear
    first, *rest = asked.words
    if first.lower() == "estimate" and rest:
        return _estimate(work, asked, tuple(rest))
    nothing_more(tuple(rest))
    return Letter(earned.history(asked.reader, epochs.history(work, parse_server_name(first))))


def _estimate(work: Work, asked: Asked, words: tuple[str, ...]) -> Letter:
    name, *rest = words
    people = rest[0] if rest else "1"
    if len(rest) > 1 or not (people.isascii() and people.isdecimal() and len(people) <= _LONGEST):
        raise Unclear
    server = parse_server_name(name)
    found = epochs.estimate_unseen(work, server, people=int(people))
    return Letter(earned.estimate(asked.reader, server, int(people), found))


COMMAND = Command(
    "rewards",
    ("rewards example.org", "rewards estimate example.org 40"),
    marked("says what a homeserver earned in each epoch and why, or what it would have, used by so many people a day"),
    run,
    looks=lambda _: True,
)
