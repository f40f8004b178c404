"""The front page: what this is, and how to check that a bot is genuine."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited
from api.pages.rendering import render
from app.container import Container
from kit.errors import Refusal
from kit.identifiers import show_address

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse, dependencies=[Depends(limited("front", per_minute=120, burst=60))])
def front(request: Request, container: ContainerDep) -> HTMLResponse:
    """Show the front page."""
    return render(request, "front.html", {"place": _place(container)})


def _place(container: Container) -> dict[str, object] | None:
    try:
        place = container.deployment
    except Refusal:
        return None  # not deployed yet: the page says so
    return {
        "chain_id": place.chain_id,
        "escrow": show_address(place.escrow),
        "token": show_address(place.token),
        "symbol": "ERN",
    }
