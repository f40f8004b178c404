"""The give page: what a gift comes to, who would see it, and giving by a wallet; read without a script."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited
from api.giving import chain_assets
from api.pages.rendering import render
from api.supporters import show_tier
from app import gasless
from contracts.pledges import MOST_MONTHS
from kit.amounts import show
from kit.identifiers import show_address
from payments.carrying.model import Cargo
from payments.flair.codes import new_code

router = APIRouter(include_in_schema=False)


@router.get("/give", response_class=HTMLResponse, dependencies=[Depends(limited("give_page", per_minute=60, burst=40))])
def give_page(request: Request, container: ContainerDep) -> HTMLResponse:
    """Show what can be given here, and how; the claim code is made for this answer and kept nowhere."""
    place, settings = container.gifts_arrive, container.settings
    chain_id = container.terms.chain_id
    with container.read() as work:
        tiers, assets = work.supporters.tiers(), work.supporters.assets
    fee = container.terms.relay_fee
    carried = place is not None and place.pledges is not None and gasless.why_none(container, Cargo.GIFT) is None
    values: dict[str, object] = {
        "relay_fee": f"{show(fee, container.terms.decimals)} {container.terms.symbol}" if carried else None,
        "open": place is not None and place.pledges is not None,
        "cause_title": settings.cause_title,
        "tiers": [show_tier(assets, one) for one in tiers.tiers],
        "grace_days": tiers.spans.grace.days,
        "chain_id": chain_id,
        "chain_name": settings.chain_name or f"chain {chain_id}",
        "wallet_rpc_url": settings.wallet_rpc_url,
        "code": new_code(),
        "symbol": container.terms.symbol,
        "most_months": MOST_MONTHS,
        "assets": [
            {"id": asset, "name": name, "decimals": decimals} for name, asset, decimals in chain_assets(container)
        ],
        "cause": None if place is None else show_address(place.cause),
        "pledges": None if place is None or place.pledges is None else show_address(place.pledges),
    }
    return render(request, "give.html", values)
