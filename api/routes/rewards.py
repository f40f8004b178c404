"""Rewards for servers: challenges for their keys, enrolling by a signature, and reports of their use."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.dependencies import ContainerDep, limited
from api.schemas.problems import problems
from api.schemas.rewards import (
    ChallengeIn,
    ChallengeOut,
    DayOut,
    EnrolledOut,
    EnrolmentOut,
    EpochOut,
    EpochsOut,
    JoiningIn,
    JoiningOut,
    NothingOut,
    SignedIn,
    TotalsOut,
)
from app import earning, proving
from app.container import Container
from kit.clock import unix
from kit.identifiers import Hash32, parse_address, parse_server_name, show_address, show_hash
from payments.rewards.enrolling import Enrolled
from payments.rewards.onchain import RootState
from payments.rewards.store import Epoch
from payments.rewards.totalling import SMALLEST_GROUP

router = APIRouter(prefix="/v1/rewards", tags=["rewards"], responses=problems(400, 404, 409, 413, 429, 503))

Secret = Annotated[str, Path(min_length=20, max_length=100)]
Forward = Annotated[
    bool | None, Query(description="Whether its reports go on to matrix.org's endpoint; left as it is where not said.")
]


_DAYS = 90


async def _raw(request: Request) -> bytes:
    return await request.body()


@router.post(
    "/challenges", status_code=201, dependencies=[Depends(limited("reward_challenges", per_minute=10, burst=10))]
)
def challenge(asked: ChallengeIn, container: ContainerDep) -> ChallengeOut:
    """Give a challenge for a server's signing key; it is good once, for an hour."""
    server, payout = parse_server_name(asked.server_name), parse_address(asked.payout)
    with container.work() as work:
        made = work.rewards.challenge(server, payout)
    return ChallengeOut.model_validate(made.document())


@router.post(
    "/enrolments", status_code=201, dependencies=[Depends(limited("reward_enrolments", per_minute=6, burst=10))]
)
def enrol(signed: SignedIn, container: ContainerDep, forward: Forward = None) -> EnrolmentOut:
    """Let a server take part, or send its rewards elsewhere: its own key signed the challenge.

    The server is asked for its keys over federation, so it must be reached by its name. Another payout address counts
    after seven days. Each enrolment brings a new `report_url`, and the one before is good no more.
    """
    done = earning.enrol(container, signed.document(), forwards=forward)
    return EnrolmentOut(**_shown(container, done.enrolled).model_dump(), report_url=_report_url(container, done.secret))


@router.post("/joinings", status_code=201, dependencies=[Depends(limited("reward_joinings", per_minute=10, burst=10))])
def join(asked: JoiningIn, container: ContainerDep) -> JoiningOut:
    """Give an alias by which a server's administrator enrols it from any Matrix client, with nothing installed.

    Joining it makes their homeserver ask us, signed with its key. The refusal says what would happen and names a second
    alias, which does it. It must be done by a person whom the server's `/.well-known/matrix/support` names as a contact
    with the role `m.role.admin`, within an hour.
    """
    server, payout, us = parse_server_name(asked.server_name), parse_address(asked.payout), proving.own_name(container)
    with container.work() as work:
        joining, secret = work.rewards.join(server, payout, forwards=asked.forward)
    return JoiningOut(
        alias=f"#{joining.first}:{us}",
        server_name=server,
        payout=show_address(payout),
        report_url=_report_url(container, secret),
        expires_ts=unix(joining.challenge.expires_at) * 1000,
    )


@router.put("/reports/{secret}", dependencies=[Depends(limited("reward_reports", per_minute=60, burst=60))])
def report(secret: Secret, body: Annotated[bytes, Depends(_raw)], container: ContainerDep) -> NothingOut:
    """Take a server's report of its use, as Synapse sends it (`report_stats_endpoint`).

    Of the reports of a day the highest of each count is kept, so that order and copies make no difference. The answer
    is an empty object: Synapse reads one, and warns its operator where there is none.
    """
    with container.work() as work:
        work.rewards.reported(secret, body)
    return NothingOut()


@router.get("/reports/{secret}", dependencies=[Depends(limited("reward_reports_read", per_minute=30, burst=30))])
def stands(secret: Secret, container: ContainerDep) -> EnrolledOut:
    """Tell a server's operator, who alone knows this address, how the server stands."""
    with container.read() as work:
        return _shown(container, work.rewards.reporting(secret))


@router.get("/totals", dependencies=[Depends(limited("reward_totals", per_minute=60, burst=30))])
def totals(container: ContainerDep) -> TotalsOut:
    """Say how many servers take part, how many people use them and how often they are there, by day.

    Servers are counted in fives, rounded down, so that fewer than five are none; the last 90 days.
    """
    with container.read() as work:
        days = work.rewards.totals(limit=_DAYS)
    return TotalsOut(days=[DayOut(day=day, **said) for day, said in days])


@router.get("/epochs", dependencies=[Depends(limited("reward_epochs", per_minute=60, burst=30))])
def epochs(container: ContainerDep) -> EpochsOut:
    """List the epochs that are closed, the newest first; without names."""
    with container.read() as work:
        states = {one.root: one.state for one in work.distribution.roots()}
        return EpochsOut(epochs=[_epoch(one, states) for one in work.epochs.all()])


@router.get(
    "/epochs/{number}",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "The epoch's file, canonical JSON."}},
    dependencies=[Depends(limited("reward_epoch", per_minute=6, burst=6))],
)
def epoch(number: Annotated[int, Path(ge=1, le=10_000)], container: ContainerDep) -> Response:
    """Return an epoch's file: all that its shares were made from, so that anybody makes them anew.

    `earnest rewards verify FILE` does that, and needs nothing but the file. It never changes once it is there.
    """
    with container.read() as work:
        content = work.epochs.stream(number)
    headers = {"Cache-Control": "public, max-age=31536000"}
    return StreamingResponse(content, media_type="application/json", headers=headers)


def _report_url(container: Container, secret: str) -> str:
    return f"{container.settings.public_url}/v1/rewards/reports/{secret}"


def _epoch(one: Epoch, states: Mapping[Hash32, RootState]) -> EpochOut:
    few = one.servers < SMALLEST_GROUP
    return EpochOut(
        number=one.number,
        begins=unix(one.begins),
        ends=unix(one.ends),
        servers=None if few else one.servers,
        budget=str(one.budget),
        paid=str(one.paid),
        forfeited=str(one.forfeited),
        root=None if one.root is None else show_hash(one.root),
        on_chain=None if one.root is None else states.get(one.root),
        closed_at=unix(one.closed_at),
    )


def _shown(container: Container, server: Enrolled) -> EnrolledOut:
    payout = server.payout_at(container.clock())
    waits = server.payout_next is not None and payout != server.payout_next
    return EnrolledOut(
        server_name=server.server,
        kind=server.kind.value,
        payout=show_address(payout),
        payout_next=show_address(server.payout_next) if waits and server.payout_next else None,
        payout_from=unix(server.payout_from) if waits and server.payout_from else None,
        forwards=server.forwards,
        enrolled_at=unix(server.enrolled_at),
        seen_at=None if server.seen_at is None else unix(server.seen_at),
        trouble=None if server.trouble is None else server.trouble.value,
        claims_from=None if server.claims_from is None else unix(server.claims_from),
    )
