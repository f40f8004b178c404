"""Lists: what the bot says of the lists that somebody publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, join
from app.wording.reader import Reader
from app.wording.replies import lines
from reputation.door_lists import AtDoor, Does
from reputation.followed import FollowedList
from reputation.lists.authoring import MOST_LISTS, Changed, Published
from reputation.lists.dangers import Danger, Found
from reputation.lists.model import Entry

SHOWN = 20
"""Entries of a list that are shown."""
_MOST_LOOKS = 5
_LOOKS: Mapping[Danger, str] = {
    Danger.LOOKS_ALIKE: marked("⚠️ {entity} has letters that look like others: make sure that it is whom you mean."),
    Danger.YOURS: marked("⚠️ {entity} hits you: {whom}."),
    Danger.EVERYBODY: marked("⚠️ {entity} hits whoever comes."),
    Danger.TOP_LEVEL: marked("⚠️ {entity} hits every server below a name that nobody owns."),
}


def guide(reader: Reader) -> Message:
    """Tell what a list is, and how one begins."""
    return join(
        [
            reader.say(
                marked(
                    "A list of yours says of people, servers and rooms that they are not wanted. It does nothing by "
                    "itself: whoever follows it decides what comes of it."
                )
            ),
            reader.say(
                marked(
                    "{new} begins one, {add} puts somebody on it, {remove} takes them back, {undo} undoes a change."
                ),
                new=reader.command("list new spammers People who send the same to all"),
                add=reader.command("list add spammers @name:example.org the same advertisement in 20 rooms"),
                remove=reader.command("list remove spammers @name:example.org"),
                undo=reader.command("list undo spammers"),
            ),
        ]
    )


def all_(reader: Reader, published: Sequence[Published]) -> Message:
    """Show which lists somebody publishes."""
    if not published:
        return join([reader.say(marked("You publish no list.")), guide(reader)])
    items = [
        reader.say(
            marked("**{name}**: {title} ({entries} entries)"),
            name=one.name,
            title=one.described.title,
            entries=one.entries,
        )
        for one in published
    ]
    said = reader.say(marked("You publish {count} of {most} lists:"), count=len(published), most=MOST_LISTS)
    return join(
        [said, lines(reader, items), reader.say(marked("{show} shows one."), show=reader.command("list show NAME"))]
    )


def made(reader: Reader, one: Published) -> Message:
    """Say that a list is published, and where."""
    return join(
        [
            reader.say(marked("You publish the list {name} now: {title}."), name=one.name, title=one.described.title),
            reader.say(
                marked("Anybody can read it at {link}, with your name as its author. Put somebody on it: {add}"),
                link=reader.link(f"/v1/lists/{one.id}"),
                add=Literal(f"list add {one.name} @name:example.org"),
            ),
        ]
    )


def shown(reader: Reader, one: Published, entries: Sequence[Entry], room: str | None) -> Message:
    """Show a list, and the newest of its entries."""
    told = [
        reader.say(
            marked("**{name}**: {title}. {entries} entries, version {version}, changed {at}. {link}"),
            name=one.name,
            title=one.described.title,
            entries=one.entries,
            version=one.version,
            at=reader.when(one.changed_at),
            link=reader.link(f"/v1/lists/{one.id}"),
        )
    ]
    if one.described.expires_at is not None:
        told.append(
            reader.say(
                marked("It expires {at}, unless you say anew that it holds."), at=reader.when(one.described.expires_at)
            )
        )
    if entries:
        told.append(lines(reader, [_entry(reader, entry) for entry in entries[:SHOWN]], most=SHOWN))
    if one.entries > len(entries):
        told.append(reader.say(marked("… and {count} more."), count=one.entries - len(entries)))
    if room is not None:
        told.append(reader.say(marked("The room {room} shows the same to other bots."), room=room))
    else:
        told.append(
            reader.say(
                marked("{room} makes a room of it that other bots can watch."), room=Literal(f"list room {one.name}")
            )
        )
    return join(told)


def changed(reader: Reader, name: str, what: Changed) -> Message:
    """Say what a change did, what to look at twice, and how to undo it."""
    if not what.said and not what.back:
        return reader.say(marked("That is how {name} was already."), name=name)
    told = [
        reader.say(
            marked("{name} is at version {version} now: {said} said, {back} taken back."),
            name=name,
            version=what.version,
            said=what.said,
            back=what.back,
        ),
        *(_look(reader, one) for one in what.dangers[:_MOST_LOOKS]),
        reader.say(marked("{undo} undoes it."), undo=Literal(f"list undo {name}")),
    ]
    return join(told)


def retire(reader: Reader, one: Published) -> Message:
    """Ask once more before a list is published no more."""
    return reader.say(
        marked(
            "{name} has {entries} entries. Whoever follows it will lose them, and nothing brings them back. If you are "
            "sure: {yes}"
        ),
        name=one.name,
        entries=one.entries,
        yes=Literal(f"list retire {one.name} yes"),
    )


def retired(reader: Reader, name: str) -> Message:
    """Say that a list is published no more."""
    return reader.say(marked("You publish {name} no more. Its address says so to those who follow it."), name=name)


def room_asked(reader: Reader, one: Published, room: str | None) -> Message:
    """Say that a list has a room, or is given one."""
    if room is not None:
        return reader.say(
            marked("{name} has a room already: {room}. It follows each change."), name=one.name, room=room
        )
    return reader.say(
        marked("I make a room for {name} that other bots can watch, invite you to it, and keep it equal to the list."),
        name=one.name,
    )


_DOES: Mapping[Does, str] = {
    Does.REFUSE: marked("**{name}**: whom it bans is refused"),
    Does.HOLD: marked("**{name}**: whom it bans is held"),
    Does.NOTIFY: marked("**{name}**: nothing follows; {why} tells whom it speaks of"),
}
_BUT: Mapping[Does, str] = {
    Does.REFUSE: marked("**{name}**: whom it bans is refused, but for {excepted}"),
    Does.HOLD: marked("**{name}**: whom it bans is held, but for {excepted}"),
    Does.NOTIFY: marked("**{name}**: nothing follows; {why} tells whom it speaks of"),
}


def at_door(reader: Reader, some: Sequence[AtDoor]) -> Message:
    """Say which lists of others somebody's door asks."""
    if not some:
        how = marked("Your door asks no list of others. {how} tries one on your last knocks, and sets nothing.")
        return reader.say(how, how=Literal("list subscribe NAME refuse"))
    told = [
        reader.say(
            (_BUT if one.excepted else _DOES)[one.does],
            name=Literal(one.name),
            why=Literal("why @name:example.org"),
            excepted=", ".join(one.excepted),
        )
        for one in some
    ]
    return join([reader.say(marked("Lists of others that your door asks:")), lines(reader, told)])


def there_are(reader: Reader, some: Sequence[FollowedList]) -> Message:
    """Name lists that a door could ask."""
    names = Literal(", ".join(one.name for one in some))
    return reader.say(marked("It could ask these: {names}."), names=names)


def _look(reader: Reader, found: Found) -> Message:
    return reader.say(_LOOKS[found.danger], entity=found.entry.name, whom=found.whom)


def _entry(reader: Reader, entry: Entry) -> Message:
    what = Safe(entry.recommendation.value)
    if not entry.reason:
        return reader.say("{what} {entity}", what=what, entity=entry.name)
    return reader.say("{what} {entity}: {reason}", what=what, entity=entry.name, reason=entry.reason)
