"""Patreon: takes what its webhook tells of members and their pledges, where Patreon signed it; nothing is answered."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Request, Response

from api.dependencies import ContainerDep, limited
from api.schemas.problems import problems
from kit.errors import Forbidden
from payments.flair import patreon

LOG = structlog.get_logger(__name__)

router = APIRouter(prefix="/v1/patreon", tags=["flair"], responses=problems(400, 403, 413, 429, 503))


async def _raw(request: Request) -> bytes:
    return await request.body()


_TAKEN: dict[int | str, dict[str, Any]] = {202: {"description": "Taken; it names no user, so nothing is counted."}}
Raw = Annotated[bytes, Depends(_raw)]


@router.post(
    "/webhook",
    status_code=204,
    response_model=None,
    responses=_TAKEN,
    dependencies=[Depends(limited("patreon", per_minute=1200, burst=600))],
)
def told(
    body: Raw,
    container: ContainerDep,
    event: Annotated[str, Header(alias="X-Patreon-Event")] = "",
    signature: Annotated[str, Header(alias="X-Patreon-Signature")] = "",
) -> Response | None:
    """Take an event of Patreon's webhook: `X-Patreon-Signature` is the hexadecimal HMAC-MD5 of the body as it came.

    The same body may come again, and in any order; an event that is not about members is taken and forgotten. What is
    not signed with the operator's secret is refused, whatever it is; so is everything while there is no secret.
    """
    secret = container.settings.secret_of_patreon()
    if secret is None or not patreon.is_signed(secret, body, signature):
        LOG.warning("patreon_refused", configured=secret is not None)
        raise Forbidden("signature_not_good", "This is not signed as it must be.")
    if event not in patreon.EVENTS:
        return None
    if patreon.names_nobody(body):
        LOG.info("patreon_names_nobody")
        return Response(status_code=202)
    with container.work() as work:
        work.supporters.patreon_told(event, body, currency=container.settings.patreon_currency)
    return None
