"""Schemas of the homeserver contract: what a homeserver may be told, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

STAKE_KEY = "org.earnest.stake"
"""The one object that a denial carries for programs."""
IGNORED_KEY = "org.earnest.ignored"
"""Says why a call was not understood; stands in answers that allow, which homeservers do not read."""

_TOP_LEVEL = frozenset({"errcode", "error", STAKE_KEY, IGNORED_KEY, "id", "status"})


class GateResponse(Response):
    """A JSON answer to a homeserver that can hold no top-level key but the known ones.

    ``msg`` and ``code`` above all: Synapse passes our keys on as keyword arguments of its own error, on those two it
    fails, and the inviter's request then never ends.
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - the base class's signature
        """Write ``content``, a mapping, without any key that is not known to be harmless."""
        known = {key: value for key, value in dict(content).items() if key in _TOP_LEVEL}
        return json.dumps(known, allow_nan=False, separators=(",", ":")).encode()


def allowed(ignored: str | None = None) -> GateResponse:
    """Return the answer that lets pass; ``ignored`` says why the call was not understood."""
    return GateResponse({} if ignored is None else {IGNORED_KEY: ignored})


def denied(sentence: str, stake: dict[str, object] | None = None, *, status: int = 403) -> GateResponse:
    """Return the answer that stops an invite; clients show ``sentence`` for ``M_FORBIDDEN`` at best, so it says all."""
    body: dict[str, object] = {"errcode": "M_FORBIDDEN", "error": sentence}
    if stake is not None:
        body[STAKE_KEY] = stake
    return GateResponse(body, status)
