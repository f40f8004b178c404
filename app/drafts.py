"""Drafts of doors: what a person chose or wrote as a door of theirs, read and tried before it is set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from app.container import Work
from kit.errors import Invalid
from kit.identifiers import PersonId
from reputation.policy import DoorDocument
from reputation.policy_presets import PRESETS, Preset
from reputation.policy_rules import Policy, Screen, read_document, read_json
from reputation.trying import USUAL_DAYS, Tried, Trying
from reputation.versions import read_door

_READ_ONCE: Final = 16


def preset(name: str) -> DoorDocument:
    """Return the door of a preset's name. Raises ``Invalid`` that names them all."""
    try:
        return PRESETS[Preset(name.lower())]
    except ValueError:
        names = ", ".join(Preset)
        raise Invalid("preset_unknown", f"There is no preset of that name; there are {names}.", names=names) from None


def written(text: str) -> DoorDocument:
    """Return the door that somebody wrote as JSON. Raises ``Invalid`` that says where the mistake is."""
    return _door(_parsed(text))


@lru_cache(maxsize=_READ_ONCE)
def _parsed(text: str) -> Policy | Screen:
    return read_json(text)


def read(found: Mapping[str, object]) -> DoorDocument:
    """Return the door of a document that was JSON. Raises ``Invalid``."""
    return _door(read_document(found))


def _door(found: Policy | Screen) -> DoorDocument:
    if not isinstance(found, Policy):
        raise Invalid("document_no_door", 'That is a filter; a door says "kind": "door".', where="kind")
    # For whoever sets it, which happens while nobody else can write: to read a long one takes long.
    read_door(found.document.model_dump_json())
    return found.document


def tried(work: Work, person: PersonId, document: DoorDocument, days: int = USUAL_DAYS) -> Tried:
    """Try a draft on whoever knocked lately."""
    trying = Trying(work.session, now=work.now, people=work.people, doors=work.doors, weighing=work.gate.weighing)
    return trying.try_(person, document, days)
