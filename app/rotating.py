"""Rotating: another key takes over what is new in a role; the one before finishes what it began."""

from __future__ import annotations

from dataclasses import dataclass

from app.container import RESOLVER, Container
from contracts.keyring import Key
from kit.errors import Conflict
from kit.identifiers import Address, show_address


@dataclass(frozen=True, slots=True)
class Left:
    """What only this key can still finish, and what it holds; nothing of it moves to another key.

    ``nonces``: calls that hold one of its nonces. ``calls``: calls that wait to be signed by it. ``stakes`` and
    ``quotes`` (that can still be paid) name it as their resolver.
    """

    key: Key
    nonces: int
    calls: int
    stakes: int
    quotes: int
    wei: int

    @property
    def done(self) -> bool:
        """Tell whether nothing needs it any more."""
        return not (self.nonces or self.calls or self.stakes or self.quotes)


def left(container: Container, key: Key) -> Left:
    """Look at what is left for a key to do. Raises ``ChainUnavailable``."""
    with container.read() as work:
        nonces, calls = work.outgoing.bound(key.role, key.address)
        stakes, quotes = work.stakes.naming(key.address) if key.role == RESOLVER else (0, 0)
    return Left(key, nonces, calls, stakes, quotes, container.chain.balance(key.address))


def target(container: Container, role: str, *, to: Address | None, back: bool) -> Key | None:
    """Return the key that is to take over; ``None`` for one that is yet to be made in the keystore.

    ``back``: the one before. ``to``: an earlier one, or one that the role's remote signer holds. Raises ``Conflict``
    where that is the current one already, or there is none before.
    """
    keys = container.keyring.keys(role)
    if back:
        if len(keys) == 1:
            raise Conflict("no_key_before", f"The {role} has had no other key.")
        return keys[1]
    if to is None:
        return None
    if to == keys[0].address:
        raise Conflict("key_current", f"{show_address(to)} is the {role}'s key already.")
    return next((key for key in keys if key.address == to), Key(role, to, None))
