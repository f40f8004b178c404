"""Policy rooms (pure): rules as state events, in today's form, in all older ones, and in those not yet in the standard.

Matrix specification, "Moderation policy lists"; MSC4204 (takedown), MSC4205 (hashed entities).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from reputation.lists.model import Entry, Fault, Listing, Recommendation, Subject, checked, listing, plain

FORM: Final = "policy"
TYPES: Final[Mapping[str, tuple[Subject, int]]] = {
    f"{family}.{subject.value}": (subject, age)
    for age, family in enumerate(("m.policy.rule", "m.room.rule", "org.matrix.mjolnir.rule"))
    for subject in Subject
}
"""Types of rules: of what each speaks, and how old the name is."""
RECOMMENDATIONS: Final[Mapping[str, Recommendation]] = {
    "m.ban": Recommendation.BAN,
    "org.matrix.mjolnir.ban": Recommendation.BAN,
    "m.takedown": Recommendation.TAKEDOWN,
    "org.matrix.msc4204.takedown": Recommendation.TAKEDOWN,
    "m.allow": Recommendation.ALLOW,
    "org.matrix.mjolnir.allow": Recommendation.ALLOW,
    "m.unban": Recommendation.ALLOW,
    "fi.mau.meowlnir.unban": Recommendation.ALLOW,
}
_HASHES: Final = ("hashes", "org.matrix.msc4205.hashes")
_LONGEST_KEY: Final = 60
_SHA256_BYTES: Final = 32


def read_events(events: Sequence[object]) -> Listing:
    """Read a room's state. Under one state key the newest name of a type holds; a rule without content is gone."""
    rules: dict[tuple[Subject, str], tuple[int, Mapping[str, Any]]] = {}
    faults: list[Fault] = []
    for event in events:
        kind = event.get("type") if isinstance(event, Mapping) else None
        if not isinstance(event, Mapping) or not isinstance(kind, str) or kind not in TYPES:
            continue  # a room holds other state, too
        subject, age = TYPES[kind]
        key, content = event.get("state_key"), event.get("content")
        if not isinstance(key, str) or not isinstance(content, Mapping):
            faults.append(Fault("no_state", kind))
            continue
        before = rules.get((subject, key))
        if before is None or age <= before[0]:
            rules[subject, key] = (age, content)
    read = (
        _rule(subject, plain(key)[:_LONGEST_KEY], content) for (subject, key), (_, content) in rules.items() if content
    )
    return listing(FORM, chain(faults, chain.from_iterable(read)))


def _rule(subject: Subject, place: str, content: Mapping[str, Any]) -> Iterator[Entry | Fault]:
    said, entity, reason = content.get("recommendation"), content.get("entity"), content.get("reason", "")
    if not isinstance(said, str) or said not in RECOMMENDATIONS:
        yield Fault("recommendation", place, plain(str(said))[:_LONGEST_KEY])
        return
    recommendation, reason = RECOMMENDATIONS[said], reason if isinstance(reason, str) else ""
    hidden = next((content[name] for name in _HASHES if name in content), None)
    if isinstance(entity, str):
        yield checked(subject, entity, recommendation, reason=reason, place=place)
    elif isinstance(hidden, Mapping):
        digest = _digest(hidden.get("sha256"))
        yield (
            Fault("hash", place)
            if digest is None
            else Entry(subject, None, recommendation, plain(reason), sha256=digest, place=place)
        )
    else:
        yield Fault("no_entity", place)


def _digest(found: object) -> bytes | None:
    try:
        digest = base64.b64decode(found, validate=True) if isinstance(found, str) else b""
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == _SHA256_BYTES else None
