"""The chain read again into a second ledger: equal after stakes and reorgs, and any falsified line is found."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import delete, insert, select, text, update

from ledger.tables import AccountRow, BalanceRow, BlockRow, EntryRow, PostingRow
from payments.stakes.tables import StakeEventRow, StakeRow
from tests.support.anvil import ETHER
from tests.support.ledgers import Shop


def compared(shop: Shop) -> dict[str, Any]:
    answer = shop.earnest("ledger", "rebuild", "--compare", "--json")
    found: dict[str, Any] = json.loads(answer.stdout)
    assert answer.exit_code == (0 if found["equal"] else 1), answer.output
    return found


def lively(shop: Shop) -> None:
    """Let every kind of thing happen, with a branch that was read and left."""
    shop.follow()
    shop.transfer("anna", shop.deployment.escrow, 3)
    returned, burned = shop.open("anna", ETHER, fee=9), shop.open("anna", ETHER)
    shop.open("anna", 2 * ETHER)
    shop.follow_head()
    shop.anvil.reorg(1)
    shop.follow()
    shop.end(returned)
    shop.burn(burned)
    shop.follow()


def test_a_ledger_with_a_past_is_that_of_the_chain_read_once(shop: Shop) -> None:
    lively(shop)
    with shop.container.database.read() as session:
        assert session.scalar(select(EntryRow.id).where(EntryRow.reversal.is_(True)).limit(1)) is not None
    found = compared(shop)
    assert found["equal"], found
    assert found["compared"]["stakes"] >= 2
    assert found["compared"]["entries"] > 6
    plain = shop.earnest("ledger", "rebuild", "--compare")
    assert "Both ledgers are equal." in plain.output


def test_whatever_is_false_is_found(shop: Shop) -> None:
    lively(shop)
    database = shop.container.database

    def altered(*statements: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any statement
        with database.write() as session:
            for statement in statements:
                session.execute(statement)
        found: list[dict[str, Any]] = compared(shop)["differences"]
        return found

    with database.read() as session:
        entry = session.scalars(select(EntryRow.id).where(EntryRow.kind == "transfer")).first()
        block = session.scalars(select(BlockRow.hash).where(BlockRow.level == "finalized")).first()
        stake = session.scalars(select(StakeRow.id).where(StakeRow.state == "returned")).one()
        asset = session.scalars(select(AccountRow.asset_id)).first()
    other = insert(AccountRow).values(id=10**6, asset_id=asset, account="wallet:0x" + "ab" * 20)
    nothing = insert(BalanceRow).values(account_id=10**6, amount=0)
    both = update(PostingRow).where(PostingRow.entry_id == entry).values(account_id=10**6)
    (wrong, *balances) = altered(other, nothing, both)
    assert (wrong["what"], "wallet:0xabab" in wrong["books"]) == ("entry", True)
    assert {one["what"] for one in balances} == {"balance"}
    assert "differ in" in shop.earnest("ledger", "rebuild", "--compare").output
    found = altered(
        update(StakeEventRow)
        .where(StakeEventRow.stake_id == stake, StakeEventRow.kind == "returned")
        .values(answered=False),
    )
    assert [one["where"] for one in found if one["what"] == "stake"] == ["0x" + stake.hex()]
    found = altered(delete(StakeEventRow).where(StakeEventRow.stake_id == stake))
    (gone,) = [one for one in found if one["what"] == "stake"]
    assert (gone["books"], gone["again"] is None) == (None, False)
    found = altered(update(BlockRow).where(BlockRow.hash == block).values(level="orphaned"))
    assert [one["books"] for one in found if one["what"] == "block"] == [None]


def test_the_books_are_only_read(shop: Shop) -> None:
    lively(shop)
    engine = shop.container.database.engine
    tables = ("entries", "postings", "accounts", "chain_blocks", "stakes", "stake_events", "outgoing", "outbox")

    def dump() -> list[Any]:
        with engine.connect() as connection:
            return [connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables]  # noqa: S608

    before = dump()
    compared(shop)
    assert dump() == before


def test_before_anything_is_final_there_is_nothing_to_compare(shop: Shop) -> None:
    with shop.container.database.write() as session:
        session.execute(update(BlockRow).values(level="seen"))
    answer = shop.earnest("ledger", "rebuild", "--compare")
    assert answer.exit_code == 1
    assert "final" in answer.output
