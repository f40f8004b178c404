"""Reports in words: what a management room is told of a message that members of a room report, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from app.wording.catalogue import marked
from app.wording.desk import PREFIX
from app.wording.message import Link, Literal, Message, join
from app.wording.moderation import RoomNames, person, room_name, short
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.identifiers import RoomId, UserId
from reputation.complaints import MOST_TOLD, Button, Complaint, Voice
from reputation.enforcement.rooms import RoomSeen

SIGNS: Final[Mapping[Button, str]] = {
    Button.REDACT: "🗑️",
    Button.MUTE: "🔇",
    Button.KICK: "👢",
    Button.BAN: "🔨",
    Button.IGNORE: "🙈",
}
"""The reaction of each button."""


def reported(
    reader: Reader,
    one: Complaint,
    voices: Sequence[Voice],
    sender: UserId,
    text: str | None,
    room: RoomSeen,
    *,
    looks_after: bool,
) -> Message:
    """Tell of a report; ``text`` is ``None`` for what cannot be read, ``looks_after``: its author looks after rooms."""
    head = reader.say(
        marked("**Report {number}:** a message of {whom} in {room}. {link}"),
        number=one.id,
        whom=person(reader, sender),
        room=short(room.name or one.room),
        link=link_to(one.room, one.event),
    )
    parts = [head, _said(reader, text, encrypted=room.encrypted)]
    told = [
        reader.say(
            marked("reported by {who}: {reason}") if voice.reason else marked("reported by {who}"),
            who=person(reader, voice.user),
            reason=voice.reason,
        )
        for voice in voices[:MOST_TOLD]
    ]
    parts.append(lines(reader, told, most=MOST_TOLD))
    if looks_after:
        parts.append(
            reader.say(
                marked("They look after rooms themselves, so I do nothing about it. {ignore} puts it aside."),
                ignore=SIGNS[Button.IGNORE],
            )
        )
    else:
        parts.append(_how(reader, one))
    return join(parts)


def _said(reader: Reader, text: str | None, *, encrypted: bool) -> Message:
    if text:
        return reader.say(marked("It says: {text}"), text=text)
    if encrypted:
        return reader.say(marked("I cannot read it: the room is encrypted, and I have no key for this message."))
    return reader.say(marked("There is no text that I could show: look at it there."))


def _how(reader: Reader, one: Complaint) -> Message:
    return reader.say(
        marked(
            "{redact} takes it out, {mute} mutes them, {kick} puts them out, {ban} bans them, {ignore} lets it be; or "
            "write {command}."
        ),
        redact=SIGNS[Button.REDACT],
        mute=SIGNS[Button.MUTE],
        kick=SIGNS[Button.KICK],
        ban=SIGNS[Button.BAN],
        ignore=SIGNS[Button.IGNORE],
        command=Literal(f"{PREFIX} report {one.id} ban"),
    )


_DONE: Mapping[Button, str] = {
    Button.REDACT: marked("I take out what report {number} is about."),
    Button.MUTE: marked("I mute {whom} in all rooms."),
    Button.KICK: marked("I put {whom} out of all rooms."),
    Button.BAN: marked("I ban {whom} from all rooms; where they are not, I do once they come."),
    Button.IGNORE: marked("I let it be. Nobody is told."),
}


def decided(reader: Reader, one: Complaint, button: Button) -> Message:
    """Say what follows from a report."""
    return reader.say(_DONE[button], number=one.id, whom=person(reader, one.about))


def kept_from(reader: Reader, one: Complaint) -> Message:
    """Say that nothing is done to whoever looks after rooms."""
    return reader.say(
        marked("Nothing is done to {whom}: they look after rooms, or have left us."), whom=person(reader, one.about)
    )


def unknown(reader: Reader) -> Message:
    """Say that there is no such report."""
    return reader.say(marked("There is no report of that number. {reports} shows those that wait."), reports=_reports())


def _reports() -> Literal:
    return Literal(f"{PREFIX} reports")


def waiting(reader: Reader, some: Sequence[Complaint], names: RoomNames) -> Message:
    """List the reports about which nobody decided."""
    if not some:
        return reader.say(marked("No report waits for you."))
    told = [
        reader.several(
            marked("{number}. {whom}, in {room}, {when}; one reported it. {link}"),
            marked("{number}. {whom}, in {room}, {when}; {count} reported it. {link}"),
            len(one.voices),
            number=one.id,
            whom=person(reader, one.about),
            room=room_name(names, one.room),
            when=reader.when(one.made_at),
            link=link_to(one.room, one.event),
        )
        for one in some
    ]
    return join([reader.say(marked("**Reports that wait for you:**")), lines(reader, told)])


def taken(reader: Reader) -> Message:
    """Say that a report is taken, whatever becomes of it: it tells nothing of rooms that are not theirs."""
    return reader.say(
        marked(
            "If I look after that room and you are in it, those who look after it with me are told, and that it was "
            "you; nobody else is."
        )
    )


def link_to(room: RoomId, event: str) -> Link:
    """Return the link to a message."""
    return Link(f"https://matrix.to/#/{quote(room, safe='!:')}/{quote(event, safe='$:')}")
