"""Handing over: a content's bytes, the ranges of it that are asked for, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from api.errors import problem_response
from app import buying
from app.buying import Handed
from app.container import Container
from kit.errors import Conflict, Invalid
from kit.ranges import attachment, wanted

_PARTS_AT_ONCE = 8
"""Parts of a content (64 KiB) that are sent as one piece."""
_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"


def handed_over(
    request: Request, container: Container, handed: Handed, headers: Mapping[str, str] | None = None
) -> Response:
    """Give the bytes that are wanted, some at a time; no transaction is open meanwhile. ``headers``: what to add.

    Raises ``Conflict`` for a content that was changed on the disk, ``NotFound`` for one that is not there.
    """
    stored, more = handed.stored, dict(headers or {})
    tag = f'"{stored.digest.hex()}"'
    told = more | {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": attachment(stored.file_name),
        "Content-Security-Policy": _POLICY,
    }
    asked = request.headers.get("range") if request.method == "GET" else None  # RFC 9110, 14.2: of GET alone
    try:
        part = wanted(asked, stored.size, condition=request.headers.get("if-range"), tag=tag)
    except Invalid as refusal:
        return problem_response(416, refusal.code, refusal.message, more | {"Content-Range": f"bytes */{stored.size}"})
    start, end = part or (0, stored.size)
    told["Content-Length"] = str(end - start)
    if part is not None:
        told["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=told, media_type=stored.media_type)
    try:
        body = buying.parts(container, handed, start, end)
    except Invalid as refusal:
        raise Conflict("content_damaged", refusal.message) from None
    return StreamingResponse(_in_pieces(body), status, told, media_type=stored.media_type)


def _in_pieces(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Put small parts together: what is sent costs a change of threads, which takes longer than 64 KiB do."""
    held: list[bytes] = []
    for part in parts:
        held.append(part)
        if len(held) == _PARTS_AT_ONCE:
            yield b"".join(held)
            held.clear()
    yield b"".join(held)
