"""Holders: which addresses a person proved to hold, by a signature under a message that we asked for.

A link says that at its moment the wallet signed for the person. Of the proof nothing is kept but the address and the
moment. That a key signed stays true; a contract's wallet may have another owner the next day, and is not asked again.
So a link gives no right over anything: it says where fees go that are due to this person, whose statement shows the
wallet's movements (which are public), whose stakes count together, and what money stands behind their vouches. Nobody
else learns of it, but that those for whom a vouch is can tell that there is money behind it. Who owns such a wallet
after somebody else can link it once that person has unlinked it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import Address, Hash32, PersonId
from ledger import siwe
from ledger.store import holders as store

TOPIC = "wallets"
"""What the change counter counts links under; its subjects are people."""
NONCE_TTL = timedelta(minutes=15)
"""How long a person has to sign."""
MOST_WALLETS = 20
"""Addresses that one person can have linked at a time."""


WalletSays = Callable[[Address, Hash32, bytes], bool]
"""Asks a contract's wallet whether a signature of a digest is its own."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """One of a person's wallets."""

    address: Address
    primary: bool
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """A message that its address signed; ``prove`` makes it."""

    message: siwe.Message


def prove(message_text: str, signature: str, wallet_says: WalletSays) -> Proof:
    """Return the message as one that its address signed: by its key, or else as a contract's wallet.

    ``wallet_says`` may ask a node, so no transaction should be open. Raises ``Invalid`` for a message or signature that
    is none, ``Forbidden`` for one that is not the address's, and whatever ``wallet_says`` does.
    """
    message = siwe.parse(message_text)
    raw = siwe.read_signature(signature)
    by_key = _by_key(message, message_text, signature)
    if not by_key and not wallet_says(message.address, siwe.digest(message_text), raw):
        raise Forbidden("signature_wrong", "The signature is not of the address that the message names.")
    return Proof(message)


def _by_key(message: siwe.Message, text: str, signature: str) -> bool:
    try:
        return siwe.signer_of(text, signature) == message.address
    except Invalid:
        return False  # contracts have signatures of other forms


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

    def check(self, person: PersonId, message_text: str, *, domain: str, uri: str, chain_id: int) -> siwe.Message:
        """Return the message if ``person`` could link its address with it now, were it signed. Changes nothing.

        ``domain``, ``uri`` and ``chain_id`` are what it must have been made for, its nonce one of ours. Raises
        ``Invalid`` for what is no message; ``Forbidden`` for one that was made for elsewhere, is used, early or late.
        """
        message = siwe.parse(message_text)
        self._hold_to(message, domain=domain, uri=uri, chain_id=chain_id)
        if not store.nonce_is_good(self._session, message.nonce, person, self._now):
            raise _nonce_spent()
        return message

    def link(self, person: PersonId, proof: Proof, *, domain: str, uri: str, chain_id: int) -> Address:
        """Link the address that signed to ``person`` and return it, using its nonce up; the first one is primary.

        Raises as ``check`` does, for time has passed since; and ``Conflict`` for an address that is linked to another
        person, and beyond 20 wallets.
        """
        message = proof.message
        self._hold_to(message, domain=domain, uri=uri, chain_id=chain_id)
        if not store.use_nonce(self._session, message.nonce, person, self._now):
            raise _nonce_spent()
        store.hold(self._session, person)
        mine = store.addresses(self._session, person)
        if message.address in mine:
            return message.address
        if len(mine) >= MOST_WALLETS:
            raise Conflict("too_many_wallets", f"One person links at most {MOST_WALLETS} wallets.", most=MOST_WALLETS)
        if not store.link(self._session, person, message.address, is_primary=not mine, now=self._now):
            raise Conflict("address_linked_elsewhere", "This address is linked to another Matrix id.")
        touch(self._session, TOPIC, person)
        return message.address

    def _hold_to(self, message: siwe.Message, *, domain: str, uri: str, chain_id: int) -> None:
        siwe.check_place(message, domain=domain, uri=uri, chain_id=chain_id)
        siwe.check_time(message, self._now)

    def wallets(self, person: PersonId) -> list[Wallet]:
        """Return a person's wallets, the primary one first, then in the order they were linked."""
        return [Wallet(*row) for row in store.wallets(self._session, person)]

    def addresses(self, person: PersonId) -> list[Address]:
        """Return a person's addresses, the primary one first."""
        return store.addresses(self._session, person)

    def primary(self, person: PersonId) -> Address | None:
        """Return the address that a person's money goes to, if they linked any."""
        return next(iter(store.addresses(self._session, person)), None)

    def set_primary(self, person: PersonId, address: Address) -> None:
        """Let a linked address be the primary one. Raises ``NotFound``."""
        store.hold(self._session, person)
        if address not in store.addresses(self._session, person):
            raise not_linked()
        store.make_primary(self._session, person, address)

    def person_of(self, address: Address) -> PersonId | None:
        """Return whose address this is; to be told to nobody but that person."""
        return store.person_of(self._session, address)

    def unlink(self, person: PersonId, address: Address) -> None:
        """Unlink an address; where it was the primary one, the oldest of the others takes over. Raises ``NotFound``."""
        store.hold(self._session, person)
        if not store.unlink(self._session, person, address, self._now):
            raise not_linked()
        touch(self._session, TOPIC, person)
        left = store.addresses(self._session, person)
        if left:
            store.make_primary(self._session, person, left[0])


def owners(session: Session, addresses: Collection[Address]) -> dict[Address, PersonId]:
    """Return whose these addresses are, as far as they are anybody's."""
    return store.owners(session, addresses=addresses)


def addresses_of(session: Session, people: Collection[PersonId]) -> dict[Address, PersonId]:
    """Return all addresses of these people, and whose each is."""
    return store.owners(session, people=people)


def _nonce_spent() -> Forbidden:
    return Forbidden("nonce_spent", "The message was used before, or is too old; begin again.")


def not_linked() -> NotFound:
    """Return the refusal of what is about a wallet that is not this person's."""
    return NotFound("address_not_linked", "This address is not linked to you.")
