"""Webhooks: where people want their events sent. The feed is what is owed; an endpoint's cursor says how far it got."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.webhooks import model
from app.webhooks.model import Attempt, Outcome, State, Webhook
from app.webhooks.tables import WebhookAttemptRow, WebhookRow
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId
from kit.sealing import Seal, Sealed
from ledger.feed import Feed
from ledger.people import People
from ledger.telling import TYPES, Fact, Mode

TEST = "webhook.test"
"""The type of an event that its owner asks for, to try an endpoint; it goes to that one alone."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - the public beginning of a secret, as Standard Webhooks has it
_SECRET_BYTES = 32


class Webhooks:
    """The endpoints, in one transaction. All but ``claim`` and what follows from it is for an endpoint's owner."""

    def __init__(
        self, session: Session, now: datetime, *, feed: Feed, seal: Callable[[], Seal], check: Callable[[str], None]
    ) -> None:
        """Work in ``session``; ``check`` refuses a URL that would never be asked."""
        self._session = session
        self._now = now
        self._feed = feed
        self._people = People(session, now)
        self._seal = seal
        self._check = check

    # ------------------------------------------------------------------------------------------ the owner's

    def add(
        self, person: PersonId, url: str, mode: Mode = Mode.INSTANT, types: Collection[str] = ()
    ) -> tuple[Webhook, str]:
        """Send a person's events, from now on, to ``url``; return the endpoint and its secret, which is shown once.

        ``types``: which; all, where none is named. Raises ``Invalid`` and ``Forbidden`` for a URL that is never asked,
        ``Conflict`` beyond five endpoints.
        """
        self._check(url)
        if mode is Mode.ALL:
            raise Invalid("webhook_mode_unknown", "An endpoint's mode is instant or finalized.")
        unknown = sorted(set(types) - TYPES)
        if unknown:
            raise Invalid("event_type_unknown", f"Types of events are {', '.join(sorted(TYPES))}.")
        self._people.lock(person)  # of two that are added at once, the second one counts the first
        if len(self.all(person)) >= model.MOST_WEBHOOKS:
            raise Conflict("too_many_webhooks", f"One person has at most {model.MOST_WEBHOOKS} endpoints; delete one.")
        last, _ = self._feed.bounds(person)
        row = WebhookRow(
            name=secrets.token_urlsafe(12).replace("-", "x").replace("_", "y"),
            person=person,
            url=url,
            mode=mode.value,
            types=" ".join(sorted(set(types))),
            state=State.ACTIVE.value,
            cursor=last,
            due_at=self._now,
            created_at=self._now,
            secret=b"",
        )
        secret = self._new_secret(row)
        self._session.add(row)
        self._session.flush()
        return webhook_of(row), secret

    def all(self, person: PersonId) -> list[Webhook]:
        """Return a person's endpoints, oldest first."""
        rows = self._session.scalars(select(WebhookRow).where(WebhookRow.person == person).order_by(WebhookRow.id))
        return [webhook_of(row) for row in rows]

    def get(self, person: PersonId, name: str) -> Webhook:
        """Return one of a person's endpoints. Raises ``NotFound``, as all that follow."""
        return webhook_of(self._row(person, name))

    def rotate(self, person: PersonId, name: str) -> str:
        """Return a new secret. What is sent carries two signatures for a day: the one before signs as well."""
        row = self._row(person, name)
        row.old_secret, row.old_until = row.secret, self._now + model.OVERLAP
        return self._new_secret(row)

    def pause(self, person: PersonId, name: str) -> None:
        """Send nothing until ``resume``; what happens meanwhile is sent then, as far as events are kept."""
        row = self._row(person, name)
        row.state, row.why = State.PAUSED.value, None
        self._take_back(row)

    def resume(self, person: PersonId, name: str) -> None:
        """Go on, where it was paused or disabled, from where it stood."""
        row = self._row(person, name)
        row.state, row.why, row.failing_since = State.ACTIVE.value, None, None
        self._anew(row)

    def replay(self, person: PersonId, name: str, after: int) -> None:
        """Send all events after that one, again where they were sent before, each under its same ``webhook-id``.

        Raises ``Conflict`` for events that are no longer kept, or a number that was never given.
        """
        row = self._row(person, name)
        self._feed.page(person, after, limit=1)
        row.cursor = after
        self._anew(row)

    def test(self, person: PersonId, name: str) -> None:
        """Have an event sent that means nothing. Raises ``Conflict`` where that was asked for too often of late."""
        self._people.lock(person)
        row = self._row(person, name)
        if self._feed.told_lately(person, TEST, timedelta(days=1), most=model.MOST_TESTS):
            raise Conflict("too_many_tests", f"One person has at most {model.MOST_TESTS} tests in 24 hours.")
        self._feed.tell(person, Fact(TEST, f"webhook:{row.name}", {"webhook": row.name}))

    def attempts(self, person: PersonId, name: str, *, dead: bool = False, limit: int = 50) -> list[Attempt]:
        """Return how the last attempts ended, latest first; ``dead``: those alone after which an event was given up."""
        row = self._row(person, name)
        query = select(WebhookAttemptRow).where(WebhookAttemptRow.webhook == row.id)
        if dead:
            query = query.where(WebhookAttemptRow.outcome == Outcome.DEAD.value)
        return [
            _attempt(one) for one in self._session.scalars(query.order_by(WebhookAttemptRow.id.desc()).limit(limit))
        ]

    def delete(self, person: PersonId, name: str) -> None:
        """Forget an endpoint and all about it."""
        self._delete([self._row(person, name).id])

    # ------------------------------------------------------------------------------------------ keeping house

    def forget(self, person: PersonId) -> None:
        """Forget a person's endpoints."""
        self._delete(list(self._session.scalars(select(WebhookRow.id).where(WebhookRow.person == person))))

    def prune(self, before: datetime) -> int:
        """Take away attempts from before then; return how many."""
        gone = delete(WebhookAttemptRow).where(WebhookAttemptRow.at < before).returning(WebhookAttemptRow.id)
        return len(self._session.execute(gone.execution_options(synchronize_session=False)).all())

    def seal_anew(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count secrets by how they are sealed, and seal them anew (``kit.sealing.SealsAnew``)."""
        query = select(WebhookRow).where(WebhookRow.id > after).order_by(WebhookRow.id).limit(limit)
        rows = self._session.scalars(query.with_for_update() if change else query).all()
        for row in rows:
            purpose = purpose_of(row.name)
            row.secret = self._seal().anew(row.secret, purpose, found, change=change)
            if row.old_secret is not None:
                row.old_secret = self._seal().anew(row.old_secret, purpose, found, change=change)
        return rows[-1].id if rows else None

    # ------------------------------------------------------------------------------------------ within

    def _row(self, person: PersonId, name: str) -> WebhookRow:
        query = select(WebhookRow).where(WebhookRow.person == person, WebhookRow.name == name).with_for_update()
        row = self._session.scalar(query.execution_options(populate_existing=True))
        if row is None:
            raise NotFound("webhook_unknown", "You have no such endpoint.")
        return row

    def _new_secret(self, row: WebhookRow) -> str:
        secret = secrets.token_bytes(_SECRET_BYTES)
        row.secret = self._seal().close(secret, purpose_of(row.name))
        return SECRET_PREFIX + base64.b64encode(secret).decode()

    def _anew(self, row: WebhookRow) -> None:
        self._take_back(row)
        row.attempts, row.due_at = 0, self._now

    @staticmethod
    def _take_back(row: WebhookRow) -> None:
        """Let whoever is delivering to it find, when they come back, that it is no longer theirs."""
        row.claims += 1
        row.leased_until = None

    def _delete(self, rows: Sequence[int]) -> None:
        for table, column in ((WebhookAttemptRow, WebhookAttemptRow.webhook), (WebhookRow, WebhookRow.id)):
            self._session.execute(delete(table).where(column.in_(rows)).execution_options(synchronize_session="fetch"))


def purpose_of(name: str) -> str:
    """Return what an endpoint's secret is sealed for."""
    return f"webhook:{name}"


def webhook_of(row: WebhookRow) -> Webhook:
    """Return an endpoint as a value."""
    return Webhook(
        name=row.name,
        person=PersonId(row.person),
        url=row.url,
        mode=Mode(row.mode),
        types=tuple(row.types.split()),
        state=State(row.state),
        why=row.why,
        cursor=row.cursor,
        attempts=row.attempts or 0,
        due_at=row.due_at,
        failing_since=row.failing_since,
        delivered_at=row.delivered_at,
        old_until=row.old_until,
        created_at=row.created_at,
    )


def _attempt(row: WebhookAttemptRow) -> Attempt:
    return Attempt(
        event=row.event,
        attempt=row.attempt,
        at=row.at,
        milliseconds=row.milliseconds,
        status=row.status,
        error=row.error,
        outcome=Outcome(row.outcome),
    )
