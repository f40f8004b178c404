"""The wall: as a page for people, and as JSON for programs; both hold what people chose to show, and sums."""

from collections import Counter
from datetime import UTC
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from api.dependencies import ContainerDep, limited
from api.etags import kept_by
from api.headers import ANYWHERE
from api.pages.rendering import render
from api.schemas.problems import problems
from api.schemas.wall import PlaceOut, WallOut
from api.supporters import show_wall
from app.container import Container
from app.wall import MOST_PLACES, Walls
from kit.clock import from_unix

router = APIRouter(tags=["flair"], responses=problems(429, 503))

_MOST_ON_A_PAGE = 500
_PAGES = -(-MOST_PLACES // _MOST_ON_A_PAGE)
_SURE = {"seen": "may still be taken back", "safe": "nearly final", "finalized": "final"}
_limit = Depends(limited("wall", per_minute=120, burst=60))


@router.get("/v1/wall", response_model=WallOut, dependencies=[_limit])
def wall(request: Request, container: ContainerDep) -> Response:
    """Give the wall: who chose to be seen, companies, and what was given in all."""
    found = _current(request, container)
    answer = Response(found.model_dump_json().encode(), media_type="application/json")
    answer = kept_by(request, answer)
    answer.headers.update(ANYWHERE)
    return answer


@router.get("/wall", response_class=HTMLResponse, include_in_schema=False, dependencies=[_limit])
def wall_page(
    request: Request, container: ContainerDep, page: Annotated[int, Query(ge=1, le=_PAGES)] = 1
) -> HTMLResponse:
    """Show a page of the wall; where it has become shorter, its last one."""
    found = _current(request, container)
    pages = max(1, -(-len(found.places) // _MOST_ON_A_PAGE))
    page = min(page, pages)
    places = found.places[(page - 1) * _MOST_ON_A_PAGE : page * _MOST_ON_A_PAGE]
    of_tier = Counter(one.title for one in found.places)
    values = {
        "cause": found.cause,
        "supporters": found.supporters,
        "shown": found.shown,
        "page": page,
        "pages": pages,
        "totals": [{"text": one.text, "way": one.way, "sure": _SURE.get(one.finality, "")} for one in found.totals],
        "sponsors": found.sponsors,
        "tiers": [
            {"title": title, "of": of_tier[title], "places": [_shown(one) for one in some]}
            for title, some in groupby(places, key=lambda one: one.title)
        ],
    }
    return render(request, "wall.html", {"wall": values})


def _shown(one: PlaceOut) -> dict[str, object]:
    shown: dict[str, object] = {"mxid": one.mxid, "given": one.given, "month": None, "day": None}
    if one.since is None:
        return shown
    since = from_unix(one.since).astimezone(UTC)
    return shown | {"month": f"{since:%B %Y}", "day": f"{since:%Y-%m-%d}"}


def _current(request: Request, container: Container) -> WallOut:
    walls: Walls = request.app.state.walls
    found = walls.current()
    with container.read() as work:
        return show_wall(found, work.supporters.assets, container.settings.cause_title)
