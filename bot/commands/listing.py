"""``list`` and ``lists``: lists of one's own are begun, changed, shown, undone, mirrored to a room, retired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from app.container import Work
from app.wording import lists as wording
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Message, join
from app.wording.subscriptions import overridden
from bot.commands import list_doors
from bot.commands.command import Asked, Command, Unclear, is_id, named, nothing_more
from reputation.lists.authoring import Description, Key, Published, Said, key_of
from reputation.lists.model import Subject

_USUAL = "ban"


def run(work: Work, asked: Asked) -> Letter:
    """Do what the first word says to the list that the second one names."""
    if len(asked.words) < 2:  # noqa: PLR2004 - what is to be done, and with which list
        raise Unclear
    action, name = asked.words[0].lower(), asked.words[1].lower()
    if action == "new":
        return Letter(_new(work, asked, name))
    if action in list_doors.ACTIONS:
        return list_doors.ACTIONS[action](work, asked, name)
    if action not in _ACTIONS:
        raise Unclear
    return Letter(_ACTIONS[action](work, asked, work.publishing.named(asked.person, name)))


def run_all(work: Work, asked: Asked) -> Letter:
    """Show all of them, and those that the door asks."""
    nothing_more(asked.words)
    published = wording.all_(asked.reader, work.publishing.all(asked.person))
    return Letter(join([published, list_doors.standing(work, asked)]))


def _new(work: Work, asked: Asked, name: str) -> Message:
    title = " ".join(asked.words[2:]) or name
    return wording.made(asked.reader, work.publishing.create(asked.person, name, Description(title)))


def _add(work: Work, asked: Asked, one: Published) -> Message:
    subject, entity, rest = _whom(asked)
    definitions = one.described.definitions
    value = _USUAL if _USUAL in definitions else next(iter(definitions))
    said = Said(subject, entity, value, " ".join(rest))
    return wording.changed(asked.reader, one.name, work.publishing.change(asked.person, one.id, [said]))


def _remove(work: Work, asked: Asked, one: Published) -> Message:
    subject, entity, rest = _whom(asked)
    nothing_more(rest)
    key: Key = key_of(Said(subject, entity, ""))
    return wording.changed(asked.reader, one.name, work.publishing.change(asked.person, one.id, [], [key]))


def _show(work: Work, asked: Asked, one: Published) -> Message:
    nothing_more(asked.words[2:])
    newest = list(islice(work.publishing.entries(one.id, newest=True), wording.SHOWN))
    shown = wording.shown(asked.reader, one, newest, work.publishing.rooms.room(one.number))
    url = asked.reader.link(f"/v1/lists/{one.id}").url
    followed = next((each for each in work.followed.all() if each.source.rstrip("/") == url), None)
    found = None if followed is None else work.moderation.overrides_for(asked.person, followed.id)
    return shown if found is None else join([shown, overridden(asked.reader, one.name, found)])


def _undo(work: Work, asked: Asked, one: Published) -> Message:
    nothing_more(asked.words[2:])
    return wording.changed(asked.reader, one.name, work.publishing.undo(asked.person, one.id))


def _retire(work: Work, asked: Asked, one: Published) -> Message:
    match asked.words[2:]:
        case ():
            return wording.retire(asked.reader, one)
        case (word,) if word.lower() == "yes":
            work.publishing.retire(asked.person, one.id)
            return wording.retired(asked.reader, one.name)
    raise Unclear


def _room(work: Work, asked: Asked, one: Published) -> Message:
    nothing_more(asked.words[2:])
    return wording.room_asked(asked.reader, one, work.publishing.rooms.ask(one.number))


def _whom(asked: Asked) -> tuple[Subject, str, tuple[str, ...]]:
    """Return whom the words after the list's name speak of, and what is left of them: a reason.

    A person is a Matrix id, a link to one, or picked; a pattern (``@spam*:example.org``) is written. Raises ``Unclear``
    where a person is picked beside what looks like a server or room.
    """
    words = asked.words[2:]
    if not words:
        raise Unclear
    first, rest = words[0], words[1:]
    if is_id(first):
        if "*" in first or "?" in first:
            return Subject.USER, first, rest
        user = named(asked, (first,))
        if user is not None:
            return Subject.USER, user, rest
    picked = [user for user in asked.mentions if user != asked.reader.service.bot]  # who answers us mentions us
    if picked and (first[0] in "!#" or "." in first.strip(".")):
        raise Unclear
    if len(picked) == 1:  # the app wrote the name as it is displayed, in however many words
        return Subject.USER, picked[0], ()
    return (Subject.ROOM if first[0] in "!#" else Subject.SERVER), first, rest


_ACTIONS: Mapping[str, Callable[[Work, Asked, Published], Message]] = {
    "add": _add,
    "remove": _remove,
    "show": _show,
    "undo": _undo,
    "retire": _retire,
    "room": _room,
}

COMMAND = Command(
    "list",
    (
        "list new spammers People who send the same to all",
        "list add spammers @name:example.org the same advertisement in 20 rooms",
        "list add spammers spam.example.org",
        "list remove spammers @name:example.org",
        "list show spammers",
        "list undo spammers",
        "list room spammers",
        "list retire spammers",
        "list subscribe NAME refuse",
        "list subscribe NAME hold 20",
        "list subscribe NAME notify",
        "list except NAME @name:example.org",
        "list unexcept NAME @name:example.org",
        "list unsubscribe NAME",
    ),
    marked("publishes a list of your own, or lets your door ask a list of others; whoever follows one decides on it"),
    run,
    guide=wording.guide,
)
ALL = Command("lists", ("lists",), marked("shows the lists that you publish, and those that your door asks"), run_all)
