"""The second story: a gift becomes flair, from three sources, and is seen by whom one allows; what ends, ends all."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx

from app.supporting.planning import FLAIR, flair_key
from cli.demo.people import Person
from cli.demo.stage import Stage
from cli.local import treasury
from cli.local.plan import BOT
from cli.local.treasury import ERN
from cli.wallets import Wallet, send
from contracts import codec, pledges
from kit.clock import system_clock
from kit.errors import NotFound
from kit.identifiers import Address, RoomId, parse_hash, parse_user_id

TIERS: Final[dict[str, Any]] = {
    "version": 1,
    "kind": "tiers",
    "space": {"title": "Friends of the choir"},
    "rooms": [{"id": "lounge", "title": "Lounge"}, {"id": "news", "title": "News first", "posts": True}],
    "tiers": [
        {
            "id": "friend",
            "title": "Friend",
            "month": {"ERN": "5", "EUR": "5"},
            "gives": {"space": True, "rooms": ["lounge", "news"]},
        },
        {
            "id": "patron",
            "title": "Patron",
            "month": {"ERN": "20", "EUR": "20"},
            "gives": {"space": True, "rooms": ["lounge", "news"], "level": 10},
        },
    ],
}
_CODE: Final = re.compile(r"[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}")
_MEMO: Final = re.compile(r"0x[0-9a-f]{64}")
_TRIES: Final = 600


async def prepared(stage: Stage) -> None:
    """@alice reads what there is to support: the operator wrote it down, and the bot made the space and its rooms."""
    file = stage.folder / "tiers.json"
    file.write_text(json.dumps(TIERS, indent=2), encoding="utf-8")
    used = await stage.earnest("supporters", "tiers", "use", str(file), "--yes")
    stage.saw(f"the operator ran: earnest supporters tiers use {file.name} --yes", used["printed"])
    rooms = await _made(stage, 3)
    stage.saw("the bot made a space and two rooms that only its members may enter", rooms)
    alice = await stage.talking("alice")
    told = await stage.answered(alice, "support", "5 ERN a month", "Friend")
    stage.saw(f"{alice.user_id} wrote: support; the bot answered", told)


async def on_the_chain(stage: Stage) -> None:
    """@bob gives on the chain, with a memo that says nothing; he says who may see it, and the space shows his flair."""
    bob = await stage.talking("bob")
    told = await stage.answered(bob, "claim memo", "0x")
    memo = _MEMO.search(told)
    stage.demand(memo, "the bot hands out a memo", told)
    await asyncio.to_thread(_pledge, stage, "bob", 5 * ERN, memo.group() if memo else "")
    stage.saw("he gave 5 ERN for a month, with a memo of which the chain does not tell whose it is")
    told = await stage.until(lambda: bob.said("Your support makes you", "Friend"), "the bot thanks him")
    stage.saw("within a block the bot wrote to him", told)
    stage.demand(not bob.desks, "he is asked into nothing before he says so", bob.desks)
    await stage.answered(bob, "flair join", "on their way")
    space = await stage.until(lambda: bob.desks[0] if bob.desks else None, "he is invited into the space")
    told = await stage.answered(bob, "flair show name", "who would see what")
    stage.saw("he wrote: flair show name; before anybody saw anything, he read who would", told)
    await stage.answered(bob, "confirm", "shown from now on")
    shown = await _shows(stage, bob, space, bob)
    stage.saw("he confirmed, and in the space everybody reads, from the bot", shown)
    for name in ("Lounge", "News first"):
        room = await _room(stage, name)
        stage.demand((await bob.join(room)).fine, f"he enters {name}")
    outsider = await stage.person("mallory")
    refused = await outsider.join(await _room(stage, "Lounge"))
    stage.demand(not refused.fine, "whoever is no supporter does not come in", refused)
    stage.saw(f"he entered both rooms; {outsider.user_id}, who gave nothing, was told {refused.status}", refused.body)
    answer = await _get(stage, f"/v1/flair/{quote(bob.user_id, safe='')}")
    stage.demand(answer.get("signature"), "his flair is signed", answer)
    stage.saw("and anybody may ask the service, which signs that it is true", answer)


async def from_patreon(stage: Stage) -> None:
    """@carol gives through Patreon: the operator reads in the members' list, and hands her a code."""
    carol = await stage.talking("carol")
    now = system_clock()
    header = (
        "Name,Email,Pledge Amount,Lifetime Amount,Currency,Charge Frequency,Last Charge Date,Last Charge Status,User ID"
    )
    line = f"Carol C.,carol@example.org,20.00,40.00,EUR,Monthly,{now - timedelta(days=2):%Y-%m-%d %H:%M:%S},Paid,7001"
    file = stage.folder / "members.csv"
    file.write_text(f"{header}\n{line}\n", encoding="utf-8")
    read = await stage.earnest("supporters", "import", "patreon", str(file), "--json")
    stage.saw("the operator ran: earnest supporters import patreon members.csv; names and mails are kept nowhere", read)
    code = _CODE.search((await stage.earnest("supporters", "code", "patreon:7001"))["printed"])
    stage.demand(code, "there is a claim code for her")
    told = await stage.answered(carol, f"claim {code.group() if code else ''}", "yours now", "Patron")
    stage.saw("she was handed a code, and wrote it to the bot", told)
    told = await stage.answered(carol, "flair", "What you have", "Patron", "Nothing of it is shown")
    stage.saw("to claim is not to show", told)
    await stage.until(lambda: carol.said("Shall I invite you?"), "the bot asks whether she wishes to be asked in")
    await stage.answered(carol, "flair join", "on their way")
    await stage.until(lambda: carol.desks, "she is invited into the space")
    told = await stage.answered(
        await stage.talking("gina"), f"claim {code.group() if code else ''}", "claimed this already"
    )
    stage.saw("somebody else who wrote the same code was told", told)


async def from_liberapay(stage: Stage) -> None:
    """@dave gives through Liberapay, which forbids rewards beyond thanks: he has flair and wall, and no room."""
    dave = await stage.talking("dave")
    day = f"{system_clock():%Y-%m-%d}"
    header = "patron_id,patron_username,patron_public_name,visibility,donation_currency,weekly_amount,pledge_date"
    file = stage.folder / f"liberapay-active-patrons-earnest-{day}.csv"
    file.write_text(f"{header},first_payment_date\n8,dave,,2,EUR,1.15,{day},{day}\n", encoding="utf-8")
    read = await stage.earnest("supporters", "import", "liberapay", str(file), "--json")
    stage.saw(f"the operator ran: earnest supporters import liberapay {file.name}; 1.15 EUR a week are 5 a month", read)
    code = _CODE.search((await stage.earnest("supporters", "code", "liberapay:8"))["printed"])
    await stage.answered(dave, f"claim {code.group() if code else ''}", "yours now", "Friend")
    told = await stage.until(lambda: dave.said("Your support makes you", "Friend"), "the bot thanks him")
    stage.demand("invite you" not in told, "no room is offered", told)
    stage.saw("the bot thanked him, and offered what may be given for thanks alone", told)


async def taken_back(stage: Stage) -> None:
    """@carol's gift is taken back: what it gave ends, and she is told; @bob is forgotten, with all that was his."""
    carol, bob = await stage.person("carol"), await stage.person("bob")
    found: object = await stage.earnest("supporters", "imports", "--json")
    numbers = [one["number"] for one in found if one["source"] == "patreon"] if isinstance(found, list) else []
    await stage.earnest("supporters", "undo", str(numbers[0]))
    told = await stage.until(lambda: carol.said("Patron", "no more"), "the bot tells her")
    stage.saw("the operator undid that import; the bot told @carol", told)
    await _gone(stage, bob.desks[0], carol)
    stage.saw("and she is in the space no more")
    await stage.answered(bob, "forget me", "Shall I forget you")
    await bob.say("confirm")
    await _gone(stage, bob.desks[0], bob)
    stage.saw("@bob wrote: forget me; he is out of the space and its rooms, and his flair is down")


STEPS = (prepared, on_the_chain, from_patreon, from_liberapay, taken_back)


def _pledge(stage: Stage, name: str, amount: int, memo: str) -> None:
    """Give tokens through the contract."""
    world = stage.world
    place, wallet = world.deployment, Wallet(world.wallets[name])
    if place.pledges is None:
        raise NotFound("pledges_unknown", "There is no contract for gifts in this world.")
    cause = Address(world.wallets[treasury.CAUSE].address)
    send(world.chain, wallet, place.token, codec.encode_approve(place.pledges, amount))
    send(world.chain, wallet, place.pledges, pledges.encode_give(cause, place.token, amount, 1, parse_hash(memo)))


def _halls(stage: Stage) -> dict[str, RoomId]:
    with stage.world.container.read() as work:
        halls = work.support.halls(parse_user_id(stage.world.plan.user_id(BOT)))
        return {hall.named: hall.room for hall in halls if hall.room is not None}


async def _made(stage: Stage, count: int) -> list[str]:
    """Wait until so many rooms are made, and return what they are called."""
    for _ in range(_TRIES):
        found = await asyncio.to_thread(_halls, stage)
        if len(found) >= count:
            return sorted(found)
        await asyncio.sleep(0.5)
    stage.demand(found=False, expected=f"{count} rooms are made")
    return []


async def _room(stage: Stage, name: str) -> RoomId:
    return (await asyncio.to_thread(_halls, stage))[name]


async def _state(person: Person, room: RoomId, kind: str, key: str) -> dict[str, Any]:
    path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/state/{kind}/{quote(key, safe='')}"
    return (await person.get(path)).body


async def _shows(stage: Stage, reader: Person, space: RoomId, who: Person) -> dict[str, Any]:
    for _ in range(_TRIES):
        found = await _state(reader, space, FLAIR, flair_key(who.user_id))
        if "tier" in found:
            return found
        await asyncio.sleep(0.5)
    stage.demand(found=False, expected="the space shows the flair")
    return {}


async def _gone(stage: Stage, space: RoomId, who: Person) -> None:
    """Wait until somebody is in the space no more."""
    for _ in range(_TRIES):
        found = await _state(who, space, "m.room.member", who.user_id)
        if found.get("membership") != "join":
            return
        await asyncio.sleep(0.5)
    stage.demand(found=False, expected=f"{who.user_id} is in the space no more")


async def _get(stage: Stage, path: str) -> dict[str, Any]:
    """Ask the service what anybody may ask, again while it does not know it yet."""
    async with httpx.AsyncClient(base_url=stage.world.plan.public_url, timeout=60) as client:
        for _ in range(_TRIES):
            answer = await client.get(path)
            if answer.status_code == httpx.codes.OK:
                found: dict[str, Any] = answer.json()
                return found
            await asyncio.sleep(0.5)
    stage.demand(found=False, expected=f"{path} answers")
    return {}
