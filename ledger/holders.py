"""Holders: which addresses a person proved to hold, by a signature under a message that we asked for."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from kit.errors import Conflict, Forbidden, NotFound
from kit.identifiers import Address, PersonId
from ledger import siwe
from ledger.store import holders as store

NONCE_TTL = timedelta(minutes=15)
"""How long a person has to sign."""
MOST_WALLETS = 20
"""Addresses that one person can have linked at a time."""


class Holders:
    """Wallets of people, in one transaction. An address is linked to at most one person at a time."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def nonce(self, person: PersonId | None = None) -> str:
        """Give out a nonce, good once within 15 minutes: for this person alone, or for whoever uses it first."""
        nonce = secrets.token_hex(16)
        store.add_nonce(self._session, nonce, person, now=self._now, ttl=NONCE_TTL)
        return nonce

    def link(
        self, person: PersonId, message_text: str, signature: str, *, domain: str, uri: str, chain_id: int
    ) -> Address:
        """Link the address that signed ``message_text`` (EIP-4361) to ``person`` and return it; the first is primary.

        ``domain``, ``uri`` and ``chain_id`` are what the message must have been made for, its nonce one of ours.
        Raises ``Invalid`` for a message or signature that is none; ``Forbidden`` for one that was made for elsewhere,
        is used, early or late, or signed by another key; ``Conflict`` for an address that is linked to another person,
        and beyond 20 wallets.
        """
        message = siwe.parse(message_text)
        siwe.check_place(message, domain=domain, uri=uri, chain_id=chain_id)
        siwe.check_time(message, self._now)
        if siwe.signer_of(message_text, signature) != message.address:
            raise Forbidden("signature_wrong", "The signature is not of the address that the message names.")
        if not store.use_nonce(self._session, message.nonce, person, self._now):
            raise Forbidden("nonce_spent", "The message was used before, or is too old; begin again.")
        mine = store.addresses(self._session, person)
        if message.address in mine:
            return message.address
        if len(mine) >= MOST_WALLETS:
            raise Conflict("too_many_wallets", f"One person links at most {MOST_WALLETS} wallets.", most=MOST_WALLETS)
        if not store.link(self._session, person, message.address, is_primary=not mine, now=self._now):
            raise Conflict("address_linked_elsewhere", "This address is linked to another Matrix id.")
        return message.address

    def addresses(self, person: PersonId) -> list[Address]:
        """Return a person's addresses, the primary one first."""
        return store.addresses(self._session, person)

    def primary(self, person: PersonId) -> Address | None:
        """Return the address that a person's money goes to, if they linked any."""
        return next(iter(store.addresses(self._session, person)), None)

    def set_primary(self, person: PersonId, address: Address) -> None:
        """Let a linked address be the primary one. Raises ``NotFound``."""
        if address not in store.addresses(self._session, person):
            raise _not_linked()
        store.make_primary(self._session, person, address)

    def person_of(self, address: Address) -> PersonId | None:
        """Return whose address this is; to be told to nobody but that person."""
        return store.person_of(self._session, address)

    def unlink(self, person: PersonId, address: Address) -> None:
        """Unlink an address; where it was the primary one, the oldest of the others takes over. Raises ``NotFound``."""
        if not store.unlink(self._session, person, address, self._now):
            raise _not_linked()
        left = store.addresses(self._session, person)
        if left:
            store.make_primary(self._session, person, left[0])


def _not_linked() -> NotFound:
    return NotFound("address_not_linked", "This address is not linked to you.")
