"""Rewards: which servers take part, proved by their own keys; what they report; how they look from outside."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from kit.clock import from_unix
from kit.errors import Conflict, Invalid, NotFound
from kit.federation import Seen
from kit.identifiers import Address, ServerName
from kit.outbox import Effect
from kit.server_keys import ServerKeys, signer_of
from payments.rewards import forwarding
from payments.rewards.enrolling import (
    CHALLENGE_FOR,
    PAYOUT_WAITS,
    Challenge,
    Enrolled,
    Joining,
    Kind,
    Trouble,
    nonce_in,
)
from payments.rewards.forwarding import Failure
from payments.rewards.gathering import availability, believed, most_looks
from payments.rewards.measuring import Look, Looks
from payments.rewards.statistics import Reported, read_report
from payments.rewards.store import RewardStore
from payments.rewards.totalling import OneDay

_MOST_OPEN: Final = 100
"""Challenges of one server that are open at once; the oldest make room."""
_MOST_BESIDE: Final = 8
_DAY: Final = timedelta(days=1)
_KEPT: Final = timedelta(days=120)
"""How long reports and looks are kept: longer than any epoch may be disputed."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an answered challenge brought.

    ``secret`` stands in the address of reports, and is shown this once; it is empty where whoever asked for the
    challenge has it already.
    """

    enrolled: Enrolled
    secret: str
    before: Enrolled | None


class Rewards:
    """Servers that take part in rewards, in one transaction."""

    def __init__(self, session: Session, now: datetime, *, service: str, chain_id: int) -> None:
        """Work in ``session``; challenges are made out to ``service``, the address under which we are known."""
        self._now = now
        self._service = service
        self._chain_id = chain_id
        self._session = session
        self._store = RewardStore(session)

    # ------------------------------------------------------------------------------------------------ enrolling

    def challenge(self, server: ServerName, payout: Address, *, kind: Kind = Kind.HOMESERVER) -> Challenge:
        """Make a challenge for whoever holds a server's key; of many that nobody answers the oldest go. ``Invalid``."""
        made = self._challenge(server, payout, kind)
        self._store.give(made)
        return made

    def join(self, server: ServerName, payout: Address, *, forwards: bool = False) -> tuple[Joining, str]:
        """Make a challenge that a server's own people answer over federation. Raises ``Invalid``.

        The text is the secret of the address for reports, good once the challenge was answered; a server that takes
        part already keeps the one that it has.
        """
        made = self._challenge(server, payout, Kind.HOMESERVER)
        code, secret = secrets.token_urlsafe(9), secrets.token_urlsafe(32)
        self._store.give(made, code=code, digest=_digest(secret), forwards=forwards)
        return Joining(made, code, forwards), secret

    def joining(self, localpart: str, server: ServerName) -> Joining:
        """Return what a server's people ask for; whoever else asks is told that there is nothing. ``NotFound``."""
        return self._joining(localpart, server)[0]

    def joined(self, localpart: str, key: bytes, keys: ServerKeys) -> Enrolment:
        """Let a server take part that asked us, signed with ``key``, for the second word of its challenge.

        ``keys`` are those that the server publishes now. It comes to what ``enrol`` does. Raises ``NotFound``.
        """
        joining, digest = self._joining(localpart, keys.server)
        if localpart != joining.second:
            raise _no_joining()
        known = self._store.find(keys.server)
        if known is not None and known.left_at is None:
            # Whoever made the link knows its address for reports: a server that reports already goes on where it does.
            before = self._take(joining.challenge, key, keys, None)
            changes = {"forwards": True} if joining.forwards else {}
        else:
            before = self._take(joining.challenge, key, keys, digest)
            changes = {"forwards": joining.forwards}
        if changes:
            self._store.change(self._known(keys.server).id, **changes)
        return Enrolment(self._known(keys.server), "", before)

    def _joining(self, localpart: str, server: ServerName) -> tuple[Joining, bytes]:
        nonce = nonce_in(localpart)
        found = None
        if nonce is not None:
            found = self._store.joining(nonce, service=self._service, chain_id=self._chain_id)
        if found is None or found[0].challenge.server != server or found[0].challenge.expires_at <= self._now:
            raise _no_joining()
        if localpart not in (found[0].first, found[0].second):
            raise _no_joining()
        return found

    def _challenge(self, server: ServerName, payout: Address, kind: Kind) -> Challenge:
        if kind is not Kind.HOMESERVER:
            raise Invalid("reward_kind", "Homeservers alone can take part so far.")
        if not any(payout):
            raise Invalid("payout_nobody", "Nobody holds the key of that address.")
        # Anybody may ask for anybody's challenge: nobody may keep a server's own people from theirs by that.
        self._store.drop_oldest(server, kept=_MOST_OPEN - 1)
        expires = from_unix(int((self._now + CHALLENGE_FOR).timestamp()))
        nonce = secrets.token_urlsafe(24)
        return Challenge(nonce, server, kind, payout, self._service, self._chain_id, expires)

    def asked(self, signed: Mapping[str, Any]) -> Challenge:
        """Return the challenge that a signed document answers, as it was given. Raises ``Invalid``, ``NotFound``."""
        nonce = signed.get("nonce")
        found = None
        if isinstance(nonce, str) and nonce.isascii():
            found = self._store.challenge(nonce[:43], service=self._service, chain_id=self._chain_id)
        if found is None:
            raise NotFound(
                "challenge_unknown", "There is no such challenge, or it was answered before. Ask for a new one."
            )
        if found.expires_at <= self._now:
            raise Conflict("challenge_over", "That challenge is over. Ask for a new one.")
        found.check(signed)
        return found

    def enrol(self, signed: Mapping[str, Any], keys: ServerKeys) -> Enrolment:
        """Let a server take part, or change where its rewards go: its key signed the challenge.

        ``keys`` are those that the server publishes now. Another payout address than before counts after seven days,
        and the one before it set again takes that back; a new address for reports counts at once. Raises ``Invalid``,
        ``NotFound``, ``Conflict``.
        """
        challenge = self.asked(signed)
        if keys.server != challenge.server:
            raise Invalid("server_keys_other", f"Those are not the keys of {challenge.server}.")
        secret = secrets.token_urlsafe(32)
        before = self._take(challenge, signer_of(signed, keys).public, keys, _digest(secret))
        return Enrolment(self._known(challenge.server), secret, before)

    def _take(self, challenge: Challenge, key: bytes, keys: ServerKeys, digest: bytes | None) -> Enrolled | None:
        """Let a server take part whose ``key`` answered a challenge; return what was known of it before.

        ``digest``: of the secret of its address for reports; without one that stays as it is.
        """
        if not self._store.use(challenge.nonce, self._now):
            raise NotFound("challenge_unknown", "That challenge was answered before. Ask for a new one.")
        before = self._store.find(challenge.server)
        if before is None:
            self._store.enrol(challenge, key=key, beside=_beside(keys, key), digest=digest or b"", now=self._now)
        else:
            changes = self._again(before, challenge, key, keys) | ({} if digest is None else {"report_sha256": digest})
            self._store.change(before.id, **changes)
        return before

    def _again(self, before: Enrolled, challenge: Challenge, key: bytes, keys: ServerKeys) -> dict[str, Any]:
        changes: dict[str, Any] = {"key": key, "beside": _beside(keys, key), "left_at": None}
        if key not in (before.key, *before.beside) and not keys.has(before.key):
            # It may be somebody else, who has taken the name over: whoever had it before has a week to say so.
            changes["claims_from"] = self._now + PAYOUT_WAITS
        changes["trouble"] = None
        now_at = before.payout_at(self._now)
        changes["payout"] = now_at
        if challenge.payout == now_at:
            return changes | {"payout_next": None, "payout_from": None}
        if challenge.payout == before.payout_next:
            return changes  # it waits already
        return changes | {"payout_next": challenge.payout, "payout_from": self._now + PAYOUT_WAITS}

    def leave(self, server: ServerName) -> None:
        """Let a server take part no more; what it earned stays its own. Raises ``NotFound``."""
        self._store.change(self._known(server).id, left_at=self._now)

    def forward(self, server: ServerName, *, on: bool) -> None:
        """Let a server's reports go on to Synapse's makers, or no more. Raises ``NotFound``."""
        self._store.change(self._known(server).id, forwards=on)

    def find(self, server: ServerName) -> Enrolled | None:
        """Return a server that takes part, or did."""
        return self._store.find(server)

    def servers(self, *, after: int = 0, limit: int = 1000) -> list[Enrolled]:
        """Return servers by number, those that left too."""
        return self._store.all(after=after, limit=limit)

    def _known(self, server: ServerName) -> Enrolled:
        found = self._store.find(server)
        if found is None:
            raise NotFound("reward_server_unknown", f"{server} takes no part in rewards.")
        return found

    # ------------------------------------------------------------------------------------------------ measuring

    def reported(self, secret: str, body: bytes) -> Enrolled:
        """Take a report by the secret of its address. Raises ``NotFound`` and ``Invalid``."""
        server = self.reporting(secret)
        self._store.report(server.id, self._now.date(), read_report(body, server.server))
        if server.forwards and server.kind is Kind.HOMESERVER:
            forwarding.owe(self._session, server, body, self._now)
        return server

    def reporting(self, secret: str) -> Enrolled:
        """Return the server that reports to the address with this secret. Raises ``NotFound``."""
        server = self._store.by_report(_digest(secret))
        if server is None or server.left_at is not None:
            raise NotFound("report_nobody", "No server reports to this address.")
        return server

    def due(self, vantage: str, *, limit: int) -> list[Enrolled]:
        """Return servers at which one place is to look now: it has not in this hour."""
        return self._store.due(self._now, vantage, limit=limit)

    def looked(self, vantage: str, found: Mapping[int, Seen | None]) -> None:
        """Note looks at servers by their numbers, from one place; ``None`` of those that did not answer.

        A server that signs with another key is believed to be the same where it once signed with both.
        """
        servers = self._store.several(found)
        answered = {servers[number]: seen for number, seen in found.items() if seen is not None and number in servers}
        looks = {number: Look(self._now, vantage, answered=False) for number in servers}
        looks |= {server.id: _look(self._now, vantage, seen) for server, seen in answered.items()}
        self._store.look(looks)
        self._store.change_each({server.id: self._seen(server, seen) for server, seen in answered.items()})

    def _seen(self, server: Enrolled, seen: Seen) -> dict[str, Any]:
        """Return what changes of a server that was seen."""
        known = [key.public for key in seen.keys.current if key.public in (server.key, *server.beside)]
        if not known:
            return {"seen_at": self._now, "trouble": Trouble.KEY_CHANGED.value}
        key = server.key if server.key in known else known[0]
        return {"seen_at": self._now, "key": key, "beside": _beside(seen.keys, key), "trouble": None}

    def reports(self, number: int, since: date, *, days: int) -> list[tuple[date, Reported]]:
        """Return what a server reported from a day (UTC) on."""
        return self._store.reports(number, since, since + timedelta(days=days))

    def looks(self, number: int, since: date, *, days: int) -> list[Looks]:
        """Return, for each place, how often a server was looked at from a day (UTC) on, and how often it answered."""
        return self._store.looks(since, since + timedelta(days=days), server=number).get(number, [])

    def to_forward(self) -> Effect | None:
        """Take one report that is to go on; commit before it is sent, and say what came of it by ``forwarded``."""
        while (effect := forwarding.claim(self._session, self._now)) is not None:
            server = self._store.get(int(effect.payload["server"]))
            if server is not None and server.forwards and server.left_at is None:
                return effect
            self.forwarded(effect, None)
        return None

    def forwarded(self, effect: Effect, failed: Failure | None) -> None:
        """Note what came of sending a report on; ``None`` where it arrived, or nobody wants it to any more."""
        forwarding.note(self._session, effect, failed, self._now)

    def looked_at_on(self, day: date) -> dict[int, ServerName]:
        """Return the servers that were looked at on a day (UTC), by their numbers."""
        return self._store.names(self._store.looks(day, day + _DAY))

    def on_day(self, day: date, seen: Mapping[ServerName, int]) -> list[OneDay]:
        """Return how each server was that was looked at on a day; ``seen``: its people whom somebody here knows."""
        looks, users = self._store.looks(day, day + _DAY), self._store.daily_users(day, day + _DAY)
        names = self._store.names(looks)
        most = most_looks(looks.values())
        return [
            OneDay(min(users.get(number, 0), believed(seen.get(names[number], 0))), availability(its, most))
            for number, its in looks.items()
        ]

    def keep_totals(self, day: date, said: Mapping[str, Any]) -> None:
        """Keep what is said in public of a day; what was said before stays."""
        self._store.keep_totals(day, said)

    def totals(self, *, limit: int) -> list[tuple[date, dict[str, Any]]]:
        """Return what is said in public of the newest days, the newest first."""
        return self._store.totals(limit)

    def prune(self, *, limit: int) -> int:
        """Take away some of what is past its time; return how many rows went."""
        forwarded = forwarding.prune(self._session, self._now, limit=limit)
        return forwarded + self._store.prune(self._now, _KEPT, limit=limit)


def _no_joining() -> NotFound:
    return NotFound(
        "joining_unknown",
        "Nothing waits for this server under that name, or it was answered before. Ask for a new one.",
    )


def _beside(keys: ServerKeys, key: bytes) -> bytes:
    """Return the other keys with which a server signs together with one."""
    return b"".join([other.public for other in keys.current if other.public != key][:_MOST_BESIDE])


def _look(now: datetime, vantage: str, seen: Seen) -> Look:
    return Look(
        now,
        vantage,
        answered=True,
        milliseconds=seen.milliseconds,
        certificate_until=None if seen.certificate_until is None else from_unix(seen.certificate_until),
        software=f"{seen.software} {seen.version}".strip(),
        network=seen.network,
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
