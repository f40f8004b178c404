"""Owning: what wallets bought becomes a person's who linked them, and one account hands over to another.

The code by which a purchase is handed over is what it is of, sealed by the service's sealing key, so nothing is kept of
it; once the purchase is another's, it is good for nothing.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import timedelta
from typing import Final

from app.container import Container, Work
from app.downloads import Link
from kit.clock import unix
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, PersonId
from payments.content.model import Purchase
from payments.content.sold import CLAIMED_AT_ONCE

LIFETIME: Final = timedelta(days=1)
_PURPOSE: Final = "hand-over"
_FORM: Final = struct.Struct(">22sQQ")
"""Purchase, whose it is, until when."""


def claim(container: Container, person: PersonId, wallet: Address) -> int:
    """Let all that a wallet bought be a person's who linked it; return how much. Raises as ``Content.claim``."""
    claimed = 0
    while True:
        with container.work() as work:
            some = work.content.claim(person, wallet)
        claimed += some
        if some < CLAIMED_AT_ONCE:
            return claimed


def offer(work: Work, person: PersonId, purchase: str) -> Link:
    """Return the code by which somebody else takes a purchase over, good for a day. Raises as ``Content.move``."""
    work.content.check_movable(person, purchase)
    expires_at = unix(work.now + LIFETIME)
    sealed = work.seal().close(_FORM.pack(purchase.encode(), person, expires_at), _PURPOSE)
    return Link(base64.urlsafe_b64encode(sealed).decode().rstrip("="), expires_at)


def receive(work: Work, person: PersonId, code: str) -> Purchase:
    """Take over what a code is of. Raises ``NotFound``, ``Conflict`` for a late code, and as ``Content.move``."""
    try:
        told = work.seal().open(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)), _PURPOSE)
    except (binascii.Error, ValueError, Conflict):
        raise NotFound("code_unknown", "There is no such code. Ask for a new one.") from None
    purchase, owner, expires_at = _FORM.unpack(told)
    if unix(work.now) >= expires_at:
        raise Conflict("code_expired", "This code is no longer good. Ask for a new one.")
    if owner == person:
        raise Invalid("yours_already", "That is yours already: give the code to whoever is to have it.")
    return work.content.hand_over(PersonId(owner), purchase.decode(), person)
