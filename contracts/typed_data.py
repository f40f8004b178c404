"""Typed data (EIP-712): what a wallet signs so that the escrow may take a stake, and the digest of it.

Each function gives both shapes at once: the JSON for ``eth_signTypedData_v4`` (numbers as decimal strings, which every
wallet reads exactly) and the digest that our own signers sign and our tests compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from eth_utils.crypto import keccak

from contracts.authorizations import Authorization
from contracts.checkout import Order, SaleTerms, purchase_id
from contracts.codec import stake_id
from contracts.events import SignedGift, Terms
from contracts.pledges import gift_id
from contracts.words import WORD
from kit.amounts import UINT256_MAX
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, show_address, show_hash

NAME: Final = "Earnest"
"""The token's name in its EIP-712 domain."""
VERSION: Final = "1"
"""The domain's version."""


class Domain(NamedTuple):
    """What a token calls itself in its EIP-712 domain, beside the chain and its own address."""

    name: str
    version: str


EARNEST: Final = Domain(NAME, VERSION)
"""Our own token's."""

_Fields = tuple[tuple[str, str], ...]
_Values = dict[str, int | bytes | str]

_DOMAIN: Final[_Fields] = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_PERMIT: Final[_Fields] = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)
_AUTHORIZATION: Final[_Fields] = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)


@dataclass(frozen=True, slots=True)
class TypedData:
    """A message to sign: ``document`` for a wallet (JSON-ready), ``digest`` for a signer of ours."""

    document: dict[str, Any]
    digest: Hash32


def permit(
    *,
    chain_id: int,
    token: Address,
    owner: Address,
    spender: Address,
    value: int,
    nonce: int,
    deadline: int,
    domain: Domain = EARNEST,
) -> TypedData:
    """EIP-2612: ``owner`` lets ``spender`` take ``value`` base units until ``deadline`` (Unix seconds)."""
    values: _Values = {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    return _typed("Permit", _PERMIT, values, chain_id=chain_id, token=token, domain=domain)


def receive_with_authorization(
    *,
    chain_id: int,
    token: Address,
    sender: Address,
    recipient: Address,
    value: int,
    valid_after: int,
    valid_before: int,
    nonce: Hash32,
) -> TypedData:
    """EIP-3009: ``recipient`` itself may fetch ``value`` base units from ``sender``, between two Unix times, once."""
    signed = Authorization(sender, recipient, value, valid_after, valid_before, nonce)
    return _typed("ReceiveWithAuthorization", _AUTHORIZATION, _values(signed), chain_id=chain_id, token=token)


def transfer_with_authorization(
    signed: Authorization, *, chain_id: int, token: Address, domain: Domain = EARNEST
) -> TypedData:
    """EIP-3009: whoever has the signature may carry the transfer to the chain, between two Unix times, once."""
    values = _values(signed)
    return _typed("TransferWithAuthorization", _AUTHORIZATION, values, chain_id=chain_id, token=token, domain=domain)


def _values(signed: Authorization) -> _Values:
    return {
        "from": signed.payer,
        "to": signed.recipient,
        "value": signed.amount,
        "validAfter": signed.valid_after,
        "validBefore": signed.valid_before,
        "nonce": signed.nonce,
    }


def permit_to_open(
    terms: Terms, *, chain_id: int, token: Address, escrow: Address, nonce: int, deadline: int
) -> TypedData:
    """Return the permit that ``ContactEscrow.openWithPermit`` needs: the payer lets the escrow take amount + fee.

    ``nonce`` is the payer's ``nonces`` on the token.
    """
    due = terms.amount + terms.fee
    return permit(
        chain_id=chain_id, token=token, owner=terms.payer, spender=escrow, value=due, nonce=nonce, deadline=deadline
    )


def authorization_to_open(terms: Terms, *, chain_id: int, token: Address, escrow: Address) -> TypedData:
    """Return the authorization that ``ContactEscrow.openWithAuthorization`` needs, good until the quote expires.

    Amount + fee + relay fee; its nonce is the stake's id, so it opens these terms or nothing.
    """
    return receive_with_authorization(
        chain_id=chain_id,
        token=token,
        sender=terms.payer,
        recipient=escrow,
        value=terms.amount + terms.fee + terms.relay_fee,
        valid_after=0,
        valid_before=terms.quote_expiry,
        nonce=stake_id(terms, chain_id=chain_id, escrow=escrow),
    )


def authorization_to_give(gift: SignedGift, *, chain_id: int, token: Address, pledges: Address) -> TypedData:
    """Return the authorization that ``Pledges.giveWithAuthorization`` needs: amount + relay fee, in time.

    Its nonce is the gift's id, so it gives exactly this or nothing.
    """
    return receive_with_authorization(
        chain_id=chain_id,
        token=token,
        sender=gift.giver,
        recipient=pledges,
        value=gift.amount + gift.relay_fee,
        valid_after=0,
        valid_before=gift.valid_before,
        nonce=gift_id(gift, chain_id=chain_id, pledges=pledges),
    )


def permit_to_buy(
    terms: SaleTerms,
    *,
    chain_id: int,
    buyer: Address,
    checkout: Address,
    nonce: int,
    deadline: int,
    domain: Domain = EARNEST,
) -> TypedData:
    """Return the permit that ``Checkout.buyWithPermit`` needs for a price: the buyer lets it take that.

    ``nonce`` is the buyer's ``nonces`` on the token of the terms, ``domain`` that token's own.
    """
    return permit(
        chain_id=chain_id,
        token=terms.asset,
        owner=buyer,
        spender=checkout,
        value=terms.price,
        nonce=nonce,
        deadline=deadline,
        domain=domain,
    )


def authorization_to_buy(
    terms: SaleTerms, order: Order, *, chain_id: int, token: Address, checkout: Address
) -> TypedData:
    """Return the authorization that ``Checkout.buyWithAuthorization`` needs: price + relay fee, in time.

    Its nonce is the purchase's id, so it buys exactly this or nothing.
    """
    return receive_with_authorization(
        chain_id=chain_id,
        token=token,
        sender=order.buyer,
        recipient=checkout,
        value=terms.price + order.relay_fee,
        valid_after=0,
        valid_before=order.valid_before,
        nonce=purchase_id(terms, order, chain_id=chain_id, checkout=checkout),
    )


def domain_separator(*, chain_id: int, token: Address, domain: Domain = EARNEST) -> Hash32:
    """Return the token's domain separator, as its ``DOMAIN_SEPARATOR()`` does."""
    return _struct_hash("EIP712Domain", _DOMAIN, _domain(chain_id, token, domain))


def _domain(chain_id: int, token: Address, domain: Domain) -> _Values:
    return {"name": domain.name, "version": domain.version, "chainId": chain_id, "verifyingContract": token}


def _typed(
    primary: str, fields: _Fields, values: _Values, *, chain_id: int, token: Address, domain: Domain = EARNEST
) -> TypedData:
    separator = domain_separator(chain_id=chain_id, token=token, domain=domain)
    digest = Hash32(keccak(b"\x19\x01" + separator + _struct_hash(primary, fields, values)))
    document = {
        "types": {"EIP712Domain": _list(_DOMAIN), primary: _list(fields)},
        "primaryType": primary,
        # A wallet compares this chain id with its own, and some of them by type: it stays a number.
        "domain": _shown(_DOMAIN, _domain(chain_id, token, domain)) | {"chainId": chain_id},
        "message": _shown(fields, values),
    }
    return TypedData(document, digest)


def _list(fields: _Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def _shown(fields: _Fields, values: _Values) -> dict[str, str]:
    return {name: _show(kind, values[name]) for name, kind in fields}


def _show(kind: str, value: int | bytes | str) -> str:
    if isinstance(value, bytes):
        return show_address(Address(value)) if kind == "address" else show_hash(Hash32(value))
    return str(value)


def _struct_hash(primary: str, fields: _Fields, values: _Values) -> Hash32:
    kinds = ",".join(f"{kind} {name}" for name, kind in fields)
    encoded = b"".join(_encoded(kind, values[name]) for name, kind in fields)
    return Hash32(keccak(keccak(text=f"{primary}({kinds})") + encoded))


def _encoded(kind: str, value: int | bytes | str) -> bytes:
    if isinstance(value, str):
        return keccak(text=value)
    if isinstance(value, int):
        if not 0 <= value <= UINT256_MAX:
            raise Invalid("word_out_of_range", "A number does not fit in 256 bits.")
        return value.to_bytes(WORD)
    if len(value) != (20 if kind == "address" else WORD):
        raise Invalid("word_malformed", f"A value of type {kind} has {len(value)} bytes.")
    return value.rjust(WORD, b"\0")
