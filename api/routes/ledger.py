"""The ledger: how the books stand beside the chain; amounts and addresses, and nobody's name."""

from fastapi import APIRouter, Depends, Request, Response

from api.dependencies import ContainerDep, limited
from api.etags import tagged
from api.schemas.ledger import CheckOut, ReconciliationOut
from api.schemas.problems import problems
from app import books
from app.container import Container
from kit.clock import unix
from kit.identifiers import show_address, show_hash
from ledger.reconciling import SAYS, Check, Kept

router = APIRouter(
    prefix="/v1/ledger",
    tags=["ledger"],
    responses=problems(404, 429, 503),
    dependencies=[Depends(limited("ledger", per_minute=60, burst=30))],
)


@router.get("/reconciliation", response_model=ReconciliationOut)
def reconciliation(request: Request, container: ContainerDep) -> Response:
    """Show how the books last stood beside the chain: every sum with its two sides, and every wallet that differs."""
    return tagged(request, _show(books.last(container), container))


def _show(kept: Kept, container: Container) -> ReconciliationOut:
    place = container.terms
    return ReconciliationOut(
        agrees=not kept.differences,
        differs_since=None if kept.differs_since is None else unix(kept.differs_since),
        checked_at=unix(kept.checked_at),
        full_at=None if kept.full_at is None else unix(kept.full_at),
        block_number=kept.block.number,
        block_hash=show_hash(kept.block.hash),
        block_time=kept.block.timestamp,
        level=str(kept.level),
        chain_id=place.chain_id,
        token=show_address(place.token),
        escrow=show_address(place.escrow),
        symbol=place.symbol,
        decimals=place.decimals,
        wallets=kept.wallets,
        wallets_asked=kept.asked,
        checks=[_check(one) for one in kept.checks],
    )


def _check(one: Check) -> CheckOut:
    return CheckOut(
        line=str(one.line),
        says=SAYS[one.line],
        account=one.account,
        books=str(one.ledger),
        other=str(one.other),
        unit="count" if one.counts else "base_units",
        holds=one.holds,
    )
