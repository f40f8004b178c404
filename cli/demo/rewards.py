"""The third story: a homeserver proves who it is, is measured for an epoch, and is paid what anybody can recompute.

An epoch is 28 days. They pass on a clock of the demo's own, which a second door of the same service is given: the
homeserver, its key, its reports, the looks at it, the database and the contract are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from api.main import create_app
from app import earning, epochs
from app.container import Container
from app.gatekeeper import Gatekeeper
from app.turning_away import TurningAway
from cli.demo.stage import Stage, UntrueError, money
from cli.local import synapse, treasury
from cli.local.ports import LOOPBACK
from cli.local.synapse import Synapse
from cli.local.world import BOT_SERVICE, ELSEWHERE, SERVICES
from contracts.rewards import DISPUTE_WINDOW
from kit.clock import system_clock
from kit.identifiers import Hash32, ServerName, show_address, show_hash
from payments.rewards import epoch_file
from payments.rewards.closing import LENGTH, SETTLES
from payments.rewards.epoch_file import Closed

_SCRIPT: Final = Path(__file__).resolve().parents[2] / "deploy/enrol_homeserver.py"
_POOL: Final = "1300"
_OWNER: Final = "erin"
"""Whose wallet the homeserver elsewhere names."""
_PROPOSER: Final = "hugo"
_ANYBODY: Final = "ivan"
_THIEF: Final = "mallory"
_TRIES: Final = 4800


@dataclass
class _Clock:
    """A clock that stands until it is turned."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


async def contract_made(stage: Stage) -> None:
    """@hugo, the guardian and the treasury get a part each in the contract that pays rewards."""
    roles = {"treasury": treasury.TREASURY, "proposer": _PROPOSER, "guardian": treasury.GUARDIAN}
    given = [word for role, who in roles.items() for word in (f"--{role}", show_address(stage.address(who)))]
    made = await stage.earnest("rewards", "deploy", *given, "--max-budget", "100", *_key(stage, treasury.TREASURY))
    found = stage.world.deployment.distributor
    stage.demand(found, "the contract stands", made)
    settings = {"rewards_from": f"{system_clock():%Y-%m-%d}", "rewards_pool": _POOL}
    _file(stage).write_text(json.dumps(settings), encoding="utf-8")
    lines = [f"EARNEST_{name.upper()}='{value}'\n" for name, value in settings.items()]
    with (stage.folder / "earnest.env").open("a", encoding="utf-8") as file:
        file.writelines(lines)
    services = (*SERVICES, BOT_SERVICE)
    await asyncio.to_thread(stage.world.supervisor.stop, *services)
    for service in services:
        stage.world.supervisor.start(stage.world.service(service))
    await asyncio.to_thread(stage.world.supervisor.wait_ready, *services)
    stage.saw("the operator ran: earnest rewards deploy; who computes, who watches and who pays are three keys", made)
    funded = await stage.earnest("rewards", "fund", "100", *_key(stage, treasury.TREASURY))
    stage.saw("the treasury ran: earnest rewards fund 100; nothing is ever minted", funded["printed"])


async def enrolled(stage: Stage) -> None:
    """@erin's homeserver, elsewhere, enrols: its own signing key says whose the rewards are."""
    server = _elsewhere(stage)
    payout = show_address(stage.address(_OWNER))
    words = ("--service", stage.world.plan.public_url, "--server", server.server_name, "--payout", payout)
    printed = await _script(*words, "--key", str(server.folder / "signing.key"))
    address = re.search(r"^report_stats_endpoint: (\S+)$", printed, re.MULTILINE)
    stage.demand(address, "it is told where to report", printed)
    stage.saw("its operator ran enrol_homeserver.py with the Python of Synapse, and was told", printed)
    _file(stage, "report").write_text(address[1] if address else "", encoding="utf-8")
    other = ("--service", stage.world.plan.public_url, "--server", stage.world.plan.server_name, "--payout", payout)
    try:
        await _script(*other, "--key", str(server.folder / "signing.key"))
    except UntrueError as refused:
        stage.saw("the same key enrols no other server: the script was told", str(refused))
    else:
        stage.demand(found=False, expected="nobody enrols a server that is not theirs")


async def used_and_seen(stage: Stage) -> None:
    """For 28 days it reports its real use, and is looked at by its name over real federation."""
    server, report = _elsewhere(stage), _file(stage, "report").read_text(encoding="utf-8")
    clock = _Clock(system_clock())
    container = _house(stage, clock)
    try:
        with _door(container) as url:
            reporting = replace(server, reports_to=report.replace(stage.world.plan.public_url, url))
            stage.world.supervisor.stop(ELSEWHERE)
            stage.world.supervisor.start(stage.world.elsewhere_program(reporting))
            await asyncio.to_thread(stage.world.supervisor.wait_ready, ELSEWHERE)
            await stage.person(_OWNER)  # who uses it
            for _ in range(LENGTH.days):
                await _a_day(stage, container, clock, ServerName(server.server_name))
        told = await asyncio.to_thread(_measured, container, clock, ServerName(server.server_name))
        stage.saw("Synapse's own statistics arrived each day, and each day it answered to its name", told)
    finally:
        container.close()


async def closed(stage: Stage) -> None:
    """All 28 days are over: the epoch's file says who gets how much and why, and anybody makes it anew."""
    end = datetime.combine(_first(stage), datetime.min.time(), system_clock().tzinfo) + LENGTH + SETTLES
    container = _house(stage, _Clock(end))
    try:
        epoch = await asyncio.to_thread(epochs.close, container)
        stage.demand(epoch, "the epoch is over")
    finally:
        container.close()
    url = f"{stage.world.plan.public_url}/v1/rewards"
    async with httpx.AsyncClient(timeout=60) as client:
        published = await client.get(f"{url}/epochs/1")
        told = await client.get(f"{url}/servers/{_elsewhere(stage).server_name}")
    _file(stage, "epoch-1").write_bytes(published.content)
    stage.saw("the file of the epoch, as everybody can fetch it", published.json())
    part = told.json()["epochs"][0]
    stage.demand(part["because"] == ["weighs_less"], "what it was measured by says why its share is so", part)
    stage.saw("why the server got what it got", part)
    nowhere = stage.folder / "verifying"
    nowhere.mkdir()
    printed = await stage.earnest("rewards", "verify", str(_file(stage, "epoch-1")), "--json", bare=nowhere)
    stage.demand(printed["holds"], "the same root comes out", printed)
    stage.saw("anybody ran, in an empty folder: earnest rewards verify epoch-1.json", printed)


async def forged(stage: Stage) -> None:
    """@mallory forges a root: anybody's computer finds it, and it is cancelled before it counts."""
    right = _epoch(stage)
    thief = stage.address(_THIEF)
    servers = [replace(one.measured, payout=thief) for one in right.counted]
    wrong = epoch_file.close(right.terms, servers, right.before)
    file = _file(stage, "forged")
    file.write_bytes(wrong.encoded())
    await stage.earnest("rewards", "propose", str(file), *_key(stage, _PROPOSER))
    waiting = (await stage.earnest("rewards", "chain", "--json"))["waiting"]
    stage.saw("somebody got hold of the proposer's key, and proposed that all goes to @mallory", waiting)
    words = ("rewards", "verify", str(_file(stage, "epoch-1")), "--root", waiting["root"])
    found = await _refused(stage, *words, saying="ended with 1: ")
    stage.demand(found.endswith("ended with 1: "), "it finds another root, and nothing else is wrong", found)
    stage.saw(f"earnest rewards verify epoch-1.json --root {waiting['root']}", found)
    await _refused(stage, "rewards", "accept", str(file), *_key(stage, _THIEF), saying="StillDisputable")
    await stage.earnest("rewards", "cancel", waiting["root"], *_key(stage, treasury.GUARDIAN))
    stage.time_passes(DISPUTE_WINDOW + 1)
    refused = await _refused(stage, "rewards", "accept", str(file), *_key(stage, _THIEF), saying="")
    stage.saw("the guardian cancelled it, which is all that the guardian can do; it never counts", refused)
    stage.demand(stage.tokens(thief) == treasury.GIFT, "@mallory got nothing", stage.tokens(thief))


async def paid(stage: Stage) -> None:
    """@erin is paid: the right root waits for 72 hours and counts, a claim pays, and a second pays nothing."""
    file, owner = str(_file(stage, "epoch-1")), stage.address(_OWNER)
    due = _epoch(stage).cumulative[owner]
    await stage.earnest("rewards", "propose", file, *_key(stage, _PROPOSER))
    early = await _refused(stage, "rewards", "accept", file, *_key(stage, _ANYBODY), saying="StillDisputable")
    stage.saw("the right root was proposed; before anybody could dispute it, it does not count", early)
    stage.time_passes(DISPUTE_WINDOW + 1)
    await stage.earnest("rewards", "accept", file, *_key(stage, _ANYBODY))
    state = await stage.earnest("rewards", "chain", "--json")
    stage.demand(state["root"] == show_hash(_root(stage)), "the published root counts", state)
    stage.saw("72 hours passed on the chain; somebody else accepted it, and it counts", state)
    before = stage.tokens(owner)
    claimed = await stage.earnest("rewards", "claim", file, show_address(owner), *_key(stage, _ANYBODY))
    got = stage.tokens(owner) - before
    stage.demand(got == due, f"{money(due)} reach the wallet that the server's key named", money(got))
    stage.saw("somebody else carried the claim and paid for the gas; whose key enrolled got the money", claimed)
    words = ("rewards", "claim", file, show_address(owner))
    again = await _refused(stage, *words, *_key(stage, _ANYBODY), saying="claimed already")
    stage.demand(stage.tokens(owner) - before == due, "nobody is paid twice")
    stage.saw("a second claim pays nothing", again)


async def explained(stage: Stage) -> None:
    """@erin reads what her server earned and why, and what of it she has had, as the chain has it."""
    server, owner = _elsewhere(stage).server_name, stage.address(_OWNER)
    due = _epoch(stage).cumulative[owner]
    told = await stage.earnest("rewards", "history", server, "--json")
    claim = told["claim"]
    stage.demand((claim["root_state"], claim["had"], claim["due"]) == ("counts", str(due), "0"), "all is paid", claim)
    printed = await stage.earnest("rewards", "history", server)
    stage.saw(f"earnest rewards history {server}", printed["printed"])
    again = await stage.earnest("rewards", "estimate", server, "--people", "400")
    stage.saw(f"earnest rewards estimate {server} --people 400", again["printed"])


STEPS = (contract_made, enrolled, used_and_seen, closed, forged, paid, explained)


def _file(stage: Stage, name: str = "rewards") -> Path:
    return stage.folder / f"{name}.json"


def _key(stage: Stage, who: str) -> tuple[str, str, str]:
    return "--key-file", str(stage.world.plan.wallet_file(who)), "--yes"


def _elsewhere(stage: Stage) -> Synapse:
    found = stage.world.elsewhere
    if found is None:
        message = "expected: a homeserver elsewhere"
        raise UntrueError(message)
    return found


def _given(stage: Stage) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(_file(stage).read_text(encoding="utf-8"))
    return given


def _first(stage: Stage) -> date:
    return date.fromisoformat(_given(stage)["rewards_from"])


def _house(stage: Stage, clock: Callable[[], datetime]) -> Container:
    """Return the service as it is, at the time that ``clock`` tells."""
    given = _given(stage) | {"rewards_from": _first(stage)}
    return Container(stage.world.container.settings.model_copy(update=given), clock=clock)


def _epoch(stage: Stage) -> Closed:
    return epoch_file.read_file(_file(stage, "epoch-1").read_bytes()).anew


def _root(stage: Stage) -> Hash32:
    root = _epoch(stage).root
    if root is None:
        message = "expected: somebody earned something"
        raise UntrueError(message)
    return root


@contextmanager
def _door(container: Container) -> Iterator[str]:
    """Open a second door of the service for the block, on a free port; its address."""
    gatekeeper, turning = Gatekeeper(container), TurningAway(container)
    config = uvicorn.Config(
        create_app(container, gatekeeper, turning), host=LOOPBACK, port=0, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="second-door")
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                message = "expected: the service's second door opens"
                raise UntrueError(message)
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join()


async def _a_day(stage: Stage, container: Container, clock: _Clock, server: ServerName) -> None:
    """Let a day pass once the server has reported it and was looked at."""
    day = clock.now.date()

    def reported() -> bool:
        with container.read() as work:
            found = work.rewards.find(server)
            rows = [] if found is None else work.rewards.reports(found.id, day, days=1)
        return any(row.daily_users for _, row in rows)

    for _ in range(_TRIES):
        if await asyncio.to_thread(reported):
            break
        stage.heed()
        stage.world.check()
        await asyncio.sleep(0.05)
    else:
        stage.demand(found=False, expected=f"{server} reports its use of {day}")
    await asyncio.to_thread(earning.look_around, container)
    clock.now += timedelta(days=1)


def _measured(container: Container, clock: _Clock, server: ServerName) -> dict[str, Any]:
    since = (clock.now - LENGTH).date()
    with container.read() as work:
        found = work.rewards.find(server)
        if found is None:
            message = f"expected: {server} takes part"
            raise UntrueError(message)
        reports = work.rewards.reports(found.id, since, days=LENGTH.days)
        looks = work.rewards.looks(found.id, since, days=LENGTH.days)
    return {
        "reports": len(reports),
        "people on the last day": reports[-1][1].daily_users,
        "looks": [{"from": one.vantage, "looks": one.looks, "answered": one.answered} for one in looks],
    }


async def _script(*words: str) -> str:
    """Run what operators run on their own machine; what it printed."""
    process = await asyncio.create_subprocess_exec(
        str(synapse.PYTHON), str(_SCRIPT), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode:
        raise UntrueError(err.decode().strip().splitlines()[-1])
    return out.decode().strip()


async def _refused(stage: Stage, *words: str, saying: str) -> str:
    """See that a command is refused; what it said."""
    try:
        done = await stage.earnest(*words)
    except UntrueError as refused:
        stage.demand(saying in str(refused), saying, refused)
        return str(refused)
    stage.demand(found=False, expected=f"`earnest {' '.join(words[:2])}` is refused", seen=done)
    return ""
