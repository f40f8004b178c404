"""Errors: how each kind of error looks on HTTP, as problem+json (RFC 9457) or, to a person with a browser, as a page.

No error body of ours has a member ``msg`` or ``code``: relayed by a homeserver, either would hang an inviter's request
for ever. The stable code of a problem therefore stands in its ``type``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable

LOG = structlog.get_logger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
_STATUS: tuple[tuple[type[Refusal], int], ...] = ((Invalid, 400), (Forbidden, 403), (NotFound, 404), (Conflict, 409))
_GONE = frozenset({"link_used", "link_expired", "events_gone", "labels_gone"})
_MEMBERS = {"events_gone": ("oldest",), "labels_gone": ("oldest",), "cursor_ahead": ("last",)}
"""Values of a refusal that its problem has as members of their own."""
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
    teller = _Teller(page)
    for kind, handler in teller.handlers().items():
        app.add_exception_handler(kind, handler)


class _Teller:
    """Tells each asker in their own form: people by a page, programs by problem+json."""

    def __init__(self, page: PageMaker) -> None:
        self._page = page

    def handlers(self) -> dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]]:
        return {
            Refusal: self._refusal,
            Unavailable: self._unavailable,
            RequestValidationError: self._malformed,
            HTTPException: self._protocol,
        }

    def _tell(
        self,
        request: Request,
        status: int,
        code: str,
        detail: str,
        members: Mapping[str, object] | None = None,
        **headers: str,
    ) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if wants_page(request):
            response = self._page(request, status, detail)
            response.headers.update(named)
            return response
        return problem_response(status, code, detail, named, **(members or {}))

    async def _refusal(self, request: Request, error: Refusal) -> Response:
        headers = {}
        if isinstance(error, TooMany):
            headers["retry_after"] = str(error.values["seconds"])
        if isinstance(error, Unauthorized):
            headers["www_authenticate"] = 'Bearer realm="earnest"'
        members = {name: error.values[name] for name in _MEMBERS.get(error.code, ())}
        return self._tell(request, status_of(error), error.code, sentence(error), members, **headers)

    async def _unavailable(self, request: Request, error: Unavailable) -> Response:
        LOG.warning("request_waits", waits_for=type(error).__name__, reason=str(error))
        what = type(error).__name__.removesuffix("Unavailable").lower() or "service"
        detail = f"The {what} does not answer at the moment. Nothing is lost; try again in a few seconds."
        return self._tell(request, 503, f"{what}_unavailable", detail, retry_after=str(RETRY_AFTER_SECONDS))

    async def _malformed(self, request: Request, error: RequestValidationError) -> Response:
        if wants_page(request):
            return self._tell(request, 400, "request_malformed", "That request does not have the right form.")
        fields = [_field(entry) for entry in error.errors()[:_MOST_FIELDS]]
        return problem_response(400, "request_malformed", "The request does not have the right form.", fields=fields)

    async def _protocol(self, request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase
        missing = "The address may be incomplete, or what it led to is gone."
        detail = missing if error.status_code == HTTPStatus.NOT_FOUND else f"{phrase}."
        code = phrase.lower().replace(" ", "_").replace("-", "_")
        response = self._tell(request, error.status_code, code, detail)
        response.headers.update(error.headers or {})
        return response

    def bug(self, request: Request, error: Exception) -> Response:
        """Tell of a mistake of ours."""
        LOG.error("request_failed", route=_route_of(request), exc_info=error)
        detail = "Something went wrong here. It was noted; nothing was changed."
        return self._tell(request, 500, "internal_error", detail)


class CaughtBugs:
    """ASGI middleware: answers for our own mistakes, inside of what sets headers (Starlette's is outside)."""

    def __init__(self, app: ASGIApp, *, page: PageMaker) -> None:
        """Stand before ``app``."""
        self._app = app
        self._teller = _Teller(page)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; where that fails before an answer has begun, answer."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await self._teller.bug(Request(scope, receive), error)(scope, receive, send)


def sentence(error: Refusal) -> str:
    """Return the sentence that a person reads."""
    return error.message


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
