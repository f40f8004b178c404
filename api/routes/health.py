"""Health: whether this process lives, and what it waits for, in honest words."""

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from api.dependencies import ContainerDep, limited
from app import books, spending
from app.container import Container
from app.health import Check, Health
from kit.clock import unix
from kit.errors import EarnestError, Unavailable
from kit.outbox import backlog

router = APIRouter(prefix="/health", tags=["health"])

SLOW_CHAIN_SECONDS = 120
"""A newest block older than this is worth a word: the chain stands still, or nobody reads it."""
LONG_BACKLOG = 50
"""More undelivered messages than this are worth a word."""


@router.get("/live")
async def live() -> dict[str, str]:
    """Say that this process answers at all."""
    return {"status": "alive"}


@router.get(
    "/ready",
    response_model=Health,
    responses={503: {"model": Health, "description": "It cannot serve now."}},
    dependencies=[Depends(limited("ready", per_minute=120, burst=60))],
)
def ready(container: ContainerDep) -> JSONResponse:
    """Say what this service needs and how that is doing."""
    found = examine(container)
    return JSONResponse(found.document(), 503 if found.status == "not_ready" else 200)


def examine(container: Container) -> Health:
    """Look at the database, how far the chain has been read, how the books stand, and what keys and bot sent."""
    try:
        with container.read() as work:
            head, owed = work.book.head(), backlog(work.session)
            held = books.health(work.book.reconciled(), work.book.finalized_number(), work.now)
            age = None if head is None else unix(work.now) - head.timestamp
            number = None if head is None else head.number
            sent = spending.health(spending.key_days(container, work))
    except Unavailable:
        silent = Check(ok=False, says="The database does not answer. The gate answers by each homeserver's own choice.")
        return Health(status="not_ready", checks={"database": silent})
    except EarnestError as error:
        return Health(status="not_ready", checks={"settings": Check(ok=False, says=str(error))})
    checks = {
        "database": Check(ok=True, says="It answers."),
        "chain": _chain(number, age),
        "books": held,
        "sending": sent,
        "bot": _bot(owed),
    }
    return Health(status="ready" if all(check.ok for check in checks.values()) else "degraded", checks=checks)


def _chain(number: int | None, age: int | None) -> Check:
    if number is None or age is None:
        return Check(ok=False, says="No block has been read yet: is the chain loop running?")
    if age > SLOW_CHAIN_SECONDS:
        says = f"The newest block read is {number}, {age} s old: the chain stands still, or the chain loop does."
        return Check(ok=False, says=says)
    return Check(ok=True, says=f"Read up to block {number}, {max(age, 0)} s old.")


def _bot(owed: int) -> Check:
    if owed > LONG_BACKLOG:
        return Check(ok=False, says=f"{owed} messages wait to be sent: is the bot running, and its homeserver there?")
    return Check(ok=True, says="Nothing waits to be sent." if not owed else f"{owed} messages are on their way.")
