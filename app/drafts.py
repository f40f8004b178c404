"""Drafts of doors, filters and protections: what somebody chose or wrote, read (and a door tried) before it is set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from app.container import Work
from kit.errors import Invalid
from kit.identifiers import PersonId
from reputation.filter_presets import FILTER_PRESETS
from reputation.guarding import read_guard
from reputation.policy import DoorDocument, FilterDocument, ProtectionsDocument
from reputation.policy_presets import PRESETS
from reputation.policy_rules import InForce, Policy, Screen, read_document, read_json
from reputation.protections.presets import NOTHING, ProtectionsPreset, with_preset
from reputation.screens import read_screen
from reputation.trying import USUAL_DAYS, Tried, Trying
from reputation.versions import read_door

_READ_ONCE: Final = 16
_Document = TypeVar("_Document", DoorDocument, FilterDocument, ProtectionsDocument)
_IS: Final = {"door": "That is a door", "filter": "That is a filter", "protections": "Those are protections"}
_Name = TypeVar("_Name", bound=StrEnum)


def preset(name: str) -> DoorDocument:
    """Return the door of a preset's name. Raises ``Invalid`` that names them all."""
    return _named(name, PRESETS)


def filter_preset(name: str) -> FilterDocument:
    """Return the filter of a preset's name. Raises ``Invalid`` that names them all."""
    return _named(name, FILTER_PRESETS)


def protections_preset(name: str, numbers: Sequence[int] = ()) -> ProtectionsDocument:
    """Return the protections of a preset's name with these numbers. Raises ``Invalid`` that names them all."""
    return with_preset(NOTHING, _known(name, ProtectionsPreset), numbers)


def _named(name: str, presets: Mapping[_Name, _Document]) -> _Document:
    return presets[_known(name, presets)]


def _known(name: str, names: Iterable[_Name]) -> _Name:
    found = next((known for known in names if known == name.lower()), None)
    if found is None:
        told = ", ".join(names)
        raise Invalid("preset_unknown", f"There is no preset of that name; there are {told}.", names=told)
    return found


def written(text: str, model: type[_Document]) -> _Document:
    """Return the document of a kind that somebody wrote as JSON. Raises ``Invalid`` that says where the mistake is."""
    return _as(read_once(text), model)


def read(found: Mapping[str, object], model: type[_Document]) -> _Document:
    """Return the document of a kind that was JSON. Raises ``Invalid``."""
    return _as(_ready(read_document(found)), model)


def read_once(text: str) -> InForce:
    """Read a document; one that is read before a transaction is known in it. Raises ``Invalid``."""
    return _ready(_parsed(text))


@lru_cache(maxsize=_READ_ONCE)
def _parsed(text: str) -> InForce:
    return read_json(text)


def _ready(found: InForce) -> InForce:
    # For whoever sets it, which happens while nobody else can write: to read a long one takes long.
    if isinstance(found, Policy):
        read_door(found.document.model_dump_json())
    elif isinstance(found, Screen):
        read_screen(found.document.model_dump_json())
    else:
        read_guard(found.document.model_dump_json())
    return found


def _as(found: InForce, model: type[_Document]) -> _Document:
    document = found.document
    if not isinstance(document, model):
        wanted, other = model.model_fields["kind"].default, document.kind
        message = f'{_IS[other]}; what is wanted says "kind": "{wanted}".'
        raise Invalid(f"document_no_{wanted}", message, where="kind")
    return document


def tried(work: Work, person: PersonId, document: DoorDocument, days: int = USUAL_DAYS) -> Tried:
    """Try a draft on whoever knocked lately."""
    trying = Trying(work.session, now=work.now, people=work.people, doors=work.doors, weighing=work.gate.weighing)
    return trying.try_(person, document, days)
