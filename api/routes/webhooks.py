"""Webhooks: where whoever asks wants their events sent (Standard Webhooks), and how that goes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.schemas.events import (
    AttemptOut,
    AttemptsOut,
    EventId,
    NewWebhookOut,
    SecretOut,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from api.schemas.problems import problems
from app.container import Work
from app.webhooks.model import Attempt, State, Webhook
from kit.clock import unix
from ledger.telling import Mode

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=problems(400, 401, 403, 404, 409, 410, 429, 503))

Name = Annotated[str, Path(max_length=22)]
_sends = Depends(limited("webhook_sends", per_minute=6, burst=6))


@router.post("", status_code=201)
def add(asked: WebhookIn, writer: Writer, container: ContainerDep) -> NewWebhookOut:
    """Have your events sent to a URL, from now on. At most five; https and a public address."""
    with container.work() as work:
        webhook, secret = work.webhooks.add(writer.person, asked.url, Mode(asked.mode), asked.types)
        return NewWebhookOut(webhook=_shown(work, webhook), secret=secret)


@router.get("")
def webhooks(reader: Reader, container: ContainerDep) -> WebhooksOut:
    """List your endpoints and how far each has got."""
    with container.read() as work:
        return WebhooksOut(webhooks=[_shown(work, one) for one in work.webhooks.all(reader.person)])


@router.get("/{name}")
def webhook(name: Name, reader: Reader, container: ContainerDep) -> WebhookOut:
    """Show one of your endpoints."""
    with container.read() as work:
        return _shown(work, work.webhooks.get(reader.person, name))


@router.get("/{name}/attempts")
def attempts(
    name: Name,
    reader: Reader,
    container: ContainerDep,
    dead: Annotated[bool, Query(description="Those alone after which an event was given up.")] = False,  # noqa: FBT002 - a parameter of the request
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> AttemptsOut:
    """Show how the last attempts to deliver something ended, latest first; nothing of what either side said."""
    with container.read() as work:
        found = work.webhooks.attempts(reader.person, name, dead=dead, limit=limit)
    return AttemptsOut(attempts=[_attempt(one) for one in found])


@router.post("/{name}/rotate")
def rotate(name: Name, writer: Writer, container: ContainerDep) -> SecretOut:
    """Get a new secret. For a day what is sent carries two signatures, the other one by the secret before."""
    with container.work() as work:
        return SecretOut(secret=work.webhooks.rotate(writer.person, name))


@router.post("/{name}/pause")
def pause(name: Name, writer: Writer, container: ContainerDep) -> WebhookOut:
    """Send nothing until it is resumed; what happens meanwhile is sent then."""
    with container.work() as work:
        work.webhooks.pause(writer.person, name)
        return _shown(work, work.webhooks.get(writer.person, name))


@router.post("/{name}/resume")
def resume(name: Name, writer: Writer, container: ContainerDep) -> WebhookOut:
    """Go on where it was paused or disabled."""
    with container.work() as work:
        work.webhooks.resume(writer.person, name)
        return _shown(work, work.webhooks.get(writer.person, name))


@router.post("/{name}/test", status_code=202, dependencies=[_sends])
def test(name: Name, writer: Writer, container: ContainerDep) -> WebhookOut:
    """Have an event of the type ``webhook.test`` sent, which means nothing."""
    with container.work() as work:
        work.webhooks.test(writer.person, name)
        return _shown(work, work.webhooks.get(writer.person, name))


@router.post("/{name}/replay", status_code=202, dependencies=[_sends])
def replay(
    name: Name,
    after: Annotated[EventId, Query(description="The id before the first one.")],
    writer: Writer,
    container: ContainerDep,
) -> WebhookOut:
    """Send all events after an id, those too that were delivered or given up; each under its same ``webhook-id``."""
    with container.work() as work:
        work.webhooks.replay(writer.person, name, after)
        return _shown(work, work.webhooks.get(writer.person, name))


@router.delete("/{name}", status_code=204)
def delete(name: Name, writer: Writer, container: ContainerDep) -> None:
    """Forget an endpoint."""
    with container.work() as work:
        work.webhooks.delete(writer.person, name)


def _shown(work: Work, one: Webhook) -> WebhookOut:
    last = work.feed.bounds(one.person)[0]
    waiting = max(0, last - one.cursor)
    return WebhookOut(
        id=one.name,
        url=one.url,
        mode="finalized" if one.mode is Mode.FINALIZED else "instant",
        types=list(one.types),
        state=one.state.value,
        why=one.why,
        sent_up_to=one.cursor,
        waiting=waiting,
        attempts=one.attempts,
        next_attempt_at=unix(one.due_at) if waiting and one.state is State.ACTIVE else None,
        failing_since=None if one.failing_since is None else unix(one.failing_since),
        delivered_at=None if one.delivered_at is None else unix(one.delivered_at),
        two_secrets_until=unix(one.old_until) if one.old_until is not None and one.old_until > work.now else None,
        created_at=unix(one.created_at),
    )


def _attempt(one: Attempt) -> AttemptOut:
    return AttemptOut(
        event=one.event,
        attempt=one.attempt,
        at=unix(one.at),
        milliseconds=one.milliseconds,
        status=one.status,
        error=one.error,
        outcome=one.outcome.value,
    )
