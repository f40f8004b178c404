"""Rows as text that either database can take: every value by what it means, not by how a driver holds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson
from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, LargeBinary, MetaData, String, Table

from app.backups.archive import damaged
from kit.database import ExactInteger, UtcDateTime

ROWS: Final = 5_000
"""Rows of one part, at most."""
_BYTES: Final = 4 * 1024 * 1024

_KINDS: Final[tuple[tuple[str, type[Any], Callable[[], Any]], ...]] = (
    ("exact", ExactInteger, ExactInteger),
    ("time", UtcDateTime, UtcDateTime),
    ("day", Date, Date),
    ("bytes", LargeBinary, LargeBinary),
    ("json", JSON, lambda: JSON(none_as_null=True)),
    ("flag", Boolean, Boolean),
    ("whole", Integer, BigInteger),
    ("text", String, String),
)
"""What a column can hold, the more special before what it is made of."""
_TYPES: Final = {kind: make for kind, _, make in _KINDS}
_OUT: Final[dict[str, Callable[[Any], Any]]] = {
    "exact": str,
    "time": datetime.isoformat,
    "day": date.isoformat,
    "bytes": bytes.hex,
}
_IN: Final[dict[str, tuple[type, Callable[[Any], Any]]]] = {
    "exact": (str, int),
    "time": (str, datetime.fromisoformat),
    "day": (str, date.fromisoformat),
    "bytes": (str, bytes.fromhex),
    "json": (object, lambda value: value),
    "flag": (bool, bool),
    "whole": (int, int),
    "text": (str, str),
}
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""Names of tables and columns, all of ours among them."""
_LIMITS: Final = {"exact": 10**78, "whole": 2**63}
"""What whole numbers stay below, on both databases."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as a backup names it: its columns, each with what it holds."""

    name: str
    columns: tuple[tuple[str, str], ...]

    def table(self) -> Table:
        """Return it as a table that rows can be put into, on either database."""
        columns = [Column(name, _TYPES[kind]()) for name, kind in self.columns]
        return Table(self.name, MetaData(), *columns)


def shape_of(table: Table) -> Shape:
    """Return the shape of one of our tables."""
    return Shape(table.name, tuple((column.name, _kind(column)) for column in table.columns))


def _kind(column: Column[Any]) -> str:
    for kind, type_, _ in _KINDS:
        if isinstance(column.type, type_):
            return kind
    message = f"nothing says how {column} is put into a backup"
    raise TypeError(message)


def parts(shape: Shape, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, bytes]]:
    """Give rows as JSON lines, some at a time, each time with how many they are."""
    out = [_OUT.get(kind, lambda value: value) for _, kind in shape.columns]
    lines: list[bytes] = []
    size = 0
    for row in rows:
        line = orjson.dumps(
            [None if value is None else make(value) for make, value in zip(out, row, strict=True)],
            option=orjson.OPT_APPEND_NEWLINE,
        )
        lines.append(line)
        size += len(line)
        if len(lines) >= ROWS or size >= _BYTES:
            yield len(lines), b"".join(lines)
            lines, size = [], 0
    if lines:
        yield len(lines), b"".join(lines)


def rows(shape: Shape, part: bytes) -> list[dict[str, Any]]:
    """Read what ``parts`` gave. Raises ``Invalid`` for anything else."""
    found = []
    lines = part.split(b"\n", ROWS)
    if not lines[-1]:
        lines.pop()
    if len(lines) > ROWS:
        raise damaged(f"a part of {shape.name[:80]} has more rows than any")
    for line in lines:
        try:
            values = orjson.loads(line)
            found.append(
                {
                    name: None if value is None else _read(kind, value)
                    for (name, kind), value in zip(shape.columns, values, strict=True)
                }
            )
        except (ValueError, TypeError, OverflowError):
            raise damaged(f"a row of {shape.name} cannot be read") from None
    return found


def _read(kind: str, value: object) -> Any:  # noqa: ANN401 - whatever the column holds
    wanted, make = _IN[kind]
    if not isinstance(value, wanted) or (kind == "whole" and isinstance(value, bool)):
        raise TypeError
    made = make(value)
    if isinstance(made, datetime) and made.tzinfo is None:
        raise TypeError
    if type(made) is int and not -(_LIMITS[kind]) < made < _LIMITS[kind]:
        raise OverflowError
    return made


def read_shape(document: Any) -> Shape:  # noqa: ANN401 - JSON
    """Read a shape as the manifest has it. Raises ``Invalid``."""
    try:
        columns = tuple((str(name), str(kind)) for name, kind in document["columns"])
        shape = Shape(str(document["name"]), columns)
    except (KeyError, TypeError, ValueError):
        raise damaged("its manifest names a table that is none") from None
    names = [shape.name, *(name for name, _ in columns)]
    if not columns or not all(map(_NAME.fullmatch, names)) or len({*names[1:]}) < len(columns):
        raise damaged(f"{shape.name[:80]!r} is no table, or has columns that are none")
    if not {kind for _, kind in columns} <= _TYPES.keys():
        raise damaged(f"{shape.name[:80]!r} has columns of an unknown kind")
    return shape
