"""Queries on what accounts hold: balances, kept in step with the postings that they sum."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from kit.copying import array
from kit.database import draw_numbers, set_many, write_many
from kit.errors import Conflict
from kit.rows import plain
from ledger.model import Account, Asset
from ledger.tables import AccountRow, AssetRow, BalanceRow, is_in

_MOST: Final = 10**78 - 1
"""The largest sum that an ``ExactInteger`` column holds; only a token that lies gets there."""
_ADD: Final = (
    "UPDATE balances SET amount = balances.amount + given.more FROM unnest(%s::varchar[], %s::numeric[]) "
    "AS given (account, more) JOIN accounts ON accounts.asset_id = %s AND accounts.account = given.account "
    "WHERE balances.account_id = accounts.id RETURNING given.account, accounts.id"
)
# In the order of the names given, so that each is looked for beside the one before it.
_FIND: Final = (
    "SELECT accounts.account, accounts.id, balances.amount FROM json_each(?) AS given CROSS JOIN accounts "
    "ON accounts.asset_id = ? AND accounts.account = given.value JOIN balances ON balances.account_id = accounts.id"
)


def balance(session: Session, asset: Asset, account: Account) -> int:
    """Return one account's balance, in base units."""
    query = select(BalanceRow.amount).join(AccountRow, AccountRow.id == BalanceRow.account_id)
    return session.scalar(query.where(is_in(asset), AccountRow.account == account)) or 0


def balances(session: Session, asset: Asset) -> dict[Account, int]:
    """Return every account's balance; those that hold nothing are absent."""
    query = select(AccountRow.account, BalanceRow.amount).join(BalanceRow, BalanceRow.account_id == AccountRow.id)
    rows = session.execute(query.where(is_in(asset)))
    return {Account(account): amount for account, amount in rows if amount}


def carry(session: Session, asset: Asset, changes: Mapping[Account, int]) -> dict[Account, int]:
    """Add to the balances of one asset's accounts, the new ones among them; return the accounts' numbers."""
    number = _number(session, asset)
    there = _add_exactly if session.get_bind().dialect.name == "postgresql" else _add_by_hand
    numbers = there(session, number, asset, changes)
    new = sorted(name for name in changes if name not in numbers)
    _make_sure_fit(asset, [changes[name] for name in new])
    fresh = draw_numbers(session, AccountRow, len(new))
    write_many(session, AccountRow, {"id": fresh, "asset_id": [number] * len(new), "account": new})
    write_many(session, BalanceRow, {"account_id": fresh, "amount": [changes[name] for name in new]})
    numbers.update(zip(new, fresh, strict=True))
    return numbers


def _add_exactly(session: Session, number: int, asset: Asset, changes: Mapping[Account, int]) -> dict[Account, int]:
    """Have the server find the accounts that there are and add to them; return their numbers."""
    names = sorted(changes)  # always in this order, so that two never wait for each other
    try:
        found = session.connection().exec_driver_sql(
            _ADD, (array(names), array([changes[name] for name in names]), number)
        )
    except DataError as error:  # more digits than the column has, and nothing else can be wrong with these
        raise _impossible(asset) from error
    return {Account(name): its for name, its in found}


def _add_by_hand(session: Session, number: int, asset: Asset, changes: Mapping[Account, int]) -> dict[Account, int]:
    """Find the accounts that there are and add to them, for a database that adds no numbers with so many digits."""
    found: list[tuple[Account, int, str]] = plain(session.connection(), _FIND, (json.dumps(sorted(changes)), number))
    after = {its: int(amount) + changes[name] for name, its, amount in found if changes[name]}
    _make_sure_fit(asset, after.values())
    set_many(session, BalanceRow, "amount", dict(sorted(after.items())))
    return {name: its for name, its, _ in found}


def _make_sure_fit(asset: Asset, amounts: Collection[int]) -> None:
    if amounts and (max(amounts) > _MOST or min(amounts) < -_MOST):
        raise _impossible(asset)


def _impossible(asset: Asset) -> Conflict:
    return Conflict("balance_impossible", f"{asset} moves more than any token could hold.", asset=asset)


def _number(session: Session, asset: Asset) -> int:
    """Return an asset's number, new where it is new."""
    query = select(AssetRow.id).where(AssetRow.asset == asset)
    found = session.scalar(query)
    if found is None:
        row = AssetRow(asset=asset)
        session.add(row)
        session.flush()
        found = row.id
    return found
