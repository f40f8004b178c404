"""Errors: how each kind of error looks on HTTP, as problem+json (RFC 9457) or, to a person with a browser, as a page.

No error body of ours has a member ``msg`` or ``code``: relayed by a homeserver, either would hang an inviter's request for
ever. The stable code of a problem therefore stands in its ``type``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kit.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable

LOG = structlog.get_logger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"
GATE_PREFIXES = ("/api/1/spam_check", "/_meowlnir/antispam")
"""Where homeservers ask. JSON there is a denial, so an accident is answered in plain text, on which the homeserver takes
its administrator's own choice (``fail_open``)."""

RETRY_AFTER_SECONDS = 2
_STATUS: tuple[tuple[type[Refusal], int], ...] = ((Invalid, 400), (Forbidden, 403), (NotFound, 404), (Conflict, 409))
_GONE = frozenset({"link_used", "link_expired"})
_MOST_FIELDS = 20

PageMaker = Callable[[Request, int, str], Response]
"""Makes the page that tells a person of an error: request, status, sentence."""


class Unauthorized(Refusal):
    """Nobody knows who asks: no bearer token, or one that is not (or no longer) good."""


class TooMany(Refusal):
    """The caller asks too often; ``seconds`` is how long to wait."""

    def __init__(self, seconds: float) -> None:
        """Ask to come back after ``seconds``."""
        whole = max(1, int(seconds + 0.999))
        super().__init__("too_many_requests", f"That was too often; try again in {whole} s.", seconds=whole)
        self.seconds = whole


def status_of(error: Refusal) -> int:
    """Return the HTTP status of a refusal."""
    if isinstance(error, Unauthorized):
        return 401
    if isinstance(error, TooMany):
        return 429
    if error.code in _GONE:
        return 410
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def problem_body(status: int, code: str, detail: str, **members: object) -> dict[str, object]:
    """Return a problem document; ``members`` are extensions."""
    return {
        "type": f"urn:earnest:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }


def problem_response(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> JSONResponse:
    """Return a response that tells of a problem."""
    body = problem_body(status, code, detail, **members)
    return JSONResponse(body, status, dict(headers or {}), media_type=PROBLEM_MEDIA_TYPE)


def install(app: FastAPI, page: PageMaker) -> None:
    """Have ``app`` answer every error in this way; ``page`` tells people with browsers."""

    def tell(request: Request, status: int, code: str, detail: str, headers: Mapping[str, str]) -> Response:
        if request.url.path.startswith(GATE_PREFIXES):
            return PlainTextResponse(detail, status, dict(headers))
        if wants_page(request):
            response = page(request, status, detail)
            response.headers.update(headers)
            return response
        return problem_response(status, code, detail, headers)

    async def refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for this kind only
        headers = {}
        if isinstance(error, TooMany):
            headers["Retry-After"] = str(error.seconds)
        if isinstance(error, Unauthorized):
            headers["WWW-Authenticate"] = 'Bearer realm="earnest"'
        return tell(request, status_of(error), error.code, error.message, headers)

    async def unavailable(request: Request, error: Exception) -> Response:
        LOG.warning("request_waits", waits_for=type(error).__name__, reason=str(error))
        what = type(error).__name__.removesuffix("Unavailable").lower() or "world"
        detail = f"The {what} does not answer at the moment. Nothing is lost; try again in a few seconds."
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return tell(request, 503, f"{what}_unavailable", detail, headers)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this kind only
        if request.url.path.startswith(GATE_PREFIXES) or wants_page(request):
            return tell(request, 400, "request_malformed", "That request is not one this page understands.", {})
        fields = [_field(entry) for entry in error.errors()[:_MOST_FIELDS]]
        return problem_response(400, "request_malformed", "The request does not have the right form.", fields=fields)

    async def protocol(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this kind only
        phrase = HTTPStatus(error.status_code).phrase
        detail = "There is nothing here." if error.status_code == HTTPStatus.NOT_FOUND else f"{phrase}."
        code = phrase.lower().replace(" ", "_").replace("-", "_")
        return tell(request, error.status_code, code, detail, error.headers or {})

    async def bug(request: Request, error: Exception) -> Response:
        LOG.error("request_failed", path=_route_of(request), exc_info=error)
        return tell(request, 500, "internal_error", "Something went wrong here. It was noted; nothing was changed.", {})

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = [
        (Refusal, refusal),
        (Unavailable, unavailable),
        (RequestValidationError, malformed),
        (HTTPException, protocol),
        (Exception, bug),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def wants_page(request: Request) -> bool:
    """Tell whether a person with a browser asks, outside of the JSON part."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def _field(entry: Mapping[str, Any]) -> dict[str, str]:
    pointer = "/".join(str(part) for part in entry["loc"])
    return {"pointer": pointer[:200], "reason": str(entry["msg"])[:200]}


def _route_of(request: Request) -> str:
    # The route's shape, never the path itself: a path may hold a secret (a link's token).
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))
