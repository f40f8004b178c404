"""Publishing for whoever runs the service: a list is made equal to a file, some entries at a time."""

from __future__ import annotations

from dataclasses import dataclass

from app.container import Container
from kit.identifiers import PersonId
from reputation.lists.authoring import MOST_AT_ONCE, Key, Published, Said, key_of
from reputation.lists.dangers import breadth
from reputation.lists.model import Entry, Listing


@dataclass(frozen=True, slots=True)
class Equalled:
    """What it took to make a list equal to a file, and how many of its entries stand in no list."""

    version: int
    said: int
    back: int
    left_out: int


def make_equal(container: Container, person: PersonId, one: Published, listing: Listing) -> Equalled:
    """Let a published list hold what ``listing`` holds, and nothing else; what hits nearly everybody is left out.

    Each step is a change of its own, so whoever dies between two begins again and goes on. Raises as ``change`` does.
    """
    wanted = {key_of(said): said for said in (_said(entry) for entry in listing if breadth(entry) is None)}
    with container.read() as work:
        there = {key_of(_said(entry)): _said(entry) for entry in work.publishing.entries(one.id)}
    add = [said for key, said in wanted.items() if there.get(key) != said]
    remove: list[Key] = [key for key in there if key not in wanted]
    version, said, back = one.version, 0, 0
    for begin in range(0, max(len(add), len(remove)), MOST_AT_ONCE // 2):
        some = slice(begin, begin + MOST_AT_ONCE // 2)
        with container.work() as work:
            changed = work.publishing.change(person, one.id, add[some], remove[some])
        version, said, back = changed.version, said + changed.said, back + changed.back
    return Equalled(version, said, back, left_out=len(listing.entries) - len(wanted))


def _said(entry: Entry) -> Said:
    return Said(entry.subject, entry.entity, entry.recommendation.value, entry.reason, entry.below, sha256=entry.sha256)
