"""Outlook: what a person thinks of strangers, and whom it takes to be heard by them."""

from fastapi import APIRouter

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.outlook import OutlookIn, OutlookOut
from api.schemas.problems import problems
from reputation.outlook import Outlook

router = APIRouter(prefix="/v1/me/outlook", tags=["me"], responses=problems(400, 401, 403, 429, 503))


@router.get("")
def show_outlook(reader: Reader, container: ContainerDep) -> OutlookOut:
    """Show what you think of strangers, and whom it takes to be heard by you."""
    with container.read() as work:
        return _shown(work.outlooks.show(reader.person))


@router.put("")
def set_outlook(asked: OutlookIn, writer: Writer, container: ContainerDep) -> OutlookOut:
    """Say what you think of strangers, how many must speak for whoever you hear, or both; it counts at once."""
    with container.work() as work:
        return _shown(work.outlooks.set(writer.person, strangers=asked.strangers, quorum=asked.quorum))


def _shown(outlook: Outlook) -> OutlookOut:
    return OutlookOut(strangers=outlook.strangers, prior=outlook.prior, quorum=outlook.quorum)
