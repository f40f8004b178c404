"""Linking: the message that a wallet signs to be linked to a person, and the signature under it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TypedDict
from urllib.parse import quote, urlsplit

from app.container import Container, Work
from app.wording.signing import link_statement
from contracts import wallets
from kit.errors import Forbidden, NotFound
from kit.identifiers import Address, PersonId, UserId
from ledger import holders, siwe
from ledger.holders import Proof

SIGN_WITHIN = timedelta(minutes=10)
"""How long the message that a wallet signs is good."""


class _Place(TypedDict):
    domain: str
    uri: str
    chain_id: int


def message_for(container: Container, work: Work, person: PersonId, address: Address) -> siwe.Message:
    """Return a fresh message for this person and address alone, good for one linking."""
    mxid = _name(work, person)
    return siwe.Message(
        **_place(container),
        address=address,
        nonce=work.holders.nonce(person),
        issued_at=siwe.show_time(work.now),
        expiration_time=siwe.show_time(work.now + SIGN_WITHIN),
        statement=link_statement(mxid),
        resources=(resource_of(mxid),),
    )


def prove(container: Container, person: PersonId, text: str, signature: str) -> Proof:
    """Look at all that can be looked at without a change: the message, and whose signature stands under it.

    A contract's wallet is asked through the node, so no transaction may be open here; what may change meanwhile is
    looked at again by ``link``. Raises as ``Holders.check`` and ``holders.prove`` do, ``Forbidden`` for a message that
    was made for another person, and ``ChainUnavailable``.
    """
    with container.read() as work:
        message = work.holders.check(person, text, **_place(container))
        mxid = _name(work, person)
    # Whoever signed must have read this person's name: a signature made for one account is no good for another.
    if (message.statement, message.resources) != (link_statement(mxid), (resource_of(mxid),)):
        raise Forbidden("siwe_for_another", "That message was made for another Matrix account.")
    return holders.prove(text, signature, partial(wallets.says, container.chain))


def link(container: Container, work: Work, person: PersonId, proof: Proof) -> Address:
    """Link the wallet that signed and return its address; raises as ``Holders.link`` does."""
    address = work.holders.link(person, proof, **_place(container))
    work.supporters.wallets_changed(person)
    while work.content.linked(person, address):
        continue
    return address


def make_primary(work: Work, person: PersonId, address: Address) -> None:
    """Let a linked wallet be the primary one; the fee of the person's door goes to it from now on."""
    work.holders.set_primary(person, address)
    work.doors.pay_primary(person)


def unlink(work: Work, person: PersonId, address: Address) -> None:
    """Unlink a wallet; the fee of the person's door goes to the one that is the primary one then.

    Stakes stay as they are: each goes back to the address that its own terms name. Raises ``NotFound``, and
    ``Conflict`` for the last wallet of somebody whose door asks for a fee.
    """
    work.holders.unlink(person, address)
    work.doors.pay_primary(person)
    work.supporters.wallets_changed(person)


def _place(container: Container) -> _Place:
    uri = f"{container.settings.public_url}/link"
    return _Place(domain=urlsplit(uri).netloc, uri=uri, chain_id=container.terms.chain_id)


def _name(work: Work, person: PersonId) -> UserId:
    mxid = work.people.mxid(person)
    if mxid is None:
        raise NotFound("person_gone", "There is no such person any more.")
    return mxid


def resource_of(mxid: UserId) -> str:
    """Return the person as a ``matrix:`` URI (Matrix specification, "URIs"): the exact id, percent-encoded."""
    return f"matrix:u/{quote(mxid[1:], safe='')}"
