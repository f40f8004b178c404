"""Stakes by their id on the chain: public facts, and nobody's name."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.dependencies import ContainerDep, limited
from api.etags import tagged
from api.offers import receipt
from api.presenting import show_stake
from api.schemas.problems import problems
from api.schemas.quotes import ReceiptOut, StakeOut
from kit.identifiers import parse_hash

router = APIRouter(
    prefix="/v1/stakes",
    tags=["stakes"],
    responses=problems(400, 404, 429, 503),
    dependencies=[Depends(limited("stake", per_minute=120, burst=60))],
)

StakeId = Annotated[
    str, Path(pattern="^0x[0-9a-fA-F]{64}$", description="32 bytes in hexadecimal.", examples=["0x" + "ab" * 32])
]


@router.get("/{stake_id}", response_model=StakeOut)
def show(stake_id: StakeId, request: Request, container: ContainerDep) -> Response:
    """Show a stake as the chain has it. Who knocked on whose door is not in it."""
    with container.read() as work:
        return tagged(request, show_stake(work, work.stakes.get(parse_hash(stake_id))))


@router.get("/{stake_id}/receipt")
def show_receipt(stake_id: StakeId, container: ContainerDep) -> ReceiptOut:
    """Return the stake's receipt; everything in it stands on the chain already."""
    with container.read() as work:
        stake = work.stakes.get(parse_hash(stake_id))
    return receipt(stake.terms, container.terms, transaction=stake.opened_transaction)
