"""Downloads: what somebody bought, by a link of ten minutes that only its buyer was given."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from api.dependencies import ContainerDep, limited
from api.gateway import Passages
from api.handing import handed_over
from api.schemas.problems import problems
from app import downloads
from app.buying import Behind, Handed
from app.container import Container

router = APIRouter(prefix="/v1/downloads", tags=["library"], responses=problems(404, 409, 410, 416, 429, 502, 503))

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
async def download(token: _Token, request: Request, container: ContainerDep) -> Response:
    """Give a content, or the `Range` of it that is asked for. Whoever has the link is its buyer.

    What stands behind the gateway is asked for at its seller's server: 502 where that gives nothing now.
    """
    return await _given(token, request, container)


@router.head("/{token}", dependencies=[_limit], include_in_schema=False)
async def download_head(token: _Token, request: Request, container: ContainerDep) -> Response:
    """Tell of a content without giving it."""
    return await _given(token, request, container)


async def _given(token: str, request: Request, container: Container) -> Response:
    handed = await run_in_threadpool(partial(_followed, container, token))
    if isinstance(handed, Behind):
        passages: Passages = request.app.state.passages
        return await passages.give(request, container, handed)
    return await run_in_threadpool(partial(_stored, request, container, handed))


def _stored(request: Request, container: Container, handed: Handed) -> Response:
    answer = handed_over(request, container, handed)
    if request.method == "GET":
        downloads.note(container, handed.purchase)
    return answer


def _followed(container: Container, token: str) -> Handed | Behind:
    with container.read(one_moment=True) as work:
        return downloads.follow(work, token)
