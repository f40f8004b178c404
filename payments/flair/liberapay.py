"""Liberapay (pure): its CSV files, read as gifts; names and pictures are dropped.

It has no webhooks. Its donors' lists say what each gives a week; its list of payments says what came. Liberapay forbids
rewards beyond thanks, so a gift there gives flair and wall alone. A secret donor has no name here either: they are
known by the day and the currency of their pledge.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from kit.errors import Invalid
from payments.flair.model import Gift, Period, Source
from payments.flair.reading import Fault, Line, identity, moment, money, named, rows_of

RULE: Final = (
    "Liberapay's terms: donations must not be linked to any reward beyond thanks. "
    "So its donors get flair and a place on the wall, and no rooms."
)
BELIEVED: Final = timedelta(days=35)
"""How long the word of a list is believed where no other list follows."""
_NAME: Final = re.compile(
    r"liberapay-(?:(?P<active>active-)?patrons|[a-z-]+)-.*?(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})\.csv"
)
_PRIVATE: Final = "private"


class Shape(StrEnum):
    """Which of Liberapay's files it is."""

    ACTIVE = "active"
    """Who gives now: whom it leaves out gives no more."""
    ALL = "all"
    """Who ever gave, and how much in all."""
    PUBLIC = "public"
    """Who gives now and says so."""
    PAYMENTS = "payments"
    EMPTY = "empty"
    """No header and no line: what Liberapay makes of nobody."""


_COLUMNS: Final[Mapping[Shape, frozenset[str]]] = {
    Shape.ALL: frozenset({"patron_id", "donation_currency", "pledge_date", "last_payment_date", "sum_received"}),
    Shape.ACTIVE: frozenset({"patron_id", "visibility", "donation_currency", "weekly_amount", "pledge_date"}),
    Shape.PUBLIC: frozenset({"patron_id", "donation_currency", "weekly_amount", "pledge_date"}),
    Shape.PAYMENTS: frozenset({"id", "date", "currency", "amount", "reversed_amount", "payer_id"}),
}
"""What each needs, the more special first."""


@dataclass(frozen=True, slots=True)
class File:
    """What a file's name says of it, where it is still the one that Liberapay gave it."""

    active: bool
    day: datetime | None


def of_name(name: str) -> File:
    """Read a file's name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return File(active=False, day=None)
    return File(active=found["active"] is not None, day=datetime.fromisoformat(found["day"]).replace(tzinfo=UTC))


class Patrons:
    """One of Liberapay's files: which it is, and its lines."""

    def __init__(self, lines: Iterable[str], *, as_of: datetime, active: bool = False) -> None:
        """Begin to read; ``as_of`` is when the file was made, ``active``: what an empty one is of.

        Raises ``Invalid`` for a file that is none of Liberapay's.
        """
        self._as_of = as_of
        self._rows = rows_of(lines)
        self._secrets: Counter[str] = Counter()
        first = next(self._rows, None)
        if first is None:
            self.shape, self._header = (Shape.ACTIVE if active else Shape.EMPTY), list[str]()
            return
        self._header = [name.strip().lower() for name in first[1] or ()]
        found = next((shape for shape, needed in _COLUMNS.items() if needed <= set(self._header)), None)
        if found is None:
            raise Invalid("liberapay_columns", "This is none of Liberapay's lists of donors or payments.")
        self.shape = found

    @property
    def whole(self) -> bool:
        """Tell whether whom it leaves out gives no more."""
        return self.shape is Shape.ACTIVE

    def lines(self) -> Iterator[Line]:
        """Give its lines."""
        for number, row in self._rows:
            if row is None:
                yield Line(number, (), "csv")
                continue
            try:
                gifts = (
                    self._payment(named(self._header, row))
                    if self.shape is Shape.PAYMENTS
                    else self._patron(named(self._header, row))
                )
                yield Line(number, tuple(gifts))
            except Fault as fault:
                yield Line(number, (), fault.code, fault.shown)

    def _patron(self, row: Mapping[str, str]) -> Iterator[Gift]:
        pledged = moment(row["pledge_date"])
        code = row["donation_currency"]
        first = row.get("first_payment_date", "")
        giver = identity(row["patron_id"]) if row["patron_id"] else self._secret(code, row["pledge_date"], first)
        if self.shape is Shape.ALL:
            asset, total = money(row["sum_received"] or "0", code)
            last = row["last_payment_date"]
            at = moment(last) if last else pledged
            if total:
                yield Gift(
                    f"{Source.LIBERAPAY}:{giver}:{at:%Y-%m-%d}:total",
                    Source.LIBERAPAY,
                    giver,
                    asset,
                    0,
                    at,
                    total=total,
                )
            return
        if row["weekly_amount"] == _PRIVATE:
            return
        asset, amount = money(row["weekly_amount"], code)
        if not amount:
            return
        yield Gift(
            key=f"{Source.LIBERAPAY}:{giver}:{self._as_of:%Y-%m-%d}",
            source=Source.LIBERAPAY,
            giver=giver,
            asset=asset,
            amount=amount,
            at=self._as_of,
            recurring=Period.WEEK,
            until=self._as_of + BELIEVED,
            since=min(moment(first) if first else pledged, self._as_of),
        )

    def _payment(self, row: Mapping[str, str]) -> Iterator[Gift]:
        number = identity(row["id"])
        at, code = moment(row["date"]), row["currency"]
        asset, amount = money(row["amount"], code)
        gone = money(row["reversed_amount"] or "0", code)[1]
        giver = identity(row["payer_id"]) if row["payer_id"] else f"secret:{number}"
        payment = Gift(f"{Source.LIBERAPAY}:payment:{number}", Source.LIBERAPAY, giver, asset, amount, at)
        if gone:
            yield replace(payment, taken_back=at)
            if gone < amount:
                yield replace(payment, key=f"{payment.key}:rest", amount=amount - gone)
        elif amount:
            yield payment

    def _secret(self, *parts: str) -> str:
        """Return by what a secret donor is known: the same in every file, for they are listed in one order."""
        known = hashlib.sha256("|".join(parts).encode()).hexdigest()[:24]
        self._secrets[known] += 1
        count = self._secrets[known]
        return f"secret:{known}" if count == 1 else f"secret:{known}:{count}"
