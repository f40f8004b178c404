"""Schema of problems (RFC 9457), and how OpenAPI tells of them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One part of a request that does not have the right form."""

    pointer: Annotated[str, Field(examples=["body/payer"])]
    reason: Annotated[str, Field(examples=["Field required"])]


class Problem(BaseModel):
    """What went wrong; programs read the end of ``type``, people read ``detail``."""

    type: Annotated[str, Field(examples=["urn:earnest:problem:quote_expired"])]
    title: Annotated[str, Field(examples=["Conflict"])]
    status: Annotated[int, Field(examples=[409])]
    detail: Annotated[str, Field(examples=["This price has run out. Knock again to get a new one."])]
    fields: list[FieldProblem] | None = None
    oldest: Annotated[
        int | None, Field(description="`events_gone`, `labels_gone`: the lowest id or version that may be kept.")
    ] = None
    last: Annotated[int | None, Field(description="`cursor_ahead`: the highest id that was given.")] = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of problems with these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": _MEANING[status],
            "model": Problem,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }


_MEANING = {
    400: "The request does not have the right form, or its values cannot be.",
    401: "No token, or one that is not good.",
    402: "It is to be paid: `PAYMENT-REQUIRED` says how (x402).",
    403: "The token may not do that.",
    404: "There is no such thing.",
    409: "It clashes with what already happened.",
    410: "It is over.",
    413: "The body is too large.",
    416: "The content has no such part.",
    429: "Too often; see Retry-After.",
    502: "A server that somebody else looks after gives nothing that could be passed on.",
    503: "Something that this needs does not answer; try again.",
}
