"""The books and the chain: held against each other by the worker, and in full whenever an operator asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from app.container import Container
from app.health import Check
from kit.clock import unix
from kit.errors import NotFound, Unavailable
from ledger import model, reconciling
from ledger.proving import prove, silent
from ledger.reconciling import Kept, Reconciliation, Standing

LOG = structlog.get_logger(__name__)

WALLETS_A_ROUND = 200
"""Wallets that the chain is asked for in one round; where there are more, they take turns."""
FULL_EVERY = timedelta(hours=1)
"""How often every posting ever made is summed anew."""
STALE_AFTER = timedelta(minutes=10)
"""Books that were not checked for this long, although there is a newer final block, are worth a word."""
_MOST_TOLD = 20


def verify(container: Container, *, asked: Callable[[int, int], None] = silent) -> Reconciliation:
    """Check everything, every wallet included; ``asked`` is told after each how many it was, and of how many.

    Changes nothing. Raises ``NotFound`` before anything was booked, ``ChainUnavailable``.
    """
    return prove(_standing(container, full=True), container.chain, asked=asked)


def reconcile(container: Container) -> Kept | None:
    """Check the books at their last final block, keep how that ended, and raise the alarm where something differs.

    ``None`` where nothing is booked yet, or nothing has become final since the last time and nothing differed then.
    What differed once is looked at again, in full, until it agrees.
    """
    with container.read() as work:
        before, final, head = work.book.reconciled(), work.book.finalized_number(), work.book.head()
        now = work.now
    if head is None:
        return None
    if before is not None and not before.differences and before.block.number == (final or head.number):
        return None
    full = before is None or bool(before.differences) or before.full_at is None or now - before.full_at >= FULL_EVERY
    standing = _standing(container, full=full)
    doubted = before.doubted if before else []
    chosen = reconciling.turn(
        standing.wallets, after=before.asked_to if before else None, doubted=doubted, most=WALLETS_A_ROUND
    )
    found = prove(standing, container.chain, wallets=chosen)
    with container.work() as work:
        kept = work.book.keep_reconciliation(found, work.now)
    _tell(before, kept)
    return kept


def regular(container: Container) -> None:
    """Reconcile as a regular round does: what does not answer is logged and asked again the next time."""
    try:
        reconcile(container)
    except Unavailable as error:
        LOG.warning("reconciliation_waits", waits_for=type(error).__name__, reason=str(error))


def _standing(container: Container, *, full: bool) -> Standing:
    with container.read(one_moment=True) as work:
        standing = work.book.standing(full=full)
        terms = {model.stake(stake): held for stake, held in work.stakes.held().items()}
        accounts = work.book.balances()
    return replace(standing, checks=(*standing.checks, *reconciling.stake_checks(accounts, terms)))


def _tell(before: Kept | None, kept: Kept) -> None:
    was = before.differences if before else []
    if kept.differences and kept.differences != was:
        LOG.error(
            "books_differ",
            block=kept.block.number,
            since=kept.differs_since.isoformat() if kept.differs_since else None,
            lines=[
                {"line": one.line, "books": str(one.ledger), "other": str(one.other), "of": one.account}
                for one in kept.differences[:_MOST_TOLD]
            ],
            count=len(kept.differences),
        )
    elif was and not kept.differences:
        LOG.warning("books_agree_again", block=kept.block.number)


def health(kept: Kept | None, final: int | None, now: datetime) -> Check:
    """Say how the books stand, in one sentence for whoever runs the service."""
    if kept is None:
        return Check(ok=False, says="They have not been held against the chain yet: is the worker running?")
    if kept.differences:
        lines = ", ".join(sorted({one.line.value for one in kept.differences}))
        since = f" since {kept.differs_since:%Y-%m-%d %H:%M} UTC" if kept.differs_since else ""
        says = f"They differ from the chain{since} ({lines}): `earnest ledger verify` shows where."
        return Check(ok=False, says=says)
    behind = final is not None and final != kept.block.number
    if behind and now - kept.checked_at > STALE_AFTER:
        minutes = (unix(now) - unix(kept.checked_at)) // 60
        return Check(
            ok=False, says=f"They were not held against the chain for {minutes} minutes: is the worker running?"
        )
    return Check(ok=True, says=f"They agreed with the chain at block {kept.block.number} ({kept.level}).")


def last(container: Container) -> Kept:
    """Return how the last reconciliation ended. Raises ``NotFound`` before the first one."""
    with container.read() as work:
        kept = work.book.reconciled()
    if kept is None:
        raise NotFound("not_reconciled", "The books have not been held against the chain yet.")
    return kept
