"""What is managed: the management rooms, protected rooms and own rules that there are, read where something changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.container import Work
from kit.changes import counters, news_since
from reputation import followed
from reputation.moderation import Management, Protected
from reputation.policy_rules import Guard
from reputation.subscribing import TOPIC


@dataclass(frozen=True, slots=True)
class Managed:
    """What the database has, and of which management rooms that is news; ``None``: of all."""

    counters: tuple[int, int]
    about: Iterable[int] | None
    managements: list[Management]
    protected: list[Protected]
    guards: Mapping[int, Guard | None]


def read_managed(work: Work, *, before: tuple[int, int] | None) -> Managed | None:
    """Return what there is, unless nothing changed since the counters were ``before``."""
    rooms, lists = before or (0, 0)
    news, of_lists = news_since(work.session, TOPIC, rooms), counters(work.session).get(followed.TOPIC, 0)
    if before == (news.counter, of_lists):
        return None
    about = None if of_lists != lists or before is None else news.subjects
    guards = {number: work.protections.guard(number) for number in work.protections.standing()}
    return Managed((news.counter, of_lists), about, work.moderation.all(), work.moderation.rooms(), guards)
