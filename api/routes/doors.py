"""Doors: a person's own door as a document: read, tried, set, its versions, and the way back."""

from itertools import zip_longest
from typing import Any

from fastapi import APIRouter, Depends

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.schemas.doors import (
    BackIn,
    ChangeOut,
    DifferenceOut,
    DocumentIn,
    DocumentOut,
    PresetOut,
    PresetsOut,
    SampleOut,
    TriedOut,
    TryIn,
    VerdictOut,
    VersionOut,
    VersionsOut,
)
from api.schemas.me import ReasonOut
from api.schemas.problems import problems
from app import drafts
from app.container import Work
from app.wording.rules import PRESETS as SENTENCES
from kit.clock import unix
from kit.errors import Invalid
from kit.identifiers import PersonId
from reputation.model import Door
from reputation.policy import DoorDocument
from reputation.policy_changes import changes
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset, preset_of
from reputation.trying import Sample, rule_of
from reputation.verdict import Hold, Verdict
from reputation.versions import Version

router = APIRouter(prefix="/v1", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))


@router.get("/presets")
def presets() -> PresetsOut:
    """List the doors that fit into one sentence; each is there to be changed, too."""
    found = [PresetOut(name=name, says=SENTENCES[name], document=document) for name, document in PRESETS.items()]
    return PresetsOut(presets=found)


@router.get("/me/door/document")
def show(reader: Reader, container: ContainerDep) -> DocumentOut:
    """Show your door as a document."""
    with container.read() as work:
        return _shown(work, reader.person)


@router.put("/me/door/document")
def write(asked: DocumentIn, writer: Writer, container: ContainerDep) -> DocumentOut:
    """Let your door be this document, or a preset. `POST /v1/me/door/undo` takes it back."""
    document = _draft(asked.document, asked.preset)
    with container.work() as work:
        work.doors.write(writer.person, document, based_on=asked.based_on)
        return _shown(work, writer.person)


@router.post("/me/door/try", dependencies=[Depends(limited("door_try", per_minute=6, burst=6))])
def try_(asked: TryIn, reader: Reader, container: ContainerDep) -> TriedOut:
    """Tell what a draft would have changed for whoever knocked lately, by what is known today; changes nothing."""
    document = _draft(asked.document, asked.preset)
    with container.read(one_moment=True) as work:
        found = drafts.tried(work, reader.person, document, asked.days)
    return TriedOut(
        days=found.days,
        strangers=found.strangers,
        changed=found.changed,
        own_word=found.own_word,
        cut=found.cut,
        counted=found.counted,
        lacking=dict(found.lacking),
        differences=[
            DifferenceOut(
                now=one.now, then=one.then, strangers=one.strangers, samples=[_sample(each) for each in one.samples]
            )
            for one in found.differences
        ],
    )


@router.get("/me/door/versions", dependencies=[Depends(limited("door_versions", per_minute=12, burst=6))])
def versions(reader: Reader, container: ContainerDep) -> VersionsOut:
    """List what your door was, newest first, and what each version changed."""
    with container.read() as work:
        kept = work.doors.versions.all(reader.person)
    earlier = [version.document for version in kept[1:]]
    return VersionsOut(versions=[_version(*pair) for pair in zip_longest(kept, earlier)])


@router.post("/me/door/undo")
def undo(writer: Writer, container: ContainerDep) -> DocumentOut:
    """Let your door be what it was before the last change; doing so is a change, and can be undone."""
    with container.work() as work:
        work.doors.back(writer.person)
        return _shown(work, writer.person)


@router.post("/me/door/back")
def back(asked: BackIn, writer: Writer, container: ContainerDep) -> DocumentOut:
    """Let your door be what it was in an earlier version."""
    with container.work() as work:
        work.doors.back(writer.person, asked.number)
        return _shown(work, writer.person)


def _draft(document: dict[str, Any] | None, preset: Preset | None) -> DoorDocument:
    if document is not None and preset is None:
        return drafts.read(document, DoorDocument)
    if preset is not None and document is None:
        return PRESETS[preset]
    raise Invalid("draft_unclear", "Send either a 'document' or a 'preset'.")


def _shown(work: Work, person: PersonId) -> DocumentOut:
    document = document_of(work.doors.show(person))
    return DocumentOut(number=work.doors.versions.number(person), preset=preset_of(document), document=document)


def _version(version: Version[DoorDocument], before: DoorDocument | None) -> VersionOut:
    if before is None and version.number == 1:
        before = document_of(Door())  # before the first one it was open, as everybody's is
    told = None
    if before is not None:
        told = [ChangeOut(what=one.what, name=one.name) for one in changes(before, version.document)]
    return VersionOut(number=version.number, since=unix(version.since), document=version.document, changes=told)


def _sample(one: Sample) -> SampleOut:
    return SampleOut(
        stranger=one.stranger,
        came_in=one.came_in,
        kept_out=one.kept_out,
        last_at=unix(one.last_at),
        now=_verdict(one.now),
        then=_verdict(one.then),
    )


def _verdict(verdict: Verdict) -> VerdictOut:
    held = verdict if isinstance(verdict, Hold) else None
    return VerdictOut.model_validate(
        {
            "verdict": type(verdict).__name__.lower(),
            "stake": None if held is None else str(held.price.stake.base_units),
            "fee": None if held is None else str(held.price.fee.base_units),
            "free": [] if held is None else list(held.free),
            "rule": rule_of(verdict),
            "because": [ReasonOut(code=str(one.code), values=dict(one.values)) for one in verdict.because],
        }
    )
