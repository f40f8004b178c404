"""Rooms made up, lists that speak of those in them, and books in memory: what plans come to without a homeserver."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from kit.identifiers import RoomId, UserId
from reputation.enforcement import planning
from reputation.enforcement.acting import (
    Ban,
    Kick,
    Nothing,
    Owed,
    SetAcl,
    SetLevel,
    Unban,
    act,
    act_on_servers,
)
from reputation.enforcement.model import (
    CLOSED,
    WINDOW,
    Consequence,
    Does,
    Done,
    Mode,
    Plan,
    Rules,
    State,
    Step,
    Subscription,
    Veto,
    Word,
    Words,
    host_of,
)
from reputation.enforcement.rooms import Acl, Member, Membership, Powers, RoomSeen
from reputation.lists.model import Recommendation, Subject

_T = TypeVar("_T")
ME = UserId("@earnest:home.example")
ADMIN = UserId("@admin:admin.example")
START = datetime(2026, 11, 27, tzinfo=UTC)
SERVERS = ("a.example", "b.example:8448", "C.example", "admin.example", "home.example")
USERS = tuple(UserId(f"@{name}:{server}") for server in SERVERS for name in "pqr")
OTHER = UserId("@other:admin.example")


def a_room(
    name: str = "!r:home.example",
    *joined: UserId,
    powers: Powers | None = None,
    acl: Acl | None = None,
) -> RoomSeen:
    """A room in which the bot and a moderator have power, and others are."""
    members = {user: Member(Membership.JOIN, user) for user in (ME, ADMIN, *joined)}
    return RoomSeen(RoomId(name), members, powers or Powers({ME: 100, ADMIN: 100}), acl)


def said(of: int, entity: str, recommendation: Recommendation = Recommendation.BAN, reason: str = "") -> Word:
    """What a list says by an entry."""
    return Word(of, Subject.USER if entity.startswith("@") else Subject.SERVER, entity, recommendation, reason)


def words(*some: Word) -> Words:
    """What lists say of whom entries name."""
    people: dict[UserId, dict[int, Word]] = defaultdict(dict)
    servers: dict[str, dict[int, Word]] = defaultdict(dict)
    for word in some:
        if word.subject is Subject.USER:
            people[UserId(word.entity)][word.list] = word
        else:
            servers[word.entity][word.list] = word
    return Words(dict(people), dict(servers))


@dataclass
class Books:
    """What is written down, and the rooms as they are."""

    rooms: dict[RoomId, RoomSeen]
    rows: dict[int, Done] = field(default_factory=dict)
    owed_at: dict[int, tuple[datetime, int]] = field(default_factory=dict)
    now: datetime = START
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def plan(self, said: Words, rules: Rules) -> Plan:
        """Plan for all rooms, looked at now."""
        self.now += timedelta(seconds=1)
        return planning.plan(
            list(self.rooms.values()), said, rules, self.rows.values(), now=self.now, spent=self.spent()
        )

    def spent(self) -> dict[int, dict[str, int]]:
        """Whom lists acted on unasked in the last seven days."""
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for number, (at, people) in self.owed_at.items():
            row = self.rows[number]
            if at > self.now - WINDOW and not row.approved:
                for cause in row.causes:
                    found[cause.list][row.target] = max(found[cause.list].get(row.target, 0), people)
        return dict(found)

    def write(self, plan: Plan) -> None:
        """Write a plan down, as the service does."""
        self.now += timedelta(seconds=1)
        for step in plan.changes:
            self._write(step)

    def _write(self, step: Step) -> None:
        number = step.row if step.row is not None else next(self._count)
        before = self.rows.get(number)
        if step.does is Does.KEEP:
            assert before is not None
            self.rows[number] = replace(before, causes=step.causes)
            return
        state = {
            Does.DO: State.OWED,
            Does.UNDO: State.UNDOING,
            Does.ASK: State.ASKED,
            Does.NOTE: State.NOTED,
            Does.LIFT: State.LIFTED,
            Does.DROP: State.DROPPED,
        }[step.does]
        approved = before is not None and before.approved
        self.rows[number] = Done(
            number, step.room, step.what, step.target, state, self.now, step.causes, approved, step.why, step.before
        )
        if step.does is Does.DO:
            self.owed_at[number] = (self.now, step.people)

    def say_yes(self) -> None:
        """Approve all that waits."""
        for number, row in self.rows.items():
            if row.state is State.ASKED:
                self.rows[number] = replace(row, state=State.OWED, approved=True)

    def apply(self, rows: Iterable[int] | None = None) -> None:
        """Do all that is owed, or only these rows of it."""
        self.now += timedelta(seconds=1)
        owed = [row for row in self.rows.values() if row.state in (State.OWED, State.UNDOING)]
        owed = [row for row in owed if rows is None or row.id in rows]
        denials: dict[RoomId, list[Owed]] = defaultdict(list)
        for row in owed:
            undo = row.state is State.UNDOING
            one = Owed(row.id, 1, row.room, row.what, row.target, undo, row.causes, row.before, 1)
            if row.what is Consequence.DENY:
                denials[row.room].append(one)
            else:
                self._do(row.room, act(one, self.rooms[row.room], ME))
            self.rows[row.id] = replace(row, state=State.UNDONE if undo else State.APPLIED, at=self.now)
        for room, some in denials.items():
            self._do(room, act_on_servers(some, self.rooms[room], ME))

    def _do(self, room: RoomId, done: object) -> None:
        seen = self.rooms[room]
        match done:
            case Ban(user):
                self.rooms[room] = member(seen, user, Membership.BAN, ME)
            case Unban(user, _) | Kick(user):
                self.rooms[room] = member(seen, user, Membership.LEAVE, ME)
            case SetLevel(user, level):
                self.rooms[room] = levels(seen, user, level)
            case SetAcl(acl):
                self.rooms[room] = replace(seen, acl=acl)
            case Nothing():
                pass

    def settle(self, said: Words, rules: Rules) -> None:
        """Plan, write and do until nothing is left."""
        for _ in range(3):
            self.write(self.plan(said, rules))
            self.apply()

    def open(self) -> list[Done]:
        """What is not over."""
        return [row for row in self.rows.values() if row.state not in CLOSED]


def member(seen: RoomSeen, user: UserId, membership: Membership, by: UserId) -> RoomSeen:
    """The room with somebody standing otherwise to it."""
    return replace(seen, members={**seen.members, user: Member(membership, by)})


def levels(seen: RoomSeen, user: UserId, level: int | None) -> RoomSeen:
    """The room with somebody at another level; ``None``: at the default."""
    users = {who: has for who, has in seen.powers.users.items() if who != user}
    if level is not None:
        users[user] = level
    return replace(seen, powers=replace(seen.powers, users=users))


# ------------------------------------------------------------------------------------------------ made up

_HOSTS = tuple(sorted(set(map(host_of, USERS))))
_PERSONAL = [one for one in Consequence if one is not Consequence.DENY]
_LEVELS = (-5, 0, 0, 1, 49, 50, 2**60)


@dataclass(frozen=True)
class World:
    """Rooms, what lists say of those in them, and how the lists may act."""

    rooms: dict[RoomId, RoomSeen]
    words: Words
    rules: Rules


def worlds() -> st.SearchStrategy[World]:
    """Worlds in which much happens: left to itself, chance makes lists that speak of nobody."""
    return st.integers(0, 2**32).map(lambda seed: a_world(Random(seed)))


def sayings() -> st.SearchStrategy[Words]:
    """What three lists say, another day."""
    return st.integers(0, 2**32).map(lambda seed: _words(Random(seed)))


def a_world(chance: Random) -> World:
    """A world by chance."""
    return World(_rooms(chance), _words(chance), _rules(chance))


def _some(chance: Random, of: Sequence[_T], most: int) -> list[_T]:
    return chance.sample(of, min(len(of), chance.randint(0, most)))


def _rooms(chance: Random) -> dict[RoomId, RoomSeen]:
    found = {}
    for number in range(chance.randint(1, 3)):
        room = RoomId(f"!{number}:home.example")
        stands = [Membership.JOIN] * 6 + list(Membership)
        members = {user: Member(chance.choice(stands), user) for user in _some(chance, USERS, len(USERS))}
        for user, one in members.items():
            if one.membership is Membership.BAN:
                members[user] = Member(Membership.BAN, chance.choice([OTHER, ME]))
        members |= {ME: Member(Membership.JOIN, ME), ADMIN: Member(Membership.JOIN, ADMIN)}
        users = {user: chance.choice(_LEVELS) for user in _some(chance, USERS, 1)}
        users |= {ME: 0 if chance.random() < 0.1 else 100, ADMIN: 100}
        events = {"x": chance.choice(_LEVELS)} if chance.random() < 0.3 else {}
        powers = Powers(users, events_default=chance.choice([0, 0, 25]), events=events)
        acl = chance.choice([None, None, Acl(), Acl(("*",), ("a.example",)), Acl(("*.example",), ("b.*", "zz"))])
        found[room] = RoomSeen(room, members, powers, acl)
    return found


def _words(chance: Random) -> Words:
    people: dict[UserId, dict[int, Word]] = defaultdict(dict)
    servers: dict[str, dict[int, Word]] = defaultdict(dict)
    heard = [Recommendation.BAN] * 3 + list(Recommendation)
    for of in (1, 2, 3):
        for user in _some(chance, [*USERS, ME, ADMIN], 8):
            entity = chance.choice([user, user, "@p*:*"])
            people[user][of] = Word(of, Subject.USER, entity, chance.choice(heard))
        for host in _some(chance, _HOSTS, 2):
            servers[host][of] = Word(of, Subject.SERVER, host, chance.choice(heard))
    return Words(dict(people), dict(servers))


def _rules(chance: Random) -> Rules:
    heard = (Recommendation.BAN, Recommendation.TAKEDOWN, Recommendation.LIMIT)
    lists = [
        Subscription(
            of,
            f"list{of}",
            chance.choice([Mode.ACT, Mode.ACT, *Mode]),
            chance.choice([1, 1, 2]),
            {said: frozenset(_some(chance, _PERSONAL, 3)) for said in heard},
            {said: frozenset(_some(chance, list(Consequence), 2)) | {Consequence.DENY} for said in heard},
            chance.choice([0, 5, 100, 100]),
            chance.choice([None] * 5 + [START - timedelta(days=1), START + timedelta(days=99)]),
        )
        for of in _some(chance, [1, 2, 3], 3) or [1]
    ]
    vetoes = [
        Veto(chance.choice([None, 1]), user=chance.choice(USERS)),
        Veto(chance.choice([None, 2]), server=chance.choice(_HOSTS)),
        Veto(chance.choice([None, 1]), subject=Subject.USER, entity="@P*:*"),
    ]
    return Rules(
        ME,
        tuple(lists),
        tuple(_some(chance, vetoes, 2)),
        chance.choice([1, 1, 1, 2, 3]),
        confirm=chance.random() < 0.5,
        rehearsing=chance.random() < 0.1,
        spared=frozenset(_some(chance, USERS, 1)),
    )
