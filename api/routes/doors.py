"""Doors: a person's own door as a document: read, tried, set, its versions, and the way back."""

from fastapi import APIRouter, Depends

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.documents import drafted, told
from api.schemas.doors import (
    BackIn,
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
from kit.identifiers import PersonId
from reputation.model import Door
from reputation.policy import DoorDocument
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, preset_of
from reputation.trying import Sample, Tried, rule_of
from reputation.verdict import Hold, Verdict

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
    document = drafted(asked.document, asked.preset, PRESETS, DoorDocument)
    with container.work() as work:
        work.doors.write(writer.person, document, based_on=asked.based_on)
        return _shown(work, writer.person)


@router.post("/me/door/try", dependencies=[Depends(limited("door_try", per_minute=6, burst=6))])
def try_(asked: TryIn, reader: Reader, container: ContainerDep) -> TriedOut:
    """Tell what a draft would have changed for whoever knocked lately, by what is known today; changes nothing."""
    document = drafted(asked.document, asked.preset, PRESETS, DoorDocument)
    with container.read(one_moment=True) as work:
        found = drafts.tried(work, reader.person, document, asked.days)
    return tried_out(found)


@router.get("/me/door/versions", dependencies=[Depends(limited("door_versions", per_minute=12, burst=6))])
def versions(reader: Reader, container: ContainerDep) -> VersionsOut:
    """List what your door was, newest first, and what each version changed."""
    with container.read() as work:
        kept = work.doors.versions.all(reader.person)
    first = document_of(Door())  # before the first one it was open, as everybody's is
    return VersionsOut(versions=[VersionOut(**one) for one in told(kept, first)])


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


def tried_out(found: Tried) -> TriedOut:
    """Return what trying a draft found, as it is answered."""
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


def _shown(work: Work, person: PersonId) -> DocumentOut:
    document = document_of(work.doors.show(person))
    return DocumentOut(number=work.doors.versions.number(person), preset=preset_of(document), document=document)


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
