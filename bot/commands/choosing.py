"""Choosing: whom an answer is meant for, when it does not say."""

from __future__ import annotations

from dataclasses import replace

from app import answering
from app.container import Work
from app.conversations import Meaning
from app.wording import helping, replies
from app.wording.buttons import Letter, Word
from bot.commands.command import Asked, is_id, named
from kit.identifiers import UserId
from payments.stakes.model import Answer

_FOR = "for"


def on_behalf(work: Work, asked: Asked) -> Asked:
    """Read ``@bob:example.org for @alice:example.org``: whose queue it is about, and the words that are left.

    A name may have a "for" in it, so whoever is helped is written as an id, or picked where the stranger is one. Raises
    ``NotFound`` where they are none whom the sender helps.
    """
    words = [word.lower() for word in asked.words]
    if _FOR not in words:
        return asked
    place = len(words) - 1 - words[::-1].index(_FOR)
    before, after = asked.words[:place], asked.words[place + 1 :]
    literal = len(after) == 1 and is_id(after[0])
    if not after or not (literal or (len(before) == 1 and is_id(before[0]))):
        return asked
    owner = named(asked, after)
    mine = replace(asked, words=before, mentions=tuple(one for one in asked.mentions if one != owner))
    if owner is None or owner == asked.user:
        return mine
    return replace(mine, behalf=work.helping.owner(asked.person, owner))


def choose(work: Work, asked: Asked, word: Word, *, verb: str | None = None) -> UserId | Letter:
    """Return whom ``word`` is about: who is named, else the only one in question; else a letter that asks whom.

    ``verb`` is how it was written, where not as ``word``.
    """
    said = named(asked, asked.words)
    if said is not None:
        return said
    if word is Word.UNDO:
        numbers = [
            prompt.about
            for prompt in work.conversations.waiting(asked.person, Meaning.UNDO)
            if prompt.about is not None
        ]
    else:
        numbers = answering.waiting(work, asked.owner)
    known = work.people.mxids(numbers)
    people = [known[number] for number in dict.fromkeys(numbers) if number in known]
    if len(people) == 1:
        return people[0]
    if not people:
        return Letter(replies.nobody(asked.reader, word))
    return Letter(replies.which_one(asked.reader, verb or word, people))


def give(work: Work, asked: Asked, stranger: UserId, answer: Answer) -> Letter:
    """Give the answer and say what it did."""
    helper = None if asked.behalf is None else asked.person
    outcome = answering.answer(work, asked.owner, stranger, answer, helper=helper)
    if asked.behalf is not None:
        return helping.answered(asked.reader, outcome, stranger, work.people.mxid(asked.behalf))
    return replace(replies.answered(asked.reader, outcome, stranger), about=outcome.stranger)


def ask_whether_spam(work: Work, asked: Asked, stranger: UserId) -> Letter:
    """Ask for the confirmation that a spam verdict needs."""
    if asked.behalf is None:
        return replace(replies.confirm_spam(asked.reader, stranger), about=work.people.number(stranger))
    work.helping.check(asked.person, asked.behalf, stranger, Answer.SPAM)
    letter = helping.confirm_spam(asked.reader, stranger, work.people.mxid(asked.behalf))
    return replace(letter, about=work.people.number(stranger), behalf=asked.behalf)


def take_back(work: Work, asked: Asked, stranger: UserId) -> Letter:
    """Take a spam verdict back."""
    answering.undo(work, asked.person, stranger)
    return Letter(replies.undone(asked.reader, stranger))
