"""What is sold: listings, seen by anybody, and the terms that a payment of them names."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, limited
from api.schemas.problems import problems
from api.schemas.selling import ListingOut, ListingsOut, OneListingOut, PriceOut
from app.container import Work
from kit.clock import unix
from kit.identifiers import show_address, show_hash
from payments.content.model import Listing
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
        shown = [ListingOut(**_shown(work, one, work.now)) for one in found]
    return ListingsOut(listings=shown, next=following)


@router.get("/{listing}", dependencies=[_light])
def one_listing(container: ContainerDep, listing: Annotated[str, Path(pattern=_TOKEN)]) -> OneListingOut:
    """Show a listing, whether or not it is sold still, and the document that its terms are the hash of."""
    with container.read(one_moment=True) as work:
        found = work.content.listing(listing)
        terms = document(found.id, found.version.number, found.version.offer, found.version.stored)
        return OneListingOut(**_shown(work, found, work.now), terms_document=terms)


def _shown(work: Work, listing: Listing, now: datetime) -> dict[str, Any]:
    version, offer, stored = listing.version, listing.version.offer, listing.version.stored
    prices = []
    for asset, amount in offer.prices.items():
        symbol, decimals = work.supporters.assets.name(asset)
        prices.append(PriceOut(asset=asset, symbol=symbol, decimals=decimals, amount=str(amount)))
    return {
        "id": listing.id,
        "kind": offer.kind,
        "title": offer.title,
        "preview": offer.preview,
        "licence": offer.licence,
        "state": listing.state,
        "reason": listing.reason,
        "for_sale": listing.is_for_sale(now),
        "version": version.number,
        "prices": prices,
        "pay_to": show_address(offer.wallet),
        "finality": offer.finality,
        "left": listing.left,
        "sold": listing.sold,
        "complaints": listing.complaints,
        "size": None if stored is None else stored.size,
        "media_type": None if stored is None else stored.media_type,
        "terms": show_hash(version.terms),
        "created_at": unix(listing.created_at),
        "expires_at": None if offer.expires_at is None else unix(offer.expires_at),
    }
