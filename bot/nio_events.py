"""What an event of matrix-nio's says, in the words of the homeserver port; of odd ones, nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeGuard

from nio import BadEvent, MegolmEvent, ReactionEvent, RoomMemberEvent, RoomMessageFormatted, UnknownEvent

from bot.homeserver import (
    STATED,
    Edited,
    EventId,
    Happening,
    Joined,
    Left,
    Moved,
    Polled,
    Reacted,
    Redacted,
    Said,
    Stated,
    Unreadable,
)
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from reputation.enforcement.reading import room_in
from reputation.lists.policy_events import TYPES

_MOST_MENTIONS = 10
_TEXTS = frozenset({"m.text", "m.notice", "m.emote"})
_MEDIA = frozenset({"m.image", "m.video", "m.audio", "m.file"})
_STICKER = "m.sticker"
_POLLS = ("m.poll.start", "org.matrix.msc3381.poll.start", "m.poll")
"""Types of polls, and under which name what they ask stands in them."""
_MOST_ANSWERS = 20
_MOST_FORMS = 10
_LONGEST_EVENT_ID: Final = 255
"""Bytes (specification, "Common Identifier Format")."""


def read(room: RoomId, event: Any, me: UserId) -> Happening | None:  # noqa: ANN401 - nio's own types
    """Read one event of a room that we are in; what we did ourselves is not told."""
    if getattr(event, "decrypted", False):
        # Whoever has a key writes into it what they like: that somebody left, say, or took back what another wrote. Of
        # that only the homeserver's own word counts, which stands outside.
        return _of_others(room, event, me)
    source = event.source if isinstance(getattr(event, "source", None), dict) else {}
    if source.get("type") == "m.room.redaction":
        taken_back = source.get("redacts") or _content(source).get("redacts")
        return Redacted(room, EventId(taken_back)) if isinstance(taken_back, str) else None
    key = source.get("state_key")
    return _of_others(room, event, me) if key is None else _of_state(room, source, key, me)


def _of_state(room: RoomId, source: dict[str, Any], key: object, me: UserId) -> Happening | None:
    """Read a change of a room's state as it came: nio drops those in which somebody's name is odd, say."""
    kind, content, ours = source.get("type"), _content(source), source.get("sender") == me
    if not isinstance(key, str):
        return None
    if kind == "m.room.member":
        return _of_member(room, UserId(key), source, me)
    if kind == "m.room.tombstone":
        closed = not key and not ours and isinstance(content.get("replacement_room"), str)
        return Moved(room, room_in(content, "replacement_room")) if closed else None
    # What we wrote of a room we know, but a list that we publish may be one that we follow, too.
    if not isinstance(kind, str) or kind not in STATED or (ours and kind not in TYPES):
        return None
    return Stated(room, kind, key)


def _of_member(room: RoomId, user: UserId, source: dict[str, Any], me: UserId) -> Happening | None:
    unsigned = source.get("unsigned")
    before = unsigned.get("prev_content") if isinstance(unsigned, dict) else None
    was = before.get("membership") if isinstance(before, dict) else None
    now = _content(source).get("membership")
    if now in ("leave", "ban"):
        return Left(room, user, banned=now == "ban")
    return Joined(room, user) if now == "join" and was != "join" and user != me else None


def _of_others(room: RoomId, event: Any, me: UserId) -> Happening | None:  # noqa: ANN401 - nio's own types
    sender = UserId(getattr(event, "sender", ""))
    return _spoken(room, event, sender) if sender and sender != me else None


def _spoken(room: RoomId, event: Any, sender: UserId) -> Happening | None:  # noqa: ANN401 - nio's own types
    at = from_unix(seconds(event.server_timestamp))
    identifier = EventId(event.event_id)
    relation = _relation(event)
    if isinstance(event, MegolmEvent):
        return Unreadable(room, identifier, sender, at)
    if isinstance(event, UnknownEvent) and event.source.get("type") in _POLLS:
        return _poll(room, event, sender, at)
    if relation.get("rel_type") == "m.replace":
        return _edit(room, event, sender, at)
    said = _said(room, event, sender, at)
    annotated, to = relation.get("rel_type") == "m.annotation", relation.get("event_id")
    if said is None and isinstance(event, ReactionEvent | UnknownEvent) and annotated and _is_event_id(to):
        return Reacted(room, identifier, sender, EventId(to), str(relation.get("key")), at)
    return said


def _said(room: RoomId, event: Any, sender: UserId, at: datetime) -> Said | None:  # noqa: ANN401 - nio's own types
    """Read a message that is none about another one."""
    if isinstance(event, RoomMessageFormatted):
        kind, html = str(_content(event.source).get("msgtype")), event.formatted_body
        mentions, to, named = _mentions(event), _answers(_relation(event)), _named(event)
        return Said(room, EventId(event.event_id), sender, event.body, at, mentions, html, kind, named, to)
    media = _media(room, event, sender, at)
    if media is None and isinstance(event, BadEvent):
        return _odd_text(room, event, sender, at)
    return media


def _edit(room: RoomId, event: Any, sender: UserId, at: datetime) -> Edited | None:  # noqa: ANN401 - nio's own types
    """Read a change of a message: what it says now, or becomes the caption of."""
    content, of = _content(event.source), _relation(event).get("event_id")
    now = content.get("m.new_content")
    if event.source.get("type") != "m.room.message" or not _is_event_id(of) or not isinstance(now, dict):
        return None
    body, html, kind, before = (now.get("body"), now.get("formatted_body"), now.get("msgtype"), content.get("body"))
    return Edited(
        room,
        EventId(event.event_id),
        sender,
        EventId(of),
        body if isinstance(body, str) else "",
        at,
        before if isinstance(before, str) else "",
        html if isinstance(html, str) else None,
        kind if isinstance(kind, str) else "m.text",
        now.get("m.mentions", _named(event)),
    )


def _poll(room: RoomId, event: UnknownEvent, sender: UserId, at: datetime) -> Polled:
    """Read the texts of a poll, or of a change of one, in its two forms (Matrix proposals 3381 and 1767)."""
    content = _content(event.source)
    now = content.get("m.new_content")  # where it is a change of one
    content = now if isinstance(now, dict) else content
    poll: dict[str, Any] = next((content[name] for name in _POLLS if isinstance(content.get(name), dict)), {})
    answers = poll.get("answers")
    some = [poll.get("question"), *(answers[:_MOST_ANSWERS] if isinstance(answers, list) else [])]
    texts = tuple(text for one in some for text in _texts(one))
    return Polled(room, EventId(event.event_id), sender, texts, at, _named(event))


def _texts(one: object) -> list[str]:
    """Return what a text of extensible events says, in all its forms."""
    if isinstance(one, str):
        return [one]
    if not isinstance(one, dict):
        return []
    found = [one.get(name) for name in ("body", "m.text", "org.matrix.msc1767.text")]
    forms = found[1] if isinstance(found[1], list) else []
    found += [form.get("body") for form in forms[:_MOST_FORMS] if isinstance(form, dict)]
    return list(dict.fromkeys(text for text in found if isinstance(text, str)))


def _media(room: RoomId, event: Any, sender: UserId, at: datetime) -> Said | None:  # noqa: ANN401 - nio's own types
    """Read a picture, a film, a sound, a file or a sticker; what is said of it, or its name, is its body."""
    content, kind = _content(event.source), event.source.get("type")
    if kind == "m.room.message":
        kind = content.get("msgtype")
        kind = kind if isinstance(kind, str) and kind in _MEDIA else None
    elif kind != _STICKER:
        return None
    body, html = content.get("body"), content.get("formatted_body")
    if kind is None or not isinstance(body, str):
        return None
    identifier = EventId(event.event_id)
    html = html if isinstance(html, str) else None
    return Said(room, identifier, sender, body, at, _mentions(event), html, kind, _named(event))


def _odd_text(room: RoomId, event: BadEvent, sender: UserId, at: datetime) -> Said | None:
    """Read a text of which something else is odd, its formatted body, say: apps show it all the same."""
    content = _content(event.source)
    kind, body = content.get("msgtype"), content.get("body")
    if event.source.get("type") != "m.room.message" or str(kind) not in _TEXTS or not isinstance(body, str):
        return None
    return Said(room, EventId(event.event_id), sender, body, at, _mentions(event), None, str(kind), _named(event))


def _content(source: dict[str, Any]) -> dict[str, Any]:
    content = source.get("content")
    return content if isinstance(content, dict) else {}


def _relation(event: Any) -> dict[str, Any]:  # noqa: ANN401 - nio's own types
    """Return what a message relates to; empty for everything of another shape."""
    relation = _content(event.source).get("m.relates_to")
    return relation if isinstance(relation, dict) else {}


def _answers(relation: dict[str, Any]) -> EventId | None:
    """Return what a message answers; what apps put there for those that know no threads is no answer."""
    answered = relation.get("m.in_reply_to")
    event = answered.get("event_id") if isinstance(answered, dict) else None
    fallback = relation.get("rel_type") == "m.thread" and relation.get("is_falling_back") is not False
    return EventId(event) if _is_event_id(event) and not fallback else None


def _is_event_id(event: object) -> TypeGuard[str]:
    """Tell whether it may be one: a longer one no homeserver knows, and some break off when they are asked for it."""
    return isinstance(event, str) and len(event.encode(errors="replace")) <= _LONGEST_EVENT_ID


def _named(event: Any) -> object:  # noqa: ANN401 - nio's own types
    return _content(event.source).get("m.mentions")


def _mentions(event: Any) -> tuple[UserId, ...]:  # noqa: ANN401 - nio's own types
    said = _named(event)
    users = said.get("user_ids") if isinstance(said, dict) else None
    return tuple(UserId(u) for u in users[:_MOST_MENTIONS] if isinstance(u, str)) if isinstance(users, list) else ()


def seconds(milliseconds: object) -> int:
    """Return a server's milliseconds as seconds that a calendar can hold; a foreign server may claim anything."""
    value = milliseconds if isinstance(milliseconds, int) else 0
    return min(max(value, 0), 253_402_300_799_000) // 1000


def is_entry(event: Any, user: UserId) -> bool:  # noqa: ANN401 - nio's own types
    """Tell whether somebody came into a room by this; another name or picture is no coming."""
    is_theirs = isinstance(event, RoomMemberEvent) and event.state_key == user
    return is_theirs and event.membership == "join" and event.prev_membership != "join"


def is_invitation(event: Any, user: UserId) -> bool:  # noqa: ANN401 - nio's own types
    """Tell whether somebody was invited into a room by this."""
    return isinstance(event, RoomMemberEvent) and event.state_key == user and event.membership == "invite"
