"""Forgetting: takes a person out of every room in the right order, and takes away what is past its time."""

from __future__ import annotations

from collections.abc import Callable
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
    work.digests.forget(person)
    work.sessions.forget(person)
    work.conversations.forget(person)
    work.webhooks.forget(person)
    work.feed.forget(person)
    work.people.erase(person)


def prune_all(work: Callable[[], AbstractContextManager[Work]], *, events_kept: timedelta) -> int:
    """Take away all that is past its time, in transactions of a bounded size; return how many rows went."""
    with work() as once:
        once.relaying.prune()  # before the quotes that they are for
        gone = once.sessions.prune() + once.conversations.prune() + once.webhooks.prune(once.now - events_kept)
        never_confirmed = once.sessions.prune_unconfirmed()
        gone += len(never_confirmed) + once.people.prune(never_confirmed)
    while True:
        with work() as some:
            concerned = some.feed.prune(events_kept, limit=MOST_PRUNED)
        gone += len(concerned)
        if not concerned:
            break
    while True:
        with work() as some:
            spoken_of = some.vouches.prune(limit=MOST_PRUNED)
            gone += len(spoken_of) + some.people.prune(set(spoken_of))
        if not spoken_of:
            break
    while True:
        with work() as some:
            answered = some.helping.prune(limit=MOST_PRUNED)
            gone += len(answered) + some.people.prune(set(answered))
        if not answered:
            break
    while True:
        with work() as some:
            pruned = some.gate.prune()
        gone += pruned
        if not pruned:
            return gone
