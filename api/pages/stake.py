"""The stake page: price, what happens in each case, and how it stands, all readable without a script."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited
from api.pages.rendering import render
from api.pages.timeline import status_of
from api.presenting import show_quote

router = APIRouter(include_in_schema=False)

QuoteId = Annotated[str, Path(max_length=64)]


@router.get(
    "/stake/{quote_id}",
    response_class=HTMLResponse,
    dependencies=[Depends(limited("stake_page", per_minute=60, burst=40))],
)
def stake_page(quote_id: QuoteId, request: Request, container: ContainerDep) -> HTMLResponse:
    """Show a quote's page."""
    with container.read() as work:
        quote = show_quote(work, container, work.stakes.find_quote(quote_id))
    settings = container.settings
    values = {
        "quote": quote,
        "status": status_of(quote),
        "chain_name": settings.chain_name or f"chain {quote.chain_id}",
        "wallet_rpc_url": settings.wallet_rpc_url,
    }
    return render(request, "stake.html", values)
