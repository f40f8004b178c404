"""Admissions: what whoever delivers purchases, or is asked for one again, tells the keeper of rooms."""

from __future__ import annotations

from app.container import Work
from kit.changes import touch
from kit.identifiers import PersonId
from payments.content.admissions import TOPIC


def deliver_admission(work: Work, purchase: str) -> None:  # noqa: ARG001 - it looks at all of them
    """Have the bot ask in at once whoever bought admission; it does so by itself within seconds. Told twice is well."""
    touch(work.session, TOPIC)


def ask_again(work: Work, person: PersonId, purchase: str) -> None:
    """Have a buyer asked in once more, who left or declined. Raises ``NotFound`` for what admits them to nothing."""
    work.admitting.again(person, purchase)
