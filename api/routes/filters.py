"""Filters: a person's own, read, set, gone back from; and what it would have hidden or marked in their rooms."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.documents import drafted, told
from api.schemas.doors import BackIn
from api.schemas.filters import (
    ByRuleOut,
    FilterIn,
    FilterOut,
    FilterPresetOut,
    FilterPresetsOut,
    FilterVersionOut,
    FilterVersionsOut,
    HeldOut,
    SightingOut,
    UnsaidOut,
    WatchedOut,
    WouldHaveOut,
)
from api.schemas.problems import problems
from app.container import Work
from app.wording.filters import PRESETS as SENTENCES
from app.wording.filters import link_to
from kit.clock import unix
from kit.errors import Invalid, NotFound
from kit.identifiers import PersonId, UserId, server_of
from reputation.filter_presets import FILTER_PRESETS, NOTHING, filter_preset_of
from reputation.policy import FilterDocument
from reputation.seeing import event_in
from reputation.sightings import MOST_DAYS, USUAL_DAYS, Seen

router = APIRouter(prefix="/v1", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

_MOST_NEWEST = 100
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How far back, today included (UTC).")]
Newest = Annotated[int, Query(ge=0, le=_MOST_NEWEST, description="How many of them are named.")]
Event = Annotated[str, Query(max_length=1_000, description="The message's event id, or a link to it.")]


@router.get("/filter-presets")
def filter_presets() -> FilterPresetsOut:
    """List the filters that fit into one sentence; each is there to be changed, too."""
    found = [
        FilterPresetOut(name=name, says=SENTENCES[name], document=document) for name, document in FILTER_PRESETS.items()
    ]
    return FilterPresetsOut(presets=found)


@router.get("/me/filter")
def show_filter(reader: Reader, container: ContainerDep) -> FilterOut:
    """Show your filter, and the rooms that the bot reads because you asked it in."""
    with container.read() as work:
        return _shown(work, reader.person)


@router.put("/me/filter")
def set_filter(asked: FilterIn, writer: Writer, container: ContainerDep) -> FilterOut:
    """Let your filter be this document, or a preset. It is asked from the next message on, and hides nothing."""
    document = drafted(asked.document, asked.preset, FILTER_PRESETS, FilterDocument)
    with container.work() as work:
        work.filters.write(writer.person, document, based_on=asked.based_on)
        return _shown(work, writer.person)


@router.delete("/me/filter")
def end_filter(writer: Writer, container: ContainerDep) -> FilterOut:
    """Have no filter any more: the bot leaves the rooms that you asked it into. `POST …/undo` brings the rules back."""
    with container.work() as work:
        work.filters.off(writer.person)
        return _shown(work, writer.person)


@router.get("/me/filter/versions", dependencies=[Depends(limited("filter_versions", per_minute=12, burst=6))])
def filter_versions(reader: Reader, container: ContainerDep) -> FilterVersionsOut:
    """List what your filter was, newest first, and what each version changed."""
    with container.read() as work:
        kept = work.filters.versions.all(reader.person)
    return FilterVersionsOut(versions=[FilterVersionOut(**one) for one in told(kept, NOTHING)])


@router.post("/me/filter/undo")
def undo_filter(writer: Writer, container: ContainerDep) -> FilterOut:
    """Let your filter be what it was before the last change; doing so is a change, and can be undone."""
    with container.work() as work:
        work.filters.back(writer.person)
        return _shown(work, writer.person)


@router.post("/me/filter/back")
def back_filter(asked: BackIn, writer: Writer, container: ContainerDep) -> FilterOut:
    """Let your filter be what it was in an earlier version."""
    with container.work() as work:
        work.filters.back(writer.person, asked.number)
        return _shown(work, writer.person)


@router.get("/me/filter/would-have", dependencies=[Depends(limited("would_have", per_minute=30, burst=10))])
def would_have(reader: Reader, container: ContainerDep, days: Days = USUAL_DAYS, newest: Newest = 20) -> WouldHaveOut:
    """Tell what your filter would have hidden or marked of what you may read, by rule; texts are kept nowhere."""
    with container.read(one_moment=True) as work:
        found = work.filters.sightings.would_have(reader.person, days, most=newest)
        names = work.people.mxids({one.sender for one in found.newest} | {reader.person})
    own = names.get(reader.person)
    return WouldHaveOut(
        days=found.days,
        messages=found.messages,
        rooms=found.rooms,
        seen=found.seen,
        unread=found.unread,
        passed=found.passed,
        lacking=dict(found.lacking),
        rules=[
            ByRuleOut(rule=one.rule, label=one.label, severity=one.severity, messages=one.messages)
            for one in found.rules
        ],
        newest=[_sighting(one, names.get(one.sender), own) for one in found.newest],
    )


@router.get("/me/filter/why")
def filter_why(reader: Reader, container: ContainerDep, event: Event) -> SightingOut:
    """Tell why your filter would hide or mark a message: its rules, the facts that decided, and what was not known."""
    identifier = event_in(event)
    if identifier is None:
        raise Invalid("event_malformed", "An event id begins with $; a link to the message has one in it.")
    with container.read() as work:
        one = work.filters.sightings.find(reader.person, identifier)
        if one is None:
            raise NotFound("sighting_unknown", "Nothing is kept of that message: no rule of yours held, or it is old.")
        return _sighting(one, work.people.mxid(one.sender), work.people.mxid(reader.person))


def _shown(work: Work, person: PersonId) -> FilterOut:
    document = work.filters.show(person)
    return FilterOut(
        number=work.filters.versions.number(person),
        preset=filter_preset_of(document),
        document=document,
        rooms=[WatchedOut(room=one.room, since=unix(one.since)) for one in work.filters.rooms.of(person)],
    )


def _sighting(one: Seen, sender: UserId | None, own: UserId | None) -> SightingOut:
    return SightingOut(
        room=one.room,
        event=one.event,
        link=link_to(one.room, one.event, server_of(own or UserId("@:"))),
        sender=sender,
        at=unix(one.at),
        version=one.version,
        held=[
            HeldOut(
                number=each.number, rule=each.rule, label=each.label, severity=each.severity, facts=dict(each.facts)
            )
            for each in one.held
        ],
        unsaid=[UnsaidOut(rule=each.rule, lacking=list(each.lacking)) for each in one.unsaid],
    )
