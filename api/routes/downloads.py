"""Downloads: what somebody bought, by a link of ten minutes that only its buyer was given."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.dependencies import ContainerDep, limited
from api.handing import handed_over
from api.schemas.problems import problems
from app import downloads
from app.buying import Handed
from app.container import Container

router = APIRouter(prefix="/v1/downloads", tags=["library"], responses=problems(404, 409, 410, 416, 429, 503))

_limit = Depends(limited("downloads", per_minute=240, burst=120))
_Token = Annotated[str, Path(max_length=downloads.LONGEST_TOKEN)]


@router.get(
    "/{token}",
    dependencies=[_limit],
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The content."},
        206: {"content": {"application/octet-stream": {}}, "description": "The part that was asked for."},
    },
)
def download(token: _Token, request: Request, container: ContainerDep) -> Response:
    """Give a content, or the `Range` of it that is asked for. Whoever has the link is its buyer."""
    handed = _followed(container, token)
    answer = handed_over(request, container, handed)
    downloads.note(container, handed)
    return answer


@router.head("/{token}", dependencies=[_limit], include_in_schema=False)
def download_head(token: _Token, request: Request, container: ContainerDep) -> Response:
    """Tell of a content without giving it."""
    return handed_over(request, container, _followed(container, token))


def _followed(container: Container, token: str) -> Handed:
    with container.read(one_moment=True) as work:
        return downloads.follow(work, token)
