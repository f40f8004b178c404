"""What stands, in words: which lists act in rooms and how, what is vetoed, which rooms are looked after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, Value, join
from app.wording.moderation import MODES, SAYS, WHAT, RoomNames, because, person, room_name, short
from app.wording.reader import Reader
from app.wording.replies import lines
from reputation.enforcement.model import Consequence, Follows, Subscription
from reputation.enforcement.overrides import Overrides
from reputation.lists.model import Subject
from reputation.moderation import Protected
from reputation.subscribing import Vetoed
from reputation.turning import Turned


def subscribed(reader: Reader, one: Subscription) -> Message:
    """Say how a list acts."""
    template = (
        marked("**{name}** {mode}, until {until}: {follows} (weight {weight}, share {share})")
        if one.until is not None
        else marked("**{name}** {mode}: {follows} (weight {weight}, share {share})")
    )
    return reader.say(
        template,
        name=Literal(one.name),
        mode=reader.say(MODES[one.mode]),
        until=reader.when(one.until) if one.until is not None else "",
        follows=_follows(reader, one),
        weight=weight(reader, one),
        share=Safe(f"{one.share} %"),
    )


def weight(reader: Reader, one: Subscription) -> Message:
    """Say how much a list's word counts: where that hangs on trust in its author, how far they are trusted."""
    if one.trusted is None:
        return reader.say("{weight}", weight=one.weight)
    told = marked("{counts}: {weight} times {trust}, for so far you trust its author")
    numbers = {name: Safe(f"{value:.2f}") for name, value in (("counts", one.counts), ("trust", one.trust or 0.0))}
    return reader.say(told, weight=one.weight, **numbers)


def weighed(reader: Reader, some: Iterable[Subscription]) -> list[Message]:
    """Say of the lists whose word counts as far as their authors are trusted how much that is now."""
    template = marked("The list {name} counts {weight}.")
    return [
        reader.say(template, name=Literal(one.name), weight=weight(reader, one))
        for one in some
        if one.trusted is not None
    ]


def _follows(reader: Reader, one: Subscription) -> Message:
    told = [*_each(reader, one.people, Subject.USER), *_each(reader, one.servers, Subject.SERVER)]
    if not told:
        return reader.say(marked("nothing follows from it"))
    names = [f"part_{letter}" for letter in "abcdefgh"[: len(told)]]
    return reader.say("; ".join(f"{{{name}}}" for name in names), **dict(zip(names, told, strict=True)))


def _each(reader: Reader, follows: Follows, subject: Subject) -> list[Message]:
    template = (
        marked("where it says {says} of a server: {what}")
        if subject is Subject.SERVER
        else marked("where it says {says}: {what}")
    )
    return [
        reader.say(template, says=reader.say(SAYS[said]), what=_counted(reader, found))
        for said, found in follows.items()
        if found
    ]


def _counted(reader: Reader, found: Iterable[Consequence]) -> Safe:
    return Safe(", ".join(reader.translate(WHAT[what]) for what in sorted(found)))


def subscriptions(reader: Reader, some: Sequence[Subscription]) -> Message:
    """List which lists act, and how."""
    if not some:
        return reader.say(
            marked("No list acts in your rooms. {how} begins with one."), how=Literal("!earnest preview NAME")
        )
    return lines(reader, [subscribed(reader, one) for one in some])


def vetoes(reader: Reader, some: Sequence[Vetoed], lists: Mapping[int, str]) -> Message:
    """List what is vetoed."""
    if not some:
        return reader.say(marked("You vetoed nothing."))
    return lines(reader, [_vetoed(reader, one, lists) for one in some])


def _vetoed(reader: Reader, one: Vetoed, lists: Mapping[int, str]) -> Message:
    says = one.says
    about: Value = person(reader, says.user) if says.user is not None else says.server or short(says.entity or "")
    template = (
        marked("{number}. {about}, whatever list says so ({who}, {when})")
        if says.list is None
        else marked("{number}. {about}, where the list {name} says so ({who}, {when})")
    )
    name = Literal(lists.get(says.list or 0, "?"))
    return reader.say(
        template, number=one.id, about=about, name=name, who=person(reader, one.by), when=reader.when(one.since)
    )


def rooms(reader: Reader, some: Sequence[Protected], names: RoomNames) -> Message:
    """List the rooms that are looked after, and what the bot cannot do there."""
    if not some:
        return reader.say(
            marked("I look after no room here yet. {how} begins with one."), how=Literal("!earnest protect ROOM")
        )
    return lines(reader, [_protected(reader, one, names) for one in some])


def _protected(reader: Reader, one: Protected, names: RoomNames) -> Message:
    template = (
        marked("{room}: there I have not the power for {lacks}") if one.lacks else marked("{room}: I can do all there")
    )
    return reader.say(template, room=room_name(names, one.room), lacks=_counted(reader, one.lacks))


def turned(reader: Reader, some: Sequence[Turned], names: RoomNames) -> Message:
    """List who was kept out at the gate, the last one first."""
    head = reader.say(marked("Kept out by their own homeserver, before they were in a room:"))
    return join([head, lines(reader, [_turned(reader, one, names) for one in some])])


def _turned(reader: Reader, one: Turned, names: RoomNames) -> Message:
    whom: Value = (
        one.target if one.target is not None and not one.target.startswith("@") else person(reader, one.target)
    )
    template = (
        marked("{whom}, from {room}, {when}; {because}")
        if one.times == 1
        else marked("{whom}, from {room}, {times} times, the last time {when}; {because}")
    )
    return reader.say(
        template,
        whom=whom,
        room=room_name(names, one.room),
        times=one.times,
        when=reader.when(one.last_at),
        because=because(reader, one.causes),
    )


def overridden(reader: Reader, name: str, found: Overrides) -> Message:
    """Say how often what a list caused was overruled, and how sure that is."""
    if not found.acted:
        return reader.say(marked("Of the list {name} nothing is known yet."), name=Literal(name))
    told = marked(
        "Of {acted} things that the list {name} caused, {overruled} were overruled: {share} (with 95 % certainty "
        "between {low} and {high})."
    )
    return reader.say(
        told,
        name=Literal(name),
        acted=found.acted,
        overruled=found.overruled,
        share=_percent(found.share),
        low=_percent(found.low),
        high=_percent(found.high),
    )


def _percent(share: float) -> Safe:
    return Safe(f"{100 * share:.0f} %")
