"""The first story under fire: what a reorg, a kill, the end of the service and a flood do to a knock."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from http import HTTPStatus

import httpx

from cli.demo.acts import STAKE, is_held, link_of, pay_by_command
from cli.demo.people import Person
from cli.demo.stage import Stage, UntrueError, money
from cli.local import anvil
from cli.local.world import BOT_SERVICE, SERVICES
from contracts.codec import State
from kit.identifiers import Hash32
from kit.outbox import ever_owed

FLOOD = 10_000
"""Knocks of the flood, each of a stranger of its own."""
HANDFUL = 15
"""The most messages that all of them together may bring about."""
_AT_ONCE = 40
_FLOODING_SERVER = "flood.example"


async def reorganised(stage: Stage) -> None:
    """@bob's stake leaves the chain: his door closes and says so; the relayer sends it again, and it reopens."""
    carol, bob = await stage.person("carol"), await stage.person("bob")
    await _asks_strangers(stage, carol)
    before = len(bob.heard)
    is_held(stage, await bob.invite(carol))
    await stage.until(lambda: bob.said("/stake/", after=before), "the bot tells @bob where to pay")
    rpc, link = stage.world.plan.rpc_url, link_of(bob)
    with anvil.mining_at_once(rpc, stage.world.plan.pace.block_time):
        placed = await pay_by_command(stage, bob, link, "--gasless")
        anvil.stand_still(rpc)
        stage.demand(stage.stake_on_chain(placed.id) is State.OPEN, "the relayer opened his stake")
        await stage.until(lambda: bob.said("is open for you", after=before), "the bot tells @bob that it is open")
        stage.saw(
            "@bob signed once, without a transaction of his own; the relayer opened his stake, and the door opened"
        )
        after = len(bob.heard)
        anvil.reorg(rpc, 1)
        stage.demand(stage.stake_on_chain(placed.id) is State.NONE, "the chain does not have the stake any more")
        told = await stage.until(lambda: bob.said("took back the block", after=after), "the bot tells @bob")
        stage.saw("the chain replaced that block by one without the stake; the bot told him", told)
        answer = await bob.invite(carol)
        stage.demand(answer.status == HTTPStatus.FORBIDDEN, "the door is closed again", answer)
        stage.saw(f"his invite is refused again: {answer.status}", answer.body["error"])
        await stage.until(lambda: _is_mined(stage, placed.id), "the relayer sends it again")
    again = await stage.until(lambda: bob.said("is open", after=after), "the bot tells @bob that it is open again")
    stage.saw("the relayer sent the same authorization again; the bot told him", again)
    arrival = carol.invited_by(bob)
    answer = await bob.invite(carol)
    stage.demand(answer.fine, "his invite goes through", answer)
    await stage.until(arrival, "it reaches @carol")
    stage.saw("his invite went through and arrived")


async def killed(stage: Stage) -> None:
    """SIGKILL between @mallory's stake and its grant: started again, the chain loop opens her door, once."""
    carol, mallory = await stage.person("carol"), await stage.person("mallory")
    before = len(mallory.heard)
    is_held(stage, await mallory.invite(carol))
    await stage.until(lambda: mallory.said("/stake/", after=before), "the bot tells @mallory where to pay")
    process = stage.world.supervisor.pid("chain")
    stage.demand(process, "the chain loop runs")
    os.kill(process or 0, signal.SIGKILL)
    placed = await pay_by_command(stage, mallory, link_of(mallory))
    stage.demand(stage.stake_on_chain(placed.id) is State.OPEN, "the stake is open on the chain")
    refused = await mallory.invite(carol)
    stage.demand(refused.status == HTTPStatus.FORBIDDEN, "nobody has read it, so the door is closed", refused)
    stage.saw(f"the chain loop (process {process}) was killed; the stake is on the chain, and nobody has read it")
    told = await stage.until(
        lambda: mallory.said("is open for you", after=before), "the chain loop is started again and opens the door"
    )
    stage.saw("started again by its keeper, it read what it had missed; the bot told her", told)
    times = sum("is open for you" in text for text in mallory.heard[before:])
    stage.demand(times == 1, "she is told once", times)
    arrival = carol.invited_by(mallory)
    answer = await mallory.invite(carol)
    stage.demand(answer.fine, "her invite goes through", answer)
    await stage.until(arrival, "it reaches @carol")
    stage.saw("told once; her invite went through and arrived")


async def abandoned(stage: Stage) -> None:
    """@dave's stake comes back with the whole service gone: a receipt and a node suffice."""
    carol, dave = await stage.person("carol"), await stage.person("dave")
    before, held = len(dave.heard), stage.tokens(stage.address("dave"))
    is_held(stage, await dave.invite(carol))
    await stage.until(lambda: dave.said("/stake/", after=before), "the bot tells @dave where to pay")
    placed = await pay_by_command(stage, dave, link_of(dave))
    await stage.until(lambda: dave.said("is open for you", after=before), "the door opens for @dave")
    services = (BOT_SERVICE, *reversed(SERVICES), "valkey")
    programs = [stage.world.supervisor.program(name) for name in services]
    stage.world.supervisor.stop(*reversed(services))
    stage.saw(f"every process of the service is stopped: {', '.join(services)}")
    answer_by = int(placed.receipt["terms"]["answer_by"])
    stage.time_passes(answer_by + 1 - stage.chain_time())
    empty = stage.folder / "an-empty-folder"
    empty.mkdir()
    receipt, key = str(placed.receipt["receipt"]), str(stage.world.plan.wallet_file("carol"))
    words = ("stake", "reclaim", receipt, "--key-file", key, "--rpc", stage.world.plan.rpc_url)
    printed = await stage.earnest(*words, bare=empty)
    stage.demand(stage.stake_on_chain(placed.id) is State.EXPIRED, "the stake is expired on the chain")
    back = stage.tokens(stage.address("dave"))
    stage.demand(back == held, "@dave has his tokens back", money(back))
    stage.saw(
        f"a week later, in an empty folder and without any settings, `earnest {words[0]} {words[1]} RECEIPT --rpc URL` "
        f"brought {money(STAKE)} back to @dave",
        printed["printed"],
    )
    for program in reversed(programs):
        stage.world.supervisor.start(program)
    await asyncio.to_thread(stage.world.supervisor.wait_ready)  # everybody goes on listening meanwhile
    told = await stage.until(lambda: dave.said("came back in full", after=before), "the service comes back and tells")
    stage.saw("the service is back after all, has read what it missed, and the bot told him", told)


async def flooded(stage: Stage) -> None:
    """10,000 strangers of one homeserver knock: a handful of messages, and those she knows do not notice."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    owed, heard = _owed(stage), len(alice.heard)
    began, waits = time.monotonic(), list[float]()
    flood = asyncio.create_task(_flood(stage))
    try:
        while not flood.done():
            asked = time.monotonic()
            answer = await bob.invite(alice)
            stage.demand(answer.fine, "@bob, whom she accepted, reaches her all the while", answer)
            waits.append(time.monotonic() - asked)
            await asyncio.wait([flood], timeout=1)
    finally:
        flood.cancel()
    try:
        statuses = flood.result()
    except httpx.HTTPError as error:
        message = f"expected: every knock is answered; seen: {error!r}"
        raise UntrueError(message) from error
    seconds = time.monotonic() - began
    stage.demand(statuses == {HTTPStatus.FORBIDDEN: FLOOD}, "every one of them is refused", statuses)
    stage.saw(f"{FLOOD} strangers of {_FLOODING_SERVER} knocked in {seconds:.0f} s, and all were refused")
    stage.saw(f"meanwhile @bob invited @alice {len(waits)} times, and never waited longer than {max(waits):.1f} s")
    messages = _owed(stage) - owed
    stage.demand(messages <= HANDFUL, f"at most {HANDFUL} messages", messages)
    stage.demand(len(alice.heard) - heard <= 1, "@alice is not disturbed", alice.heard[heard:])
    stage.saw(f"all of that makes {messages} messages, to the first strangers; @alice has {len(alice.heard) - heard}")


STEPS = (reorganised, killed, abandoned, flooded)


async def _asks_strangers(stage: Stage, person: Person) -> None:
    """Let somebody ask strangers for the stake of the story."""
    await person.start_chat()
    await stage.until(lambda: person.said("help"), "the bot joins the chat")
    await person.say(f"door stake {money(STAKE).split()[0]}")
    told = await stage.until(lambda: person.said(money(STAKE)), "the bot says what the door asks")
    stage.saw(f"{person.user_id} wants a door as well; the bot answered", told)


def _is_mined(stage: Stage, stake_id: Hash32) -> bool:
    """Mine one block, and tell whether the stake is open then."""
    anvil.mine(stage.world.plan.rpc_url)
    return stage.stake_on_chain(stake_id) is State.OPEN


def _owed(stage: Stage) -> int:
    with stage.world.container.read() as work:
        return ever_owed(work.session)


async def _flood(stage: Stage) -> dict[int, int]:
    """Let the strangers knock; return how often each status was answered."""
    plan, statuses = stage.world.plan, dict[int, int]()
    bearer = (stage.world.homeserver.folder / "bearer").read_text(encoding="utf-8").strip()
    url = f"{plan.public_url}/api/1/spam_check/user_may_invite"
    numbers = iter(range(FLOOD))
    limits = httpx.Limits(max_connections=_AT_ONCE)
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:

        async def knock() -> None:
            for number in numbers:
                who = {"inviter": f"@s{number}:{_FLOODING_SERVER}", "room_id": f"!r{number}:{_FLOODING_SERVER}"}
                answer = await client.post(url, content=json.dumps({**who, "invitee": plan.user_id("alice")}))
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

        await asyncio.gather(*(knock() for _ in range(_AT_ONCE)))
    return statuses
