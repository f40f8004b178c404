"""How fast messages of protected rooms are put to rules, beside what it costs to count them at all."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks._patterns import messages
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Powers
from reputation.policy import AtOnce, Lasting, ProtectionRule, ProtectionsDocument
from reputation.policy_rules import Guard, guard_of
from reputation.protections.model import Posted, mentions_in
from reputation.protections.presets import NOTHING, ProtectionsPreset, with_preset
from reputation.protections.protecting import Protecting
from reputation.seeing import Place

_SEED = 13
_ROUNDS = 7
_MESSAGES = 50_000
_ROOMS, _PEOPLE = 50, 2_000
"""Everybody writes in two rooms."""
_APART = timedelta(milliseconds=10)
_OWN = (
    ("shouting", "size(message.text) > 400 && sender.messages_1m > 5", AtOnce(do="warn")),
    ("everybody", "message.mentions_room && sender.level == 0", AtOnce(do="redact")),
    ("lingering wave", "room.joins_10m > 200 && sender.in_room < duration('10m')", Lasting(do="mute")),
)


def protections() -> Mapping[str, Any]:
    """Put texts of many people in many rooms to ten rules (all presets and three more); nobody breaks them.

    The peer is the bare counting: one entry of a table for each message. ``a flood`` is one person who writes all.
    """
    guard, places = _ten_rules(), [Place(RoomId(f"!r{n}:h.example"), frozenset()) for n in range(_ROOMS)]
    chance, texts = random.Random(_SEED), messages()
    people = [UserId(f"@p{number}:s{number % 40}.example") for number in range(_PEOPLE)]
    said = []
    for number in range(_MESSAGES):
        who, text = chance.randrange(_PEOPLE), chance.choice(texts)
        what = Posted(f"$e{number}", people[who], text, "m.text", *mentions_in(None, text))
        said.append((places[(who + number % 2) % _ROOMS], what))
    begun = datetime(2026, 11, 27, tzinfo=UTC)
    times = [begun + number * _APART for number in range(_MESSAGES)]
    flood = [(places[0], Posted(f"$f{number}", people[0], f"text {number}")) for number in range(_MESSAGES)]
    assert _followed(guard, flood, times) > 0, "a flood must be noticed, or nothing was judged"
    rates = [_rate(lambda: _followed(guard, said, times)) for _ in range(_ROUNDS)]
    bare = [_rate(lambda: _counted(said)) for _ in range(_ROUNDS)]
    return {
        "value": round(statistics.median(rates)),
        "unit": "messages/s",
        "better": "higher",
        "limit": 50_000,
        "peers": {"one entry of a table counted for each": round(statistics.median(bare))},
        "details": {
            "rules": len(guard.document.rules),
            "a flood by one person": round(
                statistics.median(_rate(lambda: _followed(guard, flood, times)) for _ in range(3))
            ),
            "nothing set": round(statistics.median(_rate(lambda: _followed(None, said, times)) for _ in range(3))),
        },
    }


def _ten_rules() -> Guard:
    document = NOTHING
    for preset in ProtectionsPreset:
        if preset is not ProtectionsPreset.NONE:
            document = with_preset(document, preset)
    own = tuple(ProtectionRule(name=name, when=when, then=then) for name, when, then in _OWN)
    return guard_of(ProtectionsDocument(rules=(*document.rules, *own)))


def _followed(guard: Guard | None, said: list[tuple[Place, Posted]], times: list[datetime]) -> int:
    protecting, powers = Protecting(guard), Powers()
    hear = protecting.heard
    return sum(len(hear(place, powers, what, at)) for (place, what), at in zip(said, times, strict=True))


def _counted(said: list[tuple[Place, Posted]]) -> int:
    found: dict[tuple[RoomId, UserId], int] = {}
    for place, what in said:
        key = place.room, what.sender
        found[key] = found.get(key, 0) + 1
    return len(found)


def _rate(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return _MESSAGES / (time.perf_counter() - began)


BENCHMARKS = {"protections": protections}
