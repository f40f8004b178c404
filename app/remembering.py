"""What the gate remembers: pairs that pass freely and verdicts just given, until something of theirs changes.

Names are not kept but keyed digests of them, so that a million pairs fit into 150 MB. A pair is remembered under the
moment before the database was read, and a person's change under the moment at which it was heard of: whatever is older
than the last change of one of its people counts no more.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kit.identifiers import PersonId, RoomId, TenantId
from payments.stakes.model import Quote
from reputation.model import ONE_KNOCK, Knock, Repeats
from reputation.verdict import Code, Verdict

MOST_PAIRS = 1_500_000
"""Pairs that are remembered at most; beyond it the older half of them goes."""
MOST_REPLIES = 20_000
MOST_CHANGED = 100_000
"""People whose last change is remembered; beyond it nothing that was remembered before counts."""

_NOTE_EVERY = timedelta(seconds=10)
_NEVER = datetime.min.replace(tzinfo=UTC)
_CODES = tuple(Code)
_NUMBER = (1 << 40) - 1


@dataclass(frozen=True, slots=True)
class Reply:
    """A verdict and, where it holds, the quote to pay."""

    verdict: Verdict
    quote: Quote | None = None


class Moments:
    """Counts the moments at which changes were heard of, and tells whether what is from one of them still counts."""

    def __init__(self) -> None:
        """Begin."""
        self.now = 0
        self._floor = 0
        self._changed: dict[int, int] = {}

    def heard(self, subjects: Collection[int] | None) -> None:
        """Note that these changed; ``None``: anybody may have."""
        self.now += 1
        if subjects is None or len(self._changed) + len(subjects) > MOST_CHANGED:
            self._floor, self._changed = self.now, {}
            return
        for subject in subjects:
            self._changed[subject] = self.now

    def count(self, moment: int, *subjects: int) -> bool:
        """Tell whether what was read at ``moment`` still counts."""
        return moment >= self._floor and all(self._changed.get(subject, 0) <= moment for subject in subjects)


class Pairs:
    """Pairs that pass freely. One writes at a time; whoever reads touches memory alone and waits for nobody."""

    def __init__(self, moments: Moments, most: int = MOST_PAIRS) -> None:
        """Remember ``most`` pairs."""
        self._moments = moments
        self._half = most // 2
        self._secret = secrets.token_bytes(32)
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def key(self, tenant: int, inviter: str, invitee: str) -> int:
        """Return under what a pair is kept: nobody who does not know the secret can find two alike."""
        # The length tells where one name ends, whatever is in it.
        text = f"{tenant} {len(inviter)} {inviter}{invitee}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=16, key=self._secret).digest(), "big")

    def keep(self, key: int, code: Code, subjects: tuple[int, int], *, moment: int, until: int) -> None:
        """Remember a pair, read at ``moment``, until then (seconds of the clock that ``passes`` is asked by)."""
        first, second = subjects
        if max(first, second, moment) > _NUMBER:
            return
        # One number of 48 bytes for all of it: a million tuples would be three times as large.
        value = (((until << 40 | moment) << 40 | first) << 40 | second) << 8 | _CODES.index(code)
        with self._writing:
            self._old.pop(key, None)
            self._young[key] = value
            if len(self._young) > self._half:
                self._young, self._old = {}, self._young

    def passes(self, key: int, now: float) -> Code | None:
        """Tell why a pair passes, where that is remembered and counts."""
        value = self._young.get(key) or self._old.get(key)
        if value is None:
            return None
        code, rest = value & 255, value >> 8
        second, first, moment = rest & _NUMBER, rest >> 40 & _NUMBER, rest >> 80 & _NUMBER
        if rest >> 120 <= now or not self._moments.count(moment, first, second):
            return None
        return _CODES[code]

    def knows(self, key: int) -> bool:
        """Tell whether a pair ever was seen to pass, whatever became of it: then it waits behind no stranger."""
        return key in self._young or key in self._old


class Heard:
    """When tenants last called, of which it is yet to be written down."""

    def __init__(self) -> None:
        """Begin."""
        self._heard: dict[TenantId, datetime] = {}
        self._noted: dict[TenantId, datetime] = {}

    def note(self, tenant: TenantId, at: datetime) -> None:
        """Remember that a tenant called."""
        self._heard[tenant] = at

    def due(self) -> dict[TenantId, datetime]:
        """Return the calls to write down, at most one in 10 s of each tenant; they are taken for written."""
        heard = dict(self._heard)
        due = {tenant: at for tenant, at in heard.items() if at - self._noted.get(tenant, _NEVER) >= _NOTE_EVERY}
        self._noted |= due
        return due


class Arrived:
    """Invites that passed an open door without the gate being asked, yet to be written down; one for each pair."""

    def __init__(self, most: int = MOST_REPLIES) -> None:
        """Remember ``most`` pairs; more at once are not counted."""
        self._most = most
        self._knocks: dict[tuple[str, str], Knock] = {}
        self._lock = threading.Lock()

    def note(self, knock: Knock) -> None:
        """Remember one."""
        with self._lock:
            if len(self._knocks) < self._most:
                # What their homeserver told of it is not counted, and may be long.
                self._knocks[knock.inviter, knock.invitee] = replace(knock, told={})

    def take(self, most: int) -> list[Knock]:
        """Return what is yet to be written down, at most so many pairs; it is taken for written."""
        with self._lock:
            return [self._knocks.pop(pair) for pair in list(self._knocks)[:most]]


@dataclass(slots=True)
class _Standing:
    reply: Reply
    stranger: PersonId
    recipient: PersonId
    only_room: RoomId | None
    moment: int
    until: float
    room: RoomId
    at: datetime


class Replies:
    """Holds and refusals that may be given again, and how often they were: that is yet to be written down."""

    def __init__(self, moments: Moments, most: int = MOST_REPLIES) -> None:
        """Remember ``most`` replies."""
        self._moments = moments
        self._most = most
        self._standing: OrderedDict[int, _Standing] = OrderedDict()
        self._owed: dict[tuple[PersonId, PersonId], Repeats] = {}
        self._lock = threading.Lock()

    def keep(
        self, key: int, reply: Reply, pair: tuple[PersonId, PersonId], knock: Knock, *, moment: int, until: float
    ) -> None:
        """Remember what a knock met; what rests on another room's invite is good for its own room alone."""
        pending = any(reason.code in (Code.INVITE_PENDING, Code.STAKE_UNCONFIRMED) for reason in reply.verdict.because)
        only = knock.room if pending else None
        with self._lock:
            self._standing[key] = _Standing(reply, *pair, only, moment, until, knock.room, knock.at)
            self._standing.move_to_end(key)
            while len(self._standing) > self._most:
                self._standing.popitem(last=False)

    def again(self, key: int, knock: Knock, now: float) -> Reply | None:
        """Return what a knock of this pair met before, where that still stands; the knock is counted."""
        with self._lock:
            standing = self._standing.get(key)
            if standing is None:
                return None
            if standing.until <= now or not self._moments.count(standing.moment, standing.recipient):
                del self._standing[key]
                return None
            if standing.only_room not in (None, knock.room):
                return None
            if standing.room != knock.room or knock.at - standing.at >= ONE_KNOCK:
                self._owe(Repeats(standing.stranger, standing.recipient, 1, knock.room, knock.at))
            standing.room, standing.at = knock.room, knock.at
            return standing.reply

    def _owe(self, repeats: Repeats) -> None:
        pair = repeats.stranger, repeats.recipient
        before = self._owed.get(pair)
        if before is not None:
            self._owed[pair] = replace(repeats, count=before.count + repeats.count, at=max(before.at, repeats.at))
        elif len(self._owed) < self._most:
            self._owed[pair] = repeats

    def take(self, most: int) -> list[Repeats]:
        """Return what is yet to be written down, at most so many pairs; it is taken for written."""
        with self._lock:
            taken = [self._owed[pair] for pair in list(self._owed)[:most]]
            for repeats in taken:
                del self._owed[repeats.stranger, repeats.recipient]
        return taken

    def give_back(self, taken: list[Repeats]) -> None:
        """Take back what could not be written down."""
        with self._lock:
            for repeats in taken:
                self._owe(repeats)
