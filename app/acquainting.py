"""Acquainting: takes an import of contacts back, in transactions of a bounded size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from app.container import Work
from kit.errors import NotFound
from kit.identifiers import PersonId
from reputation.contacts import MOST_AT_ONCE


def undo_import(work: Callable[[], AbstractContextManager[Work]], person: PersonId, moment: datetime) -> int:
    """Forget whom the import of that moment added; return how many. Raises ``NotFound`` where there was none."""
    undone = 0
    while True:
        with work() as some:
            concerned = some.contacts.undo(person, moment, limit=MOST_AT_ONCE)
        undone += concerned
        if concerned < MOST_AT_ONCE:
            break
    if not undone:
        raise NotFound("import_unknown", "You have no import of that moment.")
    return undone
