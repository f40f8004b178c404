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
_BOTH, _DOOR, _FILTER = "both", "door", "filter"

TABLE: Final[tuple[tuple[str, Type, str], ...]] = (
    # name, type, which documents know it; docs/rules.md says what each means
    ("sender.id", TEXT, _BOTH),
    ("sender.localpart", TEXT, _BOTH),
    ("sender.server", TEXT, _BOTH),
    ("sender.standing", DOUBLE, _BOTH),
    ("sender.confidence", DOUBLE, _BOTH),
    ("sender.known_by", INT, _BOTH),
    ("sender.vouches", INT, _BOTH),
    ("sender.vouched_by", TEXTS, _BOTH),
    ("sender.reports", INT, _BOTH),
    ("sender.reported_by", TEXTS, _BOTH),
    ("sender.mutual_rooms", INT, _BOTH),
    ("sender.first_seen", MOMENT, _BOTH),
    ("sender.contact", BOOL, _FILTER),
    ("sender.labels", TEXTS, _BOTH),
    ("server.labels", TEXTS, _BOTH),
    ("stake.amount", DOUBLE, _DOOR),
    ("knock.federated", BOOL, _DOOR),
    ("knock.text", TEXT, _DOOR),
    ("message.text", TEXT, _FILTER),
    ("message.kind", TEXT, _FILTER),
    ("message.links", INT, _FILTER),
    ("message.mentions_me", BOOL, _FILTER),
    ("text.found", TEXTS, _BOTH),
    ("room.id", TEXT, _BOTH),
    ("room.name", TEXT, _BOTH),
    ("room.topic", TEXT, _BOTH),
    ("room.direct", BOOL, _BOTH),
    ("room.encrypted", BOOL, _BOTH),
    ("room.public", BOOL, _BOTH),
    ("room.members", INT, _BOTH),
    ("room.labels", TEXTS, _BOTH),
    ("time.now", MOMENT, _BOTH),
    ("time.hour", INT, _BOTH),
    ("time.weekday", INT, _BOTH),
)


def _schema(kind: str, other: str) -> Schema:
    mine = tuple(Fact(name, type_) for name, type_, known in TABLE if known in (_BOTH, kind))
    return Schema(mine, {name: other for name, _, known in TABLE if known == other})


DOOR_FACTS: Final = _schema(_DOOR, _FILTER)
"""What a door may ask about a knock."""
FILTER_FACTS: Final = _schema(_FILTER, _DOOR)
"""What a filter may ask about a message."""


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
        return tuple(_text(item) for item in value[:MOST_ITEMS]) if texts and isinstance(value, list | tuple) else None
    if isinstance(value, str):
        return _text(value) if kind == TEXT else None
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


def _text(value: str) -> str:
    # A lone surrogate is no character: no other program could read such a text.
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
