"""Metrics for Prometheus: this process's counters, and how far chain and outbox are. Keep them from the public."""

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.responses import Response

from api.dependencies import ContainerDep, limited
from kit.clock import unix
from kit.errors import EarnestError
from kit.outbox import backlog
from payments.stakes.model import OpeningOutcome

router = APIRouter(include_in_schema=False)

HEAD = Gauge("earnest_chain_head_block", "Number of the newest block that has been read")
HEAD_AGE = Gauge("earnest_chain_head_age_seconds", "Age of the newest block that has been read")
OWED = Gauge("earnest_outbox_backlog", "Effects on the world that are still owed")
OPENINGS = Gauge("earnest_openings", "Carried openings of the last 30 days, by what became of them", ["outcome"])
RELAY_SPENT = Gauge("earnest_relay_spent_gwei", "Gas that carried openings took or may take, in the last 24 hours")
RELAY_BUDGET = Gauge("earnest_relay_budget_gwei", "Gas that carried openings may take in 24 hours")
DATABASE_UP = Gauge("earnest_database_up", "Whether the database answered this scrape")


@router.get("/metrics", dependencies=[Depends(limited("metrics", per_minute=60, burst=30))])
def metrics(container: ContainerDep) -> Response:
    """Return all metrics in Prometheus's text form."""
    try:
        with container.read() as work:
            head, owed, now = work.book.head(), backlog(work.session), unix(work.now)
            counts, spent = work.relaying.counts(), work.relaying.spent()
    except EarnestError:
        DATABASE_UP.set(0)
    else:
        DATABASE_UP.set(1)
        OWED.set(owed)
        RELAY_SPENT.set(spent)
        RELAY_BUDGET.set(container.relay_limits.budget)
        for outcome in (None, *OpeningOutcome):
            OPENINGS.labels(outcome or "under_way").set(counts.get(outcome, 0))
        if head is not None:
            HEAD.set(head.number)
            HEAD_AGE.set(now - head.timestamp)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
