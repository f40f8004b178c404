"""The first story: a stranger knocks, puts down a stake, and every way that it can end."""

from __future__ import annotations

from app import books as bookkeeping
from cli.demo.acts import (
    FORBIDDEN,
    STAKE,
    STAKE_OBJECT,
    becomes,
    gets_in,
    holds,
    is_held,
    link_of,
    pay_by_command,
    pay_by_wallet,
    stake_of,
    terms_of,
)
from cli.demo.stage import Stage, money
from cli.local.treasury import ERN, GIFT
from cli.wallets import Wallet, send
from contracts import codec
from contracts.codec import State
from kit.identifiers import show_hash
from ledger import reconciling

_TWO_DAYS = 48 * 3600


async def door(stage: Stage) -> None:
    """@alice sets `door stake 5` by talking to the bot in an encrypted chat."""
    alice = await stage.person("alice")
    await alice.start_chat()
    welcome = await stage.until(lambda: alice.said("help"), "the bot joins the chat that @alice opens, and says hello")
    stage.saw(f"{alice.user_id} opened a direct chat with the bot, which joined and said", welcome)
    before = len(alice.heard)
    await alice.say("door stake 5")
    told = await stage.until(lambda: alice.said("5 ERN", after=before), "the bot says that the door asks 5 ERN")
    event = await alice.last_message_in_chat()
    stage.demand(event["type"] == "m.room.encrypted", "the homeserver holds only cipher text", event)
    kept = {"type": event["type"], "algorithm": event["content"]["algorithm"]}
    stage.saw("what the homeserver holds of their talk is encrypted", kept)
    stage.saw("the bot answered", told)


async def refused(stage: Stage) -> None:
    """@bob invites @alice: refused, and the bot tells him price, link and code."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    answer = await bob.invite(alice)
    found = is_held(stage, answer)
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
    link = link_of(bob)
    placed = await pay_by_command(stage, bob, link)
    told = await stage.until(lambda: bob.said("is open for you"), "the bot tells @bob that the door is open")
    stage.saw("the bot told him", told)
    stage.demand(stage.stake_on_chain(placed.id) is State.OPEN, "the stake is open on the chain")
    held = stage.tokens(stage.world.deployment.escrow)
    stage.demand(held == STAKE, "the escrow holds 5 ERN", money(held))
    stage.saw(f"on the chain: stake {show_hash(placed.id)} is open and the escrow holds {money(held)}")


async def arrives(stage: Stage) -> None:
    """@bob invites again: it arrives; @alice joins; the stake is still open."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    asked = await gets_in(stage, bob, alice)
    stage.saw("the bot asked her what she says of it", asked)
    stake_id = await stake_of(stage, bob)
    stage.demand(stage.stake_on_chain(stake_id) is State.OPEN, "joining answers nothing: the stake is still open")
    stage.saw("joining answered nothing: the stake is still open on the chain")


async def accepts(stage: Stage) -> None:
    """@alice accepts: the 5 ERN are back."""
    alice, bob = await stage.person("alice"), await stage.person("bob")
    stake_id = await stake_of(stage, bob)
    before, whole = len(alice.heard), stage.tokens(stage.address("bob")) + STAKE  # another story may have cost him some
    await alice.say(f"accept {bob.user_id}")
    answer = await stage.until(lambda: alice.said("Accepted", after=before), "the bot takes @alice's answer")
    stage.saw(f"{alice.user_id} wrote: accept {bob.user_id}; the bot answered", answer)
    await becomes(stage, stake_id, State.RETURNED)
    await holds(stage, "bob", whole, "@bob has all his tokens back")
    stage.saw(f"on the chain: the stake is returned, and his wallet holds {money(whole)} as before")
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
    is_held(stage, await mallory.invite(alice))
    await stage.until(lambda: mallory.said("/stake/"), "the bot tells @mallory where to pay")
    placed = await pay_by_wallet(stage, mallory, link_of(mallory))
    await stage.until(lambda: mallory.said("is open for you"), "the door opens for @mallory")
    await gets_in(stage, mallory, alice)
    before, supply = len(alice.heard), stage.supply()
    await alice.say(f"spam {mallory.user_id}")
    question = await stage.until(lambda: alice.said("Do you really want", after=before), "the bot asks once more")
    stage.saw(f"{alice.user_id} wrote: spam {mallory.user_id}; the bot asked back", question)
    await alice.say("confirm")
    answer = await stage.until(lambda: alice.said("will be burned", after=before), "the bot takes the answer")
    stage.saw("she wrote: confirm; the bot answered", answer)
    await becomes(stage, placed.id, State.FORFEIT_ANNOUNCED)
    refused_by_chain = stage.reverts("mallory", codec.encode_execute_forfeit(terms_of(placed)))
    stage.demand(refused_by_chain, "nobody can hurry a forfeit")
    stage.saw("on the chain: the forfeit is announced; to execute it now is refused by the contract")
    stage.time_passes(_TWO_DAYS + 1)
    await becomes(stage, placed.id, State.FORFEITED)
    await stage.until(lambda: supply - stage.supply() == STAKE, "5 ERN less exist")
    stage.saw(f"48 hours passed on the chain; the stake is burned: {money(STAKE)} less exist, and nobody has them")
    answer_again = await mallory.invite(alice)
    stage.demand(
        answer_again.status == FORBIDDEN and STAKE_OBJECT not in answer_again.body,
        "the next knock is refused",
        answer_again,
    )
    stage.saw(f"the next knock of {mallory.user_id} is refused, whatever is paid", answer_again.body)


async def silence(stage: Stage) -> None:
    """@dave stakes, @alice says nothing: time passes, anybody's transaction returns it in full."""
    alice, dave = await stage.person("alice"), await stage.person("dave")
    is_held(stage, await dave.invite(alice))
    await stage.until(lambda: dave.said("/stake/"), "the bot tells @dave where to pay")
    placed = await pay_by_command(stage, dave, link_of(dave))
    await stage.until(lambda: dave.said("is open for you"), "the door opens for @dave")
    await gets_in(stage, dave, alice)
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
    alice, bob, dave = await stage.person("alice"), await stage.person("bob"), await stage.person("dave")
    answer = await dave.invite(alice)
    stage.demand(answer.status == FORBIDDEN, "@dave is refused", answer)
    stage.demand(STAKE_OBJECT not in answer.body, "he is asked for no stake", answer)
    stage.saw("@alice left @dave unanswered, so he cannot knock there again at once", answer.body["error"])
    before, said = len(dave.heard), len(bob.heard)
    await bob.say(f"door stake {money(STAKE).split()[0]}")
    await stage.until(lambda: bob.said(money(STAKE), after=said), "the bot gives @bob a door as well")
    is_held(stage, await dave.invite(bob))
    await stage.until(lambda: dave.said("/stake/", after=before), "the bot tells @dave the new price")
    await pay_by_command(stage, dave, link_of(dave))
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
    found = bookkeeping.verify(stage.world.container)
    stage.demand(found.holds, "every sum holds", [check for check in found.checks if not check.holds])
    stage.demand((found.stakes, found.unsolicited) == (STAKE, ERN), "5 ERN staked and 1 ERN stray", found)
    checks = [
        f"{reconciling.SAYS[check.line]}: {money(check.ledger)} = {money(check.other)}"
        for check in found.checks
        if not check.counts
    ]
    stage.saw(
        f"at block {found.block.number} ({found.level}): open stakes {money(found.stakes)} + strays "
        f"{money(found.unsolicited)} = the escrow's balance",
        "\n".join(checks),
    )


STEPS = (door, refused, pays, arrives, accepts, known, spam, silence, books)
