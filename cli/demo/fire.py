"""The knock under fire: strangers from elsewhere, and a world that does not cooperate."""

from __future__ import annotations

from typing import Any

import httpx

from cli.demo.acts import STAKE, STAKE_OBJECT, Placed, becomes, gets_in, is_held, link_of
from cli.demo.people import Person
from cli.demo.stage import Stage, money
from cli.local.treasury import GIFT
from contracts.codec import State
from kit.identifiers import parse_hash, show_address, show_hash


async def from_elsewhere(stage: Stage) -> None:
    """@erin of another homeserver, without any ether, knocks, signs once, gets in, and gets her stake back."""
    alice, erin = await stage.person("alice"), await stage.person("erin")
    answer = await erin.invite(alice)
    found = is_held(stage, answer)
    stage.saw(
        f"{erin.user_id} invited {alice.user_id} across federation; her own homeserver gave her client {answer.status} "
        "and, untouched, what ours had said",
        {"errcode": answer.body["errcode"], STAKE_OBJECT: found},
    )
    told = await stage.until(
        lambda: erin.said(found["url"], found["check_code"], "5 ERN"), "the bot tells @erin price, link and code"
    )
    stage.saw("the bot wrote to her on her own homeserver", told)
    event = await erin.last_message_in_chat()
    stage.demand(event["type"] == "m.room.encrypted", "neither homeserver can read it", event)
    stage.demand(stage.world.chain.balance(stage.address("erin")) == 0, "@erin has no ether")
    before = stage.tokens(stage.address("erin"))
    stage.demand(before == GIFT, "@erin has tokens", money(before))
    placed, fee = await _pay_by_signature(stage, erin, link_of(erin))
    told = await stage.until(lambda: erin.said("is open for you"), "the bot tells @erin that the door is open")
    stage.saw("the bot told her", told)
    stage.demand(stage.stake_on_chain(placed.id) is State.OPEN, "the stake is open on the chain")
    left = stage.tokens(stage.address("erin"))
    stage.demand(left == GIFT - STAKE - fee, "5 ERN and the relay fee are gone from her wallet", money(left))
    stage.saw(
        f"on the chain: stake {show_hash(placed.id)} is open; the wallet went from {money(GIFT)} to {money(left)}"
    )
    await gets_in(stage, erin, alice)
    said = len(alice.heard)
    await alice.say(f"accept {erin.user_id}")
    taken = await stage.until(lambda: alice.said("Accepted", after=said), "the bot takes @alice's answer")
    stage.saw(f"{alice.user_id} wrote: accept {erin.user_id}; the bot answered", taken)
    await becomes(stage, placed.id, State.RETURNED)
    told = await stage.until(lambda: erin.said("is back at the address"), "the bot tells @erin")
    back = stage.tokens(stage.address("erin"))
    stage.demand(back == GIFT - fee, "@erin has her stake back", money(back))
    stage.demand(stage.world.chain.balance(stage.address("erin")) == 0, "she never had any ether")
    stage.saw(f"the stake is back, and the bot told her; {money(GIFT - back)} is what the carrying cost", told)


STEPS = (from_elsewhere,)


async def _pay_by_signature(stage: Stage, person: Person, link: str) -> tuple[Placed, int]:
    """Pay as the page does for a wallet without ether; return the stake and the relay fee in base units."""
    payer = show_address(stage.address(person.name))
    quote = link.replace("/stake/", "/v1/quotes/")
    async with httpx.AsyncClient(timeout=30) as client:
        offered = await client.post(f"{quote}/terms", json={"payer": payer})
        stage.demand(offered.is_success, "the page gives terms", offered.text)
        offer: dict[str, Any] = offered.json()
        stage.demand(offer["gasless"]["available"], "the relayer would carry it", offer["gasless"])
        v, r, s = _parts(stage.sign_typed_data(person.name, offer["typed_data"]["authorization"]))
        signature = f"0x{r.hex()}{s.hex()}{v[-1:].hex()}"
        taken = await client.post(f"{quote}/open", json={"payer": payer, "signature": signature})
    stage.demand(taken.status_code == httpx.codes.ACCEPTED, "the relayer takes it on", taken.text)
    stage.saw(f"{person.user_id}'s wallet signed once what the page gave it (EIP-712); we carry it", taken.json())
    return Placed(parse_hash(offer["stake_id"]), offer["receipt"]), int(offer["gasless"]["relay_fee"])


def _parts(words: bytes) -> tuple[bytes, bytes, bytes]:
    return words[:32], words[32:64], words[64:]
