"""The facts (pure): all that a rule may ask about, in one table, and records made of what is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from kit.errors import Invalid
from kit.identifiers import on_one_line
from reputation.conditions.model import (
    BOOL,
    DOUBLE,
    GREATEST_INT,
    INT,
    LEAST_INT,
    LONGEST_TEXT,
    MOMENT,
    MOST_ITEMS,
    SPAN,
    TEXT,
    TEXTS,
    Fact,
    Record,
    Schema,
    Type,
    Value,
)
from reputation.conditions.moments import read_moment, read_span, show_moment, show_span

_LONGEST_NAME = 100
"""Characters of a name that is none which are told back."""
_ALL, _DOOR, _MESSAGE, _FILTER, _ROOM = "all", "door", "message", "filter", "room"
"""To which documents a fact is known: doors, filters, protections of rooms; ``message``: the last two."""

TABLE: Final[tuple[tuple[str, Type, str], ...]] = (
    # name, type, which documents know it; docs/rules.md says what each means
    ("sender.id", TEXT, _ALL),
    ("sender.localpart", TEXT, _ALL),
    ("sender.server", TEXT, _ALL),
    ("sender.standing", DOUBLE, _ALL),
    ("sender.confidence", DOUBLE, _ALL),
    ("sender.known_by", INT, _ALL),
    ("sender.vouches", INT, _ALL),
    ("sender.vouched_by", TEXTS, _ALL),
    ("sender.reports", INT, _ALL),
    ("sender.reported_by", TEXTS, _ALL),
    ("sender.mutual_rooms", INT, _ALL),
    ("sender.first_seen", MOMENT, _ALL),
    ("sender.contact", BOOL, _MESSAGE),
    ("sender.labels", TEXTS, _ALL),
    ("server.labels", TEXTS, _ALL),
    ("sender.supporter", TEXTS, _ALL),
    ("sender.in_room", SPAN, _ROOM),
    ("sender.level", INT, _ROOM),
    ("sender.messages_10s", INT, _ROOM),
    ("sender.messages_1m", INT, _ROOM),
    ("sender.same_text_1m", INT, _ROOM),
    ("stake.amount", DOUBLE, _DOOR),
    ("knock.federated", BOOL, _DOOR),
    ("knock.text", TEXT, _DOOR),
    ("message.text", TEXT, _MESSAGE),
    ("message.kind", TEXT, _MESSAGE),
    ("message.links", INT, _MESSAGE),
    ("message.mentions", INT, _ROOM),
    ("message.mentions_room", BOOL, _ROOM),
    ("message.mentions_me", BOOL, _FILTER),
    ("message.first", BOOL, _ROOM),
    ("text.found", TEXTS, _ALL),
    ("room.id", TEXT, _ALL),
    ("room.name", TEXT, _ALL),
    ("room.topic", TEXT, _ALL),
    ("room.direct", BOOL, _ALL),
    ("room.encrypted", BOOL, _ALL),
    ("room.public", BOOL, _ALL),
    ("room.members", INT, _ALL),
    ("room.labels", TEXTS, _ALL),
    ("room.joins_1m", INT, _ROOM),
    ("room.joins_10m", INT, _ROOM),
    ("time.now", MOMENT, _ALL),
    ("time.hour", INT, _ALL),
    ("time.weekday", INT, _ALL),
)


_READERS: Final[Mapping[str, tuple[str, ...]]] = {
    "a door": (_ALL, _DOOR),
    "a filter": (_ALL, _MESSAGE, _FILTER),
    "protections": (_ALL, _MESSAGE, _ROOM),
}


def _schema(reader: str) -> Schema:
    known = {name: [one for one, groups in _READERS.items() if group in groups] for name, _, group in TABLE}
    mine = tuple(Fact(name, type_) for name, type_, _ in TABLE if reader in known[name])
    return Schema(mine, {name: " and ".join(whose) for name, whose in known.items() if reader not in whose})


DOOR_FACTS: Final = _schema("a door")
"""What a door may ask about a knock."""
FILTER_FACTS: Final = _schema("a filter")
"""What a filter may ask about a message."""
ROOM_FACTS: Final = _schema("protections")
"""What the protections of a room may ask about a message there, or about somebody who comes."""


def record(schema: Schema, known: Mapping[str, object]) -> Record:
    """Put facts into their places; what is not there or ``None`` is missing. Raises ``Invalid`` for what fits none.

    Texts and lists are cut at the limits, so that no stranger's text costs more than was reckoned.
    """
    values: list[Value | None] = [None] * len(schema.facts)
    for name, value in known.items():
        place = schema.places.get(name)
        if place is None:
            _refuse_name(schema, name)
        elif value is not None:
            values[place] = _fitting(schema.facts[place], value)
    return tuple(values)


def fitted(schema: Schema, place: int, value: object) -> Value | None:
    """Return one fact as ``record`` would put it into its place. Raises ``Invalid`` for what does not fit there."""
    return None if value is None else _fitting(schema.facts[place], value)


def flat(document: Mapping[str, object]) -> dict[str, object]:
    """Turn facts as JSON has them (``{"sender": {"standing": 0.4}}``, or with dots) into names and values."""
    found: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def plain(value: Value | None) -> object:
    """Return a fact as JSON can have it."""
    if isinstance(value, datetime):
        return show_moment(value)
    if isinstance(value, timedelta):
        return show_span(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _refuse_name(schema: Schema, given: str) -> NoReturn:
    name = on_one_line(given[:_LONGEST_NAME])
    near = schema.nearest(name)
    hint = f"; did you mean {near}?" if near else ""
    raise Invalid("fact_unknown", f"There is no fact {name}{hint}", name=name, instead=near or "")


def _fitting(fact: Fact, value: object) -> Value:
    fitted = _fit(fact.type, value)
    if fitted is None:
        raise Invalid("fact_malformed", f"{fact.name} is a {fact.type}, and this is none.", name=fact.name)
    return fitted


def _fit(kind: Type, value: object) -> Value | None:
    if kind.is_number:
        return _number(kind, value)
    if kind == MOMENT:
        moment = read_moment(value) if isinstance(value, str) else value
        return moment.astimezone(UTC) if isinstance(moment, datetime) and moment.tzinfo is not None else None
    if kind == SPAN:
        span = read_span(value) if isinstance(value, str) else value
        return span if isinstance(span, timedelta) else None
    if kind.item is not None:
        texts = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        return (
            tuple(text_fact(item) for item in value[:MOST_ITEMS]) if texts and isinstance(value, list | tuple) else None
        )
    if isinstance(value, str):
        return text_fact(value) if kind == TEXT else None
    return value if isinstance(value, bool) and kind == BOOL else None


def _number(kind: Type, value: object) -> Value | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind == INT:
        return value if isinstance(value, int) and LEAST_INT <= value <= GREATEST_INT else None
    try:
        decimal = float(value)
    except OverflowError:
        return None
    return decimal if math.isfinite(decimal) else None


def text_fact(value: str) -> str:
    """Return a text as a record has it: cut at the limit, and without what is no character."""
    cut = value[:LONGEST_TEXT]
    # A lone surrogate is no character: no other program could read such a text.
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")
