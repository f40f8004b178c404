"""Flair: who supports what here, as signed statements and badges that anybody may read and show; who hides has none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from api.dependencies import ContainerDep, limited
from api.etags import kept_by, tag_of
from api.headers import ANYWHERE
from api.pages import badge as badges
from api.schemas.flair import FlairKeyOut, FlairKeysOut, StatementOut
from api.schemas.problems import problems
from app.container import Container
from app.wearing import Wearing
from kit.errors import NotFound
from payments.flair.statement import Statement

router = APIRouter(prefix="/v1/flair", tags=["flair"], responses=problems(404, 429, 503))

Mxid = Annotated[str, Path(examples=["@sue:example.org"])]
_LONGEST = 255
_PER_MINUTE, _BURST = 600, 600
_limit = limited("flair", per_minute=_PER_MINUTE, burst=_BURST)


@dataclass(frozen=True, slots=True)
class Worn:
    """A flair as it is answered: the statement and the badge, each with its tag."""

    statement: bytes
    statement_tag: str
    badge: bytes
    badge_tag: str


def wearing(container: Container) -> Wearing[Worn]:
    """Return what a process remembers of flairs."""
    return Wearing(container, _worn)


@router.get("/keys", dependencies=[Depends(_limit)])
def keys(container: ContainerDep) -> FlairKeysOut:
    """Show the keys that sign flair here, the one that signs now first, and of the others until when they did."""
    with container.read() as work:
        found = work.flairs.good_keys()
    return FlairKeysOut(keys=[FlairKeyOut(key=one.name, since=one.since, until=one.until) for one in found])


@router.get("/{mxid:path}/badge.svg", response_class=Response, responses={200: {"content": {badges.MEDIA_TYPE: {}}}})
async def badge(mxid: Mxid, request: Request) -> Response:
    """Give somebody's flair as a picture to embed (`<img src="…">`), light or dark as its reader has it."""
    found = await _worn_by(request, mxid)
    answer = _kept(request, found.badge, found.badge_tag, badges.MEDIA_TYPE)
    answer.headers["Content-Security-Policy"] = badges.CONTENT_SECURITY_POLICY
    return answer


@router.get("/{mxid:path}", response_model=StatementOut)
async def flair(mxid: Mxid, request: Request) -> Response:
    """Give somebody's flair as a signed statement; 404 for who has none, hides it, or was never here, all alike.

    It counts until `expires`, a day at most: verify it with a key of `/v1/flair/keys`, or ask again here, where it ends
    at once. It is Ed25519 over Matrix's canonical JSON of all but `signature`.
    """
    found = await _worn_by(request, mxid)
    return _kept(request, found.statement, found.statement_tag, "application/json")


async def _worn_by(request: Request, mxid: str) -> Worn:
    _limit(request)
    memory: Wearing[Worn] = request.app.state.wearing
    found = None
    if len(mxid) <= _LONGEST:
        found = memory.at_once(mxid) or await run_in_threadpool(memory.look, mxid)
    if found is None or found.shaped is None:
        raise NotFound("flair_unknown", "Nobody of this name shows a flair here.")
    return found.shaped


def _worn(statement: Statement, signed: Mapping[str, Any]) -> Worn:
    text = json.dumps(signed, ensure_ascii=False, separators=(",", ":")).encode()
    picture = badges.badge(statement).encode()
    return Worn(text, tag_of(text), picture, tag_of(picture))


def _kept(request: Request, body: bytes, tag: str, media_type: str) -> Response:
    answer = kept_by(request, Response(body, media_type=media_type), tag=tag)
    answer.headers.update(ANYWHERE)
    return answer
