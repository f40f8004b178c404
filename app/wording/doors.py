"""Doors in words: what somebody's door says, what a drafted one would change, its versions, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from app.wording import documents, rules
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, join
from app.wording.reader import Reader
from app.wording.replies import MOST_LISTED, lines, people_list, price
from kit.identifiers import UserId, show_address
from reputation.model import Door, DoorMode
from reputation.policy import DoorDocument
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset, preset_of
from reputation.trying import Difference, Fate, Sample, Tried, rule_of
from reputation.verdict import Hold, Verdict

_MOST_SAMPLES: Final = 20
_UNDO: Final = "door undo"
_CAPS = marked(
    "At most {open} strangers wait for you at once, and {day} come in a day; {cap} changes that. Where many "
    "wait unanswered, or the same sender tries often, more is asked of strangers until you answer."
)


def door(reader: Reader, state: Door, exempt: Sequence[UserId]) -> Message:
    """Show a door."""
    parts = [_by_rules(reader, state)] if state.mode is DoorMode.RULES else [_by_mode(reader, state)]
    if state.prices and state.fee_payee is not None:
        parts.append(reader.say(marked("Fees go to {wallet}."), wallet=Literal(show_address(state.fee_payee))))
    if state.prices:
        told = Literal(f"door cap {state.caps.most_open} day {state.caps.most_a_day}")
        parts.append(reader.say(_CAPS, open=state.caps.most_open, day=state.caps.most_a_day, cap=told))
    if exempt:
        parts.append(reader.say(marked("Exempted:")))
        parts.append(people_list(reader, exempt))
    return join(parts)


def _by_mode(reader: Reader, state: Door) -> Message:
    if state.mode is DoorMode.ASK:
        template = marked(
            "Your door asks strangers for {price}. People whom you invited first, accepted or exempted pass free."
        )
    elif state.mode is DoorMode.CLOSED:
        template = marked("Your door is **closed**: only people whom you know or exempted can invite you.")
    else:
        template = marked("Your door is **open**: everybody can invite you, and nobody is asked for anything.")
    return reader.say(template, price=price(reader, state.price))


def _by_rules(reader: Reader, state: Door) -> Message:
    document = document_of(state)
    named = preset_of(document)
    head = marked(
        "Your door has **rules**. People whom you invited first, accepted or exempted pass free; of anybody else the "
        "first rule that holds decides:"
    )
    parts = [reader.say(head), document_in_words(reader, document)]
    if named is not None:
        known = marked("That is the preset {name}: {sentence}")
        parts.insert(0, reader.say(known, name=Literal(named), sentence=rules.preset(named, reader)))
    return join(parts)


def document_in_words(reader: Reader, document: DoorDocument) -> Message:
    """Say rule by rule what a door does, and what it does with whom no rule names."""
    told = []
    for number, rule in enumerate(document.rules, 1):
        template = (
            marked("Rule {number}, **{name}**: {action} when {when}")
            if rule.because is None
            else marked("Rule {number}, **{name}**: {action} when {when} (your note: {note})")
        )
        action, when = rules.action(rule.then, reader), documents.condition(rule.when)
        told.append(
            reader.say(template, number=number, name=rule.name, action=action, when=when, note=rule.because or "")
        )
    otherwise = rules.action(document.otherwise, reader)
    last = marked("Whom no rule names: {action}") if told else marked("Every stranger: {action}")
    if len(told) > MOST_LISTED:
        told[MOST_LISTED:] = [reader.say(marked("… and {count} more"), count=len(told) - MOST_LISTED)]
    return lines(reader, [*told, reader.say(last, action=otherwise)], most=len(told) + 1)


# ---------------------------------------------------------------------------------------------------- setting


def presets(reader: Reader, standing: DoorDocument) -> Message:
    """List what can be chosen by name, each in one sentence; the one that stands is marked."""
    entries = []
    for name in PRESETS:
        stands = name is preset_of(standing)
        template = marked("**{name}**: {sentence} (this one stands)") if stands else marked("**{name}**: {sentence}")
        entries.append(reader.say(template, name=Literal(name), sentence=rules.preset(name, reader)))
    but = marked("{how}: {sentence}")
    how = Literal("door but @spam:example.org bad.example")
    entries.append(reader.say(but, how=how, sentence=reader.say(rules.OPEN_BUT)))
    example = Preset.FRIENDS_OF_FRIENDS.value
    choose = marked("{try_} shows what it would have changed lately, and changes nothing. {set_} sets it.")
    said = reader.say(choose, try_=Literal(f"door try {example}"), set_=Literal(f"door preset {example}"))
    return join([reader.say(marked("You can choose one of these:")), lines(reader, entries, most=len(entries)), said])


def document(reader: Reader, standing: DoorDocument) -> Message:
    """Show a door's document: in sentences, then as it is written."""
    return documents.document(reader, standing, document_in_words(reader, standing))


# ---------------------------------------------------------------------------------------------------- trying

_MOVES: Mapping[tuple[Fate, Fate], str] = {
    (Fate.COMES_IN, Fate.COMES_IN): marked("**{count}** come in by something else:"),
    (Fate.COMES_IN, Fate.HELD): marked("**{count}** come in now and would be **held**:"),
    (Fate.COMES_IN, Fate.REFUSED): marked("**{count}** come in now and would be **refused**:"),
    (Fate.HELD, Fate.COMES_IN): marked("**{count}** are held now and would **come in**:"),
    (Fate.HELD, Fate.HELD): marked("**{count}** are held now and would be held **for something else**:"),
    (Fate.HELD, Fate.REFUSED): marked("**{count}** are held now and would be **refused**:"),
    (Fate.REFUSED, Fate.COMES_IN): marked("**{count}** are refused now and would **come in**:"),
    (Fate.REFUSED, Fate.HELD): marked("**{count}** are refused now and would be **held**:"),
    (Fate.REFUSED, Fate.REFUSED): marked("**{count}** are refused for something else:"),
}


def tried(reader: Reader, found: Tried, how_to_set: str) -> Message:
    """Say what a drafted door would change, and by which command it is set."""
    parts = [reader.say(marked("This was only tried: your door is what it was."))]
    parts.append(_how_many(reader, found))
    most = max(1, _MOST_SAMPLES // max(1, len(found.differences)))
    parts += [_difference(reader, one, most) for one in found.differences]
    if found.lacking:
        facts = Safe(", ".join(found.lacking))
        lacking = marked(
            "Of {count} of them its rules could not tell everything, for want of {facts}: what an invite itself said "
            "is not kept."
        )
        parts.append(reader.say(lacking, count=max(found.lacking.values()), facts=facts))
    if not found.counted:
        never = marked("Whom a door lets in is counted from when it is first set, and you have not set yours yet.")
        parts.append(reader.say(never))
    parts.append(reader.say(marked("To set it, write {how}."), how=Literal(how_to_set)))
    return join(parts)


def _how_many(reader: Reader, found: Tried) -> Message:
    if not found.strangers:
        nobody = marked("Nobody who was counted knocked in the last {days} days, so there is nobody to try it on.")
        return reader.say(nobody, days=found.days)
    template = marked(
        "Of {all} who knocked in the last {days} days, **{count}** would meet something else, by what is known of them "
        "today."
    )
    parts = [reader.say(template, all=found.strangers, days=found.days, count=found.changed)]
    if found.cut:
        parts.append(reader.say(marked("There were more: these are the latest.")))
    if found.own_word:
        word = marked("Of {count} you said something yourself; that stands, whatever your door is.")
        parts.append(reader.say(word, count=found.own_word))
    names = {f"part_{letter}": part for letter, part in zip("abc", parts, strict=False)}
    return reader.say(" ".join(f"{{{name}}}" for name in names), **names)


def _difference(reader: Reader, one: Difference, most: int) -> Message:
    head = reader.say(_MOVES[one.now, one.then], count=one.strangers)
    shown = [_sample(reader, sample) for sample in one.samples[:most]]
    rest = one.strangers - len(shown)
    if rest:
        shown.append(reader.say(marked("… and {count} more"), count=rest))
    return reader.say("{head}\n{list}", head=head, list=lines(reader, shown, most=len(shown)))


def _sample(reader: Reader, sample: Sample) -> Message:
    template = marked("{who} ({count}\N{MULTIPLICATION SIGN}, last {last}): {then}")
    count = sample.came_in + sample.kept_out
    return reader.say(
        template,
        who=reader.person(sample.stranger),
        count=count,
        last=reader.when(sample.last_at),
        then=_then(reader, sample.then),
    )


def _then(reader: Reader, verdict: Verdict) -> Message:
    name, asked = rule_of(verdict), rules.asked(verdict, reader) if isinstance(verdict, Hold) else None
    if asked is None:
        return (
            reader.say(marked("no rule names them"))
            if name is None
            else reader.say(marked("by rule **{name}**"), name=name)
        )
    if name is None:
        return reader.say(marked("for {asked}; no rule names them"), asked=asked)
    return reader.say(marked("for {asked}, by rule **{name}**"), asked=asked, name=name)


def guide(reader: Reader) -> Message:
    """Lead a newcomer from choosing a door to undoing it."""
    first = Preset.FRIENDS_OF_FRIENDS.value
    steps = (
        (marked("Choose: {how} shows doors that fit into one sentence."), "door presets"),
        (
            marked("Try: {how} tells what it would have changed in the last 14 days, and changes nothing."),
            f"door try {first}",
        ),
        (marked("Set: {how} makes it yours."), f"door preset {first}"),
        (
            marked("Ask why: {how} says what somebody would meet, by which rule, and what is not known."),
            "why @name:example.org",
        ),
        (marked("Undo: {how} goes back; {versions} shows all that you ever set."), _UNDO),
    )
    told = [reader.say(step, how=Literal(how), versions=Literal("door versions")) for step, how in steps]
    return join([reader.say(marked("Your door in five steps, each of which can be taken back:")), lines(reader, told)])
