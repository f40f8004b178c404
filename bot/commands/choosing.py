"""Choosing: whom an answer is meant for, when it does not say."""

from __future__ import annotations

from dataclasses import replace

from app import answering
from app.container import Work
from app.conversations import Meaning
from app.wording import replies
from app.wording.buttons import Letter, Word
from bot.commands.command import Asked, named
from kit.identifiers import UserId
from payments.stakes.model import Answer


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
        numbers = answering.waiting(work, asked.person)
    known = work.people.mxids(numbers)
    people = [known[number] for number in dict.fromkeys(numbers) if number in known]
    if len(people) == 1:
        return people[0]
    if not people:
        return Letter(replies.nobody(asked.reader, word))
    return Letter(replies.which_one(asked.reader, verb or word, people))


def give(work: Work, asked: Asked, stranger: UserId, answer: Answer) -> Letter:
    """Give the answer and say what it did."""
    outcome = answering.answer(work, asked.person, stranger, answer)
    work.conversations.settle(asked.person, outcome.stranger)
    return replace(replies.answered(asked.reader, outcome, stranger), about=outcome.stranger)


def ask_whether_spam(work: Work, asked: Asked, stranger: UserId) -> Letter:
    """Ask for the confirmation that a spam verdict needs."""
    return replace(replies.confirm_spam(asked.reader, stranger), about=work.people.number(stranger))


def take_back(work: Work, asked: Asked, stranger: UserId) -> Letter:
    """Take a spam verdict back."""
    answering.undo(work, asked.person, stranger)
    number = work.people.find(stranger)
    if number is not None:
        work.conversations.settle(asked.person, number)
    return Letter(replies.undone(asked.reader, stranger))
