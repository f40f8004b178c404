"""Gasless on a real node and both databases: a stranger with no ether signs once, and the door opens."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from eth_utils.crypto import keccak
from sqlalchemy import select

from app import gasless
from cli import gas
from contracts import codec
from contracts.signer import Transaction
from contracts.signers import KeySigner
from contracts.typed_data import domain_separator
from kit.amounts import Amount
from kit.errors import Conflict
from kit.identifiers import Address, Hash32, UserId, show_address
from kit.outbox import OutboxRow
from payments.carrying.model import Outcome, RelayLimits
from payments.stakes.model import Answer, Quote, StakeState, terms_of
from reputation.verdict import Admit, Hold
from tests.support.anvil import ETHER
from tests.support.carried import BOB, PRICE, RELAY_FEE, Carried, code_of, stake_in
from tests.support.services import ALICE

CAROL = UserId("@carol:far.example")
FIRST_IN_BLOCK = 100
"""So many times the tip of others makes a transaction the first in its block."""


def stop_mining(carried: Carried) -> None:
    carried.anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON


def mine_at_once(carried: Carried) -> None:
    carried.anvil.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON


def before_all_others(carried: Carried, signer: KeySigner, data: bytes, *, to: Address | None = None) -> None:
    """Send a call to the token so that it is mined before what waits already."""
    chain, fees = carried.anvil.chain, carried.anvil.chain.fees()
    tip = fees.priority_fee * FIRST_IN_BLOCK
    place = carried.deployment.token if to is None else to
    call = Transaction(chain.chain_id, chain.nonce(signer.address), place, data, 400_000, fees.max_fee + tip, tip)
    carried.anvil.set_balance(signer.address, ETHER)
    chain.send(signer.sign_transaction(call).raw)


def cancel(carried: Carried, quote: Quote) -> bytes:
    """What a wallet sends to take a signature back that it gave."""
    terms = carried.terms(quote)
    nonce = carried.stake_id(terms)
    place = carried.deployment

    kind = keccak(text="CancelAuthorization(address authorizer,bytes32 nonce)")
    struct = keccak(kind + carried.wallet.address.rjust(32, b"\0") + nonce)
    separator = domain_separator(chain_id=place.chain_id, token=place.token)
    signed = carried.wallet.sign_digest(Hash32(keccak(b"\x19\x01" + separator + struct)))
    selector = codec.selector_of("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)")
    return selector + carried.wallet.address.rjust(32, b"\0") + nonce + bytes(31) + signed[64:] + signed[:64]


def told(carried: Carried) -> list[str]:
    """What the stranger was told of carried openings."""
    with carried.container.read() as work:
        rows = work.session.scalars(select(OutboxRow).order_by(OutboxRow.id))
        return [row.payload["values"]["outcome"] for row in rows if row.payload["code"] == "gasless_failed"]


def limits(carried: Carried, *, per_day: int = 3, budget: int = 50_000_000) -> None:
    """Let other limits hold from now on."""
    carried.container.__dict__["relay_limits"] = RelayLimits(per_day, budget)


# ------------------------------------------------------------------------------------------------- the whole way


def test_a_stranger_without_ether_signs_once_and_the_door_opens(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    relayer = carried.container.relayer
    assert carried.gasless(quote)["available"]
    assert carried.gasless(quote)["total"] == str(PRICE + RELAY_FEE)
    assert stake_in(carried.open(quote)) == carried.stake_id(terms)
    assert carried.gasless(quote)["state"] == "queued"
    assert isinstance(carried.knock()[0], Hold)
    carried.round()
    carried.round()
    assert carried.on_chain(terms) is codec.State.OPEN
    assert isinstance(carried.knock()[0], Admit)
    assert carried.tokens() == 100 * ETHER - PRICE - RELAY_FEE
    assert carried.anvil.tokens_of(carried.deployment, relayer) == RELAY_FEE
    assert carried.anvil.chain.balance(carried.wallet.address) == 0
    carried.answer(Answer.ACCEPT)
    carried.settle()
    assert carried.stake(terms).state is StakeState.RETURNED
    assert carried.tokens() == 100 * ETHER - RELAY_FEE
    assert carried.opening(terms).outcome is Outcome.DONE
    assert carried.gasless(quote)["state"] == "opened"


def test_what_is_set_aside_for_gas_is_given_back_but_for_what_it_took(carried: Carried) -> None:
    quote = carried.held()
    before = carried.ether()
    carried.open(quote)
    set_aside = carried.spent()
    assert set_aside > 0
    carried.settle()
    took = before - carried.ether()
    assert carried.spent() == -(-took // 10**9) < set_aside
    carried.anvil.travel(24 * 3600 + 60)
    assert carried.spent() == 0


def test_the_stake_goes_where_the_payer_said(carried: Carried) -> None:
    quote, friend = carried.held(), carried.anvil.signer("a friend").address
    terms = terms_of(quote, payer=carried.wallet.address, return_to=friend)
    signature = "0x" + carried.sign(terms).hex()
    assert code_of(carried.open(quote, return_to=show_address(friend))) == (403, "signature_not_payers")
    stake_in(carried.open(quote, return_to=show_address(friend), signature=signature))
    carried.settle(2)
    carried.answer(Answer.RETURN)
    carried.settle()
    assert carried.anvil.tokens_of(carried.deployment, friend) == PRICE


def test_the_same_request_again_is_carried_once(carried: Carried) -> None:
    quote = carried.held()
    body = carried.body(quote)
    raw = bytes.fromhex(body["signature"][2:])
    parts = {"v": raw[64], "r": "0x" + raw[:32].hex(), "s": "0x" + raw[32:64].hex()}
    answers = [carried.open(quote).json(), carried.open(quote, signature=parts).json()]
    assert answers[0] == answers[1]
    carried.round()
    assert carried.open(quote).json()["state"] == "sent"
    carried.settle()
    assert carried.open(quote).json()["state"] == "opened"
    carried.anvil.travel(2 * 86_400)
    carried.settle(1)
    assert carried.open(quote).json()["state"] == "opened", "long after its quote ran out it is still the same"
    assert carried.anvil.chain.nonce(carried.container.relayer) == 1
    assert carried.tokens() == 100 * ETHER - PRICE - RELAY_FEE


# ------------------------------------------------------------------------------------------------- what is refused


def test_a_signature_that_is_not_the_payers_is_refused(carried: Carried) -> None:
    quote, other = carried.held(), carried.pauper("mallory")
    foreign = carried.body(quote, other)["signature"]
    assert code_of(carried.open(quote, signature=foreign)) == (403, "signature_not_payers")
    assert code_of(carried.open(quote, payer=show_address(other.address))) == (403, "signature_not_payers")
    assert carried.spent() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "0x" + "00" * 65},
        {"signature": "0x" + "ff" * 65},
        {"signature": "0x12"},
        {"signature": 7},
        {"signature": None},
        {"signature": {"v": 27, "r": "0x" + "00" * 32, "s": "0x" + "00" * 32}},
        {"signature": {"v": 27, "r": "0x", "s": "0x"}},
        {"signature": {"v": 10**9, "r": "0x" + "11" * 32, "s": "0x" + "11" * 32}},
        {"payer": "0x" + "00" * 20},
        {"payer": "nobody"},
        {"return_to": "0x" + "00" * 20},
        {"more": 1},
    ],
    ids=str,
)
def test_nonsense_is_refused(carried: Carried, changes: dict[str, Any]) -> None:
    quote = carried.held()
    assert carried.open(quote, **changes).status_code in {400, 403}
    assert carried.spent() == 0


def test_a_quote_that_is_not_to_be_paid_is_not_carried(carried: Carried) -> None:
    quote = carried.held()
    with carried.container.work() as work:
        work.doors.ask(work.people.number(ALICE), stake=Amount(2 * PRICE))
    other = carried.held()
    assert code_of(carried.open(quote)) == (409, "quote_superseded")
    carried.open(other)
    carried.settle(2)
    rich = carried.pauper("another wallet")
    assert code_of(carried.open(other, rich)) == (409, "quote_paid")
    third = carried.held(CAROL)
    carried.anvil.travel(86_400)
    carried.settle(1)
    assert code_of(carried.open(third)) == (409, "quote_expired")


def test_a_wallet_without_the_tokens_is_told_so_before_anything_is_spent(carried: Carried) -> None:
    quote, poor = carried.held(), carried.pauper("poor", tokens=PRICE)
    assert code_of(carried.open(quote, poor)) == (409, "payer_tokens_missing"), "the relay fee is lacking"
    assert carried.spent() == 0


def test_tokens_are_promised_once(carried: Carried) -> None:
    once = carried.pauper("once", tokens=PRICE + RELAY_FEE)
    first, second = carried.held(), carried.held(CAROL)
    stake_in(carried.open(first, once))
    assert code_of(carried.open(second, once)) == (409, "payer_tokens_missing")
    carried.settle()
    assert carried.tokens(once) == 0
    carried.anvil.give_tokens(carried.deployment, once.address, PRICE + RELAY_FEE)
    stake_in(carried.open(second, once))


def test_a_relayer_without_ether_takes_on_nothing_and_the_plain_way_stays(carried: Carried) -> None:
    quote = carried.held()
    carried.anvil.set_balance(carried.container.relayer, 10**9)
    assert code_of(carried.open(quote)) == (409, "gasless_relayer_empty")
    carried.anvil.set_balance(carried.container.relayer, 0)
    assert code_of(carried.open(quote)) == (409, "gasless_relayer_empty")
    asked = carried.door.post(f"/v1/quotes/{quote.id}/terms", json={"payer": show_address(carried.wallet.address)})
    assert asked.json()["gasless"]["why_not"] == "gasless_relayer_empty"
    terms = carried.terms(quote)
    carried.anvil.set_balance(carried.wallet.address, ETHER)
    carried.anvil.send(carried.wallet, carried.deployment.token, codec.encode_approve(carried.deployment.escrow, PRICE))
    carried.anvil.send(carried.wallet, carried.deployment.escrow, codec.encode_open(terms))
    carried.round()
    assert isinstance(carried.knock()[0], Admit)
    assert carried.tokens() == 100 * ETHER - PRICE, "who pays the gas pays no relay fee"


def test_without_gas_for_openings_stakes_still_go_back(carried: Carried) -> None:
    first, second = carried.held(), carried.held(CAROL)
    terms = carried.terms(first)
    carried.open(first)
    carried.settle(2)
    waiting = carried.pauper("carol")
    carried.open(second, waiting)
    carried.anvil.set_balance(carried.container.relayer, 0)
    carried.answer(Answer.ACCEPT)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.RETURNED
    assert carried.gasless(second)["state"] == "queued"
    carried.anvil.set_balance(carried.container.relayer, ETHER)
    carried.anvil.travel(600)
    carried.settle()
    assert carried.gasless(second)["state"] == "opened"


def test_without_gas_for_returns_doors_still_open(carried: Carried) -> None:
    first, second = carried.held(), carried.held(CAROL)
    carried.open(first)
    carried.settle(2)
    carried.anvil.set_balance(carried.container.signers["resolver"].address, 0)
    carried.answer(Answer.ACCEPT)
    carried.settle()
    carol = carried.pauper("carol")
    carried.open(second, carol)
    carried.round()
    carried.round()
    assert carried.on_chain(carried.terms(second, carol)) is codec.State.OPEN
    assert carried.on_chain(carried.terms(first)) is codec.State.OPEN


# ------------------------------------------------------------------------------------------------- limits and budget


def test_a_stranger_and_a_wallet_are_carried_so_often_a_day(carried: Carried) -> None:
    limits(carried, per_day=1)
    bobs, carols = carried.held(), carried.held(CAROL)
    stake_in(carried.open(bobs))
    carried.settle()
    assert code_of(carried.open(carols)) == (409, "gasless_limit"), "another stranger, but the same wallet"
    carried.answer(Answer.RETURN)
    carried.settle()
    again = carried.held()
    other = carried.pauper("another wallet of his")
    assert code_of(carried.open(again, other)) == (409, "gasless_limit"), "another wallet, but the same stranger"
    shown = carried.gasless(again)
    assert (shown["available"], shown["why_not"]) == (False, "gasless_limit")
    stake_in(carried.open(carols, other))
    carried.anvil.travel(24 * 3600 - 600)
    carried.settle(1)
    assert code_of(carried.open(carried.held(), other)) == (409, "gasless_limit")
    carried.anvil.travel(1200)
    carried.settle(1)
    stake_in(carried.open(carried.held(), other))


def test_the_days_gas_is_limited_for_all_together(carried: Carried) -> None:
    stake_in(carried.open(carried.held()))
    one = carried.spent()
    limits(carried, budget=one + 1)
    quote = carried.held(CAROL)
    assert code_of(carried.open(quote, carried.pauper("carol"))) == (409, "gasless_budget_empty")
    carried.settle()
    stake_in(carried.open(quote, carried.pauper("carol")))  # what the first did not take is there again


def test_it_can_be_switched_off(carried: Carried) -> None:
    quote = carried.held()
    limits(carried, budget=0)
    assert code_of(carried.open(quote)) == (409, "gasless_off")
    fresh = carried.held()
    assert fresh.id != quote.id
    assert not fresh.relay_fee


@pytest.mark.parametrize("what", ["stranger", "budget", "tokens"])
def test_two_at_once_never_pass_a_limit(carried: Carried, what: str) -> None:
    quotes = [carried.held(), carried.held(BOB if what == "stranger" else CAROL)]
    wallets = [carried.wallet, carried.wallet if what == "tokens" else carried.pauper("carol")]
    if what == "stranger":
        limits(carried, per_day=1)
    if what == "tokens":
        carried.anvil.set_balance(carried.wallet.address, ETHER)
        rest = carried.tokens() - PRICE - RELAY_FEE
        sink = carried.anvil.signer("sink").address
        carried.anvil.send(carried.wallet, carried.deployment.token, codec.encode_transfer(sink, rest))
    if what == "budget":
        data = codec.encode_open_with_authorization(carried.terms(quotes[0]), carried.sign(carried.terms(quotes[0])))
        chain = carried.anvil.chain
        gas = chain.estimate_gas(carried.deployment.escrow, data, carried.container.relayer)
        limits(carried, budget=gas * chain.fees().max_fee * 3 // 10**9)
    start, results = threading.Barrier(2), []

    def ask(quote: Quote, wallet: KeySigner) -> None:
        signature = carried.sign(carried.terms(quote, wallet), wallet)
        start.wait()
        try:
            gasless.carry(carried.container, quote.id, payer=wallet.address, return_to=None, signature=signature)
        except Conflict as refusal:
            results.append(refusal.code)
        else:
            results.append("taken")

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(quotes, wallets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = {"stranger": "gasless_limit", "budget": "gasless_budget_empty", "tokens": "payer_tokens_missing"}
    assert sorted(results) == sorted([codes[what], "taken"])


# ------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("spoil", ["tokens", "cancelled"])
def test_an_authorization_spoiled_before_it_is_sent_costs_nothing(carried: Carried, spoil: str) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    sink = carried.anvil.signer("sink")
    data = codec.encode_transfer(sink.address, 100 * ETHER) if spoil == "tokens" else cancel(carried, quote)
    before_all_others(carried, carried.wallet, data)
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.WOULD_REVERT
    assert (carried.gasless(quote)["state"], carried.gasless(quote)["code"]) == ("failed", "would_revert")
    assert carried.spent() == 0
    assert carried.anvil.chain.nonce(carried.container.relayer) == 0
    assert told(carried) == ["would_revert"]
    with carried.container.read() as work:
        assert work.carrying.bars() == []
    if spoil == "cancelled":
        assert code_of(carried.open(quote)) == (409, "opening_would_fail")
        return
    carried.anvil.send(sink, carried.deployment.token, codec.encode_transfer(carried.wallet.address, 100 * ETHER))
    stake_in(carried.open(quote))
    carried.settle()
    assert carried.gasless(quote)["state"] == "opened", "the same signature is good again, and is taken again"
    assert told(carried) == ["would_revert"]


@pytest.mark.parametrize("spoil", ["tokens", "cancelled"])
def test_an_authorization_spoiled_after_it_was_sent_costs_its_owner_the_service(carried: Carried, spoil: str) -> None:
    quote, other = carried.held(), carried.held(CAROL)
    terms, before = carried.terms(quote), carried.ether()
    stake_in(carried.open(quote))
    stop_mining(carried)
    carried.round()
    assert carried.gasless(quote)["state"] == "sent"
    sink = carried.anvil.signer("sink")
    data = codec.encode_transfer(sink.address, 100 * ETHER) if spoil == "tokens" else cancel(carried, quote)
    before_all_others(carried, carried.wallet, data)
    carried.anvil.mine()
    mine_at_once(carried)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.NONE
    assert carried.opening(terms).outcome is Outcome.REVERTED
    lost = before - carried.ether()
    assert carried.spent() == -(-lost // 10**9) > 0
    assert told(carried) == ["reverted"]
    carried.settle(3)
    assert carried.anvil.chain.nonce(carried.container.relayer) == 1, "it is tried once"
    assert carried.open(quote).json()["code"] == "reverted", "the same signature again changes nothing"
    assert carried.gasless(quote)["why_not"] == "gasless_barred"
    if spoil == "tokens":
        carried.anvil.send(sink, carried.deployment.token, codec.encode_transfer(carried.wallet.address, 50 * ETHER))
    assert code_of(carried.open(other)) == (409, "gasless_barred"), "the wallet, for whomever it pays"
    fresh = carried.pauper("fresh")
    assert code_of(carried.open(quote, fresh)) == (409, "gasless_barred"), "the stranger, whoever pays"
    with carried.container.work() as work:
        (bar,) = work.carrying.bars()
        assert (bar.payer, bar.id) == (carried.wallet.address, carried.stake_id(terms))
        assert work.carrying.lift(payer=carried.wallet.address) == 1
        assert work.carrying.bars() == []
    stake_in(carried.open(quote, fresh))


def test_a_wallet_that_empties_and_fills_itself_is_carried_once(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    stop_mining(carried)
    carried.round()
    sink = carried.anvil.signer("sink")
    before_all_others(carried, carried.wallet, codec.encode_transfer(sink.address, 100 * ETHER))
    carried.anvil.mine()
    mine_at_once(carried)
    carried.anvil.send(sink, carried.deployment.token, codec.encode_transfer(carried.wallet.address, 100 * ETHER))
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.REVERTED
    assert carried.anvil.chain.nonce(carried.container.relayer) == 1
    assert carried.on_chain(terms) is codec.State.NONE


def test_whoever_carries_the_same_signature_there_first_harms_nobody(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    stop_mining(carried)
    carried.round()
    rival = carried.anvil.signer("rival")
    data = codec.encode_open_with_authorization(terms, carried.sign(terms))
    before_all_others(carried, rival, data, to=carried.deployment.escrow)
    carried.anvil.mine()
    mine_at_once(carried)
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.DONE
    assert isinstance(carried.knock()[0], Admit)
    assert carried.anvil.tokens_of(carried.deployment, carried.container.relayer) == RELAY_FEE
    assert told(carried) == []
    with carried.container.read() as work:
        assert work.carrying.bars() == []


def test_a_reorg_that_drops_it_only_delays_it_and_the_door_opens_again(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    carried.round()
    carried.round()
    assert carried.stake(terms).opens
    stop_mining(carried)
    carried.anvil.reorg(1)
    carried.anvil.rpc("anvil_dropAllTransactions")
    carried.anvil.mine()
    carried.round()
    assert carried.on_chain(terms) is codec.State.NONE
    assert carried.stake(terms).state is StakeState.ORPHANED
    assert isinstance(carried.knock()[0], Hold)
    mine_at_once(carried)
    carried.anvil.travel(60)
    carried.round()
    carried.round()
    assert carried.on_chain(terms) is codec.State.OPEN
    assert isinstance(carried.knock()[0], Admit)
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.DONE
    assert carried.anvil.chain.nonce(carried.container.relayer) == 1
    assert carried.tokens() == 100 * ETHER - PRICE - RELAY_FEE


@pytest.mark.parametrize("why", ["superseded", "paid"])
def test_on_a_quote_that_stands_no_more_it_is_not_sent(carried: Carried, why: str) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    if why == "superseded":
        with carried.container.work() as work:
            work.stakes.void(work.people.number(ALICE))
    else:
        other = carried.anvil.signer("a rich friend")
        carried.anvil.give_tokens(carried.deployment, other.address, PRICE)
        carried.anvil.send(other, carried.deployment.token, codec.encode_approve(carried.deployment.escrow, PRICE))
        carried.anvil.send(other, carried.deployment.escrow, codec.encode_open(carried.terms(quote, other)))
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.WITHDRAWN
    assert carried.tokens() == 100 * ETHER
    assert told(carried) == ["quote_gone"]
    assert carried.spent() == 0


@pytest.mark.parametrize("why", ["superseded", "paid"])
def test_on_a_quote_that_fell_while_it_was_under_way_the_stake_comes_back_at_once(carried: Carried, why: str) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    friend = carried.anvil.signer("a rich friend")
    carried.anvil.give_tokens(carried.deployment, friend.address, PRICE)
    carried.anvil.send(friend, carried.deployment.token, codec.encode_approve(carried.deployment.escrow, PRICE))
    stake_in(carried.open(quote))
    stop_mining(carried)
    carried.round()
    if why == "superseded":
        with carried.container.work() as work:
            work.stakes.void(work.people.number(ALICE))
        carried.anvil.rpc("evm_increaseTime", 60)
    else:
        theirs = codec.encode_open(carried.terms(quote, friend))
        before_all_others(carried, friend, theirs, to=carried.deployment.escrow)
    carried.anvil.mine()
    mine_at_once(carried)
    carried.settle()
    assert carried.stake(terms).surplus
    assert carried.stake(terms).state is StakeState.RETURNED
    assert carried.tokens() == 100 * ETHER - RELAY_FEE
    assert isinstance(carried.knock()[0], Admit if why == "paid" else Hold)


def test_what_is_not_sent_before_its_quote_runs_out_is_not_sent_at_all(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    carried.anvil.set_balance(carried.container.relayer, 0)
    carried.round()
    carried.anvil.travel(86_400)
    carried.anvil.set_balance(carried.container.relayer, ETHER)
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.TOO_LATE
    assert carried.anvil.chain.nonce(carried.container.relayer) == 0
    assert told(carried) == ["too_late"]


def test_what_reverts_only_because_it_came_late_bars_nobody(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    stop_mining(carried)
    carried.round()
    carried.anvil.rpc("evm_increaseTime", 2 * 86_400)
    carried.anvil.mine()
    mine_at_once(carried)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.NONE
    assert carried.opening(terms).outcome is Outcome.TOO_LATE
    with carried.container.read() as work:
        assert work.carrying.bars() == []


def test_a_payer_who_pays_by_himself_meanwhile_has_it_opened(carried: Carried) -> None:
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    carried.anvil.set_balance(carried.wallet.address, ETHER)
    carried.anvil.send(carried.wallet, carried.deployment.token, codec.encode_approve(carried.deployment.escrow, PRICE))
    carried.anvil.send(carried.wallet, carried.deployment.escrow, codec.encode_open(terms))
    carried.settle()
    assert carried.opening(terms).outcome is Outcome.DONE
    assert carried.tokens() == 100 * ETHER - PRICE
    assert told(carried) == []
    assert carried.spent() == 0


def test_what_was_settled_long_ago_is_taken_out_and_bars_stay(carried: Carried) -> None:
    quote = carried.held()
    stake_in(carried.open(quote))
    carried.settle()
    carried.anvil.travel(29 * 86_400)
    with carried.container.work() as work:
        assert work.carrying.prune() == 0
        assert work.carrying.counts() == {Outcome.DONE: 1}
    carried.anvil.travel(2 * 86_400)
    with carried.container.work() as work:
        assert work.carrying.prune() == 1
        work.gate.prune()
        assert work.carrying.counts() == {}


def test_operators_are_told_what_is_left(carried: Carried) -> None:
    says, mend, _ = gas.look(carried.container)
    assert mend == ""
    assert "0.05 of 0.05 ETH" in says
    stake_in(carried.open(carried.held()))
    carried.settle()
    says, mend, _ = gas.look(carried.container)
    assert "10 ETH" in says
    assert "0.05 of 0.05 ETH" not in says
    shown = carried.door.get("/metrics").text
    assert 'earnest_openings{outcome="opened"} 1.0' in shown
    assert f"earnest_relay_spent_gwei {float(carried.spent())}" in shown
    limits(carried, budget=carried.spent())
    says, mend, wrong = gas.look(carried.container)
    assert (says.startswith("Nothing is carried"), "EARNEST_RELAY_BUDGET" in mend, wrong) == (True, True, False)
    limits(carried, budget=0)
    assert "no openings are carried" in gas.look(carried.container)[0]
    limits(carried)
    carried.anvil.set_balance(carried.container.relayer, 0)
    assert "relayer" in gas.look(carried.container)[0]
    carried.anvil.set_balance(carried.container.signers["resolver"].address, 0)
    says, mend, wrong = gas.look(carried.container)
    assert ("resolver" in says, wrong) == (True, True)
