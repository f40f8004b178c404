"""Beside another policy bot, in words: who acts, what is published, what would change, and what both would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.wording.catalogue import marked
from app.wording.desk import PREFIX
from app.wording.message import Literal, Message, join
from app.wording.replies import MOST_LISTED, lines

if TYPE_CHECKING:
    from app.comparing import Banned, Compared
    from app.wording.moderation import RoomNames
    from app.wording.reader import Reader
    from kit.identifiers import RoomId, UserId
    from reputation.beside import Beside


def nobody(reader: Reader) -> Message:
    """Say that there is no other bot."""
    return reader.say(
        marked("No other bot is said to look after these rooms. {how} lets one act, by what I publish for it."),
        how=Literal(f"{PREFIX} beside @draupnir:example.org"),
    )


def stands(reader: Reader, one: Beside, ours: int, published: int) -> Message:
    """Say who acts in the rooms, and how the other bot gets to know what is published."""
    told = reader.say(
        marked("I act in these rooms myself, beside {bot}; it may go on reading what I publish.")
        if one.acting
        else marked(
            "{bot} acts in these rooms: I ban nobody and deny no server there, and publish what my lists want."
        ),
        bot=reader.person(one.bot),
    )
    counts = reader.say(marked("Done by me: {ours}. Only published: {published}."), ours=ours, published=published)
    if one.room is None:
        return join([told, counts, reader.say(marked("I make the policy room now, and ask it in."))])
    how = reader.say(
        marked("I asked it into the policy room. There it is told to read it: {draupnir}, or of Meowlnir {meowlnir}."),
        draupnir=Literal(f"!draupnir watch {one.room}"),
        meowlnir=Literal(f"!meowlnir subscribe {one.room}"),
    )
    return join([told, counts, how])


def would_be_beside(reader: Reader, bot: UserId, ours: int) -> Message:
    """Ask whether another bot is to act."""
    return join(
        [
            reader.say(
                marked(
                    "Then {bot} acts in these rooms, by a policy room that I keep for it: I ban nobody and deny no "
                    "server there. Of what I did, {count} are undone and published instead."
                ),
                bot=reader.person(bot),
                count=ours,
            ),
            _yes(reader, f"beside {bot} yes"),
        ]
    )


def would_take_over(reader: Reader, one: Beside, published: int) -> Message:
    """Ask whether we are to act."""
    return join(
        [
            reader.say(
                marked(
                    "Then I ban and deny in these rooms myself: {count} that are only published until now, where {bot} "
                    "did not do it before me. What I published stays until it has left the rooms."
                ),
                bot=reader.person(one.bot),
                count=published,
            ),
            _yes(reader, "take over yes"),
        ]
    )


def would_give_back(reader: Reader, one: Beside, ours: int) -> Message:
    """Ask whether the other bot is to act again."""
    return join(
        [
            reader.say(
                marked(
                    "Then {bot} acts again: I take back what I did in these rooms ({count}), and go on publishing it."
                ),
                bot=reader.person(one.bot),
                count=ours,
            ),
            _yes(reader, "give back yes"),
        ]
    )


def would_end(reader: Reader, published: int) -> Message:
    """Ask whether there is to be no other bot any more."""
    return join(
        [
            reader.say(
                marked(
                    "Then I act in these rooms alone: {count} that are only published until now are done, where they "
                    "are not yet, and what I published is taken back."
                ),
                count=published,
            ),
            _yes(reader, "beside off yes"),
        ]
    )


def outside(reader: Reader, some: Mapping[RoomId, bool]) -> Message:
    """List the rooms in which we are not, and that are looked after once somebody asks us in."""
    told = [
        reader.say(
            marked("{room}: I was put out of it") if put_out else marked("{room}: nobody invited me yet"), room=room
        )
        for room, put_out in list(some.items())[:MOST_LISTED]
    ]
    return join(
        [reader.say(marked("**Invite me there, and I look after these, too:**")), _some(reader, told, len(some))]
    )


def _yes(reader: Reader, how: str) -> Message:
    return reader.say(marked("{how} does it."), how=Literal(f"{PREFIX} {how}"))


def taken_over(reader: Reader, count: int) -> Message:
    """Say that we act."""
    return reader.say(
        marked("I act in these rooms from now on; {count} that were published are being done."), count=count
    )


def given_back(reader: Reader, count: int) -> Message:
    """Say that we act no more."""
    return reader.say(
        marked("I act in these rooms no more; {count} are being taken back, and stay published."), count=count
    )


def ended(reader: Reader) -> Message:
    """Say that there is no other bot any more."""
    return reader.say(marked("I act in these rooms alone from now on, and take back what I published."))


def compared(reader: Reader, bot: UserId, found: Compared, names: RoomNames) -> Message:
    """Tell what another bot did beside what our lists would do."""
    head = reader.say(
        marked("**Beside {bot}:** {same} bans we would both make, {theirs} only it made, {ours} only I would make."),
        bot=reader.person(bot),
        same=len(found.same),
        theirs=len(found.theirs),
        ours=len(found.ours),
    )
    parts = [head]
    if found.theirs:
        parts += [reader.say(marked("Only it made:")), _banned(reader, found.theirs, names)]
    if found.ours:
        parts += [reader.say(marked("Only I would make:")), _banned(reader, found.ours, names)]
    return join(parts)


def _banned(reader: Reader, some: Sequence[Banned], names: RoomNames) -> Message:
    told = [
        reader.say(marked("{who} in {room}"), who=reader.person(user), room=names.get(room) or room)
        for room, user in some[:MOST_LISTED]
    ]
    return _some(reader, told, len(some))


def _some(reader: Reader, told: Sequence[Message], count: int) -> Message:
    """List the first of ``count``, and count the others."""
    shown = lines(reader, told)
    more = count - len(told)
    return join([shown, reader.say(marked("… and {count} more"), count=more)]) if more else shown
