"""``contacts``: whom a person knows, by what way, and how to import them; one of them, or an import, taken back."""

from __future__ import annotations

from app.container import Work
from app.wording import acquaintances
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named, nothing_more
from reputation.model import MOST_PRUNED


def run(work: Work, asked: Asked) -> Letter:
    """Show how many a person knows, or take back what made them known."""
    if not asked.words:
        counts, imports = work.contacts.counts(asked.person), work.contacts.imports(asked.person)
        return Letter(acquaintances.known(asked.reader, asked.user, counts, imports))
    action, rest = asked.words[0].lower(), asked.words[1:]
    if action == "undo":
        nothing_more(rest)
        return _undo(work, asked)
    other = named(asked, rest) if action == "forget" else None
    if other is None:
        raise Unclear
    work.contacts.forget(asked.person, other)
    return Letter(acquaintances.forgotten(asked.reader, other))


def _undo(work: Work, asked: Asked) -> Letter:
    last = next(iter(work.contacts.imports(asked.person)), None)
    if last is None:
        return Letter(acquaintances.nothing_imported(asked.reader))
    undone = work.contacts.undo(asked.person, last.moment, limit=MOST_PRUNED)
    return Letter(acquaintances.undone(asked.reader, undone, last.people - undone))


COMMAND = Command(
    "contacts",
    ("contacts", "contacts forget @name:example.org", "contacts undo"),
    marked("shows how many people you know here and how to import more; forgets one, or takes your last import back"),
    run,
)
