"""Helpers: whom a person asked to answer their queue with them; to accept is the helper's own word to the bot."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.problems import problems
from api.schemas.queue import HelpersOut, HelpOut
from kit.clock import unix
from kit.identifiers import UserId, parse_user_id
from reputation.helping import Help

router = APIRouter(prefix="/v1/me/helpers", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

OtherId = Annotated[str, Path(max_length=255, examples=["@carol:example.org"])]


@router.get("")
def helpers(reader: Reader, container: ContainerDep) -> HelpersOut:
    """List who helps you or was asked to, and whom you help or were asked to."""
    with container.read() as work:
        mine, theirs = work.helping.helpers(reader.person), work.helping.helped(reader.person)
        names = work.people.mxids({one.helper for one in mine} | {one.owner for one in theirs})
    return HelpersOut(
        helpers=[_shown(one, names.get(one.helper)) for one in mine],
        helping=[_shown(one, names.get(one.owner)) for one in theirs],
    )


@router.put("/{other}")
def ask(other: OtherId, writer: Writer, container: ContainerDep) -> HelpOut:
    """Ask somebody to see and answer your queue with you; it counts once they accept by a word to the bot."""
    user = parse_user_id(other)
    with container.work() as work:
        return _shown(work.helping.ask(writer.person, user), user)


@router.delete("/{other}", status_code=204)
def remove(other: OtherId, writer: Writer, container: ContainerDep) -> None:
    """Take a helper back, at once."""
    user = parse_user_id(other)
    with container.work() as work:
        work.helping.remove(writer.person, user)


def _shown(one: Help, who: UserId | None) -> HelpOut:
    accepted = None if one.accepted_at is None else unix(one.accepted_at)
    return HelpOut(who=who, asked_at=unix(one.asked_at), accepted_at=accepted)
