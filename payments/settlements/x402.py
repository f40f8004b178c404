"""The wire of x402 v2 (pure): what a buyer signed and what a seller asks, read from whatever was sent, and compared.

Source: the x402 specification, version 2, and its scheme ``exact`` for EVM chains by EIP-3009. Amounts and times are
decimal strings there; whatever is not written in the one way that they can be is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from contracts import typed_data
from contracts.authorizations import Authorization
from contracts.signatures import signer_of
from kit.amounts import UINT256_MAX
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, parse_address, parse_hash

VERSION: Final = 2
SCHEME: Final = "exact"

SHORTEST_SECONDS: Final = 10
"""How much longer an authorization must be good when it is looked at: one with less would come too late."""
LONGEST_SECONDS: Final = 86_400
"""How much longer it may be good at most: until its end it can be carried there by anybody."""

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_SIGNATURE: Final = re.compile(r"0x[0-9a-fA-F]{130}", re.ASCII)
_NONCE: Final = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_LONGEST_TEXT: Final = 200

IDENTIFIER: Final = "payment-identifier"
"""The extension by which a buyer names a payment, so that asking again for the same thing never pays twice."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)


class Reason(StrEnum):
    """Why a payment is not good, as x402 writes it."""

    VERSION = "invalid_x402_version"
    PAYLOAD = "invalid_payload"
    REQUIREMENTS = "invalid_payment_requirements"
    SCHEME = "unsupported_scheme"
    NETWORK = "invalid_network"
    MISMATCH = "accepted_mismatch"
    """What the buyer accepted is not what the seller asks. (A code of ours: x402 has none.)"""
    DOMAIN = "missing_eip712_domain"
    NAME = "invalid_exact_evm_token_name_mismatch"
    DOMAIN_VERSION = "invalid_exact_evm_token_version_mismatch"
    RECIPIENT = "invalid_exact_evm_payload_recipient_mismatch"
    VALUE = "invalid_exact_evm_payload_authorization_value_mismatch"
    TOO_EARLY = "invalid_exact_evm_payload_authorization_valid_after"
    TOO_LATE = "invalid_exact_evm_payload_authorization_valid_before"
    SIGNATURE = "invalid_exact_evm_payload_signature"
    USED = "invalid_exact_evm_nonce_already_used"
    FUNDS = "insufficient_funds"
    SIMULATION = "invalid_exact_evm_transaction_simulation_failed"
    FAILED = "invalid_transaction_state"
    PENDING = "settlement_pending"
    VERIFY = "unexpected_verify_error"
    SETTLE = "unexpected_settle_error"


class Flaw(Exception):
    """A payment is not good; ``sentence`` is for whoever reads along."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        """Say why."""
        super().__init__(reason)
        self.reason, self.sentence = reason, sentence


@dataclass(frozen=True, slots=True)
class Token:
    """A token in which can be paid: its contract, and the name and version of its EIP-712 domain."""

    chain_id: int
    address: Address
    name: str = typed_data.NAME
    version: str = typed_data.VERSION

    @property
    def network(self) -> str:
        """The chain's CAIP-2 name."""
        return network_of(self.chain_id)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a seller asks (``PaymentRequirements``); ``amount`` in base units, ``seconds`` to answer in."""

    network: str
    asset: Address
    amount: int
    pay_to: Address
    seconds: int
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Payment:
    """What a buyer sends (``PaymentPayload``): what they accepted, their signed transfer, and how they name it."""

    accepted: Demand
    signed: Authorization
    signature: bytes
    identifier: str | None = None

    @property
    def asset(self) -> Address:
        """In which token it is, as its buyer says: whose domain they must have signed by."""
        return self.accepted.asset


def network_of(chain_id: int) -> str:
    """Return a chain's CAIP-2 name."""
    return f"eip155:{chain_id}"


def read_demand(told: object, *, reason: Reason = Reason.REQUIREMENTS) -> Demand:
    """Read ``PaymentRequirements``. Raises ``Flaw``: for what has not its form with ``reason``."""
    try:
        asked = _mapping(told)
        if _text(asked, "scheme") != SCHEME:
            raise Flaw(Reason.SCHEME, "Only the scheme exact is served here.")
        extra = _mapping(asked.get("extra") or {})
        if "name" not in extra or "version" not in extra:
            raise Flaw(Reason.DOMAIN, "The requirements name no EIP-712 domain: extra.name and extra.version.")
        seconds = asked.get("maxTimeoutSeconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 2**31:
            raise _malformed("maxTimeoutSeconds")
        return Demand(
            network=_text(asked, "network"),
            asset=parse_address(_text(asked, "asset")),
            amount=_number(asked, "amount"),
            pay_to=parse_address(_text(asked, "payTo")),
            seconds=seconds,
            name=_text(extra, "name"),
            version=_text(extra, "version"),
        )
    except Invalid as error:
        raise Flaw(reason, error.message) from None


def declaration() -> dict[str, Any]:
    """Return what is said of identifiers where a payment is asked: they are taken, and not needed."""
    form = {"type": "string", "minLength": 16, "maxLength": 128, "pattern": "^[a-zA-Z0-9_-]+$"}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"required": {"type": "boolean"}, "id": form},
        "required": ["required"],
    }
    return {IDENTIFIER: {"info": {"required": False}, "schema": schema}}


def read_payment(told: object) -> Payment:
    """Read ``PaymentPayload``. Raises ``Flaw``, and ``Invalid`` for an identifier that is none."""
    identifier = _identifier(told)
    try:
        sent = _mapping(told)
        if sent.get("x402Version") != VERSION or isinstance(sent.get("x402Version"), bool):
            raise Flaw(Reason.VERSION, "Only version 2 of x402 is served here.")
        accepted = read_demand(sent.get("accepted"), reason=Reason.PAYLOAD)
        payload = _mapping(sent.get("payload"))
        signed = _mapping(payload.get("authorization"))
        nonce, signature = _text(signed, "nonce"), payload.get("signature")
        if not _NONCE.fullmatch(nonce):
            raise _malformed("nonce")
        if not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
            raise Flaw(Reason.SIGNATURE, "A signature here is that of a key: 65 bytes, r, s and v.")
        return Payment(
            accepted=accepted,
            signed=Authorization(
                payer=parse_address(_text(signed, "from")),
                recipient=parse_address(_text(signed, "to")),
                amount=_number(signed, "value"),
                valid_after=_number(signed, "validAfter"),
                valid_before=_number(signed, "validBefore"),
                nonce=parse_hash(nonce),
            ),
            signature=bytes.fromhex(signature[2:]),
            identifier=identifier,
        )
    except Invalid as error:
        raise Flaw(Reason.PAYLOAD, error.message) from None


def check(payment: Payment, demand: Demand, token: Token) -> None:
    """Refuse what can be refused without the chain and the clock. Raises ``Flaw``."""
    _check_demand(demand, token)
    signed = payment.signed
    if payment.accepted != demand:
        raise Flaw(Reason.MISMATCH, "The buyer accepted something else than what is asked.")
    if signed.recipient != demand.pay_to:
        raise Flaw(Reason.RECIPIENT, "The buyer signed a transfer to somebody else.")
    if signed.amount != demand.amount:
        raise Flaw(Reason.VALUE, "The buyer signed a transfer of another amount.")
    check_signature(payment, token)


def check_signature(payment: Payment, token: Token) -> None:
    """Refuse what the payer did not sign. Raises ``Flaw``."""
    signed = payment.signed
    domain = typed_data.Domain(token.name, token.version)
    asks = typed_data.transfer_with_authorization(signed, chain_id=token.chain_id, token=token.address, domain=domain)
    try:
        signer = signer_of(asks.digest, payment.signature)
    except Invalid as error:
        raise Flaw(Reason.SIGNATURE, error.message) from None
    if signer != signed.payer:
        raise Flaw(Reason.SIGNATURE, "The signature is not the payer's over this transfer.")


def _check_demand(demand: Demand, token: Token) -> None:
    if demand.network != token.network:
        raise Flaw(Reason.NETWORK, f"Only {token.network} is served here.")
    if demand.asset != token.address:
        raise Flaw(Reason.REQUIREMENTS, "That token is not served here.")
    if demand.name != token.name:
        raise Flaw(Reason.NAME, "The token has another name in its EIP-712 domain.")
    if demand.version != token.version:
        raise Flaw(Reason.DOMAIN_VERSION, "The token has another version in its EIP-712 domain.")
    if not demand.amount or demand.pay_to in (ZERO_ADDRESS, token.address):
        raise Flaw(Reason.REQUIREMENTS, "What is asked cannot be paid: an amount of something, to somebody.")


def check_times(signed: Authorization, now: int) -> None:
    """Refuse an authorization that is not good yet, or not for long enough, or for too long. Raises ``Flaw``."""
    if signed.valid_after >= now:
        raise Flaw(Reason.TOO_EARLY, "The authorization is not good yet.")
    left = signed.valid_before - now
    if left < SHORTEST_SECONDS:
        raise Flaw(Reason.TOO_LATE, f"The authorization is good for less than {SHORTEST_SECONDS} s more.")
    if left > LONGEST_SECONDS:
        raise Flaw(Reason.TOO_LATE, f"The authorization is good for more than {LONGEST_SECONDS} s: sign a shorter one.")


def _mapping(told: object) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise Invalid("x402_malformed", "An object is missing, or is none.")
    return told


def _identifier(told: object) -> str | None:
    """Return how a buyer names a payment; clients send the bare declaration back where they name none."""
    for name in ("extensions", IDENTIFIER, "info", "id"):
        told = told.get(name) if isinstance(told, dict) else None
    if told is None:
        return None
    if not isinstance(told, str) or not _IDENTIFIER.fullmatch(told):
        raise Invalid(
            "payment_identifier_malformed", "A payment-identifier has 16 to 128 letters, digits, '-' and '_'."
        )
    return told


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or len(found) > _LONGEST_TEXT:
        raise _malformed(name)
    return found


def _number(told: Mapping[str, Any], name: str) -> int:
    found = _text(told, name)
    if not _NUMBER.fullmatch(found) or int(found) > UINT256_MAX:
        raise _malformed(name)
    return int(found)


def _malformed(name: str) -> Invalid:
    return Invalid("x402_malformed", f"The field {name} is missing or malformed.")
