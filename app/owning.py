"""Owning: what wallets bought becomes the person's for whom they sign, and one account hands over to another.

The code by which a purchase is handed over is what it is of, sealed by the service's sealing key, so nothing is kept of
it; once the purchase is another's, it is good for nothing.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from app import proofs
from app.container import Container, Work
from app.downloads import Link
from app.linking import resource_of
from app.proofs import Purpose
from app.wording.signing import owning_statement
from kit import outbox
from kit.clock import unix
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, PersonId
from ledger import siwe
from payments.content.model import Purchase
from payments.content.sold import CLAIMED_AT_ONCE

LIFETIME: Final = timedelta(days=1)
_PATH: Final = "/v1/me/library"
_PURPOSE: Final = "hand-over"
_FORM: Final = struct.Struct(">22sQ20sQ")
"""Purchase, whose it is, the wallet that agreed (the zero address: none), until when."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A message as it was made here, and a wallet's signature under it."""

    message: str
    signature: str


def message_for(container: Container, person: PersonId, wallet: Address) -> siwe.Message:
    """Return what a wallet signs to let a person have, and move, what it bought."""
    return proofs.message_for(container, wallet, _purpose(container, person))


def claim(container: Container, person: PersonId, signed: Signed) -> int:
    """Let all that a wallet bought be a person's for whom it signs; return how much. Raises as ``proofs.signer_of``."""
    wallet, claimed = _agreed(container, person, signed), 0
    while True:
        with container.work() as work:
            some = work.content.claim(person, wallet)
        claimed += some
        if some < CLAIMED_AT_ONCE:
            return claimed


def move(container: Container, person: PersonId, purchase: str, to: Signed, had: Signed | None) -> Purchase:
    """Let the wallet that signed ``to`` have a purchase, in the place of the one that signed ``had``.

    Raises as ``proofs.signer_of`` and ``Content.move``.
    """
    wallet = _agreed(container, person, to)
    agreed = {wallet} | (set() if had is None else {_agreed(container, person, had)})
    with container.work() as work:
        return work.content.move(person, purchase, wallet, agreed)


def offer(container: Container, person: PersonId, purchase: str, had: Signed | None) -> Link:
    """Return the code by which somebody else takes a purchase over, good for a day; ``had``: the wallet's that has it.

    Raises as ``proofs.signer_of`` and ``Content.move``.
    """
    wallet = ZERO_ADDRESS if had is None else _agreed(container, person, had)
    with container.read(one_moment=True) as work:
        work.content.check_movable(person, purchase, {wallet})
        expires_at = unix(work.now + LIFETIME)
        sealed = work.seal().close(_FORM.pack(purchase.encode(), person, wallet, expires_at), _PURPOSE)
    return Link(base64.urlsafe_b64encode(sealed).decode().rstrip("="), expires_at)


def receive(work: Work, person: PersonId, code: str) -> Purchase:
    """Take over what a code is of. Raises ``NotFound``, ``Conflict`` for a late code, and as ``Content.move``."""
    try:
        told = work.seal().open(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)), _PURPOSE)
    except (binascii.Error, ValueError, Conflict):
        raise NotFound("code_unknown", "There is no such code. Ask for a new one.") from None
    purchase, owner, wallet, expires_at = _FORM.unpack(told)
    if unix(work.now) >= expires_at:
        raise Conflict("code_expired", "This code is no longer good. Ask for a new one.")
    if owner == person:
        raise Invalid("yours_already", "That is yours already: give the code to whoever is to have it.")
    if not outbox.once(work.session, f"hand-over:{sha256(told).hexdigest()}", work.now):
        raise Conflict("code_used", "This code was used before. Ask for a new one.")
    return work.content.hand_over(PersonId(owner), purchase.decode(), person, {Address(wallet)})


def _agreed(container: Container, person: PersonId, signed: Signed) -> Address:
    return proofs.signer_of(container, signed.message, signed.signature, _purpose(container, person))


def _purpose(container: Container, person: PersonId) -> Purpose:
    with container.read() as work:
        mxid = work.people.mxid(person)
    if mxid is None:
        raise NotFound("person_gone", "There is no such person any more.")
    return Purpose(_PATH, owning_statement(mxid), (resource_of(mxid),))
