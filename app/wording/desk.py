"""The desk in words: how a management room is talked with, and what it is told beside what lists do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Value, join
from app.wording.moderation import RoomNames, because, history, how_to_answer
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.identifiers import UserId
from reputation.consequence_rows import Remembered
from reputation.enforcement.model import Cause, State
from reputation.enforcement.own import is_own
from reputation.followed import FollowedList
from reputation.moderation import Management

PREFIX = "!earnest"
"""What a command in a management room begins with: people talk there, too."""


def made(reader: Reader, name: str) -> Message:
    """Say in the direct chat that a management room is made."""
    return reader.say(
        marked(
            "I make a room named {name} and invite you: from there you look after your rooms. Whoever you give a level "
            "of 50 there may, too."
        ),
        name=name,
    )


def mine(reader: Reader, some: Sequence[Management]) -> Message:
    """List the management rooms of somebody."""
    how = reader.say(
        marked("{how} makes a room from which you look after others: lists act there as far as you let them."),
        how=Literal("moderate NAME"),
    )
    if not some:
        return join([reader.say(marked("You look after no rooms here.")), how])
    names = [reader.say("{name}", name=one.name) for one in some]
    return join([reader.say(marked("**You look after rooms from:**")), lines(reader, names), how])


def greeting(reader: Reader, owner: UserId) -> Message:
    """Say first thing in a management room what it is for."""
    return join(
        [
            reader.say(
                marked(
                    "From here {who} looks after rooms, and whoever has a level of 50 or more in this one. Invite me "
                    "into a room or space in which you may ban, and give me the power to; or write {protect}."
                ),
                who=str(owner),
                protect=Literal(f"{PREFIX} protect #room:example.org"),
            ),
            reader.say(
                marked(
                    "Then look at what a list would do, before it does: {preview}. Nothing is ever done to whoever "
                    "looks after a room. {help} tells of all else."
                ),
                preview=Literal(f"{PREFIX} preview NAME"),
                help=Literal(f"{PREFIX} help"),
            ),
        ]
    )


def moved(reader: Reader) -> Message:
    """Say in the room for which a management room was closed that it is the one now."""
    return reader.say(marked("From here the rooms are looked after now, as from the room that was closed."))


def help_(reader: Reader, commands: Sequence[tuple[Sequence[str], str]]) -> Message:
    """List the commands of a management room."""
    head = reader.say(marked("Everything begins with {prefix}:"), prefix=Literal(PREFIX))
    told = [reader.say("{usage}: {says}", usage=_usage(usage), says=reader.say(says)) for usage, says in commands]
    return join([head, lines(reader, told, most=len(told))])


def how_to_write(reader: Reader, usage: Sequence[str]) -> Message:
    """Say how a command is written."""
    return reader.say(marked("That is written like this: {usage}"), usage=_usage(usage))


def _usage(usage: Sequence[str]) -> Value:
    return Literal(" · ".join(f"{PREFIX} {one}" for one in usage))


def unknown(reader: Reader) -> Message:
    """Say that a command is none."""
    return reader.say(marked("I do not know that. {help} tells what I do."), help=Literal(f"{PREFIX} help"))


def too_many_wait(reader: Reader) -> Message:
    """Say that a command is not taken, since others are still being worked on."""
    return reader.say(marked("I still work on what you asked before. Write that again once I have answered."))


def unanswered(reader: Reader) -> Message:
    """Say that a command came to no end, since what it needs does not answer."""
    return reader.say(
        marked(
            "I could not do that: something that it needs does not answer, perhaps another homeserver. Try it later."
        )
    )


def no_power(reader: Reader) -> Message:
    """Say that somebody may not command here."""
    return reader.say(marked("Whoever looks after rooms from here has a level of 50 or more in this room."))


def only_with_power(reader: Reader, room: str) -> Message:
    """Say that somebody may not have a room looked after in which they may not ban themselves."""
    return reader.say(marked("You may not ban in {room} yourself, so I look after it for somebody who may."), room=room)


def not_entered(reader: Reader, room: str) -> Message:
    """Say that a room could not be entered."""
    return reader.say(
        marked("I could not enter {room}. Invite me there: I come, and look after it, if you may ban there."), room=room
    )


def protects(reader: Reader, room: str, rooms: Message) -> Message:
    """Say that a room is looked after from now on."""
    return join([reader.say(marked("I look after {room} from here now."), room=room), rooms])


def unprotected(reader: Reader, room: str) -> Message:
    """Say that a room is looked after no more."""
    return reader.say(
        marked("I look after {room} no more: I take back what I did there that can be taken back, and leave."),
        room=room,
    )


def not_protected(reader: Reader, room: str) -> Message:
    """Say that a room is none of those that are looked after."""
    return reader.say(
        marked("I do not look after {room} from here. {rooms} shows where I do."),
        room=room,
        rooms=Literal(f"{PREFIX} rooms"),
    )


def lists(reader: Reader, some: Sequence[FollowedList]) -> Message:
    """List the lists that could act."""
    if not some:
        return reader.say(
            marked("This service follows no list that could act. Its operator can: {how}."),
            how=Literal("earnest list follow"),
        )
    told = [
        reader.several(
            marked("{name}: one entry, from {source}"),
            marked("{name}: {count} entries, from {source}"),
            one.entries,
            name=Literal(one.name),
            source=one.source,
        )
        for one in some
    ]
    return join([reader.say(marked("**Lists that can act here:**")), lines(reader, told)])


def unsubscribed(reader: Reader, name: str) -> Message:
    """Say that a list acts no more."""
    return reader.say(
        marked("The list {name} acts here no more. What it alone caused is taken back."), name=Literal(name)
    )


def vetoed(reader: Reader, number: int) -> Message:
    """Say that a veto holds."""
    return reader.say(
        marked("Nothing follows from that any more, and what did is taken back. {undo} takes the veto back."),
        undo=Literal(f"{PREFIX} unveto {number}"),
    )


def unvetoed(reader: Reader, *, found: bool) -> Message:
    """Say that a veto is taken back."""
    return reader.say(marked("That veto holds no more.") if found else marked("There is no veto of that number."))


def threshold(reader: Reader, one: Management) -> Message:
    """Say how many lists must agree."""
    return reader.say(
        marked("Something is done where lists of a weight of {number} together say so."), number=one.threshold
    )


def rehearsing(reader: Reader, one: Management) -> Message:
    """Say until when lists only tell what they would do."""
    if one.rehearse_until is None:
        return reader.say(marked("Lists act as you let each of them, and so do your protections."))
    return reader.say(
        marked("Until {until} no list and no rule does anything: I tell you what each would do."),
        until=reader.when(one.rehearse_until),
    )


def confirming(reader: Reader, one: Management) -> Message:
    """Say whether what cannot be undone waits for a yes."""
    return reader.say(
        marked("Kicks and removals of messages wait for your yes.")
        if one.confirm
        else marked("Kicks and removals of messages are done at once, though they cannot be undone.")
    )


def how_to_close(reader: Reader, one: Management) -> Message:
    """Say how a management room is ended."""
    return reader.say(
        marked("That takes back all that was done from here, in all rooms, and I leave them. Write {how} to do it."),
        how=Literal(f"{PREFIX} close {one.name}"),
    )


def closed(reader: Reader) -> Message:
    """Say that a management room is ended."""
    return reader.say(marked("I take back what I did, and leave these rooms and this one."))


_HEADS: Final[Sequence[tuple[State, str, bool | None]]] = (
    (State.APPLIED, marked("**Done** ({count}):"), False),
    (State.APPLIED, marked("**Published for the other bot** ({count}):"), True),
    (State.UNDONE, marked("**Taken back** ({count}):"), None),
    (State.ASKED, marked("**Waiting for your yes** ({count}):"), None),
    (State.NOTED, marked("**Would be done, if I were to act** ({count}):"), None),
    (State.LIFTED, marked("**Taken back by somebody else, and left so** ({count}):"), None),
    (State.UNDOING, marked("**Cannot be taken back yet: I have not the power** ({count}):"), None),
    (State.STUCK, marked("**Cannot be taken back, and given up** ({count}):"), None),
    (State.FAILED, marked("**Refused by the homeserver; tried again later** ({count}):"), None),
)
"""What is told of a state, and whether only of what is published for another bot, or only of what is not."""
_SHOWN: Final = 5


def changed(reader: Reader, some: Sequence[Remembered], names: RoomNames) -> Message:
    """Tell what became of things since the last time, a few of each kind."""
    parts = []
    for state, head, published in _HEADS:
        found = [one for one in some if one.state is state and (published is None or one.published is published)]
        if found:
            parts += [reader.say(head, count=len(found)), history(reader, found[:_SHOWN], names)]
            if len(found) > _SHOWN:
                parts.append(reader.say(marked("… and {count} more."), count=len(found) - _SHOWN))
    if any(one.state is State.ASKED for one in some):
        parts.append(how_to_answer(reader))
    if any(one.state is State.STUCK for one in some):
        parts.append(reader.say(marked("{again} tries it once more."), again=Literal(f"{PREFIX} again")))
    return join(parts)


def warned(reader: Reader, user: UserId, causes: Sequence[Cause]) -> Message:
    """Warn somebody in a room, for everybody to read."""
    rule = next((cause.reason for cause in causes if is_own(cause)), None)
    if rule is not None:
        said = marked("{who}, the moderators of this room have a rule about that: **{rule}**. Please mind it.")
        return reader.say(said, who=str(user), rule=rule)
    return reader.say(
        marked("{who}: those who look after this room go by lists of others, and {because}."),
        who=str(user),
        because=because(reader, causes),
    )
