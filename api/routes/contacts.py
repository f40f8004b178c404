"""Contacts: whom a person knows, imported, listed, forgotten, and an import undone as a whole."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.contacts import ContactOut, ContactsIn, ContactsOut, ImportOut, ImportsOut, TakenOut, UndoneOut
from api.schemas.problems import problems
from app.acquainting import undo_import
from kit.clock import from_unix, unix
from kit.identifiers import parse_user_id
from reputation.contacts import MOST_PAGE

router = APIRouter(prefix="/v1/me/contacts", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

OtherId = Annotated[str, Path(max_length=255, examples=["@bob:example.org"])]


@router.get("")
def contacts(
    reader: Reader,
    container: ContainerDep,
    after: Annotated[str | None, Query(max_length=255, description="The last name of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE)] = MOST_PAGE,
) -> ContactsOut:
    """List whom you know: invited first, accepted, or imported. They pass your door freely."""
    with container.read() as work:
        found = work.contacts.page(reader.person, after=after, limit=limit)
    shown = [ContactOut(who=one.other, why=one.why, since=unix(one.since)) for one in found]
    return ContactsOut(contacts=shown, next=found[-1].other if len(found) == limit else None)


@router.post("")
def take(asked: ContactsIn, writer: Writer, container: ContainerDep) -> TakenOut:
    """Say whom you know already: they pass your door freely from now on, and nobody is told. Twice is once."""
    people = [parse_user_id(each) for each in asked.people]
    others = {each for each in people if each != container.bot_id}
    moment = None if asked.imported is None else from_unix(asked.imported)
    with container.work() as work:
        taken = work.contacts.take(writer.person, others, moment=moment)
    return TakenOut(imported=unix(taken.moment), added=taken.added, known=taken.known, left_out=taken.left_out)


@router.get("/imports")
def imports(reader: Reader, container: ContainerDep) -> ImportsOut:
    """List your imports."""
    with container.read() as work:
        found = work.contacts.imports(reader.person)
    return ImportsOut(imports=[ImportOut(imported=unix(one.moment), people=one.people) for one in found])


@router.delete("")
def undo(
    imported: Annotated[int, Query(ge=0, le=2**37, description="The import's moment.")],
    writer: Writer,
    container: ContainerDep,
) -> UndoneOut:
    """Undo an import as a whole: whom you know by it alone are strangers again; whom you accepted since stay."""
    return UndoneOut(undone=undo_import(container.work, writer.person, from_unix(imported)))


@router.delete("/{other}", status_code=204)
def forget(other: OtherId, writer: Writer, container: ContainerDep) -> None:
    """Have it forgotten that you know somebody: they are a stranger again."""
    user = parse_user_id(other)
    with container.work() as work:
        work.contacts.forget(writer.person, user)
