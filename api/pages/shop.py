"""The shop's pages: what is sold here, page after page, and one listing, all of it readable without a script."""

import json
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from api.dependencies import SESSION_COOKIE, ContainerDep, limited
from api.listings import show_listing
from api.pages.rendering import render
from app import buying, checkout, gasless
from app.container import Container, Work
from app.sessions import Scope
from kit.errors import Conflict, NotFound
from kit.identifiers import PersonId
from ledger.model import Asset, erc20
from payments.carrying.model import Cargo
from payments.content.model import Kind, Listing, ListingState
from payments.content.terms import document

router = APIRouter(include_in_schema=False)

_TOKEN = re.compile(r"[A-Za-z0-9]{22}")
_ON_A_PAGE = 24
_WHAT = {
    Kind.TEXT: "a text",
    Kind.FILE: "a file",
    Kind.POST: "a post",
    Kind.ADMISSION: "admission to a room",
    Kind.GATEWAY: "an address behind a gateway",
}
_KINDS = {kind.value: what for kind, what in _WHAT.items()}
_SURE = {
    "seen": "in a block",
    "safe": "safe on the chain (minutes)",
    "finalized": "final on the chain (a quarter of an hour)",
}
_limit = Depends(limited("shop", per_minute=120, burst=60))


@router.get("/listings", response_class=HTMLResponse, dependencies=[_limit])
def listings_page(
    request: Request, container: ContainerDep, before: Annotated[str | None, Query(max_length=40)] = None
) -> HTMLResponse:
    """Show what is sold here, newest first."""
    if before is not None and not _TOKEN.fullmatch(before):
        raise NotFound("listing_unknown", "There is no such page.")
    with container.read(one_moment=True) as work:
        found, following = work.content.listed(before=before, limit=_ON_A_PAGE)
        tokens = work.tokens
        shown = [show_listing(work, one, tokens) for one in found]
    return render(
        request, "listings.html", {"listings": shown, "next": following, "first": before is None, "what": _KINDS}
    )


@router.get("/buy/{listing}", response_class=HTMLResponse, dependencies=[_limit])
def buy_page(
    listing: str,
    request: Request,
    container: ContainerDep,
    standing: Annotated[str | None, Query(max_length=10)] = None,
    order: Annotated[str | None, Query(max_length=40)] = None,
) -> HTMLResponse:
    """Show a listing: what it is, what it costs and on which terms; how the seller stands, to whom signed in for it."""
    if not _TOKEN.fullmatch(listing):
        raise _unknown()
    with container.read(one_moment=True) as work:
        found = work.content.listing(listing)
        shown = show_listing(work, found)
        stored, offer = found.version.stored, found.version.offer
        terms = document(found.id, found.version.number, offer, stored)
        viewer = _viewer(request, work) if standing is not None else None
        known = work.orders.find(order) if order is not None and _TOKEN.fullmatch(order) else None
        over = None if found.state is not ListingState.LISTED else _why_over(work, found, payable=shown["for_sale"])
    settings, ours = container.settings, container.terms
    chain_id = ours.chain_id
    state = found.state.value if over is None else over
    good = known if known is not None and known.listing == found.id else None
    url = f"{settings.public_url}/buy/{found.id}"
    values: dict[str, object] = {
        "listing": shown,
        "what": _WHAT[offer.kind],
        "state": state,
        "order": "" if good is None else good.token,
        "order_over": order is not None and good is None,
        "has_content": found.version.is_fetched,
        # What is no content is handed to somebody on Matrix, and a wallet alone is nobody there.
        "payable": state == "listed" and checkout.is_open(container) and (found.version.is_fetched or good),
        "openable": found.version.is_fetched and found.state is not ListingState.TAKEN_DOWN,
        "chain_id": chain_id,
        "own_asset": erc20(chain_id, ours.token),
        "wallet_rpc_url": settings.wallet_rpc_url,
        "file_name": None if stored is None else stored.file_name,
        "admitted_days": None if offer.admitted is None else round(offer.admitted.total_seconds() / 86_400, 1),
        "shares": len(offer.shares),
        "fee": f"{offer.fee_bps / 100:g}",
        "sure": _SURE[offer.finality.value],
        "terms": json.dumps(terms, ensure_ascii=False, indent=2, sort_keys=True),
        "programs": _sold_to_programs(container, found),
        "carried": erc20(chain_id, ours.token) in offer.prices and gasless.why_none(container, Cargo.PURCHASE) is None,
        "relay_fee": str(ours.relay_fee.base_units),
        "decimals": ours.decimals,
        "symbol": ours.symbol,
        "seller": None if viewer is None else _seller(container, viewer, found.seller),
        "asked": standing is not None,
        "chain_name": settings.chain_name or f"chain {chain_id}",
        "url": url if good is None else f"{url}?order={good.token}",
    }
    return render(request, "buy.html", values)


def _why_over(work: Work, listing: Listing, *, payable: bool) -> str | None:
    """Return why something listed cannot be bought; ``None`` where it can."""
    if payable:
        return None
    if listing.is_for_sale(work.now):
        return "no_price"
    return "sold_out" if listing.left == 0 else "ended"


def _sold_to_programs(container: Container, listing: Listing) -> list[Asset]:
    """Return in which assets x402 can pay it now."""
    chain_id = container.terms.chain_id
    try:
        return [erc20(chain_id, one.asset) for one in buying.quote(container, listing.id)[1]]
    except (Conflict, NotFound):
        return []


def _viewer(request: Request, work: Work) -> PersonId | None:
    """Return who looks, where their browser's session says so and was confirmed."""
    cookie = request.cookies.get(SESSION_COOKIE)
    found = work.sessions.of_session(cookie) if cookie else None
    return found.person if found is not None and found.confirmed and Scope.READ in found.scopes else None


def _seller(container: Container, viewer: PersonId, seller: PersonId) -> dict[str, object]:
    """Return who sells, and how they stand with whoever looks: never as seen by anybody else."""
    with container.read() as work:
        mxid = work.people.mxid(seller)
        staked = work.outlooks.staked(viewer, seller)
    told: dict[str, object] = {"mxid": mxid, "self": viewer == seller, "nobody": True, "percent": 0, "sure": 0}
    if viewer == seller:
        return told
    found = container.hearing.judgements.judge(viewer, seller, staked=staked).explanation
    reputation, confidence = found.standing.reputation, found.standing.confidence
    return told | {"nobody": found.nobody, "percent": round(100 * reputation), "sure": round(100 * confidence)}


def _unknown() -> NotFound:
    return NotFound("listing_unknown", "There is no such listing.")
