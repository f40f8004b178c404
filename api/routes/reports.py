"""Reports: a person's own words against others, given, listed and taken back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.me import ReportIn, ReportOut, ReportsOut
from api.schemas.problems import problems
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import UserId, parse_user_id
from reputation.evidence import Reason, Said

router = APIRouter(prefix="/v1/me/reports", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

OtherId = Annotated[str, Path(max_length=255, examples=["@bob:example.org"])]


@router.get("")
def reports(
    reader: Reader,
    container: ContainerDep,
    past: Annotated[bool, Query(description="Also those that you took back, or that ran out.")] = False,  # noqa: FBT002
) -> ReportsOut:
    """List whom you report, newest first."""
    with container.read() as work:
        found = work.vouches.given(reader.person, past=past, good=False)
        names = work.people.mxids({report.subject for report in found})
    return ReportsOut(reports=[_shown(report, names.get(report.subject)) for report in found])


@router.put("/{other}")
def report(other: OtherId, asked: ReportIn, writer: Writer, container: ContainerDep) -> ReportOut:
    """Report somebody for a year from now, in the place of what you said of them before. Your door stays as it is."""
    user = parse_user_id(other)
    with container.work() as work:
        subject = work.people.number(user)
        made = work.vouches.report(writer.person, subject, asked.reason, audience=asked.audience)
    return _shown(made, user)


@router.delete("/{other}")
def withdraw(other: OtherId, writer: Writer, container: ContainerDep) -> ReportOut:
    """Take your word against somebody back; it stays in your own list of what is past."""
    user = parse_user_id(other)
    with container.work() as work:
        subject = work.people.find(user)
        if subject is None:
            raise NotFound("word_unknown", "You report nobody of that name.")
        taken = work.vouches.withdraw(writer.person, subject, good=False)
    return _shown(taken, user)


def _shown(report: Said, subject: UserId | None) -> ReportOut:
    return ReportOut(
        subject=subject,
        reason=report.reason or Reason.OTHER,
        audience=report.audience,
        since=unix(report.since),
        until=unix(report.until),
        withdrawn_at=None if report.withdrawn_at is None else unix(report.withdrawn_at),
    )
