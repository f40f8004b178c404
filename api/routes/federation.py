"""The federation door: the two questions by which a homeserver's administrator enrols it, and nothing else of Matrix.

Errors are Matrix's own here (server-server API, "Standard error response"): a homeserver hands their sentence on to
whoever of its people made it ask.
"""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from api.dependencies import ContainerDep, limited
from app import proving
from app.container import Container
from kit.errors import HomeserverUnavailable, NotFound, Refusal
from kit.identifiers import ServerName

LOG = structlog.get_logger(__name__)

router = APIRouter(
    prefix="/_matrix/federation/v1",
    include_in_schema=False,
    dependencies=[Depends(limited("reward_federation", per_minute=60, burst=30))],
)

_LONGEST = 255
_Name = Annotated[str, Path(max_length=_LONGEST)]


@router.get("/query/directory")
def directory(room_alias: Annotated[str, Query(max_length=_LONGEST)], container: ContainerDep) -> JSONResponse:
    """Say that an alias of ours is a room here, so that whoever is asked to join is asked for it next.

    Nothing is looked up: what the alias is says the next question, which is answered to whom it is for alone.
    """
    try:
        us = proving.own_name(container)
        localpart = _localpart(room_alias, "#", us)
    except Refusal:
        return _refused(404, "M_NOT_FOUND", "There is no such room.")
    return JSONResponse({"room_id": f"!{localpart}:{us}", "servers": [us]})


@router.get("/make_join/{room_id}/{user_id}")
def make_join(room_id: _Name, user_id: _Name, request: Request, container: ContainerDep) -> JSONResponse:
    """Take it that somebody has their homeserver ask to join. There is no room: the refusal says what came of it.

    It is always the same kind of refusal: of no other does Synapse hand the sentence on to whoever joins.
    """
    try:
        sentence = _asks(container, room_id, user_id, request)
    except Refusal as refused:
        sentence = refused.message
    except HomeserverUnavailable as away:
        LOG.info("reward_server_away", reason=str(away))
        sentence = "Your homeserver could not be asked for its keys now. Try again."
    return _refused(403, "M_FORBIDDEN", sentence)


def _asks(container: Container, room_id: str, user_id: str, request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    uri = (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
    localpart = _localpart(room_id, "!", proving.own_name(container))
    return proving.asks(container, localpart, user_id, uri, request.headers.getlist("authorization"))


def _localpart(name: str, sigil: str, us: ServerName) -> str:
    localpart, _, server = name.removeprefix(sigil).partition(":")
    if not name.startswith(sigil) or server != us:
        raise NotFound("room_unknown", "There is no such room.")
    return localpart


def _refused(status: int, code: str, sentence: str) -> JSONResponse:
    return JSONResponse({"errcode": code, "error": sentence}, status)
