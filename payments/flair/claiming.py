"""Claiming: how somebody shows that a gift is theirs, by a code, a signature or an amount; each is good once.

To claim is not to show: nobody learns of it but the person. Whoever comes second is told that it was claimed, and no
more. A code is found by its hash, has 118 bits, and whoever names wrong ones is soon not listened to for a day.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from kit.errors import Conflict, NotFound
from kit.identifiers import Hash32, PersonId, UserId, on_one_line
from ledger.model import Asset
from payments.flair.claims import ClaimStore, Tries
from payments.flair.codes import memo_of, new_code
from payments.flair.model import ClaimedBy, Giver, Source
from payments.flair.service import Supporters
from payments.flair.store import FlairStore

CODE_LASTS: Final = timedelta(days=90)
"""How long a code that the operator gave out is good."""
MOST_FAILED: Final = 10
"""Wrong codes that somebody may name within an hour."""
TRIED_WITHIN: Final = timedelta(hours=1)
LOCKED_FOR: Final = timedelta(days=1)
MESSAGE_LASTS: Final = timedelta(minutes=30)
"""How long a person has to sign."""
AMOUNT_LASTS: Final = timedelta(days=60)
"""How long an unusual amount is kept for whom it was proposed to: a list of donors may be read in once a month."""
MOST_MESSAGES: Final = 5
MOST_AMOUNTS: Final = 3
MOST_MEMOS: Final = 50
"""Memos of one person that no gift carries yet; a newer one takes the oldest one's place."""
_ODD_CENTS: Final = 49
_A_DAY: Final = timedelta(days=1)
"""Lists have days and no hours."""


class Result(StrEnum):
    """What became of a claim."""

    CLAIMED = "claimed"
    YOURS = "yours"
    """It was theirs already."""
    UNKNOWN = "unknown"
    """It is no code, or none that is good."""
    TAKEN = "taken"
    """Somebody claimed it before."""
    LOCKED = "locked"
    """They named too many wrong ones."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of a claim; ``until``: when they are listened to again."""

    result: Result
    until: datetime | None = None

    @property
    def holds(self) -> bool:
        """Tell whether it is theirs now."""
        return self.result in (Result.CLAIMED, Result.YOURS)


@dataclass(frozen=True, slots=True)
class ToSign:
    """A message that a person may still sign with an address, as a wallet shows it."""

    nonce: str
    address: str
    text: str


class Claims:
    """All ways to claim, in one transaction. A "no" is an answer and no exception, so that what counts it is kept."""

    def __init__(self, session: Session, now: datetime, supporters: Supporters) -> None:
        """Work in ``session``, at ``now``."""
        self._now = now
        self._supporters = supporters
        self._store = ClaimStore(session)
        self._givers = FlairStore(session)

    # ------------------------------------------------------------------------------------------ codes

    def issue(self, giver: Giver) -> str:
        """Return a new code for a giver, to be handed to them by who knows them; the one before it ends.

        Raises ``NotFound`` where nobody gave by that name, ``Conflict`` where somebody claimed it.
        """
        row = self._givers.giver(giver)
        if row is None:
            raise NotFound("giver_unknown", "Nothing was given by anybody of that name.")
        if row.person is not None:
            raise Conflict("gift_claimed", "Somebody has claimed this already.")
        code = new_code()
        self._store.add_code(memo_of(code), row.id, self._now, self._now + CODE_LASTS)
        return code

    def by_code(self, person: PersonId, code: str) -> Claimed:
        """Let what a code stands for be a person's: a giver, or the gifts that carry its hash as their memo."""
        self._givers.lock()  # of many tries at once each counts
        tries = self._store.tries(person)
        if tries is not None and tries.locked_until is not None and tries.locked_until > self._now:
            return Claimed(Result.LOCKED, tries.locked_until)
        memo = memo_of(code)
        found = self._by_issued(person, memo) or self._by_memo(person, memo)
        return self._failed(person, tries) if found is None else found

    def _by_issued(self, person: PersonId, code: Hash32) -> Claimed | None:
        known = self._store.code(code)
        if known is None or (known[1] <= self._now and known[2] is None):
            return None
        giver = self._givers.names([known[0]])[known[0]]
        row = self._givers.giver(giver)
        if row is not None and row.person == person:
            return Claimed(Result.YOURS)
        if known[2] is not None or row is None or row.person is not None:
            return Claimed(Result.TAKEN)
        self._store.use_code(code, self._now)
        self._supporters.claimed(giver, person, ClaimedBy.CODE)
        return Claimed(Result.CLAIMED)

    def _by_memo(self, person: PersonId, memo: Hash32) -> Claimed | None:
        carried = self._store.givers_by_memo(memo)
        if not carried:
            return None
        owner = self._store.memo_owner(memo)
        if owner is not None:
            return Claimed(Result.YOURS if owner == person else Result.TAKEN)
        self._store.take_memo(memo, person, self._now)
        self._supporters.fold({(owner, giver) for giver, owner in carried} | {(person, giver) for giver, _ in carried})
        return Claimed(Result.CLAIMED)

    def _failed(self, person: PersonId, before: Tries | None) -> Claimed:
        lately = before if before is not None and before.since > self._now - TRIED_WITHIN else None
        failed = 1 if lately is None else lately.failed + 1
        locked = self._now + LOCKED_FOR if failed >= MOST_FAILED else None
        since = self._now if lately is None else lately.since
        self._store.put_tries(person, Tries(0 if locked else failed, since, locked))
        return Claimed(Result.UNKNOWN)

    def memo_for(self, person: PersonId, mxid: UserId) -> Hash32:
        """Return a memo that is this person's from now on: gifts that carry it are theirs, whoever sends them.

        It is the hash of a salt that is kept nowhere and their Matrix id: the chain tells nothing of them.
        """
        waiting = self._store.memos(person)
        self._store.drop_memos(waiting[: max(0, len(waiting) - MOST_MEMOS + 1)])
        memo = Hash32(hashlib.sha256(secrets.token_bytes(32) + mxid.encode()).digest())
        self._store.take_memo(memo, person, self._now)
        return memo

    # ------------------------------------------------------------------------------------------ signatures

    def message(self, person: PersonId, mxid: UserId, address: str, *, service: str) -> ToSign:
        """Return what a person is to sign with an address that gave, within 30 minutes.

        Raises ``Conflict`` for more than 5 at a time.
        """
        self._store.drop_messages(self._now - LOCKED_FOR)
        if len(self._store.messages(person, self._now)) >= MOST_MESSAGES:
            raise Conflict("too_many_messages", f"{MOST_MESSAGES} messages wait for you; sign one of them, or wait.")
        nonce = secrets.token_hex(16)
        self._store.add_message(nonce, person, address, self._now, self._now + MESSAGE_LASTS)
        return ToSign(nonce, address, _text(service, mxid, address, nonce, self._now))

    def to_sign(self, person: PersonId, mxid: UserId, *, service: str) -> list[ToSign]:
        """Return the messages that a person may still sign, newest first."""
        return [
            ToSign(nonce, address, _text(service, mxid, address, nonce, issued_at))
            for nonce, address, issued_at in self._store.messages(person, self._now)
        ]

    def by_signature(self, person: PersonId, nonce: str) -> Claimed:
        """Let a giver be a person, who signed the message of this nonce with its address (which was proved before)."""
        address = self._store.use_message(nonce, person, self._now)
        if address is None:
            return Claimed(Result.UNKNOWN)
        found = Result.UNKNOWN
        for source in (Source.CHAIN, Source.HAND):
            try:
                new = self._supporters.claimed(Giver(source, address), person, ClaimedBy.SIGNATURE)
            except NotFound:
                continue
            except Conflict:
                found = Result.TAKEN if found is Result.UNKNOWN else found
                continue
            found = Result.CLAIMED if new or found is Result.CLAIMED else Result.YOURS
        return Claimed(found)

    # ------------------------------------------------------------------------------------------ unusual amounts

    def propose(self, person: PersonId, asset: Asset, about: int) -> int:
        """Return an amount a week, a little above ``about`` (minor units), that nobody else is told.

        A secret donor who gives it is known by it, once a list of donors that is read in has it.

        Raises ``Conflict`` for more than 3 of one person, and where there is no such amount any more.
        """
        if len(self._store.amounts(person, self._now)) >= MOST_AMOUNTS:
            raise Conflict("too_many_amounts", f"You have {MOST_AMOUNTS} amounts already; use one of them.")
        cents = list(range(1, _ODD_CENTS + 1))
        while cents:
            odd = cents.pop(secrets.randbelow(len(cents)))
            if self._store.add_amount(asset, about + odd, person, self._now, self._now + AMOUNT_LASTS):
                return about + odd
        raise Conflict("no_amount_left", "There is no unusual amount near that one; name another.")

    def proposed(self, person: PersonId) -> list[tuple[Asset, int, datetime]]:
        """Return the amounts by which a person may be known, and until when."""
        return self._store.amounts(person, self._now)

    def find_by_amounts(self) -> int:
        """Let secret donors who give an amount that was proposed to somebody be them; return how many were found.

        An amount that two of them give, or that one gave before it was proposed, tells nothing.
        """
        self._givers.lock()
        waiting = self._store.by_amounts(self._now)
        if not waiting:
            return 0
        given = self._givers.secret_words(sorted({amount for _, amount in waiting}))
        found = 0
        for (asset, amount), (person, since) in waiting.items():
            donors = [(giver, at) for giver, its, sum_, at in given if (its, sum_) == (asset, amount)]
            if len({giver for giver, _ in donors}) != 1 or min(at for _, at in donors) < since - _A_DAY:
                continue
            self._store.use_amount(asset, amount)
            try:
                found += self._supporters.claimed(donors[0][0], person, ClaimedBy.AMOUNT)
            except Conflict:
                continue  # they gave another such amount too, and are whoever was told that one
        return found


def _text(service: str, mxid: UserId, address: str, nonce: str, issued_at: datetime) -> str:
    """Write what is signed; it says all that it is good for, in words, so that it is no good for anything else."""
    return (
        f"I gave from this address, and claim it on {service} for my Matrix account.\n"
        f"\n"
        f"Matrix id: {on_one_line(mxid)}\n"
        f"Address: {address}\n"
        f"Nonce: {nonce}\n"
        f"Issued: {issued_at:%Y-%m-%dT%H:%M:%SZ}\n"
        f"\n"
        f"This signs nothing else and moves no money."
    )
