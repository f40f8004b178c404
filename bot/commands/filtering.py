"""``filter``: what its owner would have hidden or marked in rooms that they read; shown to them, enforced nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app import drafts
from app.container import Work
from app.wording import documents
from app.wording import filters as wording
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Message
from bot.commands.command import Asked, Command, Unclear, nothing_more
from bot.commands.documents import number_in, pasted
from kit.identifiers import ServerName, server_of
from reputation.policy import FilterDocument
from reputation.screening import Crews, Screening
from reputation.screens import read_screen
from reputation.seeing import event_in
from reputation.sightings import USUAL_DAYS


def run(work: Work, asked: Asked) -> Letter:
    """Show or change the filter, or tell what it saw."""
    action, rest = (asked.words[0].lower(), asked.words[1:]) if asked.words else ("show", ())
    if action in _SHOWN and (not rest or action in _WITH_WORDS):
        return Letter(_SHOWN[action](work, asked))
    before = work.filters.show(asked.person)
    if action in ("undo", "back"):
        if action == "undo":
            nothing_more(rest)
        after = work.filters.back(asked.person, number_in(rest) if action == "back" else None)
        return Letter(documents.gone_back(asked.reader, _show(work, asked), before, after))
    after = _changed(work, asked, action, rest)
    return Letter(documents.now_set(asked.reader, _show(work, asked), before, after))


def _changed(work: Work, asked: Asked, action: str, rest: Sequence[str]) -> FilterDocument:
    match action, rest:
        case "off", ():
            return work.filters.off(asked.person)
        case "preset", (name,):
            return work.filters.write(asked.person, drafts.filter_preset(name))
        case "set", _:
            document = pasted(asked.text, FilterDocument)
            if document is not None:
                return work.filters.write(asked.person, document)
    raise Unclear


def _try(work: Work, asked: Asked) -> Message:
    """Say what a draft would do to what was said last in the rooms that are read for them; it only reads."""
    document, how = _drafted(asked)
    draft = read_screen(document.model_dump_json())
    screening = Screening(work.session, people=work.people, knowing=work.knowing, filters=work.filters, crews=Crews())
    found = screening.try_(asked.person, draft, asked.recent)
    return wording.tried(asked.reader, found, has_room=bool(asked.recent), how_to_set=how, via=_via(asked))


def _drafted(asked: Asked) -> tuple[FilterDocument, str]:
    """Return the filter that is meant, and the command that sets it."""
    document = pasted(asked.text, FilterDocument)
    if document is not None:
        return document, "filter set {…}"
    match asked.words[1:]:
        case (name,):
            return drafts.filter_preset(name), f"filter preset {name.lower()}"
    raise Unclear


def _show(work: Work, asked: Asked) -> Message:
    standing, rooms = work.filters.show(asked.person), work.filters.rooms.of(asked.person)
    return wording.filter_(asked.reader, standing, rooms, _via(asked))


def _presets(work: Work, asked: Asked) -> Message:
    return wording.presets(asked.reader, work.filters.show(asked.person))


def _rules(work: Work, asked: Asked) -> Message:
    standing = work.filters.show(asked.person)
    return documents.document(asked.reader, standing, wording.document_in_words(asked.reader, standing))


def _versions(work: Work, asked: Asked) -> Message:
    return documents.versions(asked.reader, "filter", work.filters.versions.all(asked.person))


def _seen(work: Work, asked: Asked) -> Message:
    words = [word for word in asked.words[1:] if word.lower() not in ("day", "days")]
    days = number_in(words) if words else USUAL_DAYS
    found = work.filters.sightings.would_have(asked.person, days)
    names = work.people.mxids({one.sender for one in found.newest})
    rooms, has_filter = work.filters.rooms.of(asked.person), bool(work.filters.show(asked.person).rules)
    return wording.seen(asked.reader, found, names, rooms, has_filter=has_filter, via=_via(asked))


def _why(work: Work, asked: Asked) -> Message:
    event = event_in(" ".join(asked.words[1:]))
    if event is None:
        raise Unclear
    one = work.filters.sightings.find(asked.person, event)
    if one is None:
        return wording.nothing_kept(asked.reader)
    version = work.filters.versions.find(asked.person, one.version)
    document = None if version is None else version.document
    return wording.why(asked.reader, one, work.people.mxid(one.sender), document, _via(asked))


_SHOWN: Mapping[str, Callable[[Work, Asked], Message]] = {
    "show": _show,
    "presets": _presets,
    "preset": _presets,
    "rules": _rules,
    "versions": _versions,
    "seen": _seen,
    "why": _why,
    "try": _try,
}
_WITH_WORDS = frozenset({"seen", "why", "try"})


def _looks(words: tuple[str, ...]) -> bool:
    return not words or (words[0].lower() in _SHOWN and (len(words) == 1 or words[0].lower() in _WITH_WORDS))


def _prepare(words: Sequence[str], text: str) -> None:
    """Read a document that was pasted; ``app.drafts`` knows it then."""
    if words and words[0].lower() in ("set", "try"):
        pasted(text, FilterDocument)


def _fetches(words: Sequence[str]) -> bool:
    return bool(words) and words[0].lower() == "try"


def _via(asked: Asked) -> ServerName:
    return server_of(asked.user)


COMMAND = Command(
    "filter",
    (
        "filter show",
        "filter presets",
        "filter try links",
        "filter try {…}",
        "filter preset links",
        "filter seen",
        "filter seen 30",
        "filter why https://matrix.to/#/…",
        "filter undo",
        "filter versions",
        "filter back 3",
        "filter rules",
        "filter set {…}",
        "filter off",
    ),
    marked("tells you which messages in your rooms a filter of your own would hide or mark, and hides nothing"),
    run,
    guide=wording.guide,
    looks=_looks,
    prepare=_prepare,
    fetches=_fetches,
)
