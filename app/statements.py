"""Statements of a person, an address or the whole book, put together from the ledger and the stakes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from app.container import Work
from contracts.events import Terms
from kit.clock import zone_of
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, PersonId
from ledger import model
from ledger.model import Account
from ledger.movements import Movement, movements
from ledger.statements import Statement, mine


@dataclass(frozen=True, slots=True)
class Span:
    """The days that a statement is of, both included; ``None``: from the beginning, to the end."""

    first: date | None = None
    last: date | None = None


EVER = Span()
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def read_day(text: str | None) -> date | None:
    """Read a day, written like 2026-11-30. Raises ``Invalid``."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise Invalid("day_malformed", "A day is written like 2026-11-30.")
    return day


def of_person(work: Work, person: PersonId, span: Span = EVER) -> Statement:
    """Return the statement of all wallets that a person has linked, with the stakes that were put down from them.

    Its lines are read while they are taken, so within this transaction.
    """
    return of_addresses(work, work.holders.addresses(person), span, zone_of(work.people.time_zone(person)))


def of_addresses(work: Work, addresses: Collection[Address], span: Span = EVER, zone: tzinfo = UTC) -> Statement:
    """Return the statement of some addresses, with the stakes that were put down from them."""
    own = frozenset({*map(model.wallet, addresses), *map(model.stake, work.stakes.paid_by(addresses))})
    return _statement(work, own, span, zone)


def of_everybody(work: Work, span: Span = EVER, zone: tzinfo = UTC) -> Statement:
    """Return the statement of the whole book."""
    return _statement(work, None, span, zone)


def bounded(statement: Statement, most: int) -> Statement:
    """Return the statement with its lines read. Raises ``Conflict`` where there are more than ``most``."""
    lines: list[Movement] = []
    for line in statement.lines:
        if len(lines) >= most:
            raise Conflict("statement_too_long", f"That is more than {most} lines: ask for fewer days at a time.")
        lines.append(line)
    return replace(statement, lines=lines)


def _statement(work: Work, own: frozenset[Account] | None, span: Span, zone: tzinfo) -> Statement:
    place = work.stakes.terms
    since = None if span.first is None else _midnight(span.first, zone)
    before = None if span.last is None else _midnight(span.last + timedelta(days=1), zone)
    return Statement(
        token=place.token,
        chain_id=place.chain_id,
        symbol=place.symbol,
        decimals=place.decimals,
        opening={} if since is None else work.book.held_before(own, since),
        lines=_lines(work, own, since, before),
        own=own,
        zone=zone,
        begins=span.first,
    )


def _lines(work: Work, own: frozenset[Account] | None, since: int | None, before: int | None) -> Iterator[Movement]:
    if own is not None and not own:
        return

    def terms(account: Account) -> Terms | None:
        stake = model.stake_of(account)
        return None if stake is None else work.stakes.terms_of(stake)

    entries = work.book.recorded(own, since=since, before=before)
    yield from (line for line in movements(entries, terms) if mine(line, own))


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), tzinfo=zone).timestamp())
