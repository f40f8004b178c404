"""Answering: what a recipient says of a stranger, to their stake and to their sentence at once; and how one asks."""

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


def answer(work: Work, recipient: PersonId, stranger: UserId, said: Answer) -> AnswerOutcome:
    """Take what a recipient says of a stranger; it is the answer to all that waits of theirs.

    Accept and spam as in ``Gate.answer``; return also declines a sentence. Raises what ``Gate.answer`` raises.
    """
    number = work.people.find(stranger)
    asked = number is not None and work.asks.takes(recipient, number, said)
    staked = any(one.stranger == number for one in work.gate.waiting(recipient))
    if number is not None and asked and not staked and said is not Answer.SPAM:
        outcome = AnswerOutcome(said, number, ())
        if not work.asks.answer(recipient, number, said):  # taken back at this moment
            raise NotFound("nothing_waiting", "Nobody of that name waits for your answer.")
    else:
        outcome = work.gate.answer(recipient, stranger, said)
        asked = work.asks.answer(recipient, outcome.stranger, said)  # after the stakes, as whoever forgets locks them
    return replace(outcome, asked=asked)


def undo(work: Work, recipient: PersonId, stranger: UserId) -> AnswerOutcome:
    """Take a spam verdict back (``Gate.undo``); what they asked waits again."""
    outcome = work.gate.undo(recipient, stranger)
    work.asks.undo(recipient, outcome.stranger)
    return outcome


def waiting(work: Work, recipient: PersonId) -> list[PersonId]:
    """Return who waits for a recipient's answer, with a stake or a sentence, each once."""
    staked = [one.stranger for one in work.gate.waiting(recipient)]
    return list(dict.fromkeys([*staked, *(one.stranger for one in work.asks.queue(recipient))]))
