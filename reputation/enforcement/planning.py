"""Planning (pure): rooms as seen, what lists say, and what was done before, give what to do, undo, ask and leave alone.

It is total, and the order of rooms, lists, words and rows changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import Final

from kit.identifiers import RoomId, UserId
from reputation.enforcement import shares
from reputation.enforcement.grounds import ground as ground_of
from reputation.enforcement.model import (
    AGAIN_AFTER,
    CLOSED,
    CONFIRMED,
    PUBLISHED,
    UNDOABLE,
    Before,
    Cause,
    Consequence,
    Does,
    Done,
    Mode,
    Plan,
    Rules,
    Share,
    State,
    Step,
    Why,
    Words,
)
from reputation.enforcement.own import is_decided, only_own
from reputation.enforcement.powers import lacks, level_of_muted
from reputation.enforcement.rooms import Membership, RoomSeen
from reputation.enforcement.wanting import THERE, Seen, Speaking, Wanting, Wants, see
from reputation.lists.model import Recommendation, Subject


class _Stance(IntEnum):
    """How far lists together may go."""

    NOTHING = 0
    NOTE = 1
    ASK = 2
    ACT = 3


_ROUNDED: Final = 1e-9
"""By how much weights that are parts of one may miss a whole number."""
_STANCES: Final = {Mode.NOTIFY: _Stance.NOTE, Mode.APPROVE: _Stance.ASK, Mode.ACT: _Stance.ACT}


def plan(
    rooms: Sequence[RoomSeen],
    words: Words,
    rules: Rules,
    done: Iterable[Done] = (),
    *,
    now: datetime,
    spent: Mapping[int, shares.Counted] | None = None,
    only: Collection[RoomId] | None = None,
    looked: Mapping[RoomId, datetime] | None = None,
) -> Plan:
    """Plan what is to be done in ``rooms``, which all belong to one management room.

    ``now`` is when the rooms were looked at (``looked``: those of which that is known better): what was done after that
    still stands. ``spent`` tells of each list whom
    it acted on unasked in the last seven days. ``only``: plan in these rooms; the others count as far as people and
    those who look after them go.
    """
    return _Planning(rooms, words, rules, done, now, spent or {}, looked or {}).plan(only)


@dataclass(frozen=True, slots=True)
class _Want:
    """One consequence that lists want, or that stands since they wanted it."""

    seen: Seen
    what: Consequence
    target: str
    causes: tuple[Cause, ...]
    row: Done | None

    def step(self, does: Does, why: Why | None = None, before: Before | None = None, people: int = 1) -> Step:
        """Return a step about it."""
        number, was = (None, None) if self.row is None else (self.row.id, self.row.state)
        kept = before if before is not None else self.row.before if self.row is not None else Before()
        room = self.seen.room.room
        return Step(does, room, self.what, self.target, self.causes, why, number, was, kept, people)


@dataclass
class _Planning:
    """One plan in the making."""

    rooms: Sequence[RoomSeen]
    words: Words
    rules: Rules
    done: Iterable[Done]
    now: datetime
    spent: Mapping[int, shares.Counted]
    looked: Mapping[RoomId, datetime]
    hosts: dict[UserId, str] = field(default_factory=dict)
    stopped: frozenset[int] = frozenset()
    stopped_beforehand: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.rooms = sorted({room.room: room for room in self.rooms}.values(), key=lambda room: room.room)
        self.speaking = Speaking(self.rules, self.words, self.now)
        here = ground_of(self.rooms, self.rules)
        self.keepers, self.never = here.keepers | self.rules.ground.keepers, here.servers | self.rules.ground.servers
        self.joined: set[UserId] = set()
        self.crowds: dict[str, set[UserId]] = defaultdict(set)
        self.present: set[str] = set()

    def plan(self, only: Collection[RoomId] | None) -> Plan:
        rows: dict[RoomId, list[Done]] = defaultdict(list)
        for row in sorted(self.done, key=lambda row: row.id):
            if row.state not in CLOSED:
                rows[row.room].append(row)
        wanting = Wanting(self.speaking, self.never)
        wanted: list[_Want] = []
        left: list[Step] = []
        for room in self.rooms:
            seen = see(room, rows.get(room.room, ()), self.hosts)
            self._count(seen)
            if only is None or room.room in only:
                can_deny = self.rules.beside or not lacks(room, self.rules.me, Consequence.DENY)
                found = wanting.wants(seen, can_deny=can_deny)
                wanted += _together(seen, found)
                left += _left(room.room, found)
        told = self._shares(wanted)
        self.stopped = shares.exceeded(told)
        self.stopped_beforehand = self.stopped | shares.exceeded(self._shares(wanted, beforehand=True))
        steps = [step for want in wanted if (step := self._step(want)) is not None]
        steps += left
        steps.sort(key=lambda step: (step.room, step.target, step.what, step.does))
        return Plan(tuple(steps), tuple(told), len(self.joined))

    def _count(self, seen: Seen) -> None:
        said = self.words.servers
        if said:
            self.present.update(seen.there.values())
        for user, member in seen.room.members.items():
            if member.membership is Membership.JOIN and user != self.rules.me:
                self.joined.add(user)
                host = seen.there[user]
                if host in said:
                    self.crowds[host].add(user)

    # ---------------------------------------------------------------------------------------------- shares

    def _shares(self, wanted: Iterable[_Want], *, beforehand: bool = False) -> list[Share]:
        """Count what lists would do to people, or to servers of whom nobody is here: of those as many at most."""
        by_list: dict[int, dict[str, int]] = defaultdict(dict)
        for want in wanted:
            row = want.row
            if row is not None and (row.approved or row.state in (State.REFUSED, State.OWED, State.LIFTED)):
                continue
            if beforehand is not (self._people(want) == 0):
                continue
            if self._is_new(want) and self._stance(want.causes) is _Stance.ACT and self._guard(want) is None:
                for cause in want.causes:
                    by_list[cause.list][want.target] = 1 if beforehand else self._people(want)
        return [
            shares.share(
                known,
                people=max(len(self.joined), self.rules.ground.people),
                spent=shares.of_servers(self.spent.get(number, {})) if beforehand else self.spent.get(number, {}),
                wanted=by_list.get(number, {}).items(),
            )
            for number, known in self.speaking.lists.items()
        ]

    def _people(self, want: _Want) -> int:
        """Return of how many people something counts: of a server that is denied beforehand, nobody."""
        if want.what is not Consequence.DENY:
            return 1
        return max(len(self.crowds.get(want.target, ())), int(want.target in self.present))

    def _is_new(self, want: _Want) -> bool:
        """Tell whether acting would be a new act, and not one that waits for a yes in any case."""
        if want.what in CONFIRMED and self.rules.confirm and not _decided(want.causes):
            return False
        row = want.row
        if row is None or row.state in (State.NOTED, State.ASKED, State.UNDOING):
            return True
        if row.state is State.FAILED:
            return self._again(row)
        return row.state is State.APPLIED and self._came_back(want)

    def _again(self, row: Done) -> bool:
        return row.at + AGAIN_AFTER <= self.now

    def _came_back(self, want: _Want) -> bool:
        row = want.row
        if row is None or want.what is not Consequence.KICK or row.at >= self._looked(want):
            return False
        return UserId(want.target) in want.seen.there

    def _stance(self, causes: Iterable[Cause], stopped: Collection[int] = ()) -> _Stance:
        """Return how far the lists that agree may go: as far as enough weight of them goes."""
        weight = dict.fromkeys(_Stance, 0.0)
        for cause in causes:
            known = self.speaking.lists[cause.list]
            rehearsed = self.rules.rehearsing and not is_decided(cause.list)
            may = _Stance.NOTE if rehearsed else _STANCES[known.mode]
            if cause.list in stopped:
                may = min(may, _Stance.ASK)
            for stance in (_Stance.NOTE, _Stance.ASK, _Stance.ACT):
                weight[stance] += known.counts if stance <= may else 0
        needed = max(self.rules.threshold, 1) - _ROUNDED
        enough = [stance for stance, sum_ in weight.items() if stance and sum_ >= needed]
        return max(enough, default=_Stance.NOTHING)

    # ---------------------------------------------------------------------------------------------- steps

    def _step(self, want: _Want) -> Step | None:
        row, stance = want.row, self._stance(want.causes)
        if stance is _Stance.NOTHING:
            return self._unwanted(want)
        if row is None or row.state in (State.NOTED, State.ASKED):
            return self._begin(want)
        if row.state in (State.REFUSED, State.LIFTED):
            return want.step(Does.LEAVE, Why(row.state.value))
        if row.state is State.FAILED and not self._again(row):
            return want.step(Does.LEAVE, Why.FAILED)
        return self._standing(want, row, agreed=stance is _Stance.ACT or (row.approved and stance is _Stance.ASK))

    def _standing(self, want: _Want, row: Done, *, agreed: bool) -> Step | None:
        """Return what becomes of something that was done, or begun."""
        if row.state is State.APPLIED and self._lifted(want):
            return want.step(Does.LIFT, Why.LIFTED)
        if row.state is State.UNDOING:
            return self._begin(want) if agreed else None
        spared = self._spared(want) if row.state is State.OWED else None
        if spared is not None:  # they have come to look after rooms since, or to whoever does
            return replace(want.step(Does.UNDO, spared), causes=row.causes)
        over = row.state is State.APPLIED and want.what not in UNDOABLE
        if not agreed and not over:
            return self._unwanted(want)
        if agreed and (row.state is State.FAILED or self._came_back(want)):
            return self._begin(want)
        return want.step(Does.KEEP) if _differ(row.causes, want.causes) else None

    def _begin(self, want: _Want) -> Step | None:
        """Return what becomes of something that nobody has done yet."""
        row = want.row
        guarded = self._guard(want)
        if guarded is not None:
            waits = row is not None and row.state is not State.UNDOING
            return want.step(Does.DROP if waits else Does.LEAVE, guarded)
        stance, why = self._may(want)
        if stance is _Stance.ACT:
            there = want.what is Consequence.DENY or UserId(want.target) in want.seen.there
            left = want.what is Consequence.REDACT and only_own(want.causes)  # what they wrote is there still
            if there or left or (row is not None and row.state is State.UNDOING):
                return want.step(Does.DO, before=self._before(want), people=self._people(want))
            stance = _Stance.NOTE
        now = {_Stance.ASK: State.ASKED, _Stance.NOTE: State.NOTED}.get(stance)
        if row is not None and (row.state is now or row.state is State.UNDOING):
            return want.step(Does.KEEP) if _differ(row.causes, want.causes) else None
        if row is not None and row.state is State.ASKED and UserId(want.target) not in want.seen.there:
            return None
        does = Does.ASK if stance is _Stance.ASK else Does.NOTE
        return want.step(does, why, before=self._before(want), people=self._people(want))

    def _may(self, want: _Want) -> tuple[_Stance, Why | None]:
        """Return how far to go, and where that is to ask, why."""
        row = want.row
        stance = self._stance(want.causes)
        if row is not None and row.approved and stance >= _Stance.ASK:
            return _Stance.ACT, None
        if stance is not _Stance.ACT:
            return stance, Why.APPROVE if stance is _Stance.ASK else None
        if want.what in CONFIRMED and self.rules.confirm and not _decided(want.causes):
            return _Stance.ASK, Why.CONFIRM
        asked = row is not None and row.state is State.ASKED and row.why is Why.SHARE
        stopped = self.stopped if self._people(want) else self.stopped_beforehand
        if asked or self._stance(want.causes, stopped) is not _Stance.ACT:
            return _Stance.ASK, Why.SHARE
        return stance, None

    def _unwanted(self, want: _Want) -> Step | None:
        row = want.row
        if row is None:
            return want.step(Does.LEAVE, Why.TOO_FEW)
        vetoed = self.speaking.vetoes(want.what, want.target, row.causes)
        why = Why.VETOED if vetoed else Why.NO_CAUSE
        if row.state is State.UNDOING:
            return None
        undo = row.state is State.OWED or (row.state is State.APPLIED and want.what in UNDOABLE)
        return replace(want.step(Does.UNDO if undo else Does.DROP, why), causes=row.causes)

    def _guard(self, want: _Want) -> Why | None:
        """Return why nothing is to be done to somebody, or need not be."""
        room, target, what = want.seen.room, want.target, want.what
        ours = want.row is not None and want.row.state is State.UNDOING
        spared = self._spared(want)
        if spared is not None:
            return spared
        if what is Consequence.DENY:
            weak = lacks(room, self.rules.me, what)
            already = want.seen.denied.covers(target)
        else:
            weak = lacks(room, self.rules.me, what, UserId(target))
            already = self._so_already(want, UserId(target))
        weak = weak and not (self.rules.beside and what in PUBLISHED)
        return Why.NO_POWER if weak else Why.ALREADY if already and not ours else None

    def _spared(self, want: _Want) -> Why | None:
        """Return why somebody, or a server, is one that nothing is ever done to."""
        if want.what is Consequence.DENY:
            return Why.SERVER_OF_KEEPERS if want.target in self.never else None
        user = UserId(want.target)
        keeper = user in self.keepers or want.seen.room.powers.looks_after(user)
        return Why.OURSELVES if user == self.rules.me else Why.KEEPER if keeper else None

    def _so_already(self, want: _Want, user: UserId) -> bool:
        room = want.seen.room
        member = room.members.get(user)
        match want.what:
            case Consequence.BAN:
                return member is not None and member.membership is Membership.BAN
            case Consequence.KICK:
                return member is not None and member.membership not in THERE
            case Consequence.MUTE:
                return room.powers.of(user) <= level_of_muted(room.powers)
            case _:
                return False

    def _looked(self, want: _Want) -> datetime:
        return self.looked.get(want.seen.room.room, self.now)

    def _lifted(self, want: _Want) -> bool:
        """Tell whether somebody else took back what we did, after we did it."""
        row, room = want.row, want.seen.room
        if row is None or row.at >= self._looked(want) or row.published:
            return False
        match want.what:
            case Consequence.BAN:
                member = room.members.get(UserId(want.target))
                return member is not None and member.membership is not Membership.BAN
            case Consequence.MUTE:
                return room.powers.users.get(UserId(want.target)) != row.before.set_to
            case Consequence.DENY:
                return not want.seen.denied.covers(want.target)
            case _:
                return False

    def _before(self, want: _Want) -> Before:
        if want.row is not None and want.row.state is State.UNDOING:
            return want.row.before
        room, user = want.seen.room, UserId(want.target)
        if want.what is Consequence.DENY:
            return Before()
        member = room.members.get(user)
        was = None if member is None else member.membership.value
        if want.what is Consequence.MUTE:
            return Before(was, room.powers.users.get(user), level_of_muted(room.powers))
        return Before(was)


def _together(seen: Seen, found: Wants) -> list[_Want]:
    """Put what is wanted beside what is written down."""
    keys = sorted({*found.causes, *seen.rows})
    return [_Want(seen, what, on, found.causes.get((what, on), ()), seen.rows.get((what, on))) for what, on in keys]


def _left(room: RoomId, found: Wants) -> list[Step]:
    deny = Consequence.DENY
    theirs = [
        Step(Does.LEAVE, room, deny, host, causes, Why.SERVER_OF_KEEPERS) for host, causes in found.theirs.items()
    ]
    return theirs + [Step(Does.LEAVE, room, deny, host, (), Why.FULL) for host in sorted(found.full)]


def _decided(causes: Iterable[Cause]) -> bool:
    """Tell whether somebody who looks after the room decided it, and need not be asked."""
    return any(is_decided(cause.list) for cause in causes)


def _differ(before: Iterable[Cause], now: Iterable[Cause]) -> bool:
    return {*map(_gist, before)} != {*map(_gist, now)}


def _gist(cause: Cause) -> tuple[int, Subject, str, Recommendation]:
    return cause.list, cause.subject, cause.entity.lower(), cause.recommendation
