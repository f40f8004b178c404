"""Tipped: which tips somebody gave and received, told to them alone, and the lines of a statement of those."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
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
    number = _other(person, side, one)
    return None if number is None else work.people.mxid(number)


def _other(person: PersonId, side: Side, one: Tip) -> PersonId | None:
    if side is Side.GIVEN:
        return one.receiver
    return None if one.anonymous and one.giver != person else one.giver


def all_of(work: Work, person: PersonId, side: Side, most: int = _MOST) -> Iterator[Tip]:
    """Give somebody's tips of one side, latest first, without what was said with them."""
    return chain.from_iterable(_pages(work, person, side, most))


def _pages(work: Work, person: PersonId, side: Side, most: int) -> Iterator[list[Tip]]:
    page, before, left = work.tips.given if side is Side.GIVEN else work.tips.received, None, most
    while left > 0:
        found, before = page(person, before=before, limit=min(left, LARGEST_PAGE), notes=False)
        yield found
        left -= len(found)
        if before is None:
            return


def statement_csv(work: Work, person: PersonId) -> Iterator[str]:
    """Write the tips that somebody received and gave, a line at a time; no cell is a formula to a spreadsheet."""
    yield _line(_COLUMNS)
    name = work.tokens.name
    for side in (Side.RECEIVED, Side.GIVEN):
        for page in _pages(work, person, side, _MOST):
            others = [_other(person, side, one) for one in page]
            mxids = work.people.mxids({number for number in others if number is not None})
            for one, number in zip(page, others, strict=True):
                who = "" if number is None else mxids.get(number, "")
                yield _row(side, one, who, name(one.asset))


def _row(side: Side, one: Tip, who: str, asset: tuple[str, int]) -> str:
    symbol, decimals = asset
    return _line(
        (
            one.id,
            one.paid_at.isoformat(),
            side.value,
            who,
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
