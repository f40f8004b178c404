"""Vouches: a person's own words for others, given, listed and taken back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.me import VouchesOut, VouchIn, VouchOut
from api.schemas.problems import problems
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import UserId, parse_user_id
from reputation.evidence import Said

router = APIRouter(prefix="/v1/me/vouches", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

OtherId = Annotated[str, Path(max_length=255, examples=["@bob:example.org"])]


@router.get("")
def vouches(
    reader: Reader,
    container: ContainerDep,
    past: Annotated[bool, Query(description="Also those that you took back, or that ran out.")] = False,  # noqa: FBT002
) -> VouchesOut:
    """List for whom you vouch, newest first."""
    with container.read() as work:
        found = work.vouches.given(reader.person, past=past, good=True)
        names = work.people.mxids({vouch.subject for vouch in found})
    return VouchesOut(vouches=[_shown(vouch, names.get(vouch.subject)) for vouch in found])


@router.put("/{other}")
def vouch(other: OtherId, asked: VouchIn, writer: Writer, container: ContainerDep) -> VouchOut:
    """Vouch for somebody for a year from now, in the place of what you said of them before."""
    user = parse_user_id(other)
    with container.work() as work:
        subject = work.people.number(user)
        made = work.vouches.vouch(writer.person, subject, weight=asked.weight, audience=asked.audience)
    return _shown(made, user)


@router.delete("/{other}")
def withdraw(other: OtherId, writer: Writer, container: ContainerDep) -> VouchOut:
    """Take your word for somebody back; it stays in your own list of what is past."""
    user = parse_user_id(other)
    with container.work() as work:
        subject = work.people.find(user)
        if subject is None:
            raise NotFound("vouch_unknown", "You do not vouch for anybody of that name.")
        taken = work.vouches.withdraw(writer.person, subject, good=True)
    return _shown(taken, user)


def _shown(vouch: Said, subject: UserId | None) -> VouchOut:
    return VouchOut(
        subject=subject,
        weight=vouch.weight,
        audience=vouch.audience,
        since=unix(vouch.since),
        until=unix(vouch.until),
        withdrawn_at=None if vouch.withdrawn_at is None else unix(vouch.withdrawn_at),
    )
