"""ETags: an answer that has not changed is not sent again."""

from __future__ import annotations

import hashlib

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response


def tagged(request: Request, answer: BaseModel) -> Response:
    """Return ``answer`` as JSON with its ETag, or 304 where the asker has it already."""
    return kept_by(request, Response(answer.model_dump_json().encode(), media_type="application/json"), private=True)


def tag_of(body: bytes) -> str:
    """Return the ETag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def kept_by(request: Request, answer: Response, *, private: bool = False, tag: str | None = None) -> Response:
    """Return ``answer`` with its ETag, or 304 where the asker has it already.

    ``private``: for the asker alone. ``tag``: as ``tag_of`` gave it, for what is answered often.
    """
    tag = tag or tag_of(bytes(answer.body))
    answer.headers["ETag"] = tag
    answer.headers["Cache-Control"] = "private, no-cache" if private else "no-cache"
    known = {entry.strip().removeprefix("W/") for entry in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": answer.headers["Cache-Control"]})
    return answer
