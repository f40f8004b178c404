"""What ``door`` does with documents: presets, trying, setting, and the versions that all of it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from app import drafts
from app.container import Work
from app.wording import documents
from app.wording import doors as wording
from app.wording.buttons import Letter
from bot.commands.command import ISOLATES, MATRIX_TO, Asked, Unclear, nothing_more
from bot.commands.documents import pasted
from kit.identifiers import ServerName, UserId, parse_server_name, parse_user_id
from reputation.policy import DoorDocument
from reputation.policy_doors import document_of
from reputation.policy_presets import open_but
from reputation.trying import USUAL_DAYS

_BUT = "but"
_DIGITS = 6


def prepare(words: Sequence[str], text: str) -> None:
    """Read a document that was pasted; ``app.drafts`` knows it then."""
    if words and words[0].lower() in ("set", "try"):
        pasted(text, DoorDocument)


def standing(work: Work, asked: Asked) -> DoorDocument:
    """Return the document that the door is now."""
    return document_of(work.doors.show(asked.person))


def presets(work: Work, asked: Asked) -> Letter:
    """List what can be chosen."""
    return Letter(wording.presets(asked.reader, standing(work, asked)))


def draft(asked: Asked, words: Sequence[str]) -> tuple[DoorDocument, str]:
    """Return the door that is meant, and the command that sets it: a preset, ``but`` and names, or a document."""
    document = pasted(asked.text, DoorDocument)
    if document is not None:
        return document, "door set {…}"
    if not words:
        raise Unclear
    if words[0].lower() == _BUT:
        users, servers = _excepted(asked, words[1:])
        return open_but(users, servers), " ".join(["door but", *users, *servers])
    nothing_more(tuple(words[1:]))
    return drafts.preset(words[0]), f"door preset {words[0].lower()}"


def try_(work: Work, asked: Asked) -> Letter:
    """Say what a door would have changed; it only reads."""
    words = list(asked.words[1:])
    days = USUAL_DAYS
    if words and words[0].isascii() and words[0].isdecimal():
        days = int(words.pop(0)[:_DIGITS])
        if words and words[0].lower() in ("day", "days"):
            words.pop(0)
    document, how_to_set = draft(asked, words)
    return Letter(wording.tried(asked.reader, drafts.tried(work, asked.person, document, days), how_to_set))


def rules(work: Work, asked: Asked) -> Letter:
    """Show the document that stands."""
    return Letter(wording.document(asked.reader, standing(work, asked)))


def versions(work: Work, asked: Asked) -> Letter:
    """List what the door was."""
    return Letter(documents.versions(asked.reader, "door", work.doors.versions.all(asked.person)))


def _excepted(asked: Asked, words: Sequence[str]) -> tuple[list[UserId], list[ServerName]]:
    """Read people and servers; whoever was picked by name stands among the mentions."""
    picked = [parse_user_id(user) for user in asked.mentions if user != asked.reader.service.bot]
    users: dict[UserId, None] = dict.fromkeys(picked)
    servers: dict[ServerName, None] = {}
    for word in words:
        name = unquote(word.strip(ISOLATES).strip(",").removeprefix(MATRIX_TO))
        if name.startswith("@"):
            users[parse_user_id(name)] = None
        elif not picked:  # else it may be a part of the name that the app displays
            servers[parse_server_name(name)] = None
    if not users and not servers:
        raise Unclear
    return list(users), list(servers)
