"""Claiming by a signature: what is to be signed with the address that gave, and whose signature it was."""

from __future__ import annotations

from collections.abc import Sequence

from app.container import Container
from contracts import wallets
from kit.errors import Forbidden, Invalid, NotFound
from kit.identifiers import PersonId, UserId, parse_address
from ledger import siwe
from payments.flair import bitcoin
from payments.flair.claiming import Claimed, ToSign
from payments.flair.model import address_name


def message_for(container: Container, person: PersonId, address: str) -> ToSign:
    """Return what a person is to sign with an address that gave. Raises ``Invalid`` for what is no address."""
    with container.work() as work:
        return work.claims.message(
            person, _name(work.people.mxid(person)), name_of(address), service=_service(container)
        )


def claim_by_signature(container: Container, person: PersonId, signature: str) -> Claimed:
    """Claim what was given from an address whose message waits for this signature.

    A contract's wallet is asked through the node, so no transaction may be open here. Raises ``NotFound`` where no
    message waits, ``Forbidden`` for what is a signature of none of them, and ``ChainUnavailable``.
    """
    with container.read() as work:
        waiting = work.claims.to_sign(person, _name(work.people.mxid(person)), service=_service(container))
    if not waiting:
        raise NotFound("no_message", "No message of yours waits to be signed. Begin anew.")
    signed = _signed(container, waiting, signature.strip())
    with container.work() as work:
        return work.claims.by_signature(person, signed.nonce)


def name_of(address: str) -> str:
    """Return an address of Ethereum or Bitcoin as givers are named by it. Raises ``Invalid``."""
    plain = address.strip()
    return bitcoin.name_of(plain) if bitcoin.is_address(plain) else address_name(parse_address(plain))


def signed_by_key(waiting: Sequence[ToSign], signature: str) -> ToSign | None:
    """Return which message it is a signature of, by its address's key; a contract's wallet may say so otherwise."""
    for one in waiting:
        if bitcoin.is_address(one.address):
            if bitcoin.is_signed(one.address, one.text, signature):
                return one
        elif _by_key(one, signature):
            return one
    return None


def _signed(container: Container, waiting: Sequence[ToSign], signature: str) -> ToSign:
    """Return which message it is a signature of: by its address's key, or else as a contract's wallet."""
    by_key = signed_by_key(waiting, signature)
    if by_key is not None:
        return by_key
    for one in waiting:
        if not bitcoin.is_address(one.address) and _by_contract(container, one, signature):
            return one
    raise Forbidden("signature_wrong", "The signature is not of the address that the message names.")


def _by_key(one: ToSign, signature: str) -> bool:
    try:
        return siwe.signer_of(one.text, signature) == parse_address(one.address)
    except Invalid:
        return False  # contracts have signatures of other forms


def _by_contract(container: Container, one: ToSign, signature: str) -> bool:
    try:
        raw = siwe.read_signature(signature)
    except Invalid:
        return False
    return wallets.says(container.chain, parse_address(one.address), siwe.digest(one.text), raw)


def _service(container: Container) -> str:
    return container.settings.public_url


def _name(mxid: UserId | None) -> UserId:
    if mxid is None:
        raise NotFound("person_unknown", "There is no such person.")
    return mxid
