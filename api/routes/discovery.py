"""Discovery (x402's bazaar): what is sold here and x402 can pay, for programs that look for something to buy."""

from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from api.dependencies import ContainerDep, limited
from api.routes import buying as door
from api.schemas.problems import problems
from api.schemas.x402 import DiscoveredOut, DiscoveryOut, PagingOut
from app import buying
from app.container import Container
from payments.content.model import Listing
from payments.settlements.x402 import IDENTIFIER, SCHEME, VERSION, Demand, declaration

router = APIRouter(prefix="/v1/x402/discovery", tags=["x402"], responses=problems(400, 429, 503))

_HTTP = "http"
_MOST_SKIPPED = 100_000
_LONGEST = 100
_Filter = Annotated[str | None, Query(max_length=_LONGEST)]


@router.get(
    "/resources",
    response_model_exclude_none=True,
    dependencies=[Depends(limited("x402-discovery", per_minute=120, burst=60))],
)
def resources(
    container: ContainerDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=_MOST_SKIPPED)] = 0,
    kind: Annotated[str | None, Query(alias="type", max_length=_LONGEST)] = None,
    pay_to: Annotated[str | None, Query(alias="payTo", max_length=_LONGEST)] = None,
    scheme: _Filter = None,
    network: _Filter = None,
    extensions: _Filter = None,
) -> DiscoveryOut:
    """List what programs can buy here, newest first; `total` counts all listings, and what is unpayable is left out.

    `payTo`, `network` and the other filters leave out more of the page.
    """
    found, total = buying.offered(container, offset=offset, limit=limit)
    items = [_shown(container, listing, demands) for listing, demands in found]
    wanted = (kind or _HTTP, scheme or SCHEME) == (_HTTP, SCHEME) and extensions in (None, IDENTIFIER)
    return DiscoveryOut(
        x402_version=VERSION,
        items=[one for one in items if wanted and _suits(one.accepts[0], pay_to, network)],
        pagination=PagingOut(limit=limit, offset=offset, total=total),
    )


def _suits(asked: dict[str, Any], pay_to: str | None, network: str | None) -> bool:
    theirs = pay_to is None or asked["payTo"].lower() == pay_to.lower()
    return theirs and network in (None, asked["network"])


def _shown(container: Container, listing: Listing, demands: list[Demand]) -> DiscoveredOut:
    told = door.resource(container, listing)
    return DiscoveredOut(
        resource=told["url"],
        type=_HTTP,
        x402_version=VERSION,
        accepts=[door.requirements(listing, one) for one in demands],
        last_updated=listing.version.created_at.astimezone(UTC).isoformat(),
        description=told["description"],
        mime_type=told["mimeType"],
        extensions=declaration(),
    )
