"""Protections in words: what rules did in rooms, to whom and why, what a draft would have done, and how to begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from app.wording import documents, rules
from app.wording.catalogue import marked
from app.wording.desk import PREFIX
from app.wording.message import Literal, Message, Safe, Value, join
from app.wording.reader import Reader
from app.wording.replies import MOST_LISTED, lines
from kit.identifiers import RoomId, on_one_line
from reputation.policy import ProtectionRule, ProtectionsDocument
from reputation.protections.model import Do, Outcome
from reputation.protections.presets import (
    NOTHING,
    ProtectionsPreset,
    numbers_of,
    own_rules,
    presets_in,
)
from reputation.protections.trying import ByRule, Tried

RoomNames = Mapping[RoomId, str]
"""What rooms call themselves; whichever has no name is told by its id."""
_MOST_FACTS: Final = 4

PRESETS: Mapping[ProtectionsPreset, str] = {
    ProtectionsPreset.FLOOD: marked(
        "Whoever writes {messages} messages in ten seconds, or the same {same} times in a minute, is muted for "
        "{minutes} minutes, and those messages are taken out."
    ),
    ProtectionsPreset.MENTIONS: marked(
        "A message that mentions {people} people is taken out, and whoever wrote it is muted for {minutes} minutes."
    ),
    ProtectionsPreset.JOIN_WAVE: marked(
        "When {joins} people come within a minute, the last of them and all who come after in that minute are put out."
    ),
    ProtectionsPreset.NEWCOMERS_MEDIA: marked(
        "Pictures, videos, sounds and files are taken out that are somebody's first message, or come in their first "
        "{minutes} minutes."
    ),
    ProtectionsPreset.NEWCOMERS_LINKS: marked(
        "Messages with links are taken out that are somebody's first, or come in their first {minutes} minutes."
    ),
    ProtectionsPreset.NONE: marked("Nothing is done by any rule."),
}


class How(Enum):
    """How far an outcome went."""

    DONE = marked("By your protections:")
    ASKED = marked("By your protections this waits for your yes:")
    REHEARSED = marked("Only rehearsed, nothing of this was done. By your protections:")


_DID: Mapping[Do, str] = {
    "warn": marked("{who} was warned"),
    "redact": marked("{count} messages of {who} were taken out"),
    "mute": marked("{who} was muted"),
    "kick": marked("{who} was put out"),
    "ban": marked("{who} was banned"),
}
_DID_FOR: Mapping[Do, str] = {
    "mute": marked("{who} was muted for {time}"),
    "ban": marked("{who} was banned for {time}"),
}
_WOULD: Mapping[Do, str] = {
    "warn": marked("{who} would be warned"),
    "redact": marked("{count} messages of {who} would be taken out"),
    "mute": marked("{who} would be muted"),
    "kick": marked("{who} would be put out"),
    "ban": marked("{who} would be banned"),
}
_WOULD_FOR: Mapping[Do, str] = {
    "mute": marked("{who} would be muted for {time}"),
    "ban": marked("{who} would be banned for {time}"),
}
_ONE_MESSAGE = marked("a message of {who} was taken out")
_ONE_WOULD = marked("a message of {who} would be taken out")


# ------------------------------------------------------------------------------------------------- what was done


def _how(words: str) -> Literal:
    """Write a command of management rooms."""
    return Literal(f"{PREFIX} protections {words}".strip())


def did(reader: Reader, outcomes: Sequence[Outcome], rooms: RoomNames, how: How = How.DONE) -> Message:
    """Say what rules did (or would do), to whom, where, by which rule, and the facts that decided."""
    told = [_outcome(reader, one, rooms, done=how is How.DONE) for one in outcomes]
    return reader.say("{head}\n{list}", head=reader.say(how.value), list=lines(reader, told))


def _outcome(reader: Reader, one: Outcome, rooms: RoomNames, *, done: bool) -> Message:
    what, facts = _what(reader, one, done=done), _facts(reader, one)
    template = (
        marked("{what}, in {room}, by rule **{rule}**: {facts}")
        if facts is not None
        else marked("{what}, in {room}, by rule **{rule}**")
    )
    return reader.say(template, what=what, room=rooms.get(one.room) or one.room, rule=one.rule, facts=facts or "")


def _what(reader: Reader, one: Outcome, *, done: bool) -> Message:
    who = reader.person(one.user)
    if one.do == "redact" and len(one.events) == 1:
        return reader.say(_ONE_MESSAGE if done else _ONE_WOULD, who=who)
    if one.time is not None:
        return reader.say((_DID_FOR if done else _WOULD_FOR)[one.do], who=who, time=rules.time(one.time, reader))
    return reader.say((_DID if done else _WOULD)[one.do], who=who, count=len(one.events))


def _facts(reader: Reader, one: Outcome) -> Message | None:
    """Say the facts that decided; of texts, which are not kept, that they did."""
    told = [
        reader.say(marked("{name} (a text)"), name=Safe(name)) if value is None else rules.fact(name, value, reader)
        for name, value in list(one.facts.items())[:_MOST_FACTS]
    ]
    if not told:
        return None
    found = told[0]
    for each in told[1:]:
        found = reader.say("{one}, {two}", one=found, two=each)
    return found


def warning(reader: Reader, one: Outcome) -> Message:
    """Say to whoever did something, in the room, that a rule of the room is about that."""
    said = marked("{who}, the moderators of this room have a rule about that: **{rule}**. Please mind it.")
    return reader.say(said, who=reader.person(one.user), rule=one.rule)


def reason_of(one: Outcome) -> str:
    """Return the reason that stands in a ban, a kick or where a message was, for all to read: plain text, one line."""
    return on_one_line(f"a rule of this room: {one.rule}")


# ------------------------------------------------------------------------------------------------- the document


def protections(reader: Reader, standing: ProtectionsDocument) -> Message:
    """Show what stands: presets in one sentence each, then rules of one's own."""
    if not standing.rules:
        return none(reader)
    told = [
        reader.say("**{name}**: {sentence}", name=Literal(name), sentence=preset(reader, name, numbers))
        for name, numbers in presets_in(standing).items()
    ]
    told += [_rule(reader, standing, rule) for rule in own_rules(standing)]
    how = marked("{rules} shows all of it, {try_} what a change would have done in the last hour.")
    return join(
        [
            reader.say(marked("These **protections** hold in all rooms that you protect:")),
            lines(reader, told),
            reader.say(how, rules=_how("rules"), try_=_how("try")),
        ]
    )


def none(reader: Reader) -> Message:
    """Say that there are no protections, and how to have some."""
    return reader.say(
        marked("There are **no protections**: no rule acts in your rooms. {presets} shows those that fit a sentence."),
        presets=_how("presets"),
    )


def preset(reader: Reader, name: ProtectionsPreset, numbers: Sequence[int] = ()) -> Message:
    """Say in one sentence what a preset does with these numbers, or with the usual ones."""
    known = numbers_of(name)
    given: dict[str, Value] = {number.name: number.usual for number in known}
    given |= {number.name: one for number, one in zip(known, numbers, strict=False)}
    return reader.say(PRESETS[name], **given)


def presets(reader: Reader, standing: ProtectionsDocument = NOTHING) -> Message:
    """List what can be chosen by name, each in one sentence; those that stand are marked, with their numbers."""
    there = presets_in(standing)
    entries = []
    for name in ProtectionsPreset:
        stands = name in there or (name is ProtectionsPreset.NONE and not standing.rules)
        template = marked("{name}: {sentence} (this stands)") if stands else marked("{name}: {sentence}")
        numbers = there.get(name) or tuple(number.usual for number in numbers_of(name))
        written = " ".join([name.value, *map(str, numbers)])
        entries.append(reader.say(template, name=Literal(written), sentence=preset(reader, name, numbers)))
    choose = marked("{set_} adds one, with the usual numbers or those behind it; {off} takes one out.")
    how = reader.say(choose, set_=_how("preset flood"), off=_how("without flood"))
    return join([reader.say(marked("You can choose any of these, beside each other:")), lines(reader, entries), how])


def document_in_words(reader: Reader, document: ProtectionsDocument) -> Message:
    """Say rule by rule what protections do."""
    if not document.rules:
        return reader.say(marked("There are no rules."))
    return lines(reader, [_rule(reader, document, rule) for rule in document.rules], most=MOST_LISTED)


def _rule(reader: Reader, document: ProtectionsDocument, rule: ProtectionRule) -> Message:
    template = (
        marked("Rule {number}, **{name}**: {does} when {when}")
        if rule.because is None
        else marked("Rule {number}, **{name}**: {does} when {when} (your note: {note})")
    )
    return reader.say(
        template,
        number=document.rules.index(rule) + 1,
        name=rule.name,
        does=rules.follows(rule.then, reader),
        when=documents.condition(rule.when),
        note=rule.because or "",
    )


# ------------------------------------------------------------------------------------------------- trying


def tried(reader: Reader, found: Tried, how_to_set: str) -> Message:
    """Say what drafted rules would have done to what was heard lately, and by which command they are set."""
    parts = [reader.say(marked("This was only tried: nothing was done, and the protections are what they were."))]
    set_ = reader.say(marked("To set it, write {how}."), how=Literal(how_to_set))
    if found.since is None:
        quiet = marked("I heard nothing in the last hour that I remember: wait a little, and try again.")
        return join([*parts, reader.say(quiet), set_])
    head = marked(
        "Since {since} I heard {messages} and {joins}, of {people} in {rooms}. Of those who look after a room nothing "
        "is counted."
    )
    counts = {
        "messages": _messages(reader, found.messages),
        "joins": _count(reader, found.joins, marked("one arrival"), marked("{count} arrivals")),
        "people": _people(reader, found.people),
        "rooms": _count(reader, found.rooms, marked("one room"), marked("{count} rooms")),
    }
    parts.append(reader.say(head, since=reader.when(found.since), **counts))
    if found.rules:
        parts.append(lines(reader, [_by_rule(reader, one) for one in found.rules]))
    parts += _lacking(reader, found.lacking)
    return join([*parts, set_])


def _by_rule(reader: Reader, one: ByRule) -> Message:
    if not one.times:
        return reader.say(
            marked("Rule {number}, **{rule}**, would have done nothing."), number=one.number, rule=one.rule
        )
    template = (
        marked("Rule {number}, **{rule}**, would have taken out {messages} of {people}: {samples}")
        if one.do == "redact"
        else marked("Rule {number}, **{rule}**, would have acted {times}, on {people}: {samples}")
    )
    return reader.say(
        template,
        number=one.number,
        rule=one.rule,
        messages=_messages(reader, one.messages),
        times=_count(reader, one.times, marked("once"), marked("{count} times")),
        people=_people(reader, one.people),
        samples=_samples(reader, one),
    )


def _count(reader: Reader, count: int, one: str, many: str) -> Message:
    return reader.say(one) if count == 1 else reader.say(many, count=count)


def _messages(reader: Reader, count: int) -> Message:
    return _count(reader, count, marked("one message"), marked("{count} messages"))


def _people(reader: Reader, count: int) -> Message:
    return _count(reader, count, marked("one person"), marked("{count} people"))


def _samples(reader: Reader, one: ByRule) -> Message:
    told = []
    for sample in one.samples:
        what, facts = _what(reader, sample, done=False), _facts(reader, sample)
        told.append(what if facts is None else reader.say("{what} ({facts})", what=what, facts=facts))
    if one.people > len(told):
        told.append(reader.say(marked("and {count} more"), count=one.people - len(told)))
    found = told[0]
    for each in told[1:]:
        found = reader.say("{one}; {two}", one=found, two=each)
    return found


def _lacking(reader: Reader, lacking: Mapping[str, int]) -> list[Message]:
    if not lacking:
        return []
    facts = Safe(", ".join(f"{name} ({count})" for name, count in sorted(lacking.items())))
    told = marked(
        "Some rules could not tell, for want of these facts (of so many messages and arrivals): {facts}. Texts are not "
        "remembered, and who was in a room before me is no newcomer."
    )
    return [reader.say(told, facts=facts)]


def guide(reader: Reader) -> Message:
    """Lead a moderator from choosing protections to undoing them."""
    steps = (
        (marked("Choose: {how} shows what fits into one sentence."), "presets"),
        (marked("Try: {how} tells what it would have done in the last hour."), "try flood 10 5 10"),
        (marked("Set: {how} adds it. I act in all rooms that you protect."), "preset flood 10 5 10"),
        (marked("Look: {how} shows what stands; here I say what I do, to whom, by which rule."), ""),
        (marked("Write your own: {how} shows all of it as a document that you can change."), "rules"),
        (marked("Go back: {how} takes back the last change, and {versions} shows all of them."), "undo"),
        (marked("End: {how}; then no rule acts."), "preset none"),
    )
    told = [reader.say(step, how=_how(how), versions=_how("versions")) for step, how in steps]
    return join([reader.say(marked("Protections of your rooms, step by step:")), lines(reader, told)])
