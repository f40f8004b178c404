"""Tipped: which tips somebody gave and received, told to them alone, and the lines of a statement of those."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from app.container import Work
from kit.amounts import show_signed
from kit.identifiers import PersonId, UserId, show_hash
from payments.tips.model import Tip
from payments.tips.service import LARGEST_PAGE

_MOST: Final = 10_000
_COLUMNS: Final = ("tip", "paid_at", "side", "other", "asset", "amount", "state", "level", "counts", "room", "key")
_FORMULA: Final = frozenset("=+-@\t\r\n|%")


class Side(StrEnum):
    """On which side of a tip somebody is."""

    GIVEN = "given"
    RECEIVED = "received"


def other(work: Work, person: PersonId, side: Side, one: Tip) -> UserId | None:
    """Return who is on the other side, where ``person`` may know it."""
    if side is Side.GIVEN:
        return work.people.mxid(one.receiver)
    if one.anonymous and one.giver != person:
        return None
    return None if one.giver is None else work.people.mxid(one.giver)


def all_of(work: Work, person: PersonId, side: Side, most: int = _MOST) -> Iterator[Tip]:
    """Give somebody's tips of one side, latest first, page by page."""
    page, before, left = work.tips.given if side is Side.GIVEN else work.tips.received, None, most
    while left > 0:
        found, before = page(person, before=before, limit=min(left, LARGEST_PAGE))
        yield from found
        left -= len(found)
        if before is None:
            return


def statement_csv(work: Work, person: PersonId) -> Iterator[str]:
    """Write the tips that somebody received and gave, a line at a time; no cell is a formula to a spreadsheet."""
    yield _line(_COLUMNS)
    for side in (Side.RECEIVED, Side.GIVEN):
        for one in all_of(work, person, side):
            symbol, decimals = work.supporters.assets.name(one.asset)
            yield _line(
                (
                    one.id,
                    one.paid_at.isoformat(),
                    side.value,
                    other(work, person, side, one) or "",
                    symbol,
                    show_signed(one.amount, decimals),
                    one.state.value,
                    one.level.value,
                    "" if one.quiet else "yes",
                    one.room or "",
                    show_hash(one.key),
                )
            )


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([f"'{cell}" if cell[:1] in _FORMULA else cell for cell in cells])
    return out.getvalue()
