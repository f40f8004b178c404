"""The verdict on a knock: ``Admit``, ``Hold`` or ``Refuse``, each with its reasons; a value, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from payments.stakes.model import Price


class Code(StrEnum):
    """Why; sentences for people are made from these in ``app/wording``."""

    DOOR_OPEN = "door_open"
    OWN_BOT = "own_bot"
    NOT_OURS = "not_ours"
    EXEMPT = "exempt"
    CONTACTED_FIRST = "contacted_first"
    ACCEPTED_BEFORE = "accepted_before"
    STAKED = "staked"
    SAME_KNOCK = "same_knock"
    ASKS_STAKE = "asks_stake"
    DOOR_CLOSED = "door_closed"
    CALLED_SPAM = "called_spam"
    INVITE_PENDING = "invite_pending"
    STAKE_UNCONFIRMED = "stake_unconfirmed"
    SELF = "self"
    LEAVING = "leaving"
    LATE = "late"
    SERVER_FLOODS = "server_floods"
    CROWDED = "crowded"
    FORGED = "forged"
    UNPROVEN = "unproven"
    BARRED = "barred"
    DOOR_FULL = "door_full"
    DEARER_DOOR = "dearer_door"
    DEARER_OWN = "dearer_own"
    DEARER_WALLET = "dearer_wallet"
    DEARER_SERVER = "dearer_server"
    BY_RULE = "by_rule"
    ASKS_FREE = "asks_free"
    VOUCHED = "vouched"
    KNOWN_BEFORE = "known_before"
    LISTED = "listed"
    """A room's own lists keep them out of it."""
    OTHER_LISTED = "other_listed"
    """They keep out whom they invite."""


class FreePath(StrEnum):
    """A way past a hold that costs nothing."""

    ASK = "ask"
    """One sentence without links, into the recipient's silent queue."""
    VOUCH = "vouch"
    """One contact's word opens."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a code and the values that explain it."""

    code: Code
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admit:
    """Let the knock through."""

    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Let it through once ``price`` is put down, or by one of the ``free`` paths; one of both is asked at least."""

    price: Price
    because: tuple[Reason, ...]
    free: tuple[FreePath, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not let it through, whatever is paid."""

    because: tuple[Reason, ...]


Verdict = Admit | Hold | Refuse
