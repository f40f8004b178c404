"""Helping as sentences: who helps whom, what a helper is shown and says, and what its owner is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.conversations import Meaning
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from app.wording.digests import helped
from app.wording.message import Literal, Message, Value, join
from app.wording.reader import Reader
from app.wording.replies import NO, YES, Names, lines
from kit.identifiers import UserId
from payments.stakes.model import Answer
from reputation.digests import Told
from reputation.helping import Given, Help
from reputation.model import AnswerOutcome


def asked(reader: Reader, helper: UserId, owner: UserId) -> Message:
    """Say that somebody was asked, and what they could do."""
    return reader.say(
        marked(
            "I ask {who} to help you, as far as they let me write to them; they help once they write {accept} to me. "
            "A helper sees who waits for your answer and who knocked, and can answer in your name: accept, return, "
            "spam. Nothing else of yours is theirs to see or to change. You are told of what they answer, and {remove} "
            "ends it at once."
        ),
        who=reader.person(helper),
        accept=Literal(f"helper accept {owner}"),
        remove=Literal(f"helper remove {helper}"),
    )


def removed(reader: Reader, helper: UserId) -> Message:
    """Say that somebody helps no more."""
    return reader.say(marked("{who} helps you no more, from this moment."), who=reader.person(helper))


def accepted(reader: Reader, owner: UserId) -> Message:
    """Say what a helper can do from now on."""
    return reader.say(
        marked(
            "You help {owner} now. {knocks} shows who waits for their answer and who knocked. {accept} answers in "
            "their name, as do `return` and `spam`; they are told what you answered. {leave} ends it."
        ),
        owner=reader.person(owner),
        knocks=Literal(f"knocks {owner}"),
        accept=Literal(f"accept @name:example.org for {owner}"),
        leave=Literal(f"helper leave {owner}"),
    )


def left(reader: Reader, owner: UserId) -> Message:
    """Say that one helps somebody no more."""
    return reader.say(marked("You do not help {owner}."), owner=reader.person(owner))


def helpers(reader: Reader, mine: Sequence[Help], theirs: Sequence[Help], names: Names) -> Message:
    """List one's helpers, and whom one helps."""
    parts = []
    if mine:
        parts.append(reader.say(marked("**They help you:**")))
        parts.append(lines(reader, [_line(reader, one, names.get(one.helper)) for one in mine]))
    else:
        none = marked("Nobody helps you. {add} asks somebody to answer your queue with you.")
        parts.append(reader.say(none, add=Literal("helper add @name:example.org")))
    if theirs:
        parts.append(
            reader.say(marked("**You help, or were asked to** (`helper accept`, `helper leave`, with the name):"))
        )
        parts.append(lines(reader, [_line(reader, one, names.get(one.owner)) for one in theirs]))
    return join(parts)


def _line(reader: Reader, one: Help, other: UserId | None) -> Message:
    if one.accepted_at is None:
        return reader.say(
            marked("{who}, asked {when}, has not accepted"), who=reader.person(other), when=reader.when(one.asked_at)
        )
    return reader.say(marked("{who}, since {when}"), who=reader.person(other), when=reader.when(one.accepted_at))


def queue(reader: Reader, owner: UserId, shown: Message) -> Message:
    """Put over somebody else's queue whose it is, and how it is answered."""
    head = reader.say(
        marked("**The queue of {owner}**, as they see it. You answer in their name: {accept}"),
        owner=reader.person(owner),
        accept=Literal(f"accept @name:example.org for {owner}"),
    )
    return join([head, shown])


def answers(reader: Reader, given: Sequence[Given], names: Names) -> Message:
    """Tell an owner what their helpers answered."""
    entries = []
    for one in given:
        said = helped(reader, Told(one.helper, one.stranger, one.answer), names)
        template = marked("{said}, {when}") if one.undone_at is None else marked("{said}, {when}; you took it back")
        entries.append(reader.say(template, said=said, when=reader.when(one.given_at)))
    return join([reader.say(marked("**Answered for you by your helpers:**")), lines(reader, entries)])


_DECLINED = marked(
    "Declined for {owner}: {who} stays outside and hears nothing of it. {owner} is told that it was you."
)
_ANSWERED: Mapping[Answer, str] = {
    Answer.ACCEPT: marked(
        "Accepted for {owner}: {who} reaches them freely from now on. They are told that it was you."
    ),
    Answer.RETURN: marked("Done for {owner}: the stake goes back to {who}. They are told that it was you."),
    Answer.SPAM: marked(
        "Noted for {owner}: {who} reaches them no more, and a stake of theirs will be burned. They are told that it "
        "was you, and only they can take it back."
    ),
}


def answered(reader: Reader, outcome: AnswerOutcome, stranger: UserId, owner: UserId | None) -> Letter:
    """Say to a helper what their answer did."""
    template = _DECLINED if outcome.declined else _ANSWERED[outcome.answer]
    said = reader.say(template, owner=reader.person(owner), who=reader.person(stranger))
    return Letter(said)


def confirm_spam(reader: Reader, stranger: UserId, owner: UserId | None) -> Letter:
    """Ask a helper whether a spam verdict is really meant."""
    return Letter(
        reader.say(
            marked(
                "Do you really want to call {who} a spammer in the name of {owner}? A stake of theirs is burned "
                "(nobody gets it), and they reach {owner} no more. Tap {yes} or write {confirm}; {no} or {cancel} "
                "leaves everything as it is."
            ),
            who=reader.person(stranger),
            owner=reader.person(owner),
            yes=YES,
            no=NO,
            confirm=Literal(Word.CONFIRM),
            cancel=Literal(Word.CANCEL),
        ),
        Meaning.CONFIRM_SPAM,
    )


def asks_you(reader: Reader, owner: Value, name: UserId | None) -> Letter:
    """Ask somebody whether they want to help, who never turned to us."""
    return Letter(
        reader.say(
            marked(
                "{owner} asks whether you would help them with strangers who knock at their door: you would see who "
                "waits for their answer, and could answer in their name. Nothing happens unless you write {accept}; "
                "{leave} declines.\nI keep doors with Earnest and never ask for passwords or money. {stop} ends all "
                "messages that you did not ask for; {help} shows what I do."
            ),
            owner=owner,
            accept=Literal(f"helper accept {name or '-'}"),
            leave=Literal(f"helper leave {name or '-'}"),
            stop=Literal("stop"),
            help=Literal("help"),
        )
    )


def said(reader: Reader, helper: Value, name: UserId | None, *, accepted: bool) -> Letter:
    """Tell an owner that somebody helps them now, or does not."""
    if not accepted:
        return Letter(reader.say(marked("{helper} does not help you, or no longer does."), helper=helper))
    return Letter(
        reader.say(
            marked("{helper} helps you now and may answer in your name. {remove} ends it at once."),
            helper=helper,
            remove=Literal(f"helper remove {name or '-'}"),
        )
    )
