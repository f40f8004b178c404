"""Acting for oneself at the terminal: where Earnest is, and the token that its bot gave."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import click

from app.settings import load
from cli.context import told
from cli.fetching import get_json
from kit.errors import Invalid

Ask = Callable[..., dict[str, Any]]
"""Asks the API as the person: method, path below what is theirs, body."""


def service_url(service: str | None) -> str:
    """Return where Earnest is. Raises ``Invalid`` where a token would travel in the clear."""
    url = (service or load().public_url).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise Invalid("url_not_https", "Your token goes to Earnest: the address (--service) begins with https://.")
    return url


def own_token() -> str:
    """Return the token of whoever asks: ``EARNEST_TOKEN``, or what they type. Raises ``Invalid`` for what is none."""
    kept = load().token
    found = kept.get_secret_value() if kept else click.prompt("Your token for Earnest", hide_input=True, err=True)
    token = str(found).strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Invalid("token_malformed", "That is no token of Earnest; the bot gives you one (write: token).")
    return token


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Hand a command what asks the API as the person, by ``--service`` and their token."""

    @click.option("--service", "--url", "service", help="Where Earnest is; EARNEST_PUBLIC_URL by default.")
    @told
    @wraps(command)
    def _run(*args: Any, service: str | None, **options: Any) -> None:  # noqa: ANN401 - whatever the command takes
        url = service_url(service)
        token = own_token()

        def _ask(method: str, path: str, body: object = None) -> dict[str, Any]:
            return get_json(method, f"{url}/v1/me/{path}", body, token=token)

        command(_ask, *args, **options)

    return _run
