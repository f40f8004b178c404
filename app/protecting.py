"""Protecting: how lists act in rooms, from a look at them to what is owed there, and what the bot did of it.

The bot looks at rooms, calls ``plan``, and then, again and again: ``claim``, does what ``enforcement.acting`` says of
each, and says ``done``, ``failed`` or ``later``. Each of these may be called twice, or end in the middle, at no loss.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.container import Container, Work
from kit import outbox
from kit.errors import NotFound, Unavailable
from kit.identifiers import PersonId, RoomId, UserId
from reputation.beforehand import servers_said
from reputation.causes import find_words
from reputation.enforcement import own, planning
from reputation.enforcement.acting import Owed
from reputation.enforcement.grounds import ground as ground_of
from reputation.enforcement.model import Consequence, Does, Done, Plan, Rules, Share, Step, Subscription
from reputation.enforcement.overrides import Overrides
from reputation.enforcement.powers import lacking
from reputation.enforcement.rooms import RoomSeen
from reputation.enforcement.shares import Counted
from reputation.enforcement.wanting import THERE
from reputation.outcomes import Wanted
from reputation.protections.model import Outcome

LOG = structlog.get_logger(__name__)

SLICE: Final = 100
"""Steps that are written down in one transaction."""
MOST_SAMPLES: Final = 10
_ALIKE: Final = 0.001
"""By how much somebody's standing may change before it is written down."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a list would do now in the rooms that were looked at: nothing of it is written down.

    ``acts``, ``asks``, ``notes`` are by consequence; ``left`` is by reason; ``samples`` are the first few steps.
    """

    subscription: Subscription
    people: int
    rooms: int
    hit: int
    acts: dict[Consequence, int]
    asks: dict[Consequence, int]
    notes: dict[Consequence, int]
    undone: dict[Consequence, int]
    left: dict[str, int]
    share: Share | None
    samples: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a plan stands on beside the rooms."""

    rules: Rules
    done: tuple[Done, ...]
    spent: dict[int, Counted]
    wanted: Wanted
    """What rules of their own want."""


def plan(
    container: Container,
    management: int,
    seen: Sequence[RoomSeen],
    at: datetime,
    *,
    only: Collection[RoomId] | None = None,
    looked: Mapping[RoomId, datetime] | None = None,
    spared: Collection[UserId] = (),
) -> Plan:
    """Plan for the rooms of a management room as they were seen (since ``at``), and write down what is owed and asked.

    ``seen`` holds all of them, so that shares are counted of all people; ``only`` names those that changed, if that is
    known; ``looked`` tells when each was seen. Rooms that are not looked after from there are passed over. ``spared``,
    those who are in the management room, are never acted on, whatever their power. Raises ``NotFound``.
    """
    _look_whom_to_trust(container, management)
    with container.read() as work:
        mine = {one.room for one in work.moderation.rooms(management)}
        ground = _ground(container, work, management, spared)
    rooms = [room for room in seen if room.room in mine]
    found = _planned(container, rooms, ground, at, only, looked)
    _write(container, management, found)
    _note_powers(container, rooms, ground.rules.me, only)
    _note_ground(container, management, rooms, ground.rules)
    if only is None and (ground.wanted.known or ground.wanted.over):
        with container.work() as work:
            work.moderation.outcomes.planned(ground.wanted)
    return found


def trust_in(container: Container, management: int, author: PersonId) -> float:
    """Return how the author of a list stands with whoever looks after rooms (0 to 1); reads everybody's words once."""
    with container.read() as work:
        owner = work.moderation.get(management).owner
    return 1.0 if owner == author else container.hearing.judgements.judge(owner, author).explanation.standing.reputation


def _look_whom_to_trust(container: Container, management: int) -> None:
    """Find anew how far authors are trusted whose lists count by that; where it cannot be told, it is as it was."""
    with container.read() as work:
        by_trust = [one for one in work.moderation.lists.subscriptions(management) if one.trusted is not None]
    for one in by_trust:
        try:
            trust = trust_in(container, management, PersonId(one.trusted or 0))
        except Unavailable as error:
            LOG.warning("trust_unknown", management=management, waits_for=type(error).__name__)
            return
        if one.trust is None or abs(trust - one.trust) > _ALIKE:
            with container.work() as work:
                work.moderation.lists.trust(management, one.list, trust)


def note(container: Container, management: int, some: Sequence[Outcome]) -> None:
    """Write down what rules of a management room's own want done, each once; the next plan has it done."""
    for begin in range(0, len(some), SLICE):
        with container.work() as work:
            if work.moderation.get(management).ended_at is None:
                work.moderation.outcomes.note(management, some[begin : begin + SLICE])


def _ground(container: Container, work: Work, management: int, spared: Collection[UserId]) -> _Ground:
    rules = work.moderation.rules(management, _me(container))
    rules = replace(rules, spared=rules.spared.union(spared))
    standing, spent = work.moderation.consequences.standing(management), work.moderation.consequences.spent(management)
    return _Ground(rules, tuple(standing), spent, work.moderation.outcomes.wanted(management, standing))


def _me(container: Container) -> UserId:
    if container.bot_id is None:
        raise NotFound("bot_unknown", "This service has no bot: EARNEST_BOT_USER_ID names it.")
    return container.bot_id


def _planned(
    container: Container,
    rooms: Sequence[RoomSeen],
    ground: _Ground,
    at: datetime,
    only: Collection[RoomId] | None = None,
    looked: Mapping[RoomId, datetime] | None = None,
) -> Plan:
    lists = {one.name: one.list for one in ground.rules.subscriptions}
    asked = {user for room in rooms for user, member in room.members.items() if member.membership in THERE}
    asked |= {UserId(one.target) for one in ground.done if one.what is not Consequence.DENY}
    # A server is asked about by the name of whoever could be there.
    asked |= {UserId(f"@:{one.target}") for one in ground.done if one.what is Consequence.DENY}
    labels = container.labelling.current()
    with container.read(one_moment=True) as work:
        denied = servers_said(work.session, ground.rules, len(rooms))
        asked |= {UserId(f"@:{written}") for written in denied.values()}
        words = replace(find_words(work.session, labels, lists, asked), beforehand=frozenset(denied))
    words, rules = own.said(words, ground.wanted.standing), own.ruled(ground.rules, ground.wanted.standing)
    spent = ground.spent
    return planning.plan(rooms, words, rules, ground.done, now=at, spent=spent, only=only, looked=looked)


def _write(container: Container, management: int, found: Plan) -> None:
    changes = found.changes
    for begin in range(0, len(changes), SLICE):
        with container.work() as work:
            work.moderation.consequences.write(management, changes[begin : begin + SLICE])


def _note_powers(container: Container, rooms: Iterable[RoomSeen], me: UserId, only: Collection[RoomId] | None) -> None:
    with container.read() as work:
        known = {one.room: one.lacks for one in work.moderation.rooms()}
    for room in rooms:
        lacks = lacking(room, me)
        if (only is None or room.room in only) and set(lacks) != set(known.get(room.room, lacks)):
            with container.work() as work:
                work.moderation.lacking(room.room, lacks)


def _note_ground(container: Container, management: int, rooms: Sequence[RoomSeen], rules: Rules) -> None:
    """Leave behind for the gate what it cannot see of the rooms."""
    found = ground_of(rooms, rules)
    with container.read() as work:
        news = work.moderation.turning.is_news(management, found)
    if news:
        with container.work() as work:
            if work.moderation.get(management).ended_at is None:
                work.moderation.turning.seen(management, found)


# ------------------------------------------------------------------------------------------------ applying


def claim(container: Container, limit: int = 20) -> list[list[Owed]]:
    """Lease what is owed for 60 s, as jobs in order: one consequence each, or all denials of a room together."""
    with container.work() as work:
        found = work.moderation.consequences.claim(limit)
    jobs: list[list[Owed]] = []
    denials: dict[RoomId, list[Owed]] = defaultdict(list)
    for one in found:
        if one.what is not Consequence.DENY:
            jobs.append([one])
        elif one.room in denials:
            denials[one.room].append(one)
        else:
            denials[one.room].append(one)
            jobs.append(denials[one.room])
    return jobs


def done(container: Container, job: Sequence[Owed]) -> None:
    """Note that a job is done, or that nothing was left to do."""
    with container.work() as work:
        work.moderation.done(job)


def failed(container: Container, job: Iterable[Owed], error: str, *, for_good: bool = False) -> None:
    """Note that a job failed: it comes again, or with ``for_good`` not before a plan wants it again in six hours."""
    with container.work() as work:
        for one in job:
            work.moderation.consequences.failed(one, error, for_good=for_good)


def later(container: Container, job: Iterable[Owed], seconds: float) -> None:
    """Put a job back: the homeserver asked to be left alone for so long."""
    with container.work() as work:
        work.moderation.consequences.release(job, timedelta(seconds=seconds))


# ------------------------------------------------------------------------------------------------ lists


def preview(
    container: Container,
    management: int,
    wanted: Subscription,
    seen: Sequence[RoomSeen],
    at: datetime,
    *,
    spared: Collection[UserId] = (),
) -> Preview:
    """Tell what a subscription would do now in these rooms, beside those that stand; nothing is written down.

    Raises ``NotFound``.
    """
    with container.read() as work:
        ground = _ground(container, work, management, spared)
    if wanted.trusted is not None:
        wanted = replace(wanted, trust=trust_in(container, management, wanted.trusted))
    others = tuple(one for one in ground.rules.subscriptions if one.list != wanted.list)
    rules = replace(ground.rules, subscriptions=(*others, wanted))
    found = _planned(container, seen, replace(ground, rules=rules), at)
    return _told(wanted, found, len(seen))


def planned_afresh(container: Container, management: int, seen: Sequence[RoomSeen], at: datetime) -> Plan:
    """Plan all that lists want now, as if nothing had been done yet; nothing is written down. Raises ``NotFound``."""
    with container.read() as work:
        ground = _ground(container, work, management, ())
    return _planned(container, seen, replace(ground, done=(), spent={}), at)


def preview_of_leaving(
    container: Container, management: int, number: int, seen: Sequence[RoomSeen], at: datetime
) -> Preview:
    """Tell what leaving a list would undo in these rooms; nothing is written down. Raises ``NotFound``."""
    with container.read() as work:
        ground = _ground(container, work, management, ())
    left = next((one for one in ground.rules.subscriptions if one.list == number), None)
    if left is None:
        raise NotFound("not_subscribed", "That list does not act here.")
    others = tuple(one for one in ground.rules.subscriptions if one.list != number)
    rules = replace(ground.rules, subscriptions=others)
    found = _planned(container, seen, replace(ground, rules=rules), at)
    return _told(left, found, len(seen))


def _told(subscription: Subscription, found: Plan, rooms: int) -> Preview:
    mine = [step for step in found.steps if any(cause.list == subscription.list for cause in step.causes)]
    by: dict[Does, dict[Consequence, int]] = {does: defaultdict(int) for does in Does}
    left: dict[str, int] = defaultdict(int)
    for step in mine:
        by[step.does][step.what] += 1
        if step.does is Does.LEAVE and step.why is not None:
            left[step.why.value] += 1
    share = next((one for one in found.shares if one.list == subscription.list), None)
    hit = len({step.target for step in mine})
    acts, asks, notes, undone = (dict(by[does]) for does in (Does.DO, Does.ASK, Does.NOTE, Does.UNDO))
    samples = tuple(step for step in mine if step.does is not Does.KEEP)[:MOST_SAMPLES]
    return Preview(subscription, found.people, rooms, hit, acts, asks, notes, undone, dict(left), share, samples)


# ------------------------------------------------------------------------------------------------ answers


def answer(
    container: Container,
    management: int,
    *,
    yes: bool,
    by: PersonId | None,
    only: Collection[int] | None = None,
    cause: str | None = None,
) -> int:
    """Say yes or no to what waits; return how many consequences that was about.

    One ``cause`` answers once: what has come to wait since is nothing that it knew of.
    """
    with container.work() as work:
        if cause is not None and not outbox.once(work.session, f"desk:{cause}", work.now):
            return 0
        return work.moderation.answer(management, yes=yes, by=by, only=only)


def overridden(container: Container, number: int) -> Overrides:
    """Tell how often what a list caused was overruled by those who look after the rooms."""
    with container.read() as work:
        return work.moderation.overrides(number)
