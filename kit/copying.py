"""Rows for PostgreSQL, given column by column: the text of a ``COPY``, with few steps of the interpreter for each row.

The driver's own way asks of each value anew how it is written. Source: PostgreSQL's manual, "COPY", "Text Format".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from psycopg import Copy

_AT_ONCE: Final = 1_000
"""Rows that are handed over together: the server takes them in while the next ones are made."""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTED: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})
_WRITTEN: Final[dict[type, Callable[[Any], str]]] = {
    int: str,
    str: lambda value: value.translate(_ESCAPED),
    bytes: lambda value: "\\\\x" + value.hex(),
    bool: lambda value: "t" if value else "f",
    type(None): lambda _: "\\N",
}


class Cells(list[str]):
    """A column's values as ``COPY`` has them: nothing more is done to them."""


def cells(values: Sequence[Any]) -> Cells:
    """Return a column of whole numbers, texts, bytes, truths or nothing as ``COPY`` has it, before it is needed."""
    return Cells(_column(values))


def copy_rows(to: Copy, columns: Sequence[Sequence[Any]]) -> None:
    """Write rows, given column by column, all of one length. What is not of the plainest types the driver writes."""
    if not all(isinstance(values, Cells) or _WRITTEN.keys() >= set(map(type, values)) for values in columns):
        for row in zip(*columns, strict=True):
            to.write_row(row)
        return
    for text in texts(columns):
        to.write(text)


def texts(columns: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Return the text of rows whose values are whole numbers, texts, bytes, truths or nothing, some rows at a time."""
    for start in range(0, len(columns[0]), _AT_ONCE):
        end = start + _AT_ONCE
        parts = [values[start:end] if isinstance(values, Cells) else _column(values[start:end]) for values in columns]
        yield "\n".join(map("\t".join, zip(*parts, strict=True))) + "\n"


def array(values: Collection[int] | Collection[str]) -> str:
    """Return an array of whole numbers, or of texts, as PostgreSQL reads one.

    Source: its manual, "Array Input and Output Syntax".
    """
    written = [f'"{value.translate(_QUOTED)}"' if isinstance(value, str) else str(value) for value in values]
    return "{" + ",".join(written) + "}"


def _column(values: Sequence[Any]) -> list[str]:
    kinds = set(map(type, values))
    if kinds == {int}:
        return list(map(str, values))
    if len(kinds) > 1:
        return [_WRITTEN[type(value)](value) for value in values]
    (kind,) = kinds
    known = {value: _WRITTEN[kind](value) for value in set(values)}  # most of them come again and again
    return list(map(known.__getitem__, values))
