"""Typed data against eth-account: the same digest from the JSON that a wallet gets."""

import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec, typed_data
from contracts.events import Terms
from contracts.typed_data import TypedData
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, show_address
from tests.support.terms import CHAIN_ID, ESCROW, TERMS, TOKEN, addresses, amounts, any_terms, hashes

chains = st.integers(1, 2**53)


def digest_of(document: dict[str, Any]) -> bytes:
    """What eth-account would sign for a document that went through JSON, as it does on its way to a wallet."""
    message = encode_typed_data(full_message=json.loads(json.dumps(document)))
    return keccak(b"\x19" + message.version + message.header + message.body)


@given(chains, addresses, addresses, addresses, amounts, amounts, amounts)
def test_a_permit_has_the_digest_that_wallets_sign(
    chain_id: int, token: Address, owner: Address, spender: Address, value: int, nonce: int, deadline: int
) -> None:
    asked = typed_data.permit(
        chain_id=chain_id, token=token, owner=owner, spender=spender, value=value, nonce=nonce, deadline=deadline
    )
    assert asked.digest == digest_of(asked.document)


@given(chains, addresses, addresses, addresses, amounts, amounts, hashes)
def test_an_authorization_has_the_digest_that_wallets_sign(
    chain_id: int, token: Address, sender: Address, recipient: Address, value: int, until: int, nonce: Hash32
) -> None:
    asked = typed_data.receive_with_authorization(
        chain_id=chain_id,
        token=token,
        sender=sender,
        recipient=recipient,
        value=value,
        valid_after=0,
        valid_before=until,
        nonce=nonce,
    )
    assert asked.digest == digest_of(asked.document)


def authorization(terms: Terms = TERMS) -> TypedData:
    return typed_data.authorization_to_open(terms, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW)


@given(any_terms)
def test_an_authorization_to_open_carries_the_stake_id_as_its_nonce(terms: Terms) -> None:
    if terms.amount + terms.fee + terms.relay_fee >= 2**256:
        with pytest.raises(Invalid):
            authorization(terms)
        return
    message = authorization(terms).document["message"]
    assert message == {
        "from": show_address(terms.payer),
        "to": show_address(ESCROW),
        "value": str(terms.amount + terms.fee + terms.relay_fee),
        "validAfter": "0",
        "validBefore": str(terms.quote_expiry),
        "nonce": "0x" + codec.stake_id(terms, chain_id=CHAIN_ID, escrow=ESCROW).hex(),
    }


def test_a_permit_to_open_covers_amount_and_fee_without_the_relay_fee() -> None:
    asked = typed_data.permit_to_open(TERMS, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW, nonce=3, deadline=9)
    assert asked.document["message"] == {
        "owner": show_address(TERMS.payer),
        "spender": show_address(ESCROW),
        "value": str(TERMS.amount + TERMS.fee),
        "nonce": "3",
        "deadline": "9",
    }
    assert asked.document["domain"] == {
        "name": "Earnest",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": show_address(TOKEN),
    }
    assert asked.document["primaryType"] == "Permit"


def test_a_wallet_library_signs_the_document_and_we_know_the_signer() -> None:
    wallet = Account.from_key(b"\x42" * 32)
    signed = Account.sign_typed_data(wallet.key, full_message=authorization().document)
    recovered = Account._recover_hash(authorization().digest, signature=signed.signature)
    assert recovered == wallet.address


def test_values_without_a_place_in_their_type_are_refused() -> None:
    for wrong in ({"value": -1}, {"value": 2**256}, {"owner": b"\x01" * 32}, {"spender": b""}):
        fields: dict[str, Any] = {"owner": TOKEN, "spender": ESCROW, "value": 1, "nonce": 0, "deadline": 1} | wrong
        with pytest.raises(Invalid):
            typed_data.permit(chain_id=CHAIN_ID, token=TOKEN, **fields)
