"""``list subscribe`` and its like: a list of others at one's own door, tried on the last knocks before it is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from app import drafts
from app.container import Work
from app.wording import documents, doors
from app.wording import lists as wording
from app.wording.buttons import Letter
from app.wording.message import Message, join
from bot.commands import door_drafts
from bot.commands.command import Asked, Unclear, is_id, named, nothing_more
from kit.amounts import parse
from reputation import door_lists
from reputation.door_lists import AtDoor, Does
from reputation.policy import DoorDocument
from reputation.policy_doors import document_of

_YES = "yes"


def _subscribe(work: Work, asked: Asked, name: str) -> Letter:
    """Try a subscription, and with ``yes`` behind it set it."""
    words = [word.lower() for word in asked.words[2:]]
    sure = bool(words) and words[-1] == _YES
    one = _wanted(work, asked, name, words[:-1] if sure else words)
    draft = door_lists.subscribed(door_drafts.standing(work, asked), one)
    if sure:
        return _set(work, asked, draft)
    price = f" {words[1]}" if one.does is Does.HOLD and len(words) > 1 else ""
    how = f"list subscribe {name} {one.does}{price} {_YES}"
    return Letter(doors.tried(asked.reader, drafts.tried(work, asked.person, draft), how))


def _wanted(work: Work, asked: Asked, name: str, words: list[str]) -> AtDoor:
    """Read ``refuse``, ``hold``, ``hold 20`` or ``notify``; who was excepted stays so. Raises ``NotFound``."""
    work.followed.find(name)
    does = words[0] if words else Does.REFUSE
    if does not in set(Does) or len(words) > 1 + (does == Does.HOLD):
        raise Unclear
    price = door_lists.holding(parse(words[1], asked.reader.service.decimals)) if len(words) > 1 else None
    known = {one.name: one for one in door_lists.lists_at(door_drafts.standing(work, asked))}
    before = known.get(name, AtDoor(name, Does.REFUSE))
    return replace(before, does=Does(does), price=price or (before.price if does == Does.HOLD else None))


def _unsubscribe(work: Work, asked: Asked, name: str) -> Letter:
    nothing_more(asked.words[2:])
    return _set(work, asked, door_lists.left(door_drafts.standing(work, asked), name))


def _except(work: Work, asked: Asked, name: str) -> Letter:
    """Let a list not speak of somebody, or of a server, at this door."""
    before = door_drafts.standing(work, asked)
    return _set(work, asked, door_lists.subscribed(before, door_lists.but(door_lists.find(before, name), _who(asked))))


def _unexcept(work: Work, asked: Asked, name: str) -> Letter:
    before = door_drafts.standing(work, asked)
    one = door_lists.not_but(door_lists.find(before, name), _who(asked))
    return _set(work, asked, door_lists.subscribed(before, one))


def _who(asked: Asked) -> str:
    words = asked.words[2:]
    if not words:
        raise Unclear
    if len(words) == 1 and not is_id(words[0]) and "." in words[0] and not asked.mentions:
        return words[0].lower()
    user = named(asked, words)
    if user is None:
        raise Unclear
    return user


def _set(work: Work, asked: Asked, draft: DoorDocument) -> Letter:
    before = door_drafts.standing(work, asked)
    after = document_of(work.doors.write(asked.person, draft))
    told = join(
        [wording.at_door(asked.reader, door_lists.lists_at(after)), doors.document_in_words(asked.reader, after)]
    )
    return Letter(documents.now_set(asked.reader, told, before, after))


def standing(work: Work, asked: Asked) -> Message:
    """Say which lists the door asks, and which there are."""
    at_door = door_lists.lists_at(door_drafts.standing(work, asked))
    told = wording.at_door(asked.reader, at_door)
    known = {one.name for one in at_door}
    others = [one for one in work.followed.all() if one.name not in known]
    return join([told, wording.there_are(asked.reader, others)]) if others else told


ACTIONS: Mapping[str, Callable[[Work, Asked, str], Letter]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "except": _except,
    "unexcept": _unexcept,
}
