"""Sessions: signing in by one's own homeserver's word. It tells who is there; the bot confirms it before it counts."""

from fastapi import APIRouter, Depends, Request, Response

from api.dependencies import ContainerDep, limited, same_origin, set_session
from api.errors import TooMany
from api.limits import RateLimiter
from api.schemas.problems import problems
from api.schemas.sessions import OpenIdIn, SignedInOut
from app import signing_in
from app.sessions import SESSION_LIFETIME
from kit.errors import Forbidden

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], responses=problems(400, 403, 429, 503))

_PER_MINUTE, _BURST = 60.0, 30
"""Questions to one homeserver."""


@router.post("/openid", status_code=201, dependencies=[Depends(limited("openid", per_minute=10, burst=10))])
def sign_in(given: OpenIdIn, request: Request, response: Response, container: ContainerDep) -> SignedInOut:
    """Sign in with the OpenID token that your homeserver gives your client (`…/openid/request_token`), as it is.

    Sets a session cookie. An OpenID token names no audience, so whoever was ever given one of yours could come with it:
    until you write `session` and the code to the bot, in your own chat with it, the session tells who you are and does
    nothing else (`confirm_with_bot`).
    """
    if "origin" in request.headers and not same_origin(request, container):
        raise Forbidden("other_origin", "A browser may sign in only from a page of this server.")
    limiter: RateLimiter = request.app.state.limiter
    wait = limiter.take(given.matrix_server_name.lower(), "openid-server", per_minute=_PER_MINUTE, burst=_BURST)
    if wait:
        raise TooMany(wait)
    found = signing_in.by_openid(
        container,
        server_name=given.matrix_server_name,
        token=given.access_token.get_secret_value(),
        token_type=given.token_type,
    )
    set_session(response, container, found.secret, SESSION_LIFETIME)
    return SignedInOut(
        mxid=found.mxid, confirmed=False, code=found.code, bot=container.bot_id, expires_at=found.expires_at
    )
