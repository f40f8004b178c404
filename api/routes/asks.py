"""Asks: one sentence before somebody whose door takes them; and the queue of those that wait for oneself."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.asks import AskIn, AskOut, AsksOut, QueueAnswerIn, QueueAnswerOut, QueuedOne, QueueOut
from api.schemas.problems import problems
from app import answering
from kit.clock import unix
from kit.errors import Conflict, NotFound
from kit.identifiers import UserId, parse_user_id
from payments.stakes.model import Answer
from reputation.asking import Ask, AskState

router = APIRouter(prefix="/v1/me", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

OtherId = Annotated[str, Path(max_length=255, examples=["@gina:example.org"])]
_ANSWERS = {"accept": Answer.ACCEPT, "decline": Answer.RETURN, "spam": Answer.SPAM}


@router.get("/asks")
def asks(reader: Reader, container: ContainerDep) -> AsksOut:
    """List whom you asked in the last 30 days and what became of it, newest first."""
    with container.read() as work:
        made = work.asks.made(reader.person)
        names = work.people.mxids({one.recipient for one in made})
    return AsksOut(asks=[_shown(one, names.get(one.recipient)) for one in made])


@router.post("/asks", status_code=201)
def ask(asked: AskIn, writer: Writer, container: ContainerDep) -> AskOut:
    """Put one sentence before somebody whose door takes them. They are not disturbed; they see it when they look.

    Somebody who takes none is told of like nobody at all.
    """
    recipient = parse_user_id(asked.recipient)
    with container.work() as work:
        own = work.people.mxid(writer.person)
        if own is None:
            raise NotFound("person_unknown", "There is no such person.")
        made = answering.ask(work, own, recipient, asked.sentence)
    return _shown(made, recipient)


@router.delete("/asks/{other}", status_code=204)
def withdraw(other: OtherId, writer: Writer, container: ContainerDep) -> None:
    """Take a sentence back that waits."""
    user = parse_user_id(other)
    with container.work() as work:
        recipient = work.people.find(user)
        if recipient is None:
            raise NotFound("ask_unknown", "No sentence of yours waits for anybody of that name.")
        work.asks.withdraw(writer.person, recipient)


@router.get("/queue")
def queue(reader: Reader, container: ContainerDep) -> QueueOut:
    """Show who asks to write to you, and in what words, oldest first. Stakes that wait stand in `waiting`."""
    with container.read() as work:
        waiting = work.asks.queue(reader.person)
        names = work.people.mxids({one.stranger for one in waiting})
    return QueueOut(
        queue=[
            QueuedOne(
                stranger=names.get(one.stranger),
                sentence=one.sentence,
                asked_at=unix(one.asked_at),
                until=unix(one.until),
            )
            for one in waiting
        ]
    )


@router.post("/queue/{other}")
def answer(other: OtherId, said: QueueAnswerIn, writer: Writer, container: ContainerDep) -> QueueAnswerOut:
    """Answer somebody who asks: they come in free from now on; or stay outside; or are spam and never ask again.

    Only whom you accept is told. Within 30 days you can still accept whom you declined.
    """
    user, given = parse_user_id(other), _ANSWERS[said.answer]
    with container.work() as work:
        stranger = work.people.find(user)
        if stranger is None or not work.asks.takes(writer.person, stranger, given):
            raise NotFound("nothing_waiting", "Nobody of that name waits for your answer.")
        staked = any(one.stranger == stranger for one in work.gate.waiting(writer.person))
        if given is Answer.SPAM and staked and not said.confirm:
            raise Conflict("confirm_spam", "This burns their stake after 48 hours. Send it again with 'confirm': true.")
        answering.answer(work, writer.person, user, given)
    return QueueAnswerOut(answer=said.answer, stranger=user)


def _shown(one: Ask, recipient: UserId | None) -> AskOut:
    state = AskState.DECLINED if one.state is AskState.SPAM else one.state
    return AskOut.model_validate(
        {
            "recipient": recipient,
            "sentence": one.sentence,
            "state": state.value,
            "asked_at": unix(one.asked_at),
            "until": unix(one.until),
        }
    )
