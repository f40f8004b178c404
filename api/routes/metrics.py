"""Metrics for Prometheus: this process's counters, and how far chain and outbox are. Keep them from the public."""

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.responses import Response

from api.dependencies import ContainerDep, limited
from app import spending, totals
from kit.clock import unix
from kit.errors import EarnestError
from kit.outbox import backlog
from ledger.reconciling import Kept, Line
from payments.carrying.model import Cargo, Outcome

router = APIRouter(include_in_schema=False)

HEAD = Gauge("earnest_chain_head_block", "Number of the newest block that has been read")
HEAD_AGE = Gauge("earnest_chain_head_age_seconds", "Age of the newest block that has been read")
OWED = Gauge("earnest_outbox_backlog", "Effects on the world that are still owed")
OPENINGS = Gauge("earnest_openings", "Carried openings of the last 30 days, by what became of them", ["outcome"])
RELAY_SPENT = Gauge("earnest_relay_spent_gwei", "Gas that carried openings took or may take, in the last 24 hours")
RELAY_BUDGET = Gauge("earnest_relay_budget_gwei", "Gas that carried openings may take in 24 hours")
PAYMENTS = Gauge("earnest_settlements", "Settled payments of the last 30 days, by what became of them", ["outcome"])
PAYMENTS_SPENT = Gauge("earnest_settlements_spent_gwei", "Gas that settlements took or may take, in the last 24 hours")
PAYMENTS_BUDGET = Gauge("earnest_settlements_budget_gwei", "Gas that settlements may take in 24 hours")
BOOKS_AGREE = Gauge(
    "earnest_books_agree", "Whether the books agreed with the chain when they were last held against it"
)
BOOKS_DIFFERENCES = Gauge(
    "earnest_books_differences", "Lines of the books that differ from the chain, by kind", ["line"]
)
BOOKS_BLOCK = Gauge(
    "earnest_books_reconciled_block", "Number of the block at which the books were last held against it"
)
BOOKS_AGE = Gauge("earnest_books_reconciled_age_seconds", "Time since the books were last held against the chain")
DATABASE_UP = Gauge("earnest_database_up", "Whether the database answered this scrape")


@router.get("/metrics", dependencies=[Depends(limited("metrics", per_minute=60, burst=30))])
def metrics(container: ContainerDep) -> Response:
    """Return all metrics in Prometheus's text form."""
    try:
        with container.read() as work:
            head, owed, now = work.book.head(), backlog(work.session), unix(work.now)
            counts, spent = work.carrying.counts(), work.carrying.spent()
            payments, payments_spent = work.carrying.counts(Cargo.SETTLEMENT), work.carrying.spent(Cargo.SETTLEMENT)
            kept = work.book.reconciled()
            keys = spending.key_days(container, work)
            totals.show(work)
    except EarnestError:
        DATABASE_UP.set(0)
    else:
        DATABASE_UP.set(1)
        OWED.set(owed)
        spending.show(keys)
        RELAY_SPENT.set(spent)
        RELAY_BUDGET.set(container.relay_limits.budget)
        PAYMENTS_SPENT.set(payments_spent)
        PAYMENTS_BUDGET.set(container.relay_limits.of(Cargo.SETTLEMENT).budget)
        for outcome in (None, *Outcome):
            OPENINGS.labels(outcome or "under_way").set(counts.get(outcome, 0))
            PAYMENTS.labels(outcome or "under_way").set(payments.get(outcome, 0))
        if kept is not None:
            _show(kept, now)
        if head is not None:
            HEAD.set(head.number)
            HEAD_AGE.set(now - head.timestamp)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _show(kept: Kept, now: int) -> None:
    BOOKS_AGREE.set(not kept.differences)
    BOOKS_BLOCK.set(kept.block.number)
    BOOKS_AGE.set(now - unix(kept.checked_at))
    for line in Line:
        BOOKS_DIFFERENCES.labels(line.value).set(sum(one.line is line for one in kept.differences))
