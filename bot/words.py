"""Words: what of a message is a command, and what is said with it."""

from __future__ import annotations

from typing import Final

from bot.commands.command import Command
from bot.commands.table import COMMANDS

_LONGEST_COMMAND: Final = 1_000
_MOST_WORDS: Final = 120
"""More than a sentence of 200 characters has, so that none is cut short."""
_LONGEST_TEXT: Final = 60_000
"""Characters of a message that are looked at: what an event of Matrix can hold."""


def first_words(body: str) -> tuple[str, ...]:
    """Return a message's first words; a quoted message before them is left out."""
    return tuple(_said(body)[:_LONGEST_COMMAND].split()[:_MOST_WORDS])


def text_of(body: str) -> str:
    """Return what stands after the command, as it was written."""
    return "".join(_said(body).split(maxsplit=1)[1:])


def command_of(words: tuple[str, ...]) -> Command | None:
    """Return the command that the first word names, with or without ``!`` or ``/`` before it."""
    return COMMANDS.get(words[0].lower().lstrip("!/")) if words else None


def prepare(words: tuple[str, ...], text: str) -> None:
    """Read what takes long to read. Raises what the command refuses."""
    command = command_of(words)
    if command is not None:
        command.prepare(words[1:], text)


def only_looks(words: tuple[str, ...]) -> bool:
    """Tell whether what is asked changes nothing."""
    command = command_of(words)
    return command is not None and command.looks(words[1:])


def fetches(words: tuple[str, ...]) -> bool:
    """Tell whether what is asked is about what was said last in rooms that are read."""
    command = command_of(words)
    return command is not None and command.fetches(words[1:])


def _said(body: str) -> str:
    lines = body[:_LONGEST_TEXT].split("\n")
    quoted = next((number for number, line in enumerate(lines) if not line.startswith("> ")), len(lines))
    return "\n".join(lines[quoted:])
