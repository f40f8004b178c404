"""Statements (pure): movements written down for people and for accounting programs, exact to the last base unit.

Formats: ``csv`` (no cell of it is taken for a formula), ``jsonl`` (one JSON object a line), and journals for
``beancount`` and ``hledger``, each of which ends with the balances that it must come to, for those programs to check.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from kit.amounts import show_signed
from kit.clock import from_unix
from kit.errors import Conflict
from kit.identifiers import Address, show_address, show_hash
from ledger.model import BURN, MINT, Account, Level
from ledger.movements import Movement, What


class Form(StrEnum):
    """A format of a statement."""

    CSV = "csv"
    JSONL = "jsonl"
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"


MEDIA: Final[Mapping[Form, str]] = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.JSONL: "application/jsonl",
    Form.BEANCOUNT: "text/plain; charset=utf-8",
    Form.HLEDGER: "text/plain; charset=utf-8",
}
SUFFIX: Final[Mapping[Form, str]] = {
    Form.CSV: "csv",
    Form.JSONL: "jsonl",
    Form.BEANCOUNT: "beancount",
    Form.HLEDGER: "journal",
}
COLUMNS: Final = (
    *(
        "time",
        "block",
        "level",
        "what",
        "from",
        "to",
        "amount",
        "unit",
        "taken_back",
        "transaction",
        "log",
        "block_hash",
    ),
)
"""The columns of the CSV."""

OPENING: Final = Account("opening")
"""Where the balances come from with which a statement begins."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SURE: Final = (Level.FINALIZED, Level.ORPHANED)
_BEANCOUNT_DIGITS: Final = 28
"""Beancount counts with so many significant digits; what has more it would round."""
_LONG_AGO: Final = "1970-01-01"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is to be written: ``lines`` in the order in which they were booked, each account's balance before them.

    ``own``: whose statement it is; all other accounts are somebody else's (``None``: it is of the whole book). Dates,
    and the times that a person reads, are of ``zone``; ``begins`` is the first day of a part.
    """

    token: Address
    chain_id: int
    symbol: str
    decimals: int
    opening: Mapping[Account, int]
    lines: Iterable[Movement]
    own: frozenset[Account] | None = None
    zone: tzinfo = UTC
    begins: date | None = None


def write(statement: Statement, form: Form) -> Iterator[str]:
    """Write a statement, part by part; joined they are the file.

    Raises ``Conflict`` for amounts that a format cannot hold.
    """
    return _WRITERS[form](statement)


def mine(movement: Movement, own: frozenset[Account] | None) -> bool:
    """Tell whether a movement belongs on a statement of these accounts (of any, where ``None``)."""
    return own is None or movement.source in own or movement.target in own


# ------------------------------------------------------------------------------------------------- tables


def _csv(statement: Statement) -> Iterator[str]:
    yield _row(COLUMNS)
    for account, amount in _openings(statement):
        source, target = (OPENING, account) if amount > 0 else (account, OPENING)
        shown = show_signed(abs(amount), statement.decimals)
        day = _begins(statement)
        midnight = datetime(day.year, day.month, day.day, tzinfo=statement.zone).isoformat()
        yield _row((midnight, "", "", What.OPENING_BALANCE, source, target, shown, statement.symbol, "", "", "", ""))
    for line in statement.lines:
        yield _row(
            (
                from_unix(line.time).astimezone(statement.zone).isoformat(),
                str(line.block_number),
                line.level,
                line.what,
                line.source,
                line.target,
                show_signed(line.amount, statement.decimals),
                statement.symbol,
                "yes" if line.reversal else "",
                show_hash(line.transaction),
                str(line.log_index),
                show_hash(line.block_hash),
            )
        )


def _row(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return written.getvalue()


def _cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _jsonl(statement: Statement) -> Iterator[str]:
    common = {"symbol": statement.symbol, "decimals": statement.decimals, "chain_id": statement.chain_id}
    for account, amount in _openings(statement):
        source, target = (OPENING, account) if amount > 0 else (account, OPENING)
        opening = {"what": What.OPENING_BALANCE, "from": source, "to": target, "amount": str(abs(amount)), **common}
        yield json.dumps(opening) + "\n"
    for line in statement.lines:
        told = {
            "what": line.what,
            "from": line.source,
            "to": line.target,
            "amount": str(line.amount),
            **common,
            "time": _utc(line),
            "block": {"number": line.block_number, "hash": show_hash(line.block_hash)},
            "level": line.level,
            "taken_back": line.reversal,
            "transaction": show_hash(line.transaction),
            "log": line.log_index,
        }
        yield json.dumps(told) + "\n"


# ----------------------------------------------------------------------------------------------- journals


class _Journal:
    """What both journals have in common: which accounts were named, and what those of the statement come to."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.named: set[str] = set()
        self.sums: defaultdict[Account, int] = defaultdict(int)
        self.last = _begins(statement)

    def own(self, account: Account) -> bool:
        """Tell whether an account is one that the statement is about."""
        return account != OPENING and (self.statement.own is None or account in self.statement.own)

    def name(self, account: Account) -> tuple[str, ...]:
        """Return an account's place in a tree: of one's own, or of the rest of the world."""
        if account in (OPENING, MINT):
            return ("equity", account)
        if account == BURN:
            return ("expenses", account)
        side = "assets" if self.own(account) else "equity"
        return (side, *account.split(":"))

    def moved(self, source: Account, target: Account, amount: int, day: date) -> None:
        """Take note of a movement."""
        self.sums[source] -= amount
        self.sums[target] += amount
        self.last = max(self.last, day)

    def new(self, *names: str) -> list[str]:
        """Return those that were not named before, and take note of them."""
        fresh = [name for name in dict.fromkeys(names) if name not in self.named]
        self.named.update(fresh)
        return fresh

    def closing(self) -> list[tuple[Account, int]]:
        """Return what the statement's own accounts come to."""
        return sorted((account, amount) for account, amount in self.sums.items() if self.own(account))


def _beancount(statement: Statement) -> Iterator[str]:
    journal, unit = _Journal(statement), statement.symbol

    def name(account: Account) -> str:
        return ":".join(part[:1].upper() + part[1:] for part in journal.name(account))

    def money(amount: int) -> str:
        if len(str(abs(amount))) > _BEANCOUNT_DIGITS:
            raise Conflict(
                "too_many_digits", "Beancount would round an amount of so many digits; ask for another format."
            )
        return f"{show_signed(amount, statement.decimals)} {unit}"

    def moved(day: date, head: str, source: Account, target: Account, amount: int) -> str:
        journal.moved(source, target, amount, day)
        opened = "".join(f"{_LONG_AGO} open {one} {unit}\n" for one in journal.new(name(source), name(target)))
        return f"{opened}{day} {head}\n  {name(source)}  {money(-amount)}\n  {name(target)}  {money(amount)}\n\n"

    yield f'option "title" "{_title(statement)}"\noption "operating_currency" "{unit}"\n'
    yield f"{_LONG_AGO} commodity {unit}\n\n"
    for account, amount in _openings(statement):
        yield moved(_begins(statement), '* "opening balance"', OPENING, account, amount)
    for line in statement.lines:
        flag, narration = "*" if line.level in _SURE else "!", _narration(line)
        data = "\n".join(f'  {key}: "{value}"' for key, value in _details(line).items())
        yield moved(_day(statement, line.time), f'{flag} "{narration}"\n{data}', line.source, line.target, line.amount)
    for account, amount in journal.closing():
        yield f"{journal.last + timedelta(days=1)} balance {name(account)}  {_assertion(money(amount), unit)}\n"


def _assertion(money: str, unit: str) -> str:
    """Let a balance hold to the last digit: Beancount would else allow for as many as are not written."""
    return f"{money.removesuffix(unit)}~ 0 {unit}"


def _hledger(statement: Statement) -> Iterator[str]:
    journal, unit = _Journal(statement), statement.symbol

    def name(account: Account) -> str:
        return ":".join(journal.name(account))

    def money(amount: int) -> str:
        return f"{show_signed(amount, statement.decimals)} {unit}"

    def moved(day: date, head: str, source: Account, target: Account, amount: int) -> str:
        journal.moved(source, target, amount, day)
        declared = "".join(f"account {one}\n" for one in journal.new(name(source), name(target)))
        return f"{declared}{day} {head}\n    {name(source)}  {money(-amount)}\n    {name(target)}  {money(amount)}\n\n"

    yield f"; {_title(statement)}\ndecimal-mark .\ncommodity 1.{'0' * statement.decimals} {unit}\n\n"
    for account, amount in _openings(statement):
        yield moved(_begins(statement), "* opening balance", OPENING, account, amount)
    for line in statement.lines:
        flag = "*" if line.level in _SURE else "!"
        data = ", ".join(f"{key}:{value}" for key, value in _details(line).items())
        head = f"{flag} {_narration(line)}  ; {data}"
        yield moved(_day(statement, line.time), head, line.source, line.target, line.amount)
    closing = journal.closing()
    if closing:
        yield f"{journal.last} * closing balances\n"
        yield "".join(f"    {name(account)}  0 {unit} = {money(amount)}\n" for account, amount in closing)


# ------------------------------------------------------------------------------------------------- within

_WRITERS: Final[Mapping[Form, Callable[[Statement], Iterator[str]]]] = {
    Form.CSV: _csv,
    Form.JSONL: _jsonl,
    Form.BEANCOUNT: _beancount,
    Form.HLEDGER: _hledger,
}


def _openings(statement: Statement) -> list[tuple[Account, int]]:
    found = sorted(statement.opening.items())
    return [(one, amount) for one, amount in found if amount and (statement.own is None or one in statement.own)]


def _begins(statement: Statement) -> date:
    return statement.begins or date.fromisoformat(_LONG_AGO)


def _day(statement: Statement, time: int) -> date:
    return from_unix(time).astimezone(statement.zone).date()


def _utc(line: Movement) -> str:
    return f"{from_unix(line.time):%Y-%m-%dT%H:%M:%SZ}"


def _narration(line: Movement) -> str:
    said = str(line.what).replace("_", " ")
    return f"{said}, taken back" if line.reversal else said


def _details(line: Movement) -> dict[str, str]:
    return {
        "time": _utc(line),
        "block": str(line.block_number),
        "level": str(line.level),
        "log": str(line.log_index),
        "transaction": show_hash(line.transaction),
    }


def _title(statement: Statement) -> str:
    place = f"{statement.symbol} ({show_address(statement.token)} on chain {statement.chain_id})"
    return f"{'The whole book' if statement.own is None else 'Statement'} of {place}, by Earnest"
