"""Forgetting: takes a person out of every room in the right order; the books keep their amounts under a bare number."""

from __future__ import annotations

from app.container import Work
from kit.identifiers import PersonId


def forget_person(work: Work, person: PersonId) -> None:
    """Take out what we know of a person: door, knocks, wallets, secrets, conversation, and last their Matrix id.

    Raises ``Conflict`` while a stake of theirs waits for an answer to an invite that arrived (``Gate.forget``).
    """
    work.gate.forget(person)
    work.sessions.forget(person)
    work.conversations.forget(person)
    work.people.erase(person)
