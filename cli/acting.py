"""What commands that act for oneself at the terminal share: documents in files, and how moments and texts are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from app import drafts
from app.wording.reader import Reader, Service
from cli.context import disk_told
from kit.clock import from_unix, system_clock
from reputation.policy import DECIMALS, DoorDocument, FilterDocument
from reputation.policy_rules import LONGEST_DOCUMENT

_Document = TypeVar("_Document", DoorDocument, FilterDocument)


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
