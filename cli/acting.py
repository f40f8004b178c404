"""Acting for oneself at the terminal: commands that ask the API as the person whose token they have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from app import drafts
from app.wording.reader import Reader, Service
from cli.context import disk_told, told
from cli.fetching import get_json
from cli.own_token import own_token, service_url
from kit.clock import from_unix, system_clock
from reputation.policy import DECIMALS, DoorDocument, FilterDocument
from reputation.policy_rules import LONGEST_DOCUMENT

Ask = Callable[..., dict[str, Any]]
"""Asks the API as the person: method, path below ``/v1/me``, body."""
_Document = TypeVar("_Document", DoorDocument, FilterDocument)


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


@disk_told
def document_in(file: Path, model: type[_Document]) -> _Document:
    """Read a file with a document. Raises ``Invalid`` that says where the mistake is."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        return drafts.written(opened.read(LONGEST_DOCUMENT + 1), model)


def reader() -> Reader:
    """Return whoever sits at the terminal, as a reader."""
    return Reader(Service("ERN", DECIMALS, "", None), system_clock())


def when(seconds: object) -> str:
    """Write a moment that the API told, in the terminal's own zone."""
    return from_unix(int(str(seconds))).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def indented(text: str) -> str:
    """Put a text two blanks to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())
