"""Moderation in words: what lists would do in rooms, what was done and why, what waits, and what is left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from app.protecting import Preview
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Value, join
from app.wording.reader import Reader
from app.wording.replies import MOST_LISTED, lines
from kit.identifiers import RoomId, UserId, on_one_line
from reputation.consequence_rows import Remembered
from reputation.enforcement.model import (
    Cause,
    Consequence,
    Does,
    Mode,
    Share,
    State,
    Step,
    Why,
)
from reputation.enforcement.own import is_decided, is_own
from reputation.lists.model import Recommendation
from reputation.undoing import PUT_OUT

RoomNames = Mapping[RoomId, str]
"""What rooms call themselves; whichever has no name is told by its id."""
MOST_CAUSES: Final = 3
MOST_SHOWN: Final = 80
"""Characters of a room's name, an entry or a reason that are shown in a list."""
MOST_STEPS: Final = 12
"""Steps that are named in a report, those of all kinds together; all are counted."""
LONGEST_REASON: Final = 300
"""Characters of the reason that stands in a ban."""

WHAT: Mapping[Consequence, str] = {
    Consequence.WARN: marked("warning"),
    Consequence.REDACT: marked("removal of messages"),
    Consequence.MUTE: marked("mute"),
    Consequence.KICK: marked("kick"),
    Consequence.BAN: marked("ban"),
    Consequence.DENY: marked("denial of a server"),
}
MODES: Mapping[Mode, str] = {
    Mode.NOTIFY: marked("only tells you"),
    Mode.APPROVE: marked("asks you first"),
    Mode.ACT: marked("acts"),
}
SAYS: Mapping[Recommendation, str] = {
    Recommendation.BAN: marked("to ban"),
    Recommendation.TAKEDOWN: marked("to ban, and to remove what was written"),
    Recommendation.LIMIT: marked("to limit"),
    Recommendation.ALLOW: marked("to let be"),
}
WHY: Mapping[Why, str] = {
    Why.APPROVE: marked("its list asks you first"),
    Why.SHARE: marked("it goes beyond its list's share"),
    Why.CONFIRM: marked("it cannot be undone"),
    Why.NO_CAUSE: marked("no list wants it any more"),
    Why.VETOED: marked("you vetoed it"),
    Why.OURSELVES: marked("that is me"),
    Why.KEEPER: marked("they look after a room"),
    Why.SERVER_OF_KEEPERS: marked("it is the server of somebody who looks after a room, or mine"),
    Why.NO_POWER: marked("my power in the room is not enough"),
    Why.ALREADY: marked("it is so already, and not by me"),
    Why.TOO_FEW: marked("too few of your lists agree"),
    Why.REFUSED: marked("you said no"),
    Why.LIFTED: marked("somebody took back what I did"),
    Why.FAILED: marked("the homeserver refused it; I try again later"),
    Why.FULL: marked("the room's list of denied servers is full, so whoever comes is acted on one by one"),
}
"""Why something is asked, undone or left alone."""
_STATES: Mapping[State, str] = {
    State.NOTED: marked("would be done"),
    State.ASKED: marked("waits for your yes"),
    State.REFUSED: marked("you said no"),
    State.OWED: marked("is being done"),
    State.APPLIED: marked("done"),
    State.FAILED: marked("failed; I try again later"),
    State.LIFTED: marked("done, and taken back by somebody else"),
    State.UNDOING: marked("is being undone"),
    State.UNDONE: marked("undone"),
    State.DROPPED: marked("over"),
    State.STUCK: marked("cannot be undone"),
}


# ------------------------------------------------------------------------------------------------ parts


def whom(reader: Reader, what: Consequence, target: str | None) -> Value:
    """Write whom a consequence is for."""
    return target if what is Consequence.DENY and target is not None else person(reader, target)


def person(reader: Reader, target: str | None) -> Value:
    """Write somebody; ``None`` is who has left us."""
    return reader.person(None if target is None else UserId(target))


def room_name(names: RoomNames, room: RoomId) -> str:
    """Return what a room calls itself, cut to be one of many."""
    return short(names.get(room) or room)


def short(text: str, most: int = MOST_SHOWN) -> str:
    """Cut a stranger's text: a message has room for some thousand characters, and is about others, too."""
    return text if len(text) <= most else text[: most - 1] + "…"


def because(reader: Reader, causes: Sequence[Cause], most: int = MOST_CAUSES) -> Message:
    """Say which lists recommend what, by which entries, and for which reasons they give."""
    if not causes:
        return reader.say(marked("no list wants it"))
    told = [_cause(reader, cause) for cause in causes[:most]]
    if len(causes) > most:
        told.append(_many(reader, len(causes) - most, marked("and one more list"), marked("and {count} more lists")))
    names = [f"part_{letter}" for letter in "abcdefgh"[: len(told)]]
    return reader.say("; ".join(f"{{{name}}}" for name in names), **dict(zip(names, told, strict=True)))


def _many(reader: Reader, count: int, one: str, many: str) -> Message:
    return reader.several(one, many, count)


def _people(reader: Reader, count: int) -> Message:
    return _many(reader, count, marked("one person"), marked("{count} people"))


def _rooms(reader: Reader, count: int) -> Message:
    return _many(reader, count, marked("your one room"), marked("your {count} rooms"))


def _cause(reader: Reader, cause: Cause) -> Message:
    if is_decided(cause.list):
        return reader.say(marked("the word of somebody who looks after the rooms, after **{rule}**"), rule=cause.reason)
    if is_own(cause):
        return reader.say(marked("your own rule **{rule}**"), rule=cause.reason)
    template = (
        marked("the list {name} says {says}, by {entity}: {reason}")
        if cause.reason
        else marked("the list {name} says {says}, by {entity}")
    )
    entity: Value = short(cause.entity) or reader.say(marked("an entry about them"))
    says = reader.say(SAYS[cause.recommendation])
    return reader.say(template, name=Literal(cause.name), says=says, entity=entity, reason=short(cause.reason))


def reason_of(causes: Sequence[Cause]) -> str:
    """Return the reason that stands in a ban or a kick, which everybody in the room may read: plain text of lists."""
    told = "; ".join(f"{cause.name}: {cause.reason}" if cause.reason else cause.name for cause in causes[:MOST_CAUSES])
    line = " ".join(on_one_line(told).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _counts(reader: Reader, found: Mapping[Consequence, int]) -> Message:
    told = [
        reader.say(marked("{what}: {count}"), what=reader.say(WHAT[what]), count=found[what])
        for what in Consequence
        if found.get(what)
    ]
    names = [f"part_{letter}" for letter in "abcdefgh"[: len(told)]]
    return reader.say(", ".join(f"{{{name}}}" for name in names), **dict(zip(names, told, strict=True)))


def step(reader: Reader, one: Step, names: RoomNames) -> Message:
    """Say one step of a plan in a line."""
    template = (
        marked("{what}: {whom}, in {room}; {because} ({why})")
        if one.why is not None
        else marked("{what}: {whom}, in {room}; {because}")
    )
    return reader.say(
        template,
        what=reader.say(WHAT[one.what]),
        whom=whom(reader, one.what, one.target),
        room=room_name(names, one.room),
        because=because(reader, one.causes, 1),
        why=reader.say(WHY[one.why]) if one.why is not None else "",
    )


def share(reader: Reader, one: Share) -> Message:
    """Say how much of its share a list has used up and would use."""
    template = (
        marked(
            "**The list {name} would act on {wanted} at once.** It may act on {allowed} in seven days, and has "
            "acted on {used}. So it stops, and I ask you about all of them."
        )
        if one.exceeded
        else marked("The list {name} would act on {wanted}; it may act on {allowed} in seven days ({used} so far).")
    )
    wanted = _people(reader, one.wanted)
    return reader.say(template, name=Literal(one.name), wanted=wanted, allowed=one.allowed, used=one.used)


# ------------------------------------------------------------------------------------------------ previews and plans


def preview(reader: Reader, found: Preview, names: RoomNames) -> Message:
    """Say what a list would do now, before anybody subscribes to it."""
    name = Literal(found.subscription.name)
    mode = reader.say(MODES[found.subscription.mode])
    if not found.hit:
        nobody = marked("The list {name} speaks of nobody in {rooms}. If it ever does, it {mode}.")
        return reader.say(nobody, name=name, rooms=_rooms(reader, found.rooms), mode=mode)
    head = marked(
        "The list {name} speaks of **{hit}** among the people and servers in {rooms}, where I see {people}. It {mode}. "
        "Nothing is done yet."
    )
    rooms, people = _rooms(reader, found.rooms), _people(reader, found.people)
    parts = [reader.say(head, name=name, hit=found.hit, rooms=rooms, people=people, mode=mode)]
    told = [
        (marked("It would do at once: {counts}."), found.acts),
        (marked("It would ask you about: {counts}."), found.asks),
        (marked("It would tell you of: {counts}."), found.notes),
    ]
    counted = [reader.say(template, counts=_counts(reader, some)) for template, some in told if some]
    counted += _left(reader, found.left)
    parts.append(lines(reader, counted))
    if found.share is not None and found.share.wanted:
        parts.append(share(reader, found.share))
    return join([*parts, _samples(reader, found.samples, names)])


def preview_of_leaving(reader: Reader, found: Preview, names: RoomNames) -> Message:
    """Say what leaving a list would undo."""
    name = Literal(found.subscription.name)
    if not found.undone:
        return reader.say(
            marked("Nothing stands that only the list {name} caused: there is nothing to undo."), name=name
        )
    head = marked("Leaving the list {name} undoes what it alone caused, and nothing else ({counts}):")
    told = reader.say(head, name=name, counts=_counts(reader, found.undone))
    return join([told, _samples(reader, [one for one in found.samples if one.does is Does.UNDO], names)])


def _samples(reader: Reader, some: Sequence[Step], names: RoomNames) -> Message:
    shown = [step(reader, one, names) for one in some[:MOST_STEPS]]
    if len(some) > MOST_STEPS:
        shown.append(reader.say(marked("… and {count} more"), count=len(some) - MOST_STEPS))
    return lines(reader, shown, most=MOST_STEPS + 1)


def _left(reader: Reader, left: Mapping[str, int]) -> list[Message]:
    return [
        reader.say(marked("left alone: {count} ({why})"), count=count, why=reader.say(WHY[Why(why)]))
        for why, count in sorted(left.items())
    ]


def how_to_answer(reader: Reader) -> Message:
    """Say how what waits is answered."""
    how = marked("{yes} does all that waits, {no} none of it; either takes numbers too. {waiting} shows them.")
    return reader.say(
        how, yes=Literal("!earnest approve"), no=Literal("!earnest refuse"), waiting=Literal("!earnest waiting")
    )


# ------------------------------------------------------------------------------------------------ what is remembered


def waiting(reader: Reader, some: Sequence[Remembered], names: RoomNames) -> Message:
    """List what waits for a yes."""
    if not some:
        return reader.say(marked("Nothing waits for your yes."))
    listed = lines(reader, [_remembered(reader, one, names) for one in some], most=MOST_LISTED)
    return join([reader.say(marked("**Waiting for your yes:**")), how_to_answer(reader), listed])


def history(reader: Reader, some: Sequence[Remembered], names: RoomNames) -> Message:
    """List what was done, newest first."""
    if not some:
        return reader.say(marked("Nothing was done yet."))
    return lines(reader, [_remembered(reader, one, names) for one in some], most=MOST_LISTED)


def why(reader: Reader, target: str, some: Sequence[Remembered], names: RoomNames) -> Message:
    """Say why something was done to somebody, or to a server, and what became of it."""
    if not some:
        return reader.say(marked("I did nothing to {whom} that I remember."), whom=target)
    head = reader.say(marked("What I did about {whom}, newest first:"), whom=target)
    how = marked("{veto} takes it back and keeps all lists from doing it again.")
    veto = reader.say(how, veto=Literal("!earnest veto …"))
    return join([head, veto, history(reader, some, names)])


def _remembered(reader: Reader, one: Remembered, names: RoomNames) -> Message:
    template = (
        marked("{number}. {what}: {whom}, in {room}, {when}: {state} ({reason}); {because}")
        if one.why is not None
        else marked("{number}. {what}: {whom}, in {room}, {when}: {state}; {because}")
    )
    return reader.say(
        template,
        number=one.id,
        what=reader.say(WHAT[one.what]),
        whom=whom(reader, one.what, one.target),
        room=room_name(names, one.room),
        when=reader.when(one.changed_at),
        state=_state(reader, one),
        reason=reader.say(WHY[one.why]) if one.why is not None else "",
        because=because(reader, one.causes),
    )


def _state(reader: Reader, one: Remembered) -> Message:
    published = one.published and one.state in (State.OWED, State.APPLIED)
    state = reader.say(marked("published for the other bot") if published else _STATES[one.state])
    if one.state is State.STUCK and one.error == PUT_OUT:
        return reader.say(marked("cannot be undone: I was put out of the room"))
    if one.error is not None and (one.state is State.STUCK or (one.state is State.UNDOING and one.denied)):
        template = marked("cannot be undone: the homeserver says {error}")
        if one.state is State.UNDOING:
            template = marked("cannot be undone yet: the homeserver says {error}; I try again")
        return reader.say(template, error=Literal(one.error))
    if one.approved and one.state in (State.OWED, State.APPLIED):
        return reader.say(marked("{state}, with the yes of {who}"), state=state, who=person(reader, one.decided_by))
    return state


def tried_again(reader: Reader, *, found: bool) -> Message:
    """Say that what could not be taken back is tried again."""
    if not found:
        return reader.say(marked("There is nothing that I could not take back."))
    return reader.say(
        marked("I try it again. Where I am not in the room any more, invite me; I need the power for it there, too.")
    )


def answered(reader: Reader, count: int, *, yes: bool) -> Message:
    """Say what became of a yes or a no."""
    if not count:
        return reader.say(marked("Nothing of that waits for an answer."))
    template = marked("I do {count} of them now.") if yes else marked("I do none of these {count}.")
    return reader.say(template, count=count)
