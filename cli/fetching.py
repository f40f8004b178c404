"""Fetching: small JSON answers of a service at the terminal, bounded and never followed elsewhere."""

from __future__ import annotations

from typing import Any

import httpx

from kit.errors import Invalid, NotFound, Unavailable

_TIMEOUT_SECONDS = 30.0
_MOST_BYTES = 262_144


def get_json(method: str, url: str, body: object = None, *, token: str | None = None) -> dict[str, Any]:
    """Return the object that ``url`` answers. Raises ``NotFound`` with the service's own words where it refuses.

    Raises ``Unavailable`` where it does not answer, or says that it cannot at the moment. ``token`` says who asks.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        answered = httpx.request(
            method, url, json=body, headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=False
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{url} did not answer"
        raise Unavailable(message) from error
    if len(answered.content) > _MOST_BYTES:
        raise Invalid("answer_too_large", f"{url} answered far too much.")
    try:
        found = answered.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid("answer_malformed", f"{url} is no page of Earnest.")
    if answered.is_error or answered.is_redirect:
        said = plain(found.get("detail") or found.get("title") or "The service refused.")
        if answered.is_server_error:
            raise Unavailable(said)
        raise NotFound("no_quote", said)
    return found


def plain(text: object) -> str:
    """Return somebody else's text fit for a terminal: nothing in it moves the cursor or changes colours."""
    return "".join(character if character.isprintable() else "\ufffd" for character in str(text))
