"""Every way a stake goes, on the real contracts, through our own calls, signatures and decoded events."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from contracts import codec, typed_data
from contracts.chain import Deployment, Receipt
from contracts.codec import State
from contracts.events import (
    ChainEvent,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Opened,
    Returned,
    Terms,
    Transferred,
)
from contracts.signers import KeySigner
from contracts.typed_data import TypedData
from kit.errors import Conflict
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from tests.support.anvil import ETHER, Anvil
from tests.support.terms import any_terms

FRIEND = Address(b"\xf1" * 20)
PAYEE = Address(b"\xfe" * 20)
RELAY = Address(b"\x4e" * 20)
DAY = 86_400

Flow = tuple[Address, Address, int]


def events_of(node: Anvil, place: Deployment, receipt: Receipt) -> list[ChainEvent]:
    """What we read of a transaction's block."""
    assert receipt.succeeded
    block = node.chain.block(receipt.block_hash)
    assert block is not None
    logs = node.logs(block.hash, [place.token, place.escrow])
    decoded = [codec.decode(log, block, token=place.token, escrow=place.escrow) for log in logs]
    return [event for event in decoded if event is not None]


def flows(events: list[ChainEvent]) -> list[Flow | type[ChainEvent]]:
    """Transfers as (from, to, amount); the rest by its kind."""
    return [
        (event.sender, event.recipient, event.amount) if isinstance(event, Transferred) else type(event)
        for event in events
    ]


def state_of(node: Anvil, place: Deployment, terms: Terms) -> tuple[State, int]:
    stake = codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow)
    return codec.decode_stake(node.chain.call(place.escrow, codec.encode_stakes(stake)))


def opened(node: Anvil, place: Deployment, name: str, **changes: object) -> Terms:
    """A stake of 5 ERN and a fee of 1, opened by that account by allowance; it goes back to a friend."""
    payer = node.signer(name)
    wanted: dict[str, object] = {"fee": ETHER, "fee_payee": PAYEE, "return_to": FRIEND} | changes
    terms = node.terms(payer.address, **wanted)
    node.give_tokens(place, payer.address, 100 * ETHER)
    node.send(payer, place.token, codec.encode_approve(place.escrow, 100 * ETHER))
    assert node.send(payer, place.escrow, codec.encode_open(terms)).succeeded
    return terms


def permit(node: Anvil, place: Deployment, terms: Terms, deadline: int) -> TypedData:
    nonce = codec.decode_uint(node.chain.call(place.token, codec.encode_nonces(terms.payer)))
    return typed_data.permit_to_open(
        terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow, nonce=nonce, deadline=deadline
    )


def authorization(place: Deployment, terms: Terms) -> TypedData:
    return typed_data.authorization_to_open(terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow)


def test_opened_by_allowance(anvil: Anvil, deployment: Deployment) -> None:
    bob = anvil.signer("bob by allowance")
    anvil.give_tokens(deployment, bob.address, 10 * ETHER)
    terms = anvil.terms(bob.address, fee=ETHER, fee_payee=PAYEE, return_to=FRIEND)
    anvil.send(bob, deployment.token, codec.encode_approve(deployment.escrow, 6 * ETHER))
    assert (
        codec.decode_uint(anvil.chain.call(deployment.token, codec.encode_allowance(bob.address, deployment.escrow)))
        == 6 * ETHER
    )
    events = events_of(anvil, deployment, anvil.send(bob, deployment.escrow, codec.encode_open(terms)))
    assert flows(events) == [(bob.address, deployment.escrow, 6 * ETHER), Opened]
    opening = events[-1]
    assert isinstance(opening, Opened)
    assert opening.terms == terms
    assert state_of(anvil, deployment, terms) == (State.OPEN, 0)


def test_opened_by_permit(anvil: Anvil, deployment: Deployment) -> None:
    bob = anvil.signer("bob by permit")
    anvil.give_tokens(deployment, bob.address, 10 * ETHER)
    for _ in range(2):  # the second with the next permit nonce
        terms = anvil.terms(bob.address)
        deadline = anvil.now() + 600
        signature = bob.sign_digest(permit(anvil, deployment, terms, deadline).digest)
        call = codec.encode_open_with_permit(terms, deadline, signature)
        events = events_of(anvil, deployment, anvil.send(bob, deployment.escrow, call))
        assert flows(events) == [(bob.address, deployment.escrow, 5 * ETHER), Opened]


def test_opened_by_authorization_without_any_ether(anvil: Anvil, deployment: Deployment) -> None:
    bob, relayer = anvil.signer("bob by authorization"), anvil.signer("a relayer")
    anvil.set_balance(bob.address, 0)
    anvil.give_tokens(deployment, bob.address, 10 * ETHER)
    terms = anvil.terms(bob.address, relay_fee=ETHER // 100, relay_receiver=RELAY)
    signature = bob.sign_digest(authorization(deployment, terms).digest)
    call = codec.encode_open_with_authorization(terms, signature)
    events = events_of(anvil, deployment, anvil.send(relayer, deployment.escrow, call))
    assert flows(events) == [
        (bob.address, deployment.escrow, 5 * ETHER + ETHER // 100),
        (deployment.escrow, RELAY, ETHER // 100),
        Opened,
    ]
    stake = codec.stake_id(terms, chain_id=deployment.chain_id, escrow=deployment.escrow)
    used = anvil.chain.call(deployment.token, codec.encode_authorization_state(bob.address, stake))
    assert codec.decode_bool(used), "the stake's id is the authorization's nonce"


@pytest.mark.parametrize("change", [{"amount": 6 * ETHER}, {"return_to": RELAY}, {"commitment": bytes(32)}])
def test_a_signature_opens_its_own_terms_alone(anvil: Anvil, deployment: Deployment, change: dict[str, object]) -> None:
    bob = anvil.signer("bob of one signature")
    anvil.give_tokens(deployment, bob.address, 20 * ETHER)
    terms = anvil.terms(bob.address)
    signature = bob.sign_digest(authorization(deployment, terms).digest)
    other = replace(terms, **change)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="ERC3009InvalidSignature"):
        anvil.send(anvil.signer("a relayer"), deployment.escrow, codec.encode_open_with_authorization(other, signature))


def test_anothers_signature_opens_nothing(anvil: Anvil, deployment: Deployment) -> None:
    bob, mallory = anvil.signer("bob who signs nothing"), anvil.signer("mallory")
    anvil.give_tokens(deployment, bob.address, 10 * ETHER)
    terms = anvil.terms(bob.address)
    signature = mallory.sign_digest(authorization(deployment, terms).digest)
    with pytest.raises(Conflict, match="ERC3009InvalidSignature"):
        anvil.send(mallory, deployment.escrow, codec.encode_open_with_authorization(terms, signature))


@pytest.mark.parametrize("answered", [True, False])
def test_returned(anvil: Anvil, deployment: Deployment, *, answered: bool) -> None:
    terms = opened(anvil, deployment, "bob who gets it back")
    call = codec.encode_return(terms, answered=answered)
    events = events_of(anvil, deployment, anvil.send(anvil.signer("resolver"), deployment.escrow, call))
    escrow = deployment.escrow
    in_two: list[Flow] = [(escrow, FRIEND, 5 * ETHER), (escrow, PAYEE, ETHER)]
    in_one: list[Flow] = [(escrow, FRIEND, 6 * ETHER)]
    assert flows(events) == [Returned, *(in_two if answered else in_one)]
    assert isinstance(events[0], Returned)
    assert events[0].answered is answered
    assert state_of(anvil, deployment, terms) == (State.RETURNED, 0)


def test_forfeited_after_two_days_and_burned(fresh_anvil: Anvil, fresh_deployment: Deployment) -> None:
    node, place = fresh_anvil, fresh_deployment
    terms = opened(node, place, "mallory")
    announced = events_of(
        node, place, node.send(node.signer("resolver"), place.escrow, codec.encode_announce_forfeit(terms))
    )
    assert flows(announced) == [ForfeitAnnounced]
    event = announced[0]
    assert isinstance(event, ForfeitAnnounced)
    assert event.executable_at == event.at.block.timestamp + 2 * DAY
    assert state_of(node, place, terms) == (State.FORFEIT_ANNOUNCED, event.executable_at)

    anybody = node.signer("anybody")
    with pytest.raises(Conflict, match=rf"ForfeitNotDue\({event.executable_at}\)"):
        node.send(anybody, place.escrow, codec.encode_execute_forfeit(terms))
    node.travel(2 * DAY)
    events = events_of(node, place, node.send(anybody, place.escrow, codec.encode_execute_forfeit(terms)))
    assert flows(events) == [
        Forfeited,
        (place.escrow, ZERO_ADDRESS, 5 * ETHER),
        (place.escrow, PAYEE, ETHER),
    ]
    assert state_of(node, place, terms)[0] is State.FORFEITED


def test_expired_by_anybody_in_full(fresh_anvil: Anvil, fresh_deployment: Deployment) -> None:
    node, place = fresh_anvil, fresh_deployment
    terms = opened(node, place, "dave")
    anybody = node.signer("anybody")
    with pytest.raises(Conflict, match=rf"AnswerByNotReached\({terms.answer_by}\)"):
        node.send(anybody, place.escrow, codec.encode_expire(terms))
    node.travel(7 * DAY)
    with pytest.raises(Conflict, match="AnswerByPassed"):
        node.send(node.signer("resolver"), place.escrow, codec.encode_return(terms, answered=True))
    events = events_of(node, place, node.send(anybody, place.escrow, codec.encode_expire(terms)))
    assert flows(events) == [Expired, (place.escrow, FRIEND, 6 * ETHER)]
    assert state_of(node, place, terms)[0] is State.EXPIRED


def test_what_was_published_is_all_that_expire_needs(fresh_anvil: Anvil, fresh_deployment: Deployment) -> None:
    """Promise 3: with nothing but the chain, the terms that ``Opened`` tells take the stake back."""
    node, place = fresh_anvil, fresh_deployment
    terms = opened(node, place, "erin")
    node.travel(7 * DAY)
    found: list[Terms] = []
    head = node.chain.block("latest")
    assert head is not None
    for number in range(place.deployed_block, head.number + 1):
        block = node.chain.block(number)
        assert block is not None
        for log in node.logs(block.hash, [place.escrow]):
            event = codec.decode(log, block, token=place.token, escrow=place.escrow)
            found += [event.terms] if isinstance(event, Opened) else []
    assert found == [terms]
    assert node.send(node.signer("anybody"), place.escrow, codec.encode_expire(found[0])).succeeded


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(terms=any_terms)
def test_our_stake_id_is_the_contracts(anvil: Anvil, deployment: Deployment, terms: Terms) -> None:
    told = anvil.chain.call(deployment.escrow, codec.encode_stake_id(terms))
    assert codec.decode_hash(told) == codec.stake_id(terms, chain_id=deployment.chain_id, escrow=deployment.escrow)


def test_a_permit_of_any_kind_is_taken_by_the_token(anvil: Anvil, deployment: Deployment) -> None:
    owner = KeySigner(b"\x21" * 32)
    asked = typed_data.permit(
        chain_id=deployment.chain_id,
        token=deployment.token,
        owner=owner.address,
        spender=FRIEND,
        value=2**256 - 1,
        nonce=0,
        deadline=2**256 - 1,
    )
    signature = owner.sign_digest(asked.digest)
    call = (
        codec.selector_of("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)")
        + owner.address.rjust(32, b"\0")
        + FRIEND.rjust(32, b"\0")
        + b"\xff" * 64
        + bytes([signature[64]]).rjust(32, b"\0")
        + signature[:64]
    )
    assert anvil.send(anvil.signer("anybody"), deployment.token, call).succeeded
    allowance = codec.encode_allowance(owner.address, FRIEND)
    assert codec.decode_uint(anvil.chain.call(deployment.token, allowance)) == 2**256 - 1


def test_stray_tokens_are_a_transfer_and_nothing_else(anvil: Anvil, deployment: Deployment) -> None:
    treasury = anvil.signer("treasury")
    receipt = anvil.send(treasury, deployment.token, codec.encode_transfer(deployment.escrow, 3))
    assert flows(events_of(anvil, deployment, receipt)) == [(treasury.address, deployment.escrow, 3)]


def test_the_same_terms_open_once(anvil: Anvil, deployment: Deployment) -> None:
    terms = opened(anvil, deployment, "bob who tries twice")
    stake: Hash32 = codec.stake_id(terms, chain_id=deployment.chain_id, escrow=deployment.escrow)
    with pytest.raises(Conflict, match=f"IdUsed\\(0x{stake.hex()}\\)"):
        anvil.send(anvil.signer("bob who tries twice"), deployment.escrow, codec.encode_open(terms))
