"""Giving by a wallet: a gift turned into what the wallet sends."""

from fastapi import APIRouter, Depends

from api import giving
from api.dependencies import ContainerDep, limited
from api.schemas.giving_terms import GiftIn, GiftTermsOut
from api.schemas.problems import problems

router = APIRouter(prefix="/v1/giving", tags=["giving"], responses=problems(400, 409, 429, 503))


@router.post("/terms", dependencies=[Depends(limited("giving_terms", per_minute=30, burst=20))])
def terms(asked: GiftIn, container: ContainerDep) -> GiftTermsOut:
    """Return what a wallet sends for a gift: where `calls.approve` is there, that first, then `calls.give`.

    It asks the chain's node what the giver has, and changes nothing.
    """
    return giving.give(container, asked)
