"""Dependencies: what routes are handed, and who is asking."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import TooMany, Unauthorized
from api.limits import RateLimiter, client_key
from api.streams import Streams
from app.container import Container, Work
from app.gatekeeper import Gatekeeper
from app.sessions import Credential, Scope, code_of, require
from kit.errors import Forbidden
from kit.identifiers import PersonId

SESSION_COOKIE = "earnest_session"
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who asks; ``session`` is the secret of their browser's session, if they ask by one, else ``token``."""

    person: PersonId
    scopes: frozenset[Scope]
    session: str | None = None
    token: str | None = None
    confirmed: bool = True

    def still(self, work: Work) -> bool:
        """Tell whether what they showed is good still."""
        if self.token is not None:
            return work.sessions.of_token(self.token) is not None
        return self.session is not None and work.sessions.of_session(self.session) is not None


def get_container(request: Request) -> Container:
    """Return the container that the application was made with."""
    container: Container = request.app.state.container
    return container


def get_gatekeeper(request: Request) -> Gatekeeper:
    """Return the gatekeeper that the application was made with."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    return gatekeeper


def get_streams(request: Request) -> Streams:
    """Return the application's streams."""
    streams: Streams = request.app.state.streams
    return streams


StreamsDep = Annotated[Streams, Depends(get_streams)]
ContainerDep = Annotated[Container, Depends(get_container)]
GatekeeperDep = Annotated[Gatekeeper, Depends(get_gatekeeper)]


def limited(route: str, *, per_minute: float, burst: int) -> Callable[[Request], None]:
    """Return a dependency that lets one client ask ``burst`` times at once and ``per_minute`` times for long."""

    def check(request: Request) -> None:
        limiter: RateLimiter = request.app.state.limiter
        client = client_key(request.client.host if request.client else None)
        wait = limiter.take(client, route, per_minute=per_minute, burst=burst)
        if wait:
            raise TooMany(wait)

    return check


def same_origin(request: Request, container: Container) -> bool:
    """Tell whether a browser sends this from a page of ours; one that does not say where from is not believed."""
    return request.headers.get("origin") == container.settings.public_url


_bearer = HTTPBearer(auto_error=False, description="A token that the bot gives you.")
_me_limit = limited("me", per_minute=120, burst=60)


def set_session(response: Response, container: Container, secret: str, lifetime: timedelta) -> None:
    """Have the browser keep a session's secret, for this site alone and out of any script's reach."""
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=container.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )


def _caller(scope: Scope | None) -> Callable[..., Caller]:
    def find(
        request: Request,
        container: ContainerDep,
        token: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        _me_limit(request)
        cookie = request.cookies.get(SESSION_COOKIE)
        found: Credential | None = None
        with container.read() as work:
            if token is not None:
                found = work.sessions.of_token(token.credentials)
            elif cookie:
                found = work.sessions.of_session(cookie)
        if found is None:
            raise Unauthorized("token_not_good", "Send a token that is good: the bot gives you one (write: token).")
        if token is None and request.method in _CHANGING and not same_origin(request, container):
            raise Forbidden("other_origin", "A browser may change something only from a page of this server.")
        if scope is not None:
            _confirmed(found, container, cookie)
            require(found, scope)
        if token is None:
            return Caller(found.person, found.scopes, session=cookie, confirmed=found.confirmed)
        return Caller(found.person, found.scopes, token=token.credentials, confirmed=found.confirmed)

    return find


def _confirmed(found: Credential, container: Container, cookie: str | None) -> None:
    """Refuse a session that stands on a homeserver's word alone."""
    if not found.confirmed:
        code, bot = code_of(cookie or ""), container.bot_id
        raise Forbidden(
            "confirm_with_bot",
            f"You signed in by your homeserver's word alone, which is not enough for this. Write to the bot {bot}, in "
            f"your own chat with it: session {code}",
        )


Anybody = Annotated[Caller, Depends(_caller(None))]
"""Whoever is signed in at all, a session that is not confirmed included: for saying who that is, and signing out."""
Reader = Annotated[Caller, Depends(_caller(Scope.READ))]
Writer = Annotated[Caller, Depends(_caller(Scope.WRITE))]
