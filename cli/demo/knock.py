"""The first story: a stranger knocks, puts down a stake, and every way that it can end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from cli.demo.people import Answer, Person
from cli.demo.stage import Stage, money
from cli.local.treasury import ERN, GIFT
from cli.receipts import terms_from_json
from cli.wallets import Wallet, send
from contracts import codec
from contracts.codec import State
from contracts.events import Terms
from kit.identifiers import Hash32, parse_address, parse_hash, show_address, show_hash

STAKE = 5 * ERN
_TWO_DAYS = 48 * 3600
_STAKE = "org.earnest.stake"
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Placed:
    """A stake that somebody put down."""

    id: Hash32
    receipt: dict[str, Any]


async def door(stage: Stage) -> None:
    """@alice sets `door stake 5` by talking to the bot in an encrypted chat."""
    alice = await stage.person("alice")
    await alice.start_chat()
    welcome = await stage.until(lambda: alice.said("help"), "the bot joins the chat that @alice opens, and says hello")
    stage.saw(f"{alice.user_id} opened a direct chat with the bot, which joined and said", welcome)
    before = len(alice.heard)
    await alice.say("door stake 5")
    told = await stage.until(lambda: alice.said("5 ERN", after=before), "the bot says that the door asks 5 ERN")
    event = await alice.last_event_in_chat()
    stage.demand(event["type"] == "m.room.encrypted", "the homeserver holds only cipher text", event)
    kept = {"type": event["type"], "algorithm": event["content"]["algorithm"]}
    stage.saw("what the homeserver holds of their talk is encrypted", kept)
    stage.saw("the bot answered", told)


async def refused(stage: Stage) -> None:
    """@bob invites @alice: refused, and the bot tells him price, link and code."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    answer = await bob.invite(alice)
    found = _held(stage, answer)
    stage.saw(f"{bob.user_id}'s client got {answer.status} and this very JSON", answer.body)
    told = await stage.until(
        lambda: bob.said(found["url"], found["check_code"], "5 ERN"), "the bot tells @bob price, link and code"
    )
    stage.saw("the bot wrote to him, encrypted", told)
    stage.demand(not alice.asked_into, "@alice's client saw nothing of it", alice.asked_into)
    stage.saw(f"{alice.user_id}'s client saw nothing of it")


async def pays(stage: Stage) -> None:
    """@bob stakes with a wallet; the door opens."""
    bob = await stage.person("bob")
    link = _link_of(bob)
    placed = await _pay_by_command(stage, bob, link)
    told = await stage.until(lambda: bob.said("is open for you"), "the bot tells @bob that the door is open")
    stage.saw("the bot told him", told)
    stage.demand(stage.stake_on_chain(placed.id) is State.OPEN, "the stake is open on the chain")
    held = stage.tokens(stage.world.deployment.escrow)
    stage.demand(held == STAKE, "the escrow holds 5 ERN", money(held))
    stage.saw(f"on the chain: stake {show_hash(placed.id)} is open and the escrow holds {money(held)}")


async def arrives(stage: Stage) -> None:
    """@bob invites again: it arrives; @alice joins; the stake is still open."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    asked = await _gets_in(stage, bob, alice)
    stage.saw("the bot asked her what she says of it", asked)
    stake_id = await _stake_of(stage, bob)
    stage.demand(stage.stake_on_chain(stake_id) is State.OPEN, "joining answers nothing: the stake is still open")
    stage.saw("joining answered nothing: the stake is still open on the chain")


async def accepts(stage: Stage) -> None:
    """@alice accepts: the 5 ERN are back."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    stake_id = await _stake_of(stage, bob)
    before = len(alice.heard)
    await alice.say(f"accept {bob.user_id}")
    answer = await stage.until(lambda: alice.said("Accepted", after=before), "the bot takes @alice's answer")
    stage.saw(f"{alice.user_id} wrote: accept {bob.user_id}; the bot answered", answer)
    await _becomes(stage, stake_id, State.RETURNED)
    held = stage.tokens(stage.address("bob"))
    stage.demand(held == GIFT, "@bob has all his tokens back", money(held))
    stage.saw(f"on the chain: the stake is returned, and his wallet holds {money(held)} as before")
    told = await stage.until(lambda: bob.said("is back at the address"), "the bot tells @bob")
    stage.saw("the bot told him", told)
    again = await bob.invite(alice)
    stage.demand(again.fine, "accepted once, he reaches her freely", again)
    stage.saw(f"{bob.user_id} invites her once more and passes free: {again.status}", again.body)


async def known(stage: Stage) -> None:
    """@carol, whom @alice had invited before, passes free."""
    alice, carol = await stage.person("alice"), await stage.person("carol")
    invited = await alice.invite(carol)
    stage.demand(invited.fine, "@alice may invite whom she wants", invited)
    arrival = alice.invited_by(carol)
    answer = await carol.invite(alice)
    stage.demand(answer.fine, "@carol passes free", answer)
    await stage.until(arrival, "@carol's invite reaches @alice")
    stage.saw(f"{alice.user_id} had invited {carol.user_id}; now {carol.user_id} invites her: {answer.status}, arrived")
    stage.demand(not carol.heard, "the bot has no reason to write to @carol", carol.heard)
    stage.saw(f"the bot wrote nothing to {carol.user_id}")


async def spam(stage: Stage) -> None:
    """@mallory stakes, gets in, @alice says spam: 48 h pass, the stake is burned, the next knock is refused."""
    alice, mallory = await stage.person("alice"), await stage.person("mallory")
    _held(stage, await mallory.invite(alice))
    await stage.until(lambda: mallory.said("/stake/"), "the bot tells @mallory where to pay")
    placed = await _pay_by_wallet(stage, mallory, _link_of(mallory))
    await stage.until(lambda: mallory.said("is open for you"), "the door opens for @mallory")
    await _gets_in(stage, mallory, alice)
    before, supply = len(alice.heard), stage.supply()
    await alice.say(f"spam {mallory.user_id}")
    question = await stage.until(lambda: alice.said("Do you really want", after=before), "the bot asks once more")
    stage.saw(f"{alice.user_id} wrote: spam {mallory.user_id}; the bot asked back", question)
    await alice.say("confirm")
    answer = await stage.until(lambda: alice.said("will be burned", after=before), "the bot takes the answer")
    stage.saw("she wrote: confirm; the bot answered", answer)
    await _becomes(stage, placed.id, State.FORFEIT_ANNOUNCED)
    refused_by_chain = stage.reverts("mallory", codec.encode_execute_forfeit(_terms_of(placed)))
    stage.demand(refused_by_chain, "nobody can hurry a forfeit")
    stage.saw("on the chain: the forfeit is announced; to execute it now is refused by the contract")
    stage.time_passes(_TWO_DAYS + 1)
    await _becomes(stage, placed.id, State.FORFEITED)
    burned = supply - stage.supply()
    stage.demand(burned == STAKE, "5 ERN less exist", money(burned))
    stage.saw(f"48 hours passed on the chain; the stake is burned: {money(burned)} less exist, and nobody has them")
    answer_again = await mallory.invite(alice)
    stage.demand(
        answer_again.status == _FORBIDDEN and _STAKE not in answer_again.body, "the next knock is refused", answer_again
    )
    stage.saw(f"the next knock of {mallory.user_id} is refused, whatever is paid", answer_again.body)


async def silence(stage: Stage) -> None:
    """@dave stakes, @alice says nothing: time passes, anybody's transaction returns it in full."""
    alice, dave = await stage.person("alice"), await stage.person("dave")
    _held(stage, await dave.invite(alice))
    await stage.until(lambda: dave.said("/stake/"), "the bot tells @dave where to pay")
    placed = await _pay_by_command(stage, dave, _link_of(dave))
    await stage.until(lambda: dave.said("is open for you"), "the door opens for @dave")
    await _gets_in(stage, dave, alice)
    services = ("worker", "chain")
    stage.world.supervisor.stop(*services)
    stage.saw("the service's chain loop and worker are switched off now: only the chain itself can help him")
    answer_by = int(placed.receipt["terms"]["answer_by"])
    stage.time_passes(answer_by + 1 - stage.chain_time())
    carols = stage.world.plan.wallet_file("carol")
    receipt = str(placed.receipt["receipt"])
    await stage.earnest("stake", "reclaim", receipt, "--key-file", str(carols), "--rpc", stage.world.plan.rpc_url)
    stage.demand(stage.stake_on_chain(placed.id) is State.EXPIRED, "the stake is expired on the chain")
    held = stage.tokens(stage.address("dave"))
    stage.demand(held == GIFT, "@dave has all his tokens back", money(held))
    stage.saw(
        f"a week passed unanswered; a transaction of @carol's wallet, with nothing but his receipt, brought it back: "
        f"{money(held)} as before"
    )
    for service in services:
        stage.world.supervisor.start(stage.world.service(service))
    told = await stage.until(lambda: dave.said("came back in full"), "the bot tells @dave once the service is back")
    stage.saw("the service is back, has read what it missed, and the bot told him", told)


async def books(stage: Stage) -> None:
    """Books: open stakes and strays are the escrow's balance; all tokens are accounted for."""
    alice, dave = await stage.person("alice"), await stage.person("dave")
    before = len(dave.heard)
    _held(stage, await dave.invite(alice))
    await stage.until(lambda: dave.said("/stake/", after=before), "the bot tells @dave the new price")
    await _pay_by_command(stage, dave, _link_of(dave))
    place, chain = stage.world.deployment, stage.world.chain
    stray = codec.encode_transfer(place.escrow, ERN)
    send(chain, Wallet(stage.world.wallets["mallory"]), place.token, stray)
    stage.saw(f"a stake of {money(STAKE)} is open again, and @mallory sent {money(ERN)} to the escrow unasked")
    head = chain.block("latest")
    stage.demand(head is not None, "the chain has a head")

    def final() -> bool:
        with stage.world.container.read() as work:
            return (work.book.finalized_number() or 0) >= (head.number if head else 0)

    await stage.until(final, "the books follow the chain to a final block")
    with stage.world.container.read() as work:
        found = work.book.reconcile(chain)
    stage.demand(found.holds, "every sum holds", [check for check in found.checks if not check.holds])
    stage.demand((found.stakes, found.unsolicited) == (STAKE, ERN), "5 ERN staked and 1 ERN stray", found)
    checks = [f"{check.name}: books {money(check.ledger)} = chain {money(check.chain)}" for check in found.checks]
    stage.saw(
        f"at block {found.block.number} ({found.level}): open stakes {money(found.stakes)} + strays "
        f"{money(found.unsolicited)} = the escrow's balance",
        "\n".join(checks),
    )


STEPS = (door, refused, pays, arrives, accepts, known, spam, silence, books)


# ---------------------------------------------------------------------------------------------- what steps share


def _held(stage: Stage, answer: Answer) -> dict[str, Any]:
    """See that an invite was held for 5 ERN, and return the object that says so."""
    found = answer.body.get(_STAKE)
    stage.demand(
        answer.status == _FORBIDDEN and answer.body.get("errcode") == "M_FORBIDDEN" and isinstance(found, dict),
        "403 M_FORBIDDEN with one object that names the price",
        answer,
    )
    price: dict[str, Any] = answer.body[_STAKE]
    sentence = str(answer.body["error"])
    stage.demand(price["price"] == str(STAKE), "a price of 5 ERN", price)
    stage.demand(
        price["url"] in sentence and price["check_code"] in sentence, "link and code in the sentence", sentence
    )
    return price


def _link_of(person: Person) -> str:
    """Return the newest link to a stake page that the bot gave somebody."""
    told = person.said("/stake/") or ""
    return next(word for word in told.split() if "/stake/" in word).rstrip(".,;)")


async def _stake_of(stage: Stage, person: Person) -> Hash32:
    """Return the id of the stake on the newest link that somebody got."""
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(_link_of(person).replace("/stake/", "/v1/quotes/"))
    stage.demand(answer.is_success, "the quote is there", answer.text)
    return parse_hash(answer.json()["stake"]["id"])


async def _pay_by_command(stage: Stage, person: Person, link: str) -> Placed:
    """Pay with the real command, as at a terminal."""
    receipt = stage.folder / f"receipt-{person.name}-{len(person.heard)}.json"
    key_file = str(stage.world.plan.wallet_file(person.name))
    words = ("stake", link, "--yes", "--json", "--key-file", key_file, "--receipt", str(receipt))
    printed = await stage.earnest(*words)
    placed = Placed(parse_hash(printed["stake_id"]), printed)
    stage.saw(f"{person.user_id} ran: earnest stake {link} --key-file … and has a receipt", _brief(printed))
    return placed


async def _pay_by_wallet(stage: Stage, person: Person, link: str) -> Placed:
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


def _terms_of(placed: Placed) -> Terms:
    """Return the terms on a receipt."""
    return terms_from_json(placed.receipt["terms"])


def _brief(receipt: dict[str, Any]) -> dict[str, Any]:
    terms = receipt["terms"]
    shown = {"stake_id": receipt["stake_id"], "payer": terms["payer"], "amount": money(int(terms["amount"]))}
    return {**shown, "answer_by": terms["answer_by"], "transaction": receipt.get("transaction")}


async def _gets_in(stage: Stage, stranger: Person, alice: Person) -> str:
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


async def _becomes(stage: Stage, stake_id: Hash32, state: State) -> None:
    await stage.until(
        lambda: stage.stake_on_chain(stake_id) is state, f"the stake is {state.name.lower()} on the chain"
    )
