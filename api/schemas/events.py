"""Schemas of events, and of the endpoints that they are sent to."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix

_OPENED: dict[str, Any] = {
    "id": 7,
    "type": "stake.opened",
    "timestamp": "2026-11-26T02:00:00.123Z",
    "subject": "stake:0x" + "ab" * 32,
    "level": "seen",
    "other": "@bob:example.org",
    "confirms": None,
    "takes_back": None,
    "data": {"role": "recipient", "stake": "5000000000000000000", "fee": "0"},
}
EventId = Annotated[int, Field(ge=0, le=2**63 - 1, description="An event's id; 0 is before the first.")]
Types = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EventOut(_Out):
    """What happened. docs/events.md lists the types and what each has in ``data``."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_OPENED]})

    id: Annotated[int, Field(description="Counts your events, without gaps, in the order in which they happened.")]
    type: Annotated[str, Field(examples=["stake.opened"])]
    timestamp: Annotated[str, Field(description="RFC 3339, UTC.")]
    subject: Annotated[str, Field(examples=["stake:0x" + "ab" * 32])]
    level: Annotated[
        Literal["seen", "safe", "finalized", "orphaned"],
        Field(description="How sure it was when this was told; what rests on no block is final."),
    ]
    other: Annotated[MatrixId | None, Field(description="Who else is concerned, if anybody who still has a name.")]
    confirms: Annotated[int | None, Field(description="The event that told the same when it was not final.")]
    takes_back: Annotated[int | None, Field(description="The event that is no longer so: its block left the chain.")]
    data: dict[str, Any]


class EventsOut(_Out):
    """Some events, oldest first. Ask again with ``after`` = ``next``; at once where there are more."""

    events: list[EventOut]
    next: int
    more: bool


class WebhookIn(_In):
    """Where to send events, and which."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://hooks.example.org/earnest", "mode": "finalized"}]},
    )

    url: Annotated[str, Field(max_length=2000, examples=["https://hooks.example.org/earnest"])]
    mode: Annotated[
        Literal["instant", "finalized"],
        Field(description="instant: when it is seen, and again if it is taken back. finalized: final facts alone."),
    ] = "instant"
    types: Annotated[Types, Field(description="Types of events; all where none is named.")] = []


class WebhookOut(_Out):
    """An endpoint, without its secret."""

    id: str
    url: str
    mode: Literal["instant", "finalized"]
    types: list[str]
    state: Literal["active", "paused", "disabled"]
    why: Annotated[str | None, Field(description="Why it is disabled.", examples=["failing", "gone", "sealed"])]
    sent_up_to: Annotated[int, Field(description="The id up to which events were sent, or given up.")]
    waiting: Annotated[int, Field(description="How many ids follow.")]
    attempts: Annotated[int, Field(description="Attempts to deliver the next one so far.")]
    next_attempt_at: Unix | None
    failing_since: Unix | None
    delivered_at: Unix | None
    two_secrets_until: Annotated[int | None, Field(description="Until when (Unix) the secret before this one signs.")]
    created_at: Unix


class NewWebhookOut(_Out):
    """A new endpoint. ``secret`` is shown now and never again."""

    webhook: WebhookOut
    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


class SecretOut(_Out):
    """A new secret, shown now and never again."""

    secret: str


class WebhooksOut(_Out):
    """All your endpoints, oldest first."""

    webhooks: list[WebhookOut]


class AttemptOut(_Out):
    """How one attempt ended."""

    event: int
    attempt: int
    at: Unix
    milliseconds: int
    status: Annotated[int | None, Field(description="What the endpoint answered.")]
    error: Annotated[str | None, Field(description="Why it did not.", examples=["too_slow"])]
    outcome: Literal["delivered", "failed", "dead"]


class AttemptsOut(_Out):
    """How the last attempts ended, latest first."""

    attempts: list[AttemptOut]
