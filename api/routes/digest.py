"""Digest: when a person is told who knocked."""

from fastapi import APIRouter

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.problems import problems
from api.schemas.queue import DigestIn, DigestOut
from app.container import Work
from kit.clock import unix
from kit.identifiers import PersonId
from reputation.digests import Times
from reputation.schedule import Schedule

router = APIRouter(prefix="/v1/me/digest", tags=["me"], responses=problems(400, 401, 403, 429, 503))


@router.get("")
def show_digest(reader: Reader, container: ContainerDep) -> DigestOut:
    """Show when the bot tells you who knocked and who waits."""
    with container.read() as work:
        return _shown(work, reader.person, work.digests.show(reader.person))


@router.put("")
def set_digest(asked: DigestIn, writer: Writer, container: ContainerDep) -> DigestOut:
    """Say when the bot is to tell you who knocked, daily or weekly at your own hour, or never."""
    with container.work() as work:
        times = work.digests.set(writer.person, Schedule(asked.every, asked.weekday, asked.hour))
        return _shown(work, writer.person, times)


def _shown(work: Work, person: PersonId, times: Times) -> DigestOut:
    return DigestOut(
        every=times.schedule.every,
        weekday=times.schedule.weekday,
        hour=times.schedule.hour,
        time_zone=work.people.time_zone(person) or "UTC",
        due_at=None if times.due_at is None else unix(times.due_at),
    )
