"""What is sold: listings, seen by anybody, and the terms that a payment of them names."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, limited
from api.listings import show_listing
from api.schemas.problems import problems
from api.schemas.selling import ListingOut, ListingsOut, OneListingOut, SaleAssetOut
from payments.content.terms import document

router = APIRouter(prefix="/v1/listings", tags=["selling"], responses=problems(400, 404, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_light = Depends(limited("listings", per_minute=240, burst=240))


@router.get("", dependencies=[_light])
def listings(
    container: ContainerDep,
    before: Annotated[str | None, Query(pattern=_TOKEN, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ListingsOut:
    """List what is sold here, newest first."""
    with container.read(one_moment=True) as work:
        found, following = work.content.listed(before=before, limit=limit)
        tokens = work.tokens
        shown = [ListingOut(**show_listing(work, one, tokens)) for one in found]
        allowed = [SaleAssetOut(asset=asset, symbol=name, decimals=places) for name, asset, places in tokens.known()]
    return ListingsOut(listings=shown, next=following, assets=allowed)


@router.get("/{listing}", dependencies=[_light])
def one_listing(container: ContainerDep, listing: Annotated[str, Path(pattern=_TOKEN)]) -> OneListingOut:
    """Show a listing, whether or not it is sold still, and the document that its terms are the hash of."""
    with container.read(one_moment=True) as work:
        found = work.content.listing(listing)
        terms = document(found.id, found.version.number, found.version.offer, found.version.stored)
        return OneListingOut(**show_listing(work, found), terms_document=terms)
