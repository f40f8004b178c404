"""Answering: the one way in which a stranger is answered, by the owner of the queue or by a helper in their name."""

from __future__ import annotations

from app.container import Work
from kit.identifiers import PersonId, UserId
from payments.stakes.model import Answer
from reputation.model import AnswerOutcome


def answer(
    work: Work, owner: PersonId, stranger: UserId, said: Answer, *, helper: PersonId | None = None
) -> AnswerOutcome:
    """Take an answer, end the questions about it that anybody was asked, and remember a helper who gave it.

    Raises what ``Gate.answer`` raises, and ``NotFound`` for a helper who may not give it.
    """
    work.helping.hold(owner)
    if helper is not None:
        work.helping.check(helper, owner, stranger, said)
    outcome = work.gate.answer(owner, stranger, said)
    work.conversations.settle(owner, outcome.stranger)
    if helper is not None:
        work.helping.note(helper, owner, outcome.stranger, said)
    return outcome


def undo(work: Work, owner: PersonId, stranger: UserId) -> AnswerOutcome:
    """Take a spam verdict back, whoever gave it in the owner's name; only the owner does."""
    work.helping.hold(owner)
    outcome = work.gate.undo(owner, stranger)
    work.conversations.settle(owner, outcome.stranger)
    work.helping.undone(owner, outcome.stranger)
    return outcome
