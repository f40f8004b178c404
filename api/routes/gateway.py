"""The gateway's keys: whoever sells what stands at an address of theirs knows by them that it is we who ask."""

from fastapi import APIRouter, Depends

from api.dependencies import ContainerDep, limited
from api.schemas.gateway import GatewayKeyOut, GatewayKeysOut
from api.schemas.problems import problems
from kit.clock import unix

router = APIRouter(prefix="/v1/gateway", tags=["selling"], responses=problems(429, 503))


@router.get("/keys", dependencies=[Depends(limited("gateway-keys", per_minute=120, burst=60))])
def keys(container: ContainerDep) -> GatewayKeysOut:
    """Show the keys that sign what the gateway asks (RFC 9421, Ed25519), the one that signs now first."""
    with container.read() as work:
        found = work.gateways.keys.all()
    return GatewayKeysOut(keys=[GatewayKeyOut(key=name, since=unix(since)) for name, since in found])
