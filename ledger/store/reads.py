"""Queries on from which block on a contract has been read, and on what else than our token the books hold."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contracts.events import BlockRef
from kit.identifiers import Address
from ledger.model import Asset, ether
from ledger.tables import AssetRow, ContractReadRow, EntryRow


def first(session: Session, chain_id: int, contract: Address) -> int | None:
    """Return from which block on a contract has been read."""
    row = session.get(ContractReadRow, (chain_id, bytes(contract)), populate_existing=True)
    return None if row is None else row.since


def note(session: Session, chain_id: int, contract: Address, since: int) -> None:
    """Note from which block on a contract has been read."""
    session.merge(ContractReadRow(chain_id=chain_id, contract=bytes(contract), since=since))
    session.flush()


def other_assets(session: Session, chain_id: int, asset: Asset) -> list[Asset]:
    """Return the assets of a chain in which anything was booked, but for one."""
    ours = or_(AssetRow.asset.startswith(f"erc20:{chain_id}:"), AssetRow.asset == ether(chain_id))
    query = select(AssetRow.asset).where(ours, AssetRow.asset != asset).order_by(AssetRow.asset)
    return [Asset(found) for found in session.scalars(query)]


def booked_logs(session: Session, block: BlockRef) -> set[int]:
    """Return which logs of a block have an entry."""
    query = select(EntryRow.log_index).where(EntryRow.chain_id == block.chain_id, EntryRow.block_hash == block.hash)
    return set(session.scalars(query))
