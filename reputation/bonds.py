"""Bonds: money that somebody who vouches put down for whom they vouch for, as that one's stake; in one transaction.

Anybody may pay a stranger's stake. Where a wallet that the author of a vouch linked pays it, it stands behind the vouch
while it is open: it is burned if its recipient says spam, and goes back otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId
from ledger.holders import addresses_of, owners
from payments.stakes.service import amounts
from reputation.model import GrantState
from reputation.pricing import DEFAULT_STAKE
from reputation.tables import GrantRow

WHOLE: Final = DEFAULT_STAKE.base_units
"""What a bond is measured by: what a door asks unless its owner says otherwise (ADR 17). Not what the door asks that it
lies at, for anybody can have a door that asks for next to nothing."""
_AT_A_TIME: Final = 5_000

_T = TypeVar("_T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Bond:
    """What lies open for ``subject`` at the door of ``recipient``, paid by a wallet of ``author``, in base units."""

    author: PersonId
    subject: PersonId
    recipient: PersonId
    amount: int


def bonds(session: Session, authors: Collection[PersonId] | None = None) -> list[Bond]:
    """Return the open bonds of these (of everybody, where ``None``); what one staked at one's own door is none."""
    query = select(GrantRow.stake_id, GrantRow.payer, GrantRow.stranger, GrantRow.recipient)
    query = query.where(GrantRow.state == GrantState.OPEN.value)
    if authors is None:
        rows = session.execute(query).all()
        whose: dict[Address, PersonId] = {}
        for some in _parts({Address(row.payer) for row in rows}):
            whose |= owners(session, some)
    else:
        whose = addresses_of(session, authors)
        rows = [
            row
            for some in _parts(set(whose))
            for row in session.execute(query.where(GrantRow.payer.in_([bytes(one) for one in some])))
        ]
    paid = [row for row in rows if Address(row.payer) in whose]
    held: dict[Hash32, int] = {}
    for stakes in _parts({Hash32(row.stake_id) for row in paid}):
        held |= amounts(session, stakes)
    found = [
        Bond(
            whose[Address(row.payer)],
            PersonId(row.stranger),
            PersonId(row.recipient),
            held.get(Hash32(row.stake_id), 0),
        )
        for row in paid
    ]
    return [bond for bond in found if bond.amount and bond.author != bond.recipient]


def payers(session: Session, recipients: Iterable[PersonId]) -> set[PersonId]:
    """Return whose wallets paid what lies open at these people's doors."""
    found: set[PersonId] = set()
    for some in _parts(set(recipients)):
        query = select(GrantRow.payer).where(GrantRow.recipient.in_(some), GrantRow.state == GrantState.OPEN.value)
        for part in _parts({Address(payer) for payer in session.scalars(query)}):
            found |= set(owners(session, part).values())
    return found


def summed(open_bonds: Iterable[Bond]) -> dict[tuple[PersonId, PersonId], int]:
    """Return how much each author has put down for each subject."""
    found: dict[tuple[PersonId, PersonId], int] = {}
    for bond in open_bonds:
        pair = bond.author, bond.subject
        found[pair] = found.get(pair, 0) + bond.amount
    return found


def _parts(of: set[_T]) -> Iterator[list[_T]]:
    """Cut what is asked for into as much as one statement takes."""
    all_ = list(of)
    for start in range(0, len(all_), _AT_A_TIME):
        yield all_[start : start + _AT_A_TIME]
