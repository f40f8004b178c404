"""What steps of the demo have in common: being held, paying, getting in; each sees for itself that it came true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from cli.demo.people import Answer, Person
from cli.demo.stage import Stage, money
from cli.local.treasury import ERN
from cli.receipts import terms_from_json
from cli.wallets import Wallet, send
from contracts.codec import State
from contracts.events import Terms
from kit.identifiers import Hash32, parse_address, parse_hash, show_address

STAKE = 5 * ERN
FORBIDDEN = 403
STAKE_OBJECT = "org.earnest.stake"


@dataclass(frozen=True, slots=True)
class Placed:
    """A stake that somebody put down."""

    id: Hash32
    receipt: dict[str, Any]


def is_held(stage: Stage, answer: Answer) -> dict[str, Any]:
    """See that an invite was held for 5 ERN, and return the object that says so."""
    found = answer.body.get(STAKE_OBJECT)
    stage.demand(
        answer.status == FORBIDDEN and answer.body.get("errcode") == "M_FORBIDDEN" and isinstance(found, dict),
        "403 M_FORBIDDEN with one object that names the price",
        answer,
    )
    price: dict[str, Any] = answer.body[STAKE_OBJECT]
    sentence = str(answer.body["error"])
    stage.demand(price["price"] == str(STAKE), "a price of 5 ERN", price)
    stage.demand(
        price["url"] in sentence and price["check_code"] in sentence, "link and code in the sentence", sentence
    )
    return price


def link_of(person: Person) -> str:
    """Return the newest link to a stake page that the bot gave somebody."""
    told = person.said("/stake/") or ""
    return next(word for word in told.split() if "/stake/" in word).rstrip(".,;)")


async def stake_of(stage: Stage, person: Person) -> Hash32:
    """Return the id of the stake on the newest link that somebody got."""
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(link_of(person).replace("/stake/", "/v1/quotes/"))
    stage.demand(answer.is_success, "the quote is there", answer.text)
    return parse_hash(answer.json()["stake"]["id"])


async def pay_by_command(stage: Stage, person: Person, link: str, *options: str) -> Placed:
    """Pay with the real command, as at a terminal."""
    receipt = stage.folder / f"receipt-{person.name}-{len(person.heard)}.json"
    key_file = str(stage.world.plan.wallet_file(person.name))
    words = ("stake", link, "--yes", "--json", "--key-file", key_file, "--receipt", str(receipt), *options)
    printed = await stage.earnest(*words)
    placed = Placed(parse_hash(printed["stake_id"]), printed)
    stage.saw(
        f"{person.user_id} ran: {' '.join(('earnest stake', link, *options))} --key-file … and has a receipt",
        _brief(printed),
    )
    return placed


async def pay_by_wallet(stage: Stage, person: Person, link: str) -> Placed:
    """Pay as the page does: its terms, a signature of the wallet, one transaction."""
    wallet = stage.world.wallets[person.name]
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            link.replace("/stake/", "/v1/quotes/") + "/terms", json={"payer": show_address(wallet.address)}
        )
    stage.demand(answer.is_success, "the page gives terms", answer.text)
    offer = answer.json()
    signature = stage.sign_typed_data(person.name, offer["typed_data"]["permit"])
    call = offer["calls"]["open_with_permit"]
    data = bytes.fromhex(call["data"].removeprefix("0x")) + signature
    send(stage.world.chain, Wallet(wallet), parse_address(call["to"]), data)
    stage.saw(
        f"{person.user_id} signed what the page gave to the wallet (EIP-712) and sent it", _brief(offer["receipt"])
    )
    return Placed(parse_hash(offer["stake_id"]), offer["receipt"])


def terms_of(placed: Placed) -> Terms:
    """Return the terms on a receipt."""
    return terms_from_json(placed.receipt["terms"])


def _brief(receipt: dict[str, Any]) -> dict[str, Any]:
    terms = receipt["terms"]
    shown = {"stake_id": receipt["stake_id"], "payer": terms["payer"], "amount": money(int(terms["amount"]))}
    return {**shown, "answer_by": terms["answer_by"], "transaction": receipt.get("transaction")}


async def gets_in(stage: Stage, stranger: Person, alice: Person) -> str:
    """Let a stranger whose door is open invite @alice, who joins; return what the bot asks her."""
    arrival, before = alice.invited_by(stranger), len(alice.heard)
    answer = await stranger.invite(alice)
    stage.demand(answer.fine, "the invite goes through", answer)
    room = await stage.until(arrival, "the invite reaches @alice's client")
    joined = await alice.join(room)
    stage.demand(joined.fine, "@alice can join", joined)
    stage.saw(f"{stranger.user_id} invited again: {answer.status}; it arrived, and {alice.user_id} joined")
    return await stage.until(
        lambda: alice.said(stranger.user_id, "accept", "spam", after=before), "the bot asks @alice what she says of it"
    )


async def holds(stage: Stage, name: str, amount: int, expected: str) -> None:
    """Wait until a wallet holds so many base units: a busy node may tell of a stake before it tells of them."""
    await stage.until(lambda: stage.tokens(stage.address(name)) == amount, expected)


async def becomes(stage: Stage, stake_id: Hash32, state: State) -> None:
    """Wait until the chain says so of a stake."""
    await stage.until(
        lambda: stage.stake_on_chain(stake_id) is state, f"the stake is {state.name.lower()} on the chain"
    )
