"""Enrolling a server for rewards, as values (pure): the challenge that its key signs, and where a server stands.

Whoever holds the server's signing key decides where its rewards go. The challenge is made by us, signed on the
operator's own machine (Matrix specification, appendices, "Signing JSON") and good once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from kit.clock import unix
from kit.errors import Invalid
from kit.identifiers import Address, ServerName, show_address

TYPE: Final = "org.earnest.rewards.enrolment"
"""What stands under ``type`` in a challenge: nothing else that a homeserver signs looks so."""
CHALLENGE_FOR: Final = timedelta(hours=1)
"""How long a challenge may be answered."""
PAYOUT_WAITS: Final = timedelta(days=7)
"""How long another address waits until rewards go there, and how long a server with a new key waits to claim."""

_FIRST: Final = "enrol"
_SECOND: Final = "yes"
_LOCALPART: Final = re.compile(rf"(?:{_FIRST}|{_SECOND}\.[A-Za-z0-9_-]{{1,43}})\.([A-Za-z0-9_-]{{1,43}})")


class Kind(StrEnum):
    """What kind of server it is."""

    HOMESERVER = "homeserver"
    IDENTITY_SERVER = "identity_server"
    BRIDGE = "bridge"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server's key signs so that its rewards go to ``payout``."""

    nonce: str
    server: ServerName
    kind: Kind
    payout: Address
    service: str
    chain_id: int
    expires_at: datetime

    def document(self) -> dict[str, Any]:
        """Return what is signed, to the letter."""
        return {
            "type": TYPE,
            "server_name": self.server,
            "kind": self.kind.value,
            "payout": show_address(self.payout),
            "service": self.service,
            "chain_id": self.chain_id,
            "nonce": self.nonce,
            "expires_ts": unix(self.expires_at) * 1000,
        }

    def check(self, signed: Mapping[str, Any]) -> None:
        """Make sure that a signed document is this challenge and nothing besides. Raises ``Invalid``."""
        said = {name: part for name, part in signed.items() if name != "signatures"}
        if said != self.document():
            raise Invalid("challenge_changed", "What is signed is not the challenge that was given: sign it unchanged.")


@dataclass(frozen=True, slots=True)
class Joining:
    """A challenge that the server's own people answer by having their server ask us over federation, twice.

    First whoever it is asks for ``first``, and is told ``code``, which nobody else learns: so a link that somebody
    sends them enrols nobody. Then they ask for ``second``. ``forwards``: whether reports are to go on to Synapse's
    makers.
    """

    challenge: Challenge
    code: str
    forwards: bool

    @property
    def first(self) -> str:
        """The localpart that is asked for first."""
        return f"{_FIRST}.{self.challenge.nonce}"

    @property
    def second(self) -> str:
        """The localpart that is asked for by whoever was told the code."""
        return f"{_SECOND}.{self.code}.{self.challenge.nonce}"


def nonce_in(localpart: str) -> str | None:
    """Return the nonce of the joining that a localpart may be of; ``None`` where of none."""
    found = _LOCALPART.fullmatch(localpart)
    return None if found is None else found.group(1)


class Trouble(StrEnum):
    """Why a server's rewards cannot be claimed now."""

    KEY_CHANGED = "key_changed"
    """It signs with another key, which never stood beside the one that it enrolled with."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A server that takes part: ``key`` is the public key that speaks for it.

    ``beside``: keys with which it signed together with that one. Whoever has taken a server's name over can publish
    what keys it had before, but cannot sign with them. From ``payout_from`` on its rewards go to ``payout_next``, where
    there is one. ``claims_from``: before it nothing is claimed, since its key was changed without a word. ``forwards``:
    its operator wants its reports to go on to Synapse's makers.
    """

    id: int
    server: ServerName
    kind: Kind
    key: bytes
    payout: Address
    enrolled_at: datetime
    beside: tuple[bytes, ...] = ()
    payout_next: Address | None = None
    payout_from: datetime | None = None
    trouble: Trouble | None = None
    claims_from: datetime | None = None
    seen_at: datetime | None = None
    left_at: datetime | None = None
    forwards: bool = False

    def payout_at(self, moment: datetime) -> Address:
        """Return where rewards go at a moment."""
        if self.payout_next is not None and self.payout_from is not None and self.payout_from <= moment:
            return self.payout_next
        return self.payout

    def may_claim(self, moment: datetime) -> bool:
        """Tell whether its rewards may be claimed at a moment."""
        waits = self.claims_from is not None and moment < self.claims_from
        return self.trouble is None and not waits and self.left_at is None
