"""Answering: the one way in which a stranger asks, and is answered by the owner of a door or a helper in their name."""

from __future__ import annotations

from dataclasses import replace

from app.container import Work
from kit.errors import NotFound
from kit.identifiers import PersonId, UserId, server_of
from payments.stakes.model import Answer
from reputation.asking import Ask
from reputation.model import AnswerOutcome
from reputation.verdict import Verdict


def ask(work: Work, stranger: UserId, recipient: UserId, sentence: str) -> Ask:
    """Put a stranger's sentence into somebody's queue, where that person's door takes it (``Asks.ask``)."""
    number = work.people.find(recipient)
    return work.asks.ask(stranger, number, sentence, _verdict(work, stranger, recipient, number))


def _verdict(work: Work, stranger: UserId, recipient: UserId, number: PersonId | None) -> Verdict | None:
    """Return what a knock would meet now at somebody of ours; ``None`` for anybody else."""
    if number is None or work.tenants.find(server_of(recipient)) is None:
        return None
    return work.gate.why(number, stranger).verdict


def answer(
    work: Work, owner: PersonId, stranger: UserId, said: Answer, *, helper: PersonId | None = None
) -> AnswerOutcome:
    """Take an answer to all that waits of a stranger, end the questions about it, and remember a helper who gave it.

    Accept and spam as in ``Gate.answer``; return also declines a sentence. Raises what ``Gate.answer`` raises, and
    ``NotFound`` for a helper who may not give it.
    """
    work.helping.hold(owner)
    if helper is not None:
        work.helping.check(helper, owner, stranger, said)
    outcome = _answer(work, owner, stranger, said)
    work.conversations.settle(owner, outcome.stranger)
    if helper is not None:
        work.helping.note(helper, owner, outcome.stranger, said)
    return outcome


def _answer(work: Work, owner: PersonId, stranger: UserId, said: Answer) -> AnswerOutcome:
    number = work.people.find(stranger)
    asked = number is not None and work.asks.takes(owner, number, said)
    staked = any(one.stranger == number for one in work.gate.waiting(owner))
    if number is not None and asked and not staked and said is not Answer.SPAM:
        outcome = AnswerOutcome(said, number, ())
        if not work.asks.answer(owner, number, said):  # taken back at this moment
            raise NotFound("nothing_waiting", "Nobody of that name waits for your answer.")
    else:
        outcome = work.gate.answer(owner, stranger, said)
        asked = work.asks.answer(owner, outcome.stranger, said)  # after the stakes, as whoever forgets locks them
    return replace(outcome, asked=asked)


def undo(work: Work, owner: PersonId, stranger: UserId) -> AnswerOutcome:
    """Take a spam verdict back, whoever gave it in the owner's name; what the stranger asked waits again."""
    work.helping.hold(owner)
    outcome = work.gate.undo(owner, stranger)
    work.asks.undo(owner, outcome.stranger)
    work.conversations.settle(owner, outcome.stranger)
    work.helping.undone(owner, outcome.stranger)
    return outcome


def waiting(work: Work, owner: PersonId) -> list[PersonId]:
    """Return who waits for an answer of somebody's, with a stake or a sentence, each once."""
    staked = [one.stranger for one in work.gate.waiting(owner)]
    return list(dict.fromkeys([*staked, *(one.stranger for one in work.asks.queue(owner))]))
