"""Dependencies: what routes are handed, and who is asking."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from api.errors import TooMany
from api.limits import RateLimiter, client_key
from app.container import Container
from app.gatekeeper import Gatekeeper


def get_container(request: Request) -> Container:
    """Return the container that the application was made with."""
    found = request.app.state.container
    assert isinstance(found, Container)  # noqa: S101 - create_app put it there
    return found


def get_gatekeeper(request: Request) -> Gatekeeper:
    """Return the gatekeeper that the application was made with."""
    found = request.app.state.gatekeeper
    assert isinstance(found, Gatekeeper)  # noqa: S101 - create_app put it there
    return found


def limited(route: str, *, per_minute: float, burst: int) -> Callable[[Request], None]:
    """Return a dependency that lets one client ask ``burst`` times at once and ``per_minute`` times for long."""

    def check(request: Request) -> None:
        limiter: RateLimiter = request.app.state.limiter
        client = client_key(request.client.host if request.client else None)
        wait = limiter.take(client, route, per_minute=per_minute, burst=burst)
        if wait:
            raise TooMany(wait)

    return check


ContainerDep = Annotated[Container, Depends(get_container)]
GatekeeperDep = Annotated[Gatekeeper, Depends(get_gatekeeper)]
