"""How long it takes until what changed in a large list is planned for all rooms in which the list acts."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app import protecting
from app.container import Container
from benchmarks._world import BOT, HOME, build
from kit.identifiers import RoomId, UserId
from reputation.enforcement.model import Does, Mode, Subscription
from reputation.enforcement.rooms import Member, Membership, Powers, RoomSeen
from reputation.followed import SLICE
from reputation.lists.model import Entry, Recommendation, Subject

_SEED = 11
_ENTRIES, _DELTA, _ROOMS, _PEOPLE, _IN_A_ROOM = 100_000, 1_000, 100, 10_000, 200
_HIT = 100
"""Entries of each change that hit somebody who is there; a hundred of those before did, too."""
_ROUNDS = 5


def list_delta() -> Mapping[str, Any]:
    """Seconds from a change of 1,000 entries in a list of 100,000 to the plan for 100 rooms, all of it written down.

    In the rooms are 10,000 people, each in two; each change hits a hundred more. The list's new entries are read into
    memory, those in the rooms are looked up, and what follows is written.
    """
    with tempfile.TemporaryDirectory() as folder:
        container = Container(build(Path(folder), doors=1, grants=0).settings())
        chance = random.Random(_SEED)
        people = [UserId(f"@{_word(chance)}:{_word(chance)[:2]}.example") for _ in range(_PEOPLE)]
        management, number = _made(container)
        rooms = _rooms(chance, people)
        targets = iter(chance.sample(people, _HIT * (_ROUNDS + 1)))
        _write(container, number, [*_others(chance, _ENTRIES - _HIT), *(_about(next(targets)) for _ in range(_HIT))])
        first = _planned(container, management, rooms)
        spans = []
        for _ in range(_ROUNDS):
            _write(container, number, [*_others(chance, _DELTA - _HIT), *(_about(next(targets)) for _ in range(_HIT))])
            spans.append(_planned(container, management, rooms))
        container.close()
    return {
        "value": round(statistics.median(span for span, _ in spans), 2),
        "unit": "s",
        "better": "lower",
        "limit": 2,
        "details": {
            "of which labels are made anew": round(statistics.median(labels for _, labels in spans), 2),
            "the first plan": round(first[0], 2),
            "people": _PEOPLE,
            "rooms": _ROOMS,
        },
    }


def _word(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=9))


def _made(container: Container) -> tuple[int, int]:
    with container.work() as work:
        made = work.moderation.make(work.people.number(UserId(f"@owner:{HOME}")), "bench")
        for number in range(_ROOMS):
            work.moderation.protect(made.id, RoomId(f"!{number}:{HOME}"))
        followed = work.followed.follow("bench", "/list")
        work.moderation.lists.subscribe(made.id, Subscription(followed.id, "bench", Mode.ACT, share=100))
    return made.id, followed.id


def _rooms(chance: random.Random, people: Sequence[UserId]) -> list[RoomSeen]:
    places = [*people, *people]
    chance.shuffle(places)
    rooms = []
    for number in range(_ROOMS):
        there = {user: Member(Membership.JOIN, user) for user in places[number * _IN_A_ROOM :][:_IN_A_ROOM]}
        there[UserId(BOT)] = Member(Membership.JOIN, UserId(BOT))
        rooms.append(RoomSeen(RoomId(f"!{number}:{HOME}"), there, Powers({UserId(BOT): 100})))
    return rooms


def _others(chance: random.Random, count: int) -> list[Entry]:
    """Entries that hit nobody here: names, servers with all below, and one pattern in twenty."""
    made = []
    for number in range(count):
        if number % 20 == 0:
            made.append(Entry(Subject.USER, f"@{_word(chance)}*:*", Recommendation.BAN, "spam"))
        elif number % 3:
            made.append(_about(UserId(f"@{_word(chance)}:{_word(chance)}.example")))
        else:
            made.append(Entry(Subject.SERVER, f"{_word(chance)}.example", Recommendation.BAN, "spam", below=True))
    return made


def _about(user: UserId) -> Entry:
    return Entry(Subject.USER, user, Recommendation.BAN, "spam")


def _write(container: Container, number: int, entries: Sequence[Entry]) -> None:
    for begin in range(0, len(entries), SLICE):
        with container.work() as work:
            work.followed.write(number, entries[begin : begin + SLICE])
    with container.work() as work:
        work.followed.read("bench", form="policy", entries=_ENTRIES, left_out=0, again=False)


def _planned(container: Container, management: int, rooms: Sequence[RoomSeen]) -> tuple[float, float]:
    began = time.perf_counter()
    container.labelling.current()
    labels = time.perf_counter() - began
    found = protecting.plan(container, management, rooms, container.clock())
    span = time.perf_counter() - began
    assert len({step.target for step in found.of(Does.DO)}) == _HIT
    assert len(found.of(Does.DO)) in range(_HIT, 2 * _HIT + 1)
    return span, labels


BENCHMARKS = {"list_delta": list_delta}
