"""Vouching: what the bot says of people's words for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import Names, lines
from kit.identifiers import UserId
from reputation.evidence import Audience, Vouch

_WEIGHTS: Mapping[int, str] = {
    1: marked("you know them"),
    2: marked("you know them well"),
    3: marked("you would answer for them"),
}
_AUDIENCES: Mapping[Audience, str] = {
    Audience.TRUSTED: marked("those whom you accepted or vouch for may see it, but not {who}"),
    Audience.EVERYBODY: marked("everybody may see it, {who} too"),
    Audience.MYSELF: marked("nobody but you sees it"),
}


def vouched(reader: Reader, vouch: Vouch, subject: UserId) -> Message:
    """Say what a word for somebody says, who may see it, until when it is good, and how to take it back."""
    return join(
        [
            reader.say(
                marked("You vouch for {who} now: {weight}; {audience}. It is good until {until}."),
                who=reader.person(subject),
                weight=reader.translate(_WEIGHTS[vouch.weight]),
                audience=reader.say(_AUDIENCES[vouch.audience], who=reader.person(subject)),
                until=reader.when(vouch.until),
            ),
            reader.say(marked("{undo} takes it back."), undo=Literal(f"unvouch {subject}")),
        ]
    )


def withdrawn(reader: Reader, subject: UserId) -> Message:
    """Say that a word was taken back."""
    return reader.say(marked("Taken back: you vouch for {who} no more."), who=reader.person(subject))


def given(reader: Reader, vouches: Sequence[Vouch], names: Names) -> Message:
    """List for whom a person vouches, or ever did."""
    if not vouches:
        return reader.say(
            marked("You vouch for nobody. Write {vouch} to say that you know somebody."),
            vouch=Literal("vouch @name:example.org"),
        )
    entries = [_line(reader, vouch, names) for vouch in vouches]
    told = reader.say(marked("{history} shows also what is past."), history=Literal("vouch history"))
    return join([reader.say(marked("You vouch for:")), lines(reader, entries), told])


def _line(reader: Reader, vouch: Vouch, names: Names) -> Message:
    if vouch.withdrawn_at is not None:
        template = marked("{who}, from {since}, taken back {ended}")
    elif not vouch.stands(reader.now):
        template = marked("{who}, from {since}, ran out {until}")
    else:
        template = marked("{who}: {weight}; {audience}; until {until}")
    who = reader.person(names.get(vouch.subject))
    return reader.say(
        template,
        who=who,
        weight=reader.translate(_WEIGHTS[vouch.weight]),
        audience=reader.say(_AUDIENCES[vouch.audience], who=who),
        since=reader.when(vouch.since),
        until=reader.when(vouch.until),
        ended="-" if vouch.withdrawn_at is None else reader.when(vouch.withdrawn_at),
    )


def seen(reader: Reader, vouches: Sequence[Vouch], names: Names) -> Message:
    """Name those people whom the reader knows who vouch for somebody."""
    return join(
        [
            reader.say(marked("People whom you know vouch for them:")),
            lines(reader, [reader.say("{who}", who=reader.person(names.get(one.author))) for one in vouches]),
        ]
    )
