"""Owed: which endpoints are owed events, the next one of each, and what follows from how sending it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ScalarResult, delete, func, or_, select
from sqlalchemy.orm import Session, aliased
from standardwebhooks import Webhook as Signer

from app.webhooks import model
from app.webhooks.model import Claim, Job, Outcome, Result, State
from app.webhooks.registry import TEST, purpose_of
from app.webhooks.tables import WebhookAttemptRow, WebhookRow
from kit.errors import Conflict
from kit.identifiers import PersonId
from kit.sealing import Seal
from ledger.feed import Feed
from ledger.store.events import counted
from ledger.telling import Event, Mode
from reputation.notices import Notices

LEASE = timedelta(seconds=60)
"""How long one deliverer has for one event; whoever is killed in between is followed by another after that."""
_KEPT_ATTEMPTS = 100
_LOOKED_AT = 50


class Owed:
    """What endpoints are owed, in one transaction."""

    def __init__(
        self, session: Session, now: datetime, *, feed: Feed, seal: Callable[[], Seal], notices: Notices
    ) -> None:
        """Work in ``session``, at ``now``."""
        self._notices = notices
        self._session = session
        self._now = now
        self._feed = feed
        self._seal = seal

    def claim(self, total: int, *, slow: int) -> list[Claim]:
        """Take up to so many endpoints that are owed something, the longest waiting first; commit before sending.

        At most ``slow`` of them have been slow lately, and of one person's no more than two are taken up at once.
        """
        claims: list[Claim] = []
        for is_slow in (True, False):
            limit = min(slow, total) if is_slow else total - len(claims)
            for row in self._waiting(limit, slow=is_slow) if limit else ():
                row.claims += 1
                row.leased_until = self._now + LEASE
                claims.append(Claim(row.name, row.claims, is_slow))
        return claims

    def next(self, claim: Claim, show: Callable[[Event], Mapping[str, Any]]) -> Job | None:
        """Return the next event for an endpoint, signed; ``None`` where there is none, or it is no longer ours.

        ``show`` makes what is sent of an event.
        """
        row = self._ours(claim)
        if row is None:
            return None
        row.leased_until = self._now + LEASE
        event = self._event(row)
        if event is None:
            self._give_back(row)
            return None
        secrets = self._secrets(row)
        if secrets is None:
            self._disable(row, "sealed")
            return None
        body = orjson.dumps(show(event))
        sent_as = f"msg_{row.name}_{event.number}"
        signatures = [Signer(secret).sign(sent_as, self._now, body.decode()) for secret in secrets]
        headers = {
            "content-type": "application/json",
            "webhook-id": sent_as,
            "webhook-timestamp": str(int(self._now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return Job(event.number, row.attempts + 1, row.url, headers, body)

    def note(self, claim: Claim, job: Job, result: Result) -> bool:
        """Note how sending ended; ``True`` where the endpoint is still ours and takes the next event now."""
        row = self._ours(claim)
        if row is None:
            return False
        row.slow = result.milliseconds >= model.SLOW
        if result.delivered:
            self._keep(row, job, result, Outcome.DELIVERED)
            row.cursor, row.attempts, row.failing_since, row.delivered_at = job.event, 0, None, self._now
            return True
        return self._failed(row, job, result)

    def give_back(self, claim: Claim) -> None:
        """Let others take it up."""
        row = self._ours(claim)
        if row is not None:
            self._give_back(row)

    # ------------------------------------------------------------------------------------------ within

    def _waiting(self, limit: int, *, slow: bool) -> ScalarResult[WebhookRow]:
        """Lock up to so many endpoints that are owed something and are free to be taken up."""
        events, one, other = counted(), aliased(WebhookRow), aliased(WebhookRow)
        free = or_(WebhookRow.leased_until.is_(None), WebhookRow.leased_until <= self._now)
        # Each one's place among those of its person, behind those that are taken up at this moment.
        place = func.row_number().over(partition_by=one.person, order_by=(one.due_at, one.id))
        taken = select(func.count()).where(other.person == one.person, other.leased_until > self._now)
        places = (
            select(one.id, (place + taken.scalar_subquery()).label("place"))
            .join(events, events.c.person == one.person)
            .where(one.state == State.ACTIVE.value, one.due_at <= self._now)
            .where(one.slow.is_(slow), one.cursor < events.c.last)
            .where(or_(one.leased_until.is_(None), one.leased_until <= self._now))
            .subquery("places")
        )
        query = (
            select(WebhookRow)
            .join(places, places.c.id == WebhookRow.id)
            .where(places.c.place <= model.MOST_AT_ONCE, WebhookRow.state == State.ACTIVE.value, free)
            .order_by(WebhookRow.due_at, WebhookRow.id)
            .limit(limit)
            .with_for_update(of=WebhookRow, skip_locked=True)
        )
        return self._session.scalars(query)

    def _failed(self, row: WebhookRow, job: Job, result: Result) -> bool:
        row.attempts += 1
        row.failing_since = row.failing_since or self._now
        pause = model.pause_after(row.attempts, result, row.name)
        self._keep(row, job, result, Outcome.FAILED if pause is not None else Outcome.DEAD)
        if pause is None:
            row.cursor, row.attempts = job.event, 0
        if result.gone or self._now - row.failing_since >= model.DISABLED_AFTER:
            self._disable(row, "gone" if result.gone else "failing")
            return False
        self._give_back(row)
        row.due_at = self._now + (pause or timedelta())
        return False

    def _disable(self, row: WebhookRow, why: str) -> None:
        """Send it nothing more, until its owner, who is told why, says so."""
        row.state, row.why = State.DISABLED.value, why
        self._notices.webhook_disabled(PersonId(row.person), row.name, why)
        self._give_back(row)

    def _event(self, row: WebhookRow) -> Event | None:
        """Return the next event that goes to an endpoint, and move its cursor over those that do not."""
        person, mode = PersonId(row.person), Mode(row.mode)
        types = (*row.types.split(), TEST) if row.types else ()
        while True:
            try:
                page = self._feed.page(person, row.cursor, limit=_LOOKED_AT, mode=mode, types=types)
            except Conflict as gone:
                if gone.code != "events_gone":
                    raise
                row.cursor = self._feed.bounds(person)[1]  # it was away for longer than events are kept
                continue
            mine = (one for one in page.events if one.type != TEST or one.subject == f"webhook:{row.name}")
            event = next(mine, None)
            if event is not None:
                if event.number - 1 > row.cursor:
                    row.cursor, row.attempts = event.number - 1, 0
                return event
            row.cursor = page.next
            if not page.more:
                return None

    def _secrets(self, row: WebhookRow) -> list[bytes] | None:
        """Return what signs for an endpoint; ``None`` where its secret was sealed under another key than ours."""
        secret = self._opened(row, row.secret)
        if secret is None:
            return None
        before = None
        if row.old_secret is not None and row.old_until is not None and row.old_until > self._now:
            before = self._opened(row, row.old_secret)
        return [secret] if before is None else [secret, before]

    def _opened(self, row: WebhookRow, sealed: bytes) -> bytes | None:
        try:
            return self._seal().open(sealed, purpose_of(row.name))
        except Conflict:
            return None

    def _ours(self, claim: Claim) -> WebhookRow | None:
        query = select(WebhookRow).where(WebhookRow.name == claim.webhook).with_for_update()
        row = self._session.scalar(query.execution_options(populate_existing=True))
        return row if row is not None and row.claims == claim.number and row.state == State.ACTIVE.value else None

    def _give_back(self, row: WebhookRow) -> None:
        """Let others take it up, behind those that wait for their turn by now."""
        row.claims += 1
        row.leased_until = None
        row.due_at = self._now

    def _keep(self, row: WebhookRow, job: Job, result: Result, outcome: Outcome) -> None:
        """Keep how an attempt ended; of those that ended otherwise than dead the last hundred alone."""
        kept = WebhookAttemptRow(
            webhook=row.id,
            event=job.event,
            attempt=job.attempt,
            at=self._now,
            milliseconds=result.milliseconds,
            status=result.status,
            error=result.error,
            outcome=outcome.value,
        )
        self._session.add(kept)
        self._session.flush()
        last = (
            select(WebhookAttemptRow.id)
            .where(WebhookAttemptRow.webhook == row.id)
            .order_by(WebhookAttemptRow.id.desc())
            .offset(_KEPT_ATTEMPTS)
            .limit(1)
            .scalar_subquery()
        )
        old = delete(WebhookAttemptRow).where(
            WebhookAttemptRow.webhook == row.id,
            WebhookAttemptRow.id <= last,
            WebhookAttemptRow.outcome != Outcome.DEAD.value,
        )
        self._session.execute(old.execution_options(synchronize_session=False))
