"""Forgetting: takes a person out of every room in the right order, and takes away what is past its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from app.container import Work
from kit.identifiers import PersonId
from reputation.model import MOST_PRUNED


def forget_person(work: Work, person: PersonId) -> None:
    """Take out what we know of a person: door, knocks, wallets, secrets, events, conversation, and last the Matrix id.

    Raises ``Conflict`` while a stake of theirs waits for an answer to an invite that arrived (``Gate.forget``).
    """
    work.helping.forget(person)
    work.gate.forget(person)
    work.vouches.forget(person)
    work.outlooks.forget(person)
    work.asks.forget(person)
    work.digests.forget(person)
    work.filters.forget(person)
    work.moderation.forget(person)
    work.publishing.forget(person)
    work.sessions.forget(person)
    work.conversations.forget(person)
    work.webhooks.forget(person)
    work.support.forget(person)
    work.supporters.forget(person)
    work.orders.forget(person)
    work.tips.forget(person)
    work.admitting.forget(person)
    work.gateways.forget(person)
    work.content.forget(person)
    work.feed.forget(person)
    work.people.erase(person)


def prune_all(work: Callable[[], AbstractContextManager[Work]], *, events_kept: timedelta) -> int:
    """Take away all that is past its time, in transactions of a bounded size; return how many rows went."""
    with work() as once:
        once.carrying.prune()
        gone = once.sessions.prune() + once.conversations.prune() + once.webhooks.prune(once.now - events_kept)
        never_confirmed = once.sessions.prune_unconfirmed()
        gone += len(never_confirmed) + once.people.prune(never_confirmed)
    gone += _in_parts(work, lambda some: len(some.feed.prune(events_kept, limit=MOST_PRUNED)))
    for part in (
        _vouches,
        _asks,
        _answers,
        _sightings,
        _consequences,
        _complaints,
        _turned,
        _labels,
        _deliveries,
        _rewards,
        _payments,
        _orders,
        _tip_links,
        _tip_notes,
        _holds,
        _refunds,
    ):
        gone += _in_parts(work, part)
    return gone + _in_parts(work, lambda some: some.gate.prune())


def _in_parts(work: Callable[[], AbstractContextManager[Work]], part: Callable[[Work], int]) -> int:
    """Take some away in one transaction after another, until one takes none; return how many rows went."""
    gone = 0
    while True:
        with work() as some:
            went = part(some)
        gone += went
        if not went:
            return gone


def _vouches(some: Work) -> int:
    return _with_names(some, some.vouches.prune(limit=MOST_PRUNED))


def _asks(some: Work) -> int:
    return _with_names(some, some.asks.prune(limit=MOST_PRUNED))


def _answers(some: Work) -> int:
    return _with_names(some, some.helping.prune(limit=MOST_PRUNED))


def _sightings(some: Work) -> int:
    return _with_names(some, some.filters.sightings.prune(limit=MOST_PRUNED))


def _consequences(some: Work) -> int:
    gone, named = some.moderation.consequences.prune(limit=MOST_PRUNED)
    some.people.prune(named)
    return gone


def _complaints(some: Work) -> int:
    gone, named = some.moderation.complaints.prune(limit=MOST_PRUNED)
    some.people.prune(named)
    return gone


def _turned(some: Work) -> int:
    gone, named = some.moderation.turning.prune(limit=MOST_PRUNED)
    some.people.prune(named)
    return gone


def _labels(some: Work) -> int:
    return some.publishing.prune(limit=MOST_PRUNED)


def _deliveries(some: Work) -> int:
    return some.supporters.prune(limit=MOST_PRUNED)


def _payments(some: Work) -> int:
    return some.settlements.prune(limit=MOST_PRUNED)


def _orders(some: Work) -> int:
    return some.orders.prune(limit=MOST_PRUNED)


def _tip_links(some: Work) -> int:
    return some.tip_links.prune(limit=MOST_PRUNED)


def _tip_notes(some: Work) -> int:
    return some.tips.prune_notes(limit=MOST_PRUNED)


def _holds(some: Work) -> int:
    return some.content.prune_holds(limit=MOST_PRUNED)


def _refunds(some: Work) -> int:
    return some.waiting_refunds.prune(limit=MOST_PRUNED)


def _with_names(some: Work, people: Sequence[PersonId]) -> int:
    """Take away those of whom nothing else is known; return how many rows went, theirs and those that named them."""
    return len(people) + some.people.prune(set(people))


def _rewards(some: Work) -> int:
    return some.rewards.prune(limit=MOST_PRUNED)
