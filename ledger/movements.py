"""Movements (pure): what the entries of a transaction come to for a reader: from whose account to whose, and what for.

The books have every transfer, with the escrow's own money on ``UNSOLICITED`` for the moment between two logs of one
transaction. Here a transfer and the stake that it was for are told as one. Whatever is told, every account is moved by
exactly what its postings move it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from contracts.events import Terms
from kit.identifiers import Hash32
from ledger.model import BURN, UNSOLICITED, Account, Kind, Level, Posting, wallet


class What(StrEnum):
    """What a movement was."""

    OPENING_BALANCE = "opening_balance"
    """What an account held before the first day of a statement; no movement of the books."""
    TRANSFER = "transfer"
    MINT = "mint"
    BURN = "burn"
    UNSOLICITED = "unsolicited"
    """Sent to the escrow unasked: it is in no stake."""
    GIFT = "gift"
    """Given to a cause, of what we do not follow otherwise."""
    STAKE_OPENED = "stake_opened"
    RELAY_FEE = "relay_fee"
    """Paid to whoever carried the opening to the chain."""
    STAKE_RETURNED = "stake_returned"
    STAKE_BURNED = "stake_burned"
    STAKE_EXPIRED = "stake_expired"
    """Went back by itself, since nobody had answered."""
    FEE = "fee"
    """Paid to whom the stranger knocked on."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in the books; ``level`` is ``ORPHANED`` for what was taken back, and for what did that."""

    id: int
    block_number: int
    block_hash: Hash32
    time: int
    level: Level
    turn: int
    log_index: int
    transaction: Hash32
    kind: Kind
    reversal: bool
    postings: tuple[Posting, ...]
    """From whose account, and to whose: ``ledger.model.move`` makes them in this order."""


@dataclass(frozen=True, slots=True)
class Movement:
    """So many base units from one account to another; ``time`` is the block's, in Unix seconds.

    A ``reversal`` takes back what a block had moved that left the chain.
    """

    what: What
    source: Account
    target: Account
    amount: int
    time: int
    block_number: int
    block_hash: Hash32
    level: Level
    log_index: int
    transaction: Hash32
    reversal: bool = False


def movements(entries: Iterable[Recorded], terms: Callable[[Account], Terms | None]) -> Iterator[Movement]:
    """Tell what entries, in the order in which they were booked, moved; what moves nothing is left out.

    The entries of a transaction must all be there. ``terms`` returns those of a stake's account, where they are known:
    they tell a fee from a stake where one transfer could be either.
    """
    for (_, _, reversal, _), group in groupby(
        entries, key=lambda one: (one.block_hash, one.turn, one.reversal, one.transaction)
    ):
        inside = sorted(group, key=lambda one: one.log_index)
        found = [one for one in _Transaction(terms).read(inside) if one.amount]
        if reversal:
            found = [replace(one, source=one.target, target=one.source, reversal=True) for one in reversed(found)]
        yield from found


class _Transaction:
    """Reads one transaction's entries in the order of their logs, as the escrow promises it.

    An opening: the payer's transfer to the escrow, perhaps one on to the relayer, then the stake. An outcome: the
    stake, then the transfers out of the escrow. What does not fit is told as it was booked.
    """

    def __init__(self, terms: Callable[[Account], Terms | None]) -> None:
        self._terms = terms
        self._told: list[Movement] = []
        self._arrived: int | None = None  # the place in `_told` of the last transfer into the escrow, not claimed yet
        self._passed_on: int | None = None  # and of the one out of it that followed
        self._ending: Movement | None = None  # a stake that ended; its amount is what it has still to pay out
        self._paid = 0

    def read(self, entries: Iterable[Recorded]) -> list[Movement]:
        """Return the movements."""
        for entry in entries:
            told = _as_booked(entry)
            if entry.kind is Kind.STAKE_OPENED:
                self._opens(told)
            elif entry.kind in _OUTCOMES:
                self._leave_over()
                self._ending, self._paid = told, 0
            else:
                self._transfers(told)
        self._leave_over()
        return self._told

    def _transfers(self, told: Movement) -> None:
        place = len(self._told)
        if told.target == UNSOLICITED:
            self._arrived, self._passed_on = place, None
        elif told.source == UNSOLICITED:
            ending = self._ending
            if ending is not None and told.amount <= ending.amount:
                told = replace(told, source=ending.source, what=self._outcome(ending, told))
                self._ending = replace(ending, amount=ending.amount - told.amount)
                self._paid += 1
            else:
                self._passed_on = place if self._arrived is not None and self._passed_on is None else None
        self._told.append(told)

    def _opens(self, told: Movement) -> None:
        arrived = None if self._arrived is None else self._told[self._arrived]
        passed_on = None if self._passed_on is None else self._told[self._passed_on]
        relayed = passed_on.amount if passed_on else 0
        if arrived is None or arrived.amount != told.amount + relayed:
            self._told.append(told)
            return
        if passed_on is not None and self._passed_on is not None:
            self._told[self._passed_on] = replace(passed_on, source=arrived.source, what=What.RELAY_FEE)
        if self._arrived is not None:
            self._told[self._arrived] = replace(told, source=arrived.source)
        self._arrived = self._passed_on = None

    def _outcome(self, ending: Movement, told: Movement) -> What:
        if ending.what is What.STAKE_BURNED:
            return What.STAKE_BURNED if told.target == BURN else What.FEE
        if ending.what is What.STAKE_EXPIRED:
            return What.STAKE_EXPIRED
        if self._paid:
            return What.FEE
        terms = self._terms(ending.source)
        fee_alone = terms is not None and not terms.amount and terms.fee_payee != terms.return_to
        return What.FEE if terms and fee_alone and told.target == wallet(terms.fee_payee) else What.STAKE_RETURNED

    def _leave_over(self) -> None:
        if self._ending is not None and self._ending.amount:
            self._told.append(self._ending)
        self._ending = None


_OUTCOMES: Mapping[Kind, What] = {
    Kind.STAKE_RETURNED: What.STAKE_RETURNED,
    Kind.STAKE_FORFEITED: What.STAKE_BURNED,
    Kind.STAKE_EXPIRED: What.STAKE_EXPIRED,
}
_WHAT: Mapping[Kind, What] = {
    **_OUTCOMES,
    Kind.TRANSFER: What.TRANSFER,
    Kind.MINT: What.MINT,
    Kind.BURN: What.BURN,
    Kind.GIFT: What.GIFT,
    Kind.STAKE_OPENED: What.STAKE_OPENED,
}


def _as_booked(entry: Recorded) -> Movement:
    """Return an entry as the movement that it is; one that takes another back is read as what it takes back."""
    giving, gaining = entry.postings
    what = _WHAT[entry.kind]
    if what is What.TRANSFER and gaining.account == UNSOLICITED:
        what = What.UNSOLICITED
    return Movement(
        what=what,
        source=giving.account,
        target=gaining.account,
        amount=abs(gaining.amount),
        time=entry.time,
        block_number=entry.block_number,
        block_hash=entry.block_hash,
        level=entry.level,
        log_index=entry.log_index,
        transaction=entry.transaction,
    )
