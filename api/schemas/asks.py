"""Schemas of asks: one sentence without links, what became of it, and the queue in which it waits."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix
from reputation.asking import LONGEST_SENTENCE

Sentence = Annotated[str, Field(examples=["Hello, it is Gina from the choir; may I write to you?"])]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskIn(_In):
    """A sentence for somebody whose door takes them."""

    recipient: MatrixId
    sentence: Annotated[
        Sentence,
        Field(
            description=f"One line of 1 to {LONGEST_SENTENCE} characters: no links, no numbers to call, no Matrix ids."
        ),
    ]


class AskOut(_Out):
    """A sentence of yours, and what became of it."""

    recipient: MatrixId | None
    sentence: Annotated[str, Field(description="Empty once it was accepted.")]
    state: Literal["waiting", "accepted", "declined"]
    asked_at: Unix
    until: Annotated[int, Field(description="Until when (Unix) it waits, or nothing else can be asked of them.")]


class AsksOut(_Out):
    """What you asked, newest first."""

    asks: list[AskOut]


class QueuedOne(_Out):
    """A stranger's sentence that waits for your answer."""

    stranger: MatrixId | None
    sentence: Sentence
    asked_at: Unix
    until: Annotated[int, Field(description="Until when (Unix) it waits.")]


class QueueOut(_Out):
    """What waits for your answer, oldest first."""

    queue: list[QueuedOne]


class QueueAnswerIn(_In):
    """What you say of somebody who asks. Where they put down a stake too, it is the answer to that as well."""

    answer: Literal["accept", "decline", "spam"]
    confirm: Annotated[bool, Field(description="Must be true for spam where a stake of theirs waits: it burns.")] = (
        False
    )


class QueueAnswerOut(_Out):
    """What an answer did."""

    answer: Literal["accept", "decline", "spam"]
    stranger: MatrixId
