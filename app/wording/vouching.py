"""Vouching: what the bot says of people's words for and against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import Names, lines
from kit.identifiers import UserId
from reputation.evidence import Audience, Reason, Said

_WEIGHTS: Mapping[int, str] = {
    1: marked("you know them"),
    2: marked("you know them well"),
    3: marked("you would answer for them"),
}
_REASONS: Mapping[Reason, str] = {
    Reason.SPAM: marked("spam"),
    Reason.SCAM: marked("a scam"),
    Reason.ABUSE: marked("abuse"),
    Reason.IMPERSONATION: marked("posing as somebody else"),
    Reason.OTHER: marked("something else"),
}
_AUDIENCES: Mapping[Audience, str] = {
    Audience.TRUSTED: marked("those whom you accepted or vouch for may see it, but not {who}"),
    Audience.EVERYBODY: marked("everybody may see it, {who} too"),
    Audience.MYSELF: marked("nobody but you sees it"),
}


def vouched(reader: Reader, vouch: Said, subject: UserId) -> Message:
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


def reported(reader: Reader, report: Said, subject: UserId) -> Message:
    """Say what a word against somebody says, who may see it, and what it does not do."""
    return join(
        [
            reader.say(
                marked("You report {who} now, for {reason}; {audience}. It is good until {until}."),
                who=reader.person(subject),
                reason=_reason(reader, report),
                audience=reader.say(_AUDIENCES[report.audience], who=reader.person(subject)),
                until=reader.when(report.until),
            ),
            reader.say(
                marked("It is your word against them and no more: your door is as it was. {spam} shuts it to them."),
                spam=Literal(f"spam {subject}"),
            ),
            reader.say(marked("{undo} takes it back."), undo=Literal(f"withdraw {subject}")),
        ]
    )


def withdrawn(reader: Reader, said: Said, subject: UserId) -> Message:
    """Say that a word was taken back."""
    if said.reason is None:
        return reader.say(marked("Taken back: you vouch for {who} no more."), who=reader.person(subject))
    return reader.say(marked("Taken back: you report {who} no more."), who=reader.person(subject))


def given(reader: Reader, said: Sequence[Said], names: Names) -> Message:
    """List for whom a person vouches and whom they report, or ever did."""
    if not said:
        return reader.say(
            marked(
                "You vouch for nobody and report nobody. Write {vouch} to say that you know somebody, or {report} "
                "against them."
            ),
            vouch=Literal("vouch @name:example.org"),
            report=Literal("report @name:example.org spam"),
        )
    parts = []
    for heading, good in ((marked("You vouch for:"), True), (marked("You report:"), False)):
        entries = [_line(reader, one, names) for one in said if (one.reason is None) is good]
        if entries:
            parts += [reader.say(heading), lines(reader, entries)]
    parts.append(reader.say(marked("{history} shows also what is past."), history=Literal("vouch history")))
    return join(parts)


def _line(reader: Reader, said: Said, names: Names) -> Message:
    if said.withdrawn_at is not None:
        template = marked("{who}, from {since}, taken back {ended}")
    elif not said.stands(reader.now):
        template = marked("{who}, from {since}, ran out {until}")
    else:
        template = marked("{who}: {what}; {audience}; until {until}")
    who = reader.person(names.get(said.subject))
    return reader.say(
        template,
        who=who,
        what=_reason(reader, said) if said.reason else reader.translate(_WEIGHTS[said.weight]),
        audience=reader.say(_AUDIENCES[said.audience], who=who),
        since=reader.when(said.since),
        until=reader.when(said.until),
        ended="-" if said.withdrawn_at is None else reader.when(said.withdrawn_at),
    )


def seen(reader: Reader, vouches: Sequence[Said], names: Names) -> Message:
    """Name those people whom the reader knows who vouch for somebody."""
    return join(
        [
            reader.say(marked("People whom you know vouch for them:")),
            lines(reader, [reader.say("{who}", who=reader.person(names.get(one.author))) for one in vouches]),
        ]
    )


def seen_against(reader: Reader, reports: Sequence[Said], names: Names) -> Message:
    """Name those people whom the reader knows who report somebody, and for what."""
    template = marked("{who}, for {reason}")
    entries = [
        reader.say(template, who=reader.person(names.get(one.author)), reason=_reason(reader, one)) for one in reports
    ]
    return join([reader.say(marked("People whom you know report them:")), lines(reader, entries)])


def _reason(reader: Reader, said: Said) -> str:
    return reader.translate(_REASONS[said.reason or Reason.OTHER])
