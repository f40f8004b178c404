"""Lists that people publish: read by anybody, as signed labels or in others' forms; changed by their authors."""

import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.etags import kept_by
from api.schemas.lists import (
    DefinitionModel,
    EntriesIn,
    EntriesOut,
    HeaderOut,
    LabelsOut,
    ListedOut,
    ListIn,
    ListKeyOut,
    ListKeysOut,
    ListsOut,
    LookOut,
    MyListOut,
    MyListsOut,
    NewListIn,
    PolicyEventOut,
    SubjectIn,
)
from api.schemas.problems import problems
from app.container import Container
from kit.clock import from_unix, unix
from kit.errors import Invalid
from reputation.lists.authoring import Changed, Description, Key, Published, Said, key_of
from reputation.lists.model import Listing
from reputation.lists.signed import USUAL
from reputation.lists.verifying import read_definitions
from reputation.lists.writing import to_csv, to_events
from reputation.publishing import MOST_PAGE

router = APIRouter(prefix="/v1/lists", tags=["lists"], responses=problems(400, 404, 409, 410, 429, 503))
mine = APIRouter(prefix="/v1/me/lists", tags=["lists"], responses=problems(400, 401, 403, 404, 409, 413, 429, 503))

ListId = Annotated[str, Path(max_length=22, pattern="^[A-Za-z0-9]+$", examples=["q3Zk1x9fYw0Lr8Tb"])]
_LARGEST_NUMBER = 2**53 - 1
_light = Depends(limited("lists", per_minute=240, burst=240))
_heavy = Depends(limited("lists_whole", per_minute=6, burst=6))


@router.get("", dependencies=[_light])
def lists(
    container: ContainerDep,
    after: Annotated[str | None, Query(max_length=22, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ListsOut:
    """List what is published here for everybody."""
    with container.read(one_moment=True) as work:
        found = work.publishing.public(after, limit)
        names = work.people.mxids({one.person for one in found})
    shown = [
        ListedOut(
            id=one.id,
            title=one.described.title,
            author=names.get(one.person),
            language=one.described.language,
            version=one.version,
            entries=one.entries,
            changed_at=unix(one.changed_at),
        )
        for one in found
    ]
    return ListsOut(lists=shown, next=shown[-1].id if len(shown) == limit else None)


@router.get("/keys", dependencies=[_light])
def keys(container: ContainerDep) -> ListKeysOut:
    """Show the keys that sign the lists of this service; compare them with what you are told elsewhere."""
    with container.read() as work:
        found = work.publishing.keys.all()
    return ListKeysOut(keys=[ListKeyOut(key=name, since=unix(since)) for name, since in found])


@router.get("/{list_id}.csv", dependencies=[_heavy], response_class=Response)
def as_csv(list_id: ListId, request: Request, container: ContainerDep) -> Response:
    """Give the list as a server blocklist (CSV): whole servers alone."""
    return _in_form(list_id, request, container, "csv")


@router.get("/{list_id}/policy", dependencies=[_heavy], response_model=list[PolicyEventOut])
def as_policy(list_id: ListId, request: Request, container: ContainerDep) -> Response:
    """Give the list as the state of a policy room: `m.policy.rule.*`, with an opinion (MSC3845) beside."""
    return _in_form(list_id, request, container, "policy")


@router.get("/{list_id}/labels", response_model=LabelsOut, dependencies=[_light])
def labels(
    list_id: ListId,
    request: Request,
    container: ContainerDep,
    after: Annotated[int, Query(ge=0, le=_LARGEST_NUMBER, description="The version that you have; 0 for none.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE)] = MOST_PAGE,
    whole: Annotated[  # noqa: FBT002 - a query has no position
        bool, Query(description="You began at 0 and are on your way: what was taken back long ago is left out.")
    ] = False,
) -> Response:
    """Give the labels after a version, with negations of what was taken back since; from 0 what stands.

    A version that is too old is answered with 410 (`labels_gone`), one that was never given with 409: read it whole.
    """
    with container.read(one_moment=True) as work:
        page = work.publishing.page(list_id, after=after, limit=limit, whole=whole or after == 0)
    body = {"header": page.header, "labels": page.labels, "next": page.next, "more": page.more}
    return kept_by(request, _json(body))


@router.get("/{list_id}", response_model=HeaderOut, dependencies=[_light])
def header(list_id: ListId, request: Request, container: ContainerDep) -> Response:
    """Give the header of a list, signed. What stands in it: `…/labels`."""
    with container.read(one_moment=True) as work:
        found = work.publishing.header(list_id)
    return kept_by(request, _json(found))


# ------------------------------------------------------------------------------------------------------- the author's


@mine.get("")
def my_lists(reader: Reader, container: ContainerDep) -> MyListsOut:
    """List what you publish."""
    with container.read() as work:
        found = work.publishing.all(reader.person)
    return MyListsOut(lists=[_mine(one, container) for one in found])


@mine.post("", status_code=201)
def new_list(asked: NewListIn, writer: Writer, container: ContainerDep) -> MyListOut:
    """Publish a list; it has no entries yet."""
    with container.work() as work:
        made = work.publishing.create(writer.person, asked.name, _described(asked))
    return _mine(made, container)


@mine.put("/{list_id}")
def describe(list_id: ListId, asked: ListIn, writer: Writer, container: ContainerDep) -> MyListOut:
    """Say anew what a list is. Its entries stay."""
    with container.work() as work:
        made = work.publishing.describe(writer.person, list_id, _described(asked))
    return _mine(made, container)


@mine.post("/{list_id}/entries", dependencies=[Depends(limited("list_entries", per_minute=60, burst=60))])
def entries(list_id: ListId, asked: EntriesIn, writer: Writer, container: ContainerDep) -> EntriesOut:
    """Say something of some, and take back what you said of others. Followers learn of both."""
    add = [
        Said(
            one.kind,
            one.entity,
            one.value,
            one.reason,
            one.below,
            _moment(one.until),
            sha256=None if one.sha256 is None else bytes.fromhex(one.sha256),
        )
        for one in asked.add
    ]
    with container.work() as work:
        return _changed(work.publishing.change(writer.person, list_id, add, [_key(one) for one in asked.remove]))


@mine.post("/{list_id}/undo")
def undo(list_id: ListId, writer: Writer, container: ContainerDep) -> EntriesOut:
    """Let the entries be what they were before the last change; doing so is a change, and can be undone."""
    with container.work() as work:
        return _changed(work.publishing.undo(writer.person, list_id))


@mine.delete("/{list_id}")
def retire(list_id: ListId, writer: Writer, container: ContainerDep) -> MyListOut:
    """Publish a list no more. It stands there empty and says so, for those who follow it; this cannot be undone."""
    with container.work() as work:
        made = work.publishing.retire(writer.person, list_id)
    return _mine(made, container)


# ------------------------------------------------------------------------------------------------------------- within


def _in_form(list_id: str, request: Request, container: Container, form: str) -> Response:
    with container.read(one_moment=True) as work:
        found = work.publishing.find(list_id)
        listing = Listing(form, tuple(work.publishing.entries(list_id)))
    if form == "csv":
        answer = Response(to_csv(listing), media_type="text/csv; charset=utf-8")
    else:
        answer = _json(to_events(listing, opinions=True))
    answer.headers["X-Earnest-Version"] = str(found.version)
    return kept_by(request, answer)


def _json(body: object) -> Response:
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")), media_type="application/json")


def _described(asked: ListIn) -> Description:
    definitions = asked.definitions
    return Description(
        title=asked.title.strip(),
        description=asked.description.strip(),
        licence=asked.licence.strip(),
        language=asked.language,
        expires_at=_moment(asked.expires),
        public=asked.public,
        definitions=USUAL if definitions is None else read_definitions(_plain(definitions)),
    )


def _plain(definitions: dict[str, DefinitionModel]) -> dict[str, object]:
    return {value: one.model_dump(mode="json") for value, one in definitions.items()}


def _moment(at: int | None) -> datetime | None:
    if at is None:
        return None
    try:
        return from_unix(at)
    except (OverflowError, ValueError, OSError):
        raise Invalid("time_malformed", "There is no such time.") from None


def _key(one: SubjectIn) -> Key:
    hidden = None if one.sha256 is None else bytes.fromhex(one.sha256)
    if (one.entity is None) == (hidden is None):
        raise Invalid("entry_unclear", "Name either an 'entity' or a 'sha256'.")
    return key_of(Said(one.kind, one.entity, "", sha256=hidden))


def _changed(changed: Changed) -> EntriesOut:
    look = [LookOut(danger=one.danger, entity=one.entry.entity, whom=one.whom) for one in changed.dangers]
    return EntriesOut(version=changed.version, said=changed.said, taken_back=changed.back, same=changed.same, look=look)


def _mine(one: Published, container: Container) -> MyListOut:
    described = one.described
    return MyListOut(
        id=one.id,
        name=one.name,
        url=f"{container.settings.public_url}/v1/lists/{one.id}",
        title=described.title,
        description=described.description,
        licence=described.licence,
        language=described.language,
        expires=None if described.expires_at is None else unix(described.expires_at),
        public=described.public,
        retired=one.retired_at is not None,
        version=one.version,
        entries=one.entries,
        changed_at=unix(one.changed_at),
    )
