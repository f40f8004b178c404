"""The stake page: price, what happens in each case, and how it stands, all readable without a script."""

import re

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited
from api.pages.rendering import render
from api.pages.timeline import status_of
from api.presenting import show_quote
from kit.errors import NotFound

router = APIRouter(include_in_schema=False)

_QUOTE_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}")


@router.get(
    "/stake/{quote_id}",
    response_class=HTMLResponse,
    dependencies=[Depends(limited("stake_page", per_minute=60, burst=40))],
)
def stake_page(quote_id: str, request: Request, container: ContainerDep) -> HTMLResponse:
    """Show a quote's page."""
    if not _QUOTE_ID.fullmatch(quote_id):
        raise NotFound("quote_unknown", "There is no such quote.")
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
