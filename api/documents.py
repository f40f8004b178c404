"""Documents over HTTP: what doors and filters do alike with a draft that is sent, and with kept versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from api.schemas.doors import ChangeOut
from app import drafts
from kit.clock import unix
from kit.errors import Invalid
from reputation.policy import DoorDocument, FilterDocument
from reputation.policy_changes import changes
from reputation.versions import Version

_Document = TypeVar("_Document", DoorDocument, FilterDocument)
_Name = TypeVar("_Name")


def drafted(
    document: dict[str, Any] | None, preset: _Name | None, presets: Mapping[_Name, _Document], model: type[_Document]
) -> _Document:
    """Return the document that was sent, or the preset that was named. Raises ``Invalid`` for both, or neither."""
    if document is not None and preset is None:
        return drafts.read(document, model)
    if preset is not None and document is None:
        return presets[preset]
    raise Invalid("draft_unclear", "Send either a 'document' or a 'preset'.")


def told(kept: Sequence[Version[_Document]], first: _Document) -> Iterator[dict[str, Any]]:
    """Tell each version, newest first, with what it changed; ``first`` is what was before there was any."""
    for version, before in zip_longest(kept, [version.document for version in kept[1:]]):
        earlier = first if before is None and version.number == 1 else before
        yield {
            "number": version.number,
            "since": unix(version.since),
            "document": version.document,
            "changes": None
            if earlier is None
            else [ChangeOut(what=one.what, name=one.name) for one in changes(earlier, version.document)],
        }
