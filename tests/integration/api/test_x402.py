"""The facilitator: payments that programs sign are looked at, settled once, and told of, whatever happens."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from pydantic import ValidationError

from app import facilitating, gasless
from app.container import RELAYER, Container
from app.facilitating import Settled
from app.settings import Settings
from contracts import codec, typed_data
from contracts.authorizations import encode_transfer_with_authorization
from kit.identifiers import Address, Hash32, show_address
from payments.carrying.model import Cargo, RelayLimits
from payments.settlements.x402 import Payment
from tests.support.anvil import ETHER
from tests.support.till import PRICE, Till


def test_what_is_settled_here_is_told(till: Till) -> None:
    told = till.door.get("/v1/x402/supported").json()
    assert told["kinds"] == [
        {
            "x402Version": 2,
            "scheme": "exact",
            "network": f"eip155:{till.deployment.chain_id}",
            "extra": {"assets": [show_address(till.deployment.token)]},
        },
    ]
    assert told["signers"] == {"eip155:*": [show_address(till.container.relayer)]}


def test_a_payment_is_made_once_and_its_transaction_is_told(till: Till) -> None:
    body = till.body()
    assert till.verify(body) == {"isValid": True, "payer": show_address(till.buyer.address)}
    pending = till.settle(body)
    assert (pending["success"], pending["errorReason"], pending["transaction"]) == (False, "settlement_pending", "")
    till.round()
    made = till.settle(body)
    assert made["success"]
    assert made["amount"] == str(PRICE)
    assert till.sold() == PRICE
    till.rounds()
    assert till.settle(body) == made
    assert (till.sold(), till.sent()) == (PRICE, 1)
    with till.container.read() as work:
        assert not work.carrying.under_way()


def test_a_payment_that_was_made_is_not_good_again(till: Till) -> None:
    body = till.body()
    till.settle(body)
    till.round()
    told = till.verify(body)
    assert (told["isValid"], told["invalidReason"]) == (False, "invalid_exact_evm_nonce_already_used")


def test_something_else_under_the_same_nonce_is_refused(till: Till) -> None:
    signed = till.signed()
    till.settle(till.body(signed))
    other = till.signed(nonce=signed.nonce, amount=PRICE + 1)
    told = till.settle(till.body(other, till.demand(amount=str(PRICE + 1))))
    assert (told["success"], told["errorReason"]) == (False, "invalid_exact_evm_nonce_already_used")
    till.round()
    assert till.sold() == PRICE


def test_two_buyers_may_choose_the_same_nonce(till: Till) -> None:
    nonce, other = Hash32(secrets.token_bytes(32)), till.pauper("other")
    for body in (
        till.body(till.signed(nonce=nonce)),
        till.body(till.signed(nonce=nonce, payer=other.address), wallet=other),
    ):
        assert till.settle(body)["errorReason"] == "settlement_pending"
    till.round()
    assert till.sold() == 2 * PRICE


def test_nothing_is_settled_for_sellers_whom_the_operator_does_not_serve(till: Till) -> None:
    till.container.settings.facilitator_for = show_address(Address(b"\x77" * 20))
    for told in (till.verify(till.body()), till.settle(till.body())):
        assert told.get("invalidReason", told.get("errorReason")) == "invalid_payment_requirements"
    till.container.settings.facilitator_for = ""
    for path in ("verify", "settle"):
        answer = till.door.post(f"/v1/x402/{path}", json=till.body())
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:earnest:problem:facilitator_off")
    assert till.door.get("/v1/x402/supported").json()["kinds"] == []
    till.round()
    assert till.sent() == 0


def test_the_operator_sees_what_settlements_cost_and_whom_they_named_wrongly(till: Till) -> None:
    body = till.body()
    till.settle(body)
    till.rounds()
    shown = till.door.get("/metrics").text
    with till.container.read() as work:
        spent = work.carrying.spent(Cargo.SETTLEMENT)
    assert 0 < spent < 50_000_000
    assert f"earnest_settlements_spent_gwei {float(spent)}" in shown
    assert 'earnest_settlements{outcome="opened"} 1.0' in shown
    assert 'earnest_openings{outcome="opened"} 0.0' in shown
    with pytest.raises(ValidationError, match="nobody"):
        Settings(facilitator_for="nobody")


# ------------------------------------------------------------------------------------------- what is not good


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The same body with another value at a place."""
    *parents, last = path.split(".")
    place = body
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return body


SIGNED = "paymentPayload.payload.authorization."
HUGE = "9" * 78
MALFORMED: list[tuple[str, object, str]] = [
    ("paymentPayload.x402Version", 1, "invalid_x402_version"),
    ("paymentPayload.x402Version", True, "invalid_x402_version"),
    ("x402Version", 1, "invalid_x402_version"),
    ("paymentPayload.payload", None, "invalid_payload"),
    ("paymentPayload.payload", [1], "invalid_payload"),
    ("paymentPayload.accepted", None, "invalid_payload"),
    ("paymentPayload.accepted.amount", "1", "accepted_mismatch"),
    ("paymentPayload.payload.signature", "0x", "invalid_exact_evm_payload_signature"),
    ("paymentPayload.payload.signature", "0x" + "ab" * 64 + "1b", "invalid_exact_evm_payload_signature"),
    ("paymentPayload.payload.signature", "0x" + "ab" * 400, "invalid_exact_evm_payload_signature"),
    (SIGNED + "value", HUGE, "invalid_payload"),
    (SIGNED + "value", 5, "invalid_payload"),
    (SIGNED + "value", "-1", "invalid_payload"),
    (SIGNED + "value", "1e18", "invalid_payload"),
    (SIGNED + "value", "٣", "invalid_payload"),
    (SIGNED + "value", "007", "invalid_payload"),
    (SIGNED + "validBefore", "9" * 5000, "invalid_payload"),
    (SIGNED + "nonce", "0x12", "invalid_payload"),
    (SIGNED + "from", "nobody", "invalid_payload"),
    (SIGNED + "from", show_address(Address(b"\x01" * 20)), "invalid_exact_evm_payload_signature"),
    ("paymentRequirements.scheme", "upto", "unsupported_scheme"),
    ("paymentRequirements.amount", HUGE, "invalid_payment_requirements"),
    ("paymentRequirements.extra", {}, "missing_eip712_domain"),
    ("paymentRequirements.maxTimeoutSeconds", 2**80, "invalid_payment_requirements"),
    ("paymentRequirements.payTo", "0x" + "00" * 19, "invalid_payment_requirements"),
]


def test_what_is_malformed_is_told_and_costs_nothing(till: Till) -> None:
    for path, value, reason in MALFORMED:
        body = changed(till.body(), path, value)
        assert till.verify(body)["invalidReason"] == reason, (path, value)
        assert till.settle(body)["errorReason"] == reason, (path, value)
    till.round()
    assert till.sent() == 0


def test_bodies_that_are_none_are_refused(till: Till) -> None:
    for content in (b"", b"[]", b"{", b'{"x402Version":2}', b"[" * 50_000, b"x" * 70_000):
        for path in ("verify", "settle"):
            answer = till.door.post(f"/v1/x402/{path}", content=content)
            assert answer.status_code in (400, 413), answer.text


def test_what_does_not_fit_what_is_asked_is_refused(till: Till) -> None:
    for asked, reason in (
        ({"network": "eip155:1"}, "invalid_network"),
        ({"network": "solana:mainnet"}, "invalid_network"),
        ({"asset": show_address(Address(b"\x33" * 20))}, "invalid_payment_requirements"),
        ({"extra": {"name": "Dollar", "version": "1"}}, "invalid_exact_evm_token_name_mismatch"),
        ({"extra": {"name": "Earnest", "version": "2"}}, "invalid_exact_evm_token_version_mismatch"),
        ({"payTo": show_address(Address(b"\x44" * 20))}, "invalid_exact_evm_payload_recipient_mismatch"),
        ({"amount": str(PRICE + 1)}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"amount": str(PRICE - 1)}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"amount": "0"}, "invalid_payment_requirements"),
    ):
        body = till.body(demand=till.demand(**asked))
        assert till.verify(body)["invalidReason"] == reason, asked
        assert till.settle(body)["errorReason"] == reason, asked


def test_only_the_payers_own_signature_over_the_tokens_own_domain_is_good(till: Till) -> None:
    for signing in ({"wallet": till.anvil.signer("mallory")}, {"token": till.deployment.escrow}):
        body = till.body(**signing)
        assert till.verify(body)["invalidReason"] == "invalid_exact_evm_payload_signature"
        assert till.settle(body)["errorReason"] == "invalid_exact_evm_payload_signature"


def test_a_payment_is_good_in_its_time_and_that_is_not_long(till: Till) -> None:
    now = till.anvil.now()
    early, late = (
        "invalid_exact_evm_payload_authorization_valid_after",
        ("invalid_exact_evm_payload_authorization_valid_before"),
    )
    for times, reason in (
        ({"valid_after": now + 100}, early),
        ({"valid_before": now - 1}, late),
        ({"valid_before": now + 3}, late),
        ({"valid_before": now + 2 * 86_400}, late),
        # The token would count blocks (its second clock).
        ({"valid_after": 1 << 47, "valid_before": (1 << 47) + 10**6}, early),
        ({"valid_before": 2**255}, late),
    ):
        body = till.body(till.signed(**times))
        assert till.verify(body)["invalidReason"] == reason, times
        assert till.settle(body)["errorReason"] == reason, times


def test_whoever_has_too_little_is_told_so(till: Till) -> None:
    poor = till.pauper("poor", tokens=PRICE - 1)
    body = till.body(till.signed(payer=poor.address), wallet=poor)
    assert till.verify(body)["invalidReason"] == "insufficient_funds"
    assert till.settle(body)["errorReason"] == "insufficient_funds"


def test_two_payments_that_a_wallet_can_make_only_one_of_are_not_both_taken_on(till: Till) -> None:
    poor = till.pauper("poor", tokens=PRICE + 1)
    told = [till.settle(till.body(till.signed(payer=poor.address), wallet=poor))["errorReason"] for _ in range(2)]
    assert told == ["settlement_pending", "insufficient_funds"]


def test_no_more_is_spent_than_the_operator_set(till: Till) -> None:
    till.container.__dict__["relay_limits"] = RelayLimits(3, 10**9, settlements=RelayLimits(2, 50_000_000))
    assert [till.settle(till.body())["errorReason"] for _ in range(3)] == [
        "settlement_pending",
        "settlement_pending",
        "unexpected_verify_error",
    ]
    till.container.__dict__["relay_limits"] = RelayLimits(3, 10**9, settlements=RelayLimits(500, 1))
    other = till.pauper("other")
    told = till.settle(till.body(till.signed(payer=other.address), wallet=other))
    assert told["errorReason"] == "unexpected_verify_error"
    assert "spent" in told["errorMessage"]


def test_payments_and_openings_do_not_use_up_each_others_limits(till: Till) -> None:
    till.container.__dict__["relay_limits"] = RelayLimits(1, 50_000_000, settlements=RelayLimits(500, 50_000_000))
    for _ in range(3):
        till.settle(till.body())
    with till.container.read() as work:
        assert work.carrying.spent() == 0


# ------------------------------------------------------------------------------------------- what else may happen


def test_a_payment_that_somebody_else_carried_there_first_is_made(till: Till) -> None:
    signed = till.signed()
    body = till.body(signed)
    till.settle(body)
    front = till.anvil.signer("front")
    data = encode_transfer_with_authorization(signed, till.signature(signed))
    receipt = till.anvil.send(front, till.deployment.token, data)
    assert receipt.succeeded
    till.rounds()
    made = till.settle(body)
    assert (made["success"], made["transaction"]) == (True, "0x" + receipt.transaction.hex())
    assert (till.sold(), till.sent()) == (PRICE, 0)


def test_a_nonce_that_went_to_another_transfer_is_no_payment(till: Till) -> None:
    signed = till.signed()
    body = till.body(signed)
    till.settle(body)
    friend = till.anvil.signer("friend")
    place = till.deployment
    other = typed_data.receive_with_authorization(
        chain_id=place.chain_id,
        token=place.token,
        sender=signed.payer,
        recipient=friend.address,
        value=signed.amount,
        valid_after=0,
        valid_before=signed.valid_before,
        nonce=signed.nonce,
    )
    words = encode_transfer_with_authorization(
        till.signed(recipient=friend.address, nonce=signed.nonce, valid_before=signed.valid_before),
        till.buyer.sign_digest(other.digest),
    )
    receive = codec.selector_of(
        "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"
    )
    assert till.anvil.send(friend, place.token, receive + words[4:]).succeeded
    till.rounds()
    told = till.settle(body)
    assert (told["success"], told["errorReason"]) == (False, "invalid_exact_evm_nonce_already_used")
    assert till.sold() == 0


def test_a_payment_whose_money_went_elsewhere_fails_and_may_be_made_later(till: Till) -> None:
    signed = till.signed()
    body = till.body(signed)
    till.settle(body)
    till.anvil.set_balance(till.buyer.address, ETHER)
    everything = codec.encode_transfer(till.anvil.signer("friend").address, 100 * ETHER)
    assert till.anvil.send(till.buyer, till.deployment.token, everything).succeeded
    till.rounds()
    assert till.settle(body)["errorReason"] == "insufficient_funds"
    till.anvil.give_tokens(till.deployment, till.buyer.address, PRICE)
    assert till.settle(body)["errorReason"] == "settlement_pending"
    till.round()
    assert till.settle(body)["success"]


def test_a_payment_that_failed_with_us_and_that_somebody_else_made_later_is_made(till: Till) -> None:
    signed = till.signed()
    body = till.body(signed)
    till.settle(body)
    till.anvil.set_balance(till.buyer.address, ETHER)
    everything = codec.encode_transfer(till.anvil.signer("friend").address, 100 * ETHER)
    assert till.anvil.send(till.buyer, till.deployment.token, everything).succeeded
    till.rounds()
    till.anvil.give_tokens(till.deployment, till.buyer.address, PRICE)
    data = encode_transfer_with_authorization(signed, till.signature(signed))
    receipt = till.anvil.send(till.anvil.signer("front"), till.deployment.token, data)
    assert receipt.succeeded
    assert till.settle(body)["errorReason"] == "settlement_pending"
    till.rounds(3)
    made = till.settle(body)
    assert (made["success"], made["transaction"]) == (True, "0x" + receipt.transaction.hex())
    assert till.settle(body) == made
    assert (till.sold(), till.sent()) == (PRICE, 0)


def test_a_reorg_puts_a_payment_back_and_it_is_made_again(till: Till) -> None:
    body = till.body()
    till.settle(body)
    till.round()
    assert till.settle(body)["success"]
    till.anvil.reorg(1)
    assert till.sold() == 0
    assert till.settle(body)["errorReason"] == "settlement_pending"
    till.rounds()
    assert till.settle(body)["success"]
    assert (till.sold(), till.sent()) == (PRICE, 1)


def test_a_payment_outlives_whoever_took_it_on(till: Till) -> None:
    body = till.body()
    till.settle(body)
    # The answer was lost, and the seller never asks again.
    till.rounds()
    assert till.sold() == PRICE


def test_an_empty_relayer_takes_nothing_on(till: Till) -> None:
    till.anvil.set_balance(till.container.signers[RELAYER].address, 0)
    told = till.settle(till.body())
    assert told["errorReason"] == "unexpected_verify_error"
    assert "ether" in told["errorMessage"]


def test_what_was_settled_long_ago_is_taken_away(till: Till) -> None:
    body = till.body()
    till.settle(body)
    till.rounds()
    gasless.settle(till.container)
    with till.container.work() as work:
        assert work.settlements.prune(limit=10) == 0
    till.anvil.travel(32 * 86_400)
    with till.container.work() as work:
        assert work.settlements.prune(limit=10) == 1
    assert till.settle(body)["errorReason"] == "invalid_exact_evm_payload_authorization_valid_before"


def test_whoever_comes_when_too_many_wait_is_told_at_once_to_ask_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, look = [], facilitating.look

    def counting(container: Container, payment: Payment) -> Settled:
        looked.append(payment)
        return look(container, payment)

    monkeypatch.setattr(facilitating, "look", counting)
    till.container.settings.facilitator_wait_seconds = 1
    till.settle(till.body())
    assert len(looked) > 1  # it waited, and nobody follows the chain
    looked.clear()
    till.waiters.most = 0
    assert till.settle(till.body())["errorReason"] == "settlement_pending"
    assert len(looked) == 1


def test_a_sellers_name_for_a_payment_is_taken_once(till: Till) -> None:
    def body(identifier: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        made = till.body(**changes)
        made["paymentPayload"]["extensions"] = {"payment-identifier": {"info": {"required": False, "id": identifier}}}
        return made

    assert till.door.get("/v1/x402/supported").json()["extensions"] == ["payment-identifier"]
    one = body("order-0000000000001")
    assert [till.settle(one)["errorReason"] for _ in range(2)] == ["settlement_pending"] * 2
    other = body("order-0000000000001")
    for path in ("verify", "settle"):
        refused = till.door.post(f"/v1/x402/{path}", json=other)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:earnest:problem:payment_identifier_taken")
        assert till.door.post(f"/v1/x402/{path}", json=body("no name")).status_code == 400
    another = Address(b"\x77" * 20)
    elsewhere = body(
        "order-0000000000001", signed=till.signed(recipient=another), demand=till.demand(payTo=show_address(another))
    )
    assert till.settle(elsewhere)["errorReason"] == "settlement_pending"
    till.round()
    assert till.settle(one)["success"]
    assert (till.sold(), till.sent()) == (PRICE, 2)
