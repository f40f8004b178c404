"""``protections``: rules of one's own about what is written in rooms and who comes: shown, tried, set and undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from app import drafts
from app.container import Work
from app.wording import documents
from app.wording import protections as wording
from app.wording.catalogue import marked
from app.wording.desk import PREFIX
from app.wording.message import Message
from bot.commands.command import Unclear, nothing_more
from bot.commands.documents import number_in, pasted
from bot.desk.asked import Asked, Behind, Command
from kit import outbox
from reputation.guarding import read_guard
from reputation.policy import ProtectionsDocument
from reputation.protections.presets import NOTHING, ProtectionsPreset, presets_in, with_preset, without_preset
from reputation.protections.trying import tried

_DIGITS: Final = 6
_HAVE: Final = frozenset({"set", "preset", "without", "off", "undo", "back"})
"""What changes them."""


async def _protections(desk: Behind, asked: Asked) -> Message:
    action, rest = (asked.words[0].lower(), asked.words[1:]) if asked.words else ("show", ())
    if action in _SHOWN and (not rest or action == "try"):
        return await _SHOWN[action](desk, asked)
    if action not in _HAVE:
        raise Unclear
    number, before = asked.management.id, await _standing(desk, asked)
    if action in ("undo", "back"):
        if action == "undo":
            nothing_more(rest)
        to = number_in(rest) if action == "back" else None

        def _back(work: Work) -> ProtectionsDocument:
            """Go back, and once, though a bot dies before it could say so."""
            first = outbox.once(work.session, f"desk:{asked.cause}", work.now)
            return work.protections.back(number, to) if first else work.protections.show(number)

        after = await desk.cross.work(_back)
        return documents.gone_back(asked.reader, wording.protections(asked.reader, after), before, after)
    wanted = await desk.cross.aside(partial(_changed, before, action, rest, asked.text))
    after = await desk.cross.work(lambda work: work.protections.write(number, wanted))
    return documents.now_set(asked.reader, wording.protections(asked.reader, after), before, after)


def _changed(before: ProtectionsDocument, action: str, rest: Sequence[str], text: str) -> ProtectionsDocument:
    match action, rest:
        case "off", ():
            return NOTHING
        case "preset", (name, *numbers):
            preset, tuned = _preset(name), [_number(word) for word in numbers]
            return with_preset(before, preset, tuned or presets_in(before).get(preset, ()))
        case "without", (name,):
            return without_preset(before, _preset(name))
        case "set", _:
            document = pasted(text, ProtectionsDocument)
            if document is not None:
                return document
    raise Unclear


def _preset(name: str) -> ProtectionsPreset:
    """Return the preset of a name. Raises ``Invalid`` that names them all."""
    drafts.protections_preset(name)
    return ProtectionsPreset(name.lower())


def _number(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) <= _DIGITS):
        raise Unclear
    return int(word)


async def _standing(desk: Behind, asked: Asked) -> ProtectionsDocument:
    return await desk.cross.read(lambda work: work.protections.show(asked.management.id))


async def _show(desk: Behind, asked: Asked) -> Message:
    return wording.protections(asked.reader, await _standing(desk, asked))


async def _presets(desk: Behind, asked: Asked) -> Message:
    return wording.presets(asked.reader, await _standing(desk, asked))


async def _rules(desk: Behind, asked: Asked) -> Message:
    standing = await _standing(desk, asked)
    return documents.document(asked.reader, standing, wording.document_in_words(asked.reader, standing))


async def _versions(desk: Behind, asked: Asked) -> Message:
    kept = await desk.cross.read(lambda work: work.protections.versions.all(asked.management.id))
    return documents.versions(asked.reader, "protections", kept)


async def _guide(desk: Behind, asked: Asked) -> Message:  # noqa: ARG001 - each has the same form
    return wording.guide(asked.reader)


async def _try(desk: Behind, asked: Asked) -> Message:
    """Say what a draft would have done to what was heard in the last hour; it only reads."""
    heard = desk.warden.guards.remembered(asked.management.id, desk.container.clock())

    def _trying() -> Message:
        document, how = _drafted(asked)
        found = tried(read_guard(document.model_dump_json()), heard)
        return wording.tried(asked.reader, found, f"{PREFIX} protections {how}")

    return await desk.cross.aside(_trying)


def _drafted(asked: Asked) -> tuple[ProtectionsDocument, str]:
    """Return the protections that are meant, and the words that set them."""
    document = pasted(asked.text, ProtectionsDocument)
    if document is not None:
        return document, "set {…}"
    match asked.words[1:]:
        case ("preset", name, *numbers) | (name, *numbers):
            drafted = drafts.protections_preset(name, [_number(word) for word in numbers])
            return drafted, " ".join(["preset", name.lower(), *numbers])
    raise Unclear


_SHOWN: Final[Mapping[str, Callable[[Behind, Asked], Awaitable[Message]]]] = {
    "show": _show,
    "presets": _presets,
    "preset": _presets,
    "rules": _rules,
    "versions": _versions,
    "guide": _guide,
    "help": _guide,
    "try": _try,
}

PROTECTIONS = Command(
    "protections",
    (
        "protections",
        "protections guide",
        "protections presets",
        "protections try flood 10 5 10",
        "protections try {…}",
        "protections preset flood 10 5 10",
        "protections without flood",
        "protections rules",
        "protections set {…}",
        "protections undo",
        "protections back 3",
        "protections versions",
        "protections off",
    ),
    marked("rules of your own about what is written in your rooms and who comes"),
    _protections,
)
