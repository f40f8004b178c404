"""What servers earned and would earn: histories with every factor, estimates, and what a claim needs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, limited
from api.schemas.earned import CarriedClaimOut, ClaimIn, EarnedOut, EstimateOut, OperatorOut, PartOut
from api.schemas.problems import problems
from app import carrying_claims, epochs
from kit.identifiers import parse_address, parse_server_name, show_address, show_hash

router = APIRouter(prefix="/v1/rewards", tags=["rewards"], responses=problems(400, 404, 409, 429, 503))

_MOST_PEOPLE = 100_000_000
Secret = Annotated[str, Path(min_length=20, max_length=100)]


@router.get("/estimate", dependencies=[Depends(limited("reward_estimate", per_minute=6, burst=6))])
def estimate(
    server: Annotated[str, Query(max_length=255, examples=["example.org"])],
    container: ContainerDep,
    people: Annotated[int, Query(ge=0, le=_MOST_PEOPLE, description="How many use it on a usual day.")] = 1,
) -> EstimateOut:
    """Say what a server would have earned in the last epochs, always there, and when it could claim at the earliest.

    It need not take part. It is asked over federation, so it must be reached by its name.
    """
    name = parse_server_name(server)
    return EstimateOut.of(name, people, epochs.estimate(container, name, people=people))


@router.get("/servers/{server}", dependencies=[Depends(limited("reward_server", per_minute=12, burst=12))])
def earned(server: Annotated[str, Path(max_length=255)], container: ContainerDep) -> EarnedOut:
    """Say what a server earned in each epoch of the last year and why, and what its payee's claim needs.

    All of it is made of the published files.
    """
    name = parse_server_name(server)
    with container.read() as work:
        history = epochs.history(work, name)
    return EarnedOut.of(history, container.settings.chain_id, epochs.distributor_of(container))


@router.get("/reports/{secret}/earned", dependencies=[Depends(limited("reward_operator", per_minute=12, burst=12))])
def operators(secret: Secret, container: ContainerDep) -> OperatorOut:
    """Say the same to a server's operator, who alone knows this address, with how the present epoch stands for it."""
    with container.read() as work:
        server = work.rewards.reporting(secret).server
        history = epochs.history(work, server)
    shown = EarnedOut.of(history, container.settings.chain_id, epochs.distributor_of(container))
    going_on = epochs.as_it_stands(container, server)
    return OperatorOut(**dict(shown), next=None if going_on is None else PartOut.of(going_on))


@router.post("/claims", status_code=202, dependencies=[Depends(limited("reward_claims", per_minute=6, burst=6))])
def claim(asked: ClaimIn, container: ContainerDep) -> CarriedClaimOut:
    """Let the relayer carry a claim, so that it needs no ether; the money goes to the payee, whoever asks.

    Once for each payee and root; asked again, it says how far it is.
    """
    carried = carrying_claims.carry(container, parse_address(asked.payout), epoch=asked.epoch)
    with container.read() as work:
        state = work.carrying.state(carried)
    return CarriedClaimOut(id=show_hash(carried.id), payout=show_address(carried.payer), state=str(state))
