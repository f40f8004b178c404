"""Filters in words: what somebody's own filter says, what it would have hidden or marked and why, and how to begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from app.wording import documents
from app.wording.catalogue import marked
from app.wording.message import Link, Literal, Message, Safe, Value, join
from app.wording.reader import Reader
from app.wording.replies import MOST_LISTED, Names, lines
from app.wording.rules import fact
from kit.identifiers import RoomId, ServerName, UserId, localpart_of, server_of
from reputation.filter_presets import FILTER_PRESETS, FilterPreset, filter_preset_of
from reputation.policy import FilterDocument, Severity
from reputation.screening import Screened
from reputation.seeing import Sighting
from reputation.sightings import MOST_NAMED, ByRule, Seen, WouldHave
from reputation.watched import Watched

PRESETS: Mapping[FilterPreset, str] = {
    FilterPreset.ADVERTISING: marked("Marks what looks like advertising."),
    FilterPreset.LINKS: marked("Marks links from people whom nobody you know knows."),
    FilterPreset.CAREFUL: marked(
        "Hides what looks like advertising, and marks links, from people whom nobody you know knows."
    ),
}
_DOES: Mapping[Severity, str] = {
    Severity.HIDE: marked("would hide, as {label}"),
    Severity.WARN: marked("would mark, as {label}"),
    Severity.NOTE: marked("would note, as {label}"),
}
_OF_SENDER: Final[Mapping[str, Callable[[UserId], str]]] = {
    "sender.id": str,
    "sender.localpart": localpart_of,
    "sender.server": server_of,
}
"""Facts that are not kept, for they say who it is, and can be told again as long as that is known."""


def link_to(room: RoomId, event: str | None, via: ServerName) -> str:
    """Return the address of a message, or of its room."""
    path = quote(room, safe="") if event is None else f"{quote(room, safe='')}/{quote(event, safe='')}"
    return f"https://matrix.to/#/{path}?via={quote(via, safe='')}"


def reads_here(reader: Reader, inviter: UserId) -> Message:
    """Say once in a room what the bot does there."""
    return reader.say(
        marked(
            "{who} asked me in: I read along for the filters that members of this room gave me for themselves. They "
            "change nothing for anybody else. I keep no text, and write nothing more here. Who may remove people here "
            "may remove me."
        ),
        who=str(inviter),
    )


# ---------------------------------------------------------------------------------------------------- the filter


def filter_(reader: Reader, standing: FilterDocument, rooms: Sequence[Watched], via: ServerName) -> Message:
    """Show a filter, and where it is asked."""
    if not standing.rules:
        return no_filter(reader)
    named = filter_preset_of(standing)
    told = reader.say(marked("Your **filter** tells you which messages it would hide or mark. It hides nothing."))
    what = document_in_words(reader, standing) if named is None else _is_preset(reader, named)
    return join([told, what, _rooms(reader, rooms, via), _how_to_see(reader)])


def _is_preset(reader: Reader, name: FilterPreset) -> Message:
    known = marked("It is the preset {name}: {sentence} {rules} shows its rules.")
    return reader.say(known, name=Literal(name), sentence=reader.say(PRESETS[name]), rules=Literal("filter rules"))


def _how_to_see(reader: Reader) -> Message:
    how = marked("{seen} shows what it would have hidden or marked; {off} ends it.")
    return reader.say(how, seen=Literal("filter seen"), off=Literal("filter off"))


def no_filter(reader: Reader) -> Message:
    """Say that somebody has no filter, and how to have one."""
    return reader.say(
        marked(
            "You have **no filter**. A filter tells you which messages in your rooms it would hide or mark, and hides "
            "nothing from anybody. {presets} shows those that fit into one sentence."
        ),
        presets=Literal("filter presets"),
    )


def _rooms(reader: Reader, rooms: Sequence[Watched], via: ServerName) -> Message:
    if not rooms:
        return _invite_me(reader)
    told = marked("You asked me into these rooms:")
    listed = [reader.say("{room}", room=Link(link_to(one.room, None, via))) for one in rooms]
    return join([reader.say(told), lines(reader, listed)])


def _invite_me(reader: Reader) -> Message:
    bot: Value = str(reader.service.bot) if reader.service.bot else Literal("me")
    how = marked(
        "I read no room for you yet. Invite {bot} into a room that you share with others: I say once what I do there, "
        "and leave when you do."
    )
    return reader.say(how, bot=bot)


def document_in_words(reader: Reader, document: FilterDocument) -> Message:
    """Say rule by rule what a filter does."""
    if not document.rules:
        return reader.say(marked("This filter has no rules."))
    told = []
    for number, rule in enumerate(document.rules, 1):
        template = (
            marked("Rule {number}, **{name}**: {does} when {when}")
            if rule.because is None
            else marked("Rule {number}, **{name}**: {does} when {when} (your note: {note})")
        )
        does, when = _does(reader, rule.then.severity, rule.then.label), documents.condition(rule.when)
        told.append(reader.say(template, number=number, name=rule.name, does=does, when=when, note=rule.because or ""))
    return lines(reader, told, most=MOST_LISTED)


def _does(reader: Reader, severity: Severity, label: str) -> Message:
    return reader.say(_DOES[severity], label=label)


def presets(reader: Reader, standing: FilterDocument) -> Message:
    """List what can be chosen by name, each in one sentence; the one that stands is marked."""
    entries = []
    for name in FILTER_PRESETS:
        stands = name is filter_preset_of(standing)
        template = marked("**{name}**: {sentence} (this one stands)") if stands else marked("**{name}**: {sentence}")
        entries.append(reader.say(template, name=Literal(name), sentence=reader.say(PRESETS[name])))
    choose = reader.say(marked("{set_} sets it."), set_=Literal(f"filter preset {FilterPreset.LINKS.value}"))
    return join([reader.say(marked("You can choose one of these:")), lines(reader, entries), choose])


# ---------------------------------------------------------------------------------------------------- what was seen


def seen(
    reader: Reader, found: WouldHave, names: Names, rooms: Sequence[Watched], *, has_filter: bool, via: ServerName
) -> Message:
    """Tell what a filter would have hidden or marked, of how many messages; where there is nothing, what to do."""
    if not found.messages and not found.seen and not found.unread and not found.passed:
        return _nothing(reader, found, rooms, has_filter=has_filter)
    parts = [_head(reader, found)]
    if found.rules:
        parts.append(lines(reader, [_by_rule(reader, one) for one in found.rules]))
    if found.newest:
        newest = lines(reader, [_line(reader, one, names.get(one.sender), via) for one in found.newest])
        parts.append(reader.say("{head}\n{list}", head=reader.say(marked("The newest:")), list=newest))
    parts += _could_not(reader, found)
    if found.newest:
        why = Literal("filter why https://matrix.to/#/…")
        parts.append(reader.say(marked("{why} says why; texts are not kept, the links show them."), why=why))
    return join(parts)


def _nothing(reader: Reader, found: WouldHave, rooms: Sequence[Watched], *, has_filter: bool) -> Message:
    if not has_filter:
        return no_filter(reader)
    if not rooms:
        return _invite_me(reader)
    quiet = marked("I heard nothing in the last {days} days in the rooms that you asked me into ({rooms} of them).")
    return reader.say(quiet, days=found.days, rooms=len(rooms))


def _head(reader: Reader, found: WouldHave) -> Message:
    template = (
        marked("Of **{all}** messages in {rooms}, in the last {days} days, your filter would hide or mark **{count}**:")
        if found.seen
        else marked("Of **{all}** messages in {rooms}, in the last {days} days, your filter would hide or mark none.")
    )
    rooms = _count_of_rooms(reader, found.rooms)
    return reader.say(template, all=found.messages, rooms=rooms, days=found.days, count=found.seen)


def _count_of_rooms(reader: Reader, count: int) -> Message:
    return reader.say(marked("one room") if count == 1 else marked("{count} rooms"), count=count)


def _by_rule(reader: Reader, one: ByRule) -> Message:
    template = marked("**{count}** it {does}, by rule {rule}")
    return reader.say(template, count=one.messages, does=_does(reader, one.severity, one.label), rule=one.rule)


def _line(reader: Reader, one: Seen | Sighting, who: UserId | None, via: ServerName) -> Message:
    return reader.say(
        marked("{when}, {who}: {does} ({rule}): {link}"),
        when=reader.when(one.at),
        who=reader.person(who),
        does=_does(reader, one.first.severity, one.first.label),
        rule=one.first.rule,
        link=Link(link_to(one.room, one.event, via)),
    )


def tried(reader: Reader, found: Screened, *, has_room: bool, how_to_set: str, via: ServerName) -> Message:
    """Say what a drafted filter would do to what was said last, and by which command it is set."""
    parts = [reader.say(marked("This was only tried: your filter is what it was."))]
    how = reader.say(marked("To set it, write {how}."), how=Literal(how_to_set))
    if not has_room:
        return join([*parts, _invite_me(reader), how])
    tallies = [tally for rooms in found.tallies.values() for tally in rooms.values()]
    head = marked(
        "Of the last **{all}** messages that I could still read, in {rooms}, it would hide or mark **{count}**:"
        if found.sightings
        else "Of the last **{all}** messages that I could still read, in {rooms}, it would hide or mark none."
    )
    rooms, all_ = _count_of_rooms(reader, len(tallies)), sum(tally.messages for tally in tallies)
    parts.append(reader.say(head, all=all_, rooms=rooms, count=len(found.sightings)))
    newest = sorted(found.sightings, key=lambda one: one.at, reverse=True)
    if newest:
        parts.append(lines(reader, [_line(reader, one, one.sender, via) for one in newest[:MOST_NAMED]]))
    lacking = sum((tally.lacking for tally in tallies), Counter[str]())
    parts += _lacking(reader, lacking)
    return join([*parts, how])


def _could_not(reader: Reader, found: WouldHave) -> list[Message]:
    parts = []
    if found.unread:
        unread = marked("{count} more I could not read: they are encrypted, and no key was given to me.")
        parts.append(reader.say(unread, count=found.unread))
    if found.passed:
        parts.append(reader.say(marked("{count} more I passed over: they came too fast."), count=found.passed))
    return parts + _lacking(reader, found.lacking)


def _lacking(reader: Reader, lacking: Mapping[str, int]) -> list[Message]:
    if not lacking:
        return []
    facts = Safe(", ".join(f"{name} ({count})" for name, count in sorted(lacking.items())))
    told = marked("Some rules could not tell, for want of these facts (of so many messages): {facts}.")
    return [reader.say(told, facts=facts)]


def why(reader: Reader, one: Seen, sender: UserId | None, document: FilterDocument | None, via: ServerName) -> Message:
    """Say why a filter would hide or mark a message: its rules, the facts that decided, and what was not known.

    ``document``: the filter as it was then, where it is kept.
    """
    head = reader.say(
        marked("{who} wrote it, {when}: {link}\nYour filter, version {version}:"),
        who=reader.person(sender),
        when=reader.when(one.at),
        link=Link(link_to(one.room, one.event, via)),
        version=one.version,
    )
    parts = [head]
    for held in one.held:
        does = _does(reader, held.severity, held.label)
        when = _condition(document, held.number)
        template = (
            marked("Rule {number}, **{name}**: {does}, because this holds: {when}")
            if when is not None
            else marked("Rule {number}, **{name}**: {does}")
        )
        said = reader.say(template, number=held.number, name=held.rule, does=does, when=when or "")
        facts = [_fact(reader, name, value, one, sender) for name, value in held.facts.items()]
        parts.append(reader.say("{said}\n{facts}", said=said, facts=lines(reader, facts)) if facts else said)
    for unsaid in one.unsaid:
        lacking = marked("Rule **{name}** could not tell, for want of {facts}.")
        parts.append(reader.say(lacking, name=unsaid.rule, facts=Safe(", ".join(unsaid.lacking))))
    return join(parts)


def _condition(document: FilterDocument | None, number: int) -> Value | None:
    if document is None or not 1 <= number <= len(document.rules):
        return None
    return documents.condition(document.rules[number - 1].when)


def _fact(reader: Reader, name: str, value: object, one: Seen, sender: UserId | None) -> Message:
    if value is None and name in _OF_SENDER and sender is not None:
        value = _OF_SENDER[name](sender)
    if value is None and name == "room.id":
        value = one.room
    if value is None:
        return reader.say(marked("{name} (not kept)"), name=Safe(name))
    return fact(name, value, reader)


def nothing_kept(reader: Reader) -> Message:
    """Say that nothing is kept of a message."""
    return reader.say(
        marked(
            "Nothing is kept of that message: no rule of yours held when I looked at it, or I never did, or it is more "
            "than 30 days ago. {seen} shows the newest."
        ),
        seen=Literal("filter seen"),
    )


def guide(reader: Reader) -> Message:
    """Lead a newcomer from choosing a filter to reading what it saw."""
    steps = (
        (marked("Choose: {how} shows filters that fit into one sentence."), "filter presets"),
        (marked("Try: {how} tells what it would do to the last messages that I can read."), "filter try careful"),
        (marked("Set: {how} makes it yours. It hides nothing, from you or anybody."), "filter preset careful"),
        (marked("Invite me into a room that you share with others. I read there for you, and keep no text."), ""),
        (marked("Look: {how} shows what it would have hidden or marked in the last days."), "filter seen"),
        (marked("Ask why: {how} names the rule, the facts, and what was not known."), "filter why LINK"),
        (marked("End: {how}; I leave those rooms. {undo} takes back whatever you changed."), "filter off"),
    )
    told = [reader.say(step, how=Literal(how), undo=Literal("filter undo")) for step, how in steps]
    return join([reader.say(marked("Your own filter, step by step:")), lines(reader, told)])
