"""Metrics for Prometheus: this process's counters, and how far chain and outbox are. Keep them from the public."""

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.responses import Response

from api.dependencies import ContainerDep, limited
from kit.clock import unix
from kit.errors import EarnestError
from kit.outbox import backlog

router = APIRouter(include_in_schema=False)

HEAD = Gauge("earnest_chain_head_block", "Number of the newest block that has been read")
HEAD_AGE = Gauge("earnest_chain_head_age_seconds", "Age of the newest block that has been read")
OWED = Gauge("earnest_outbox_backlog", "Effects on the world that are still owed")
DATABASE_UP = Gauge("earnest_database_up", "Whether the database answered this scrape")


@router.get("/metrics", dependencies=[Depends(limited("metrics", per_minute=60, burst=30))])
def metrics(container: ContainerDep) -> Response:
    """Return all metrics in Prometheus's text form."""
    try:
        with container.read() as work:
            head, owed, now = work.book.head(), backlog(work.session), unix(work.now)
    except EarnestError:
        DATABASE_UP.set(0)
    else:
        DATABASE_UP.set(1)
        OWED.set(owed)
        if head is not None:
            HEAD.set(head.number)
            HEAD_AGE.set(now - head.timestamp)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
