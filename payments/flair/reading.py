"""Lines of imports (pure): what a line of CSV told, or what is wrong with it; amounts and times as files have them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from kit.amounts import parse
from kit.errors import Invalid
from kit.identifiers import on_one_line
from ledger.model import Asset
from payments.flair.documents import currency_decimals
from payments.flair.model import Gift, currency

LONGEST_SHOWN: Final = 60
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_REMEMBERED: Final = 2_048
"""Amounts that are not read again: in a file the same few come over and over. What is none is never among them."""
_IDENTITY: Final = re.compile(r"[A-Za-z0-9_.\-]{1,60}")


class Line(NamedTuple):
    """One line of a file: its number (from 1), and the gifts that it tells or the code of what is wrong with it.

    ``shown``: what is wrong, as far as it may be shown: never a name, an address or a mail.
    """

    number: int
    gifts: tuple[Gift, ...]
    fault: str | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Fault(Exception):
    """What is wrong with a line: a code, and the value that is wrong."""

    code: str
    shown: str = ""


def rows_of(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | None]]:
    """Give the rows of a CSV file with their lines' numbers; ``None`` for what is none. Empty ones are left out."""
    reader = csv.reader(lines, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, None
            continue
        if row:
            yield reader.line_num, row


def named(header: Sequence[str], row: Sequence[str]) -> Mapping[str, str]:
    """Return a row by its header's names, small letters all. Raises ``Fault`` for a row of another length."""
    if len(row) != len(header):
        raise Fault("fields", str(len(row)))
    return dict(zip(header, map(str.strip, row), strict=True))


def money(text: str, code: str) -> tuple[Asset, int]:
    """Return an asset and an amount in minor units. Raises ``Fault``."""
    return _money(text, code)


@lru_cache(_REMEMBERED)
def _money(text: str, code: str) -> tuple[Asset, int]:
    if not _CURRENCY.fullmatch(code):
        raise Fault("currency", shown(code))
    try:
        plain = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
        return currency(code), parse(plain, currency_decimals(code)).base_units
    except Invalid:
        raise Fault("amount", shown(text)) from None


def moment(text: str) -> datetime:
    """Read a day or a time; one without a zone is UTC. Raises ``Fault``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Fault("date", shown(text)) from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if not date(2000, 1, 1) <= found.date() <= date(2200, 1, 1):
        raise Fault("date", shown(text))
    return found


def identity(text: str) -> str:
    """Return the number or word by which a source knows somebody. Raises ``Fault``."""
    if not _IDENTITY.fullmatch(text):
        raise Fault("identity")
    return text


def shown(text: str) -> str:
    """Return a value that is wrong, as it may be shown."""
    return on_one_line(text[:LONGEST_SHOWN])
