"""Sessions: secrets that stand for a person: one-time links, browser sessions, and tokens for programs.

A session that somebody's homeserver vouched for (OpenID) tells who is there and nothing more until that person confirms
it in their own chat with the bot: the homeserver's token names no audience, so whoever was ever given one can come with
it. Only a secret's SHA-256 is kept (each has 256 random bits, so a plain hash cannot be searched). Looking at a link
changes nothing; ``redeem`` uses it up.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, Integer, String, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.database import Base, Bytes32, UtcDateTime
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import PersonId

LINK_LIFETIME = timedelta(minutes=30)
"""How long a link from the bot can be used."""
SESSION_LIFETIME = timedelta(hours=12)
"""How long a browser stays signed in."""
UNCONFIRMED_LIFETIME = timedelta(minutes=15)
"""How long a session by a homeserver's word waits to be confirmed."""
MOST_UNCONFIRMED = 5
"""How many such sessions of one person wait at a time; a newer one ends the oldest."""
TOKEN_LIFETIME = timedelta(days=90)
"""How long a program's token is good."""
KEPT_AFTER_END = timedelta(days=30)
"""How long a secret that is used up, revoked or expired stays on record."""
MOST_TOKENS = 20
"""How many good tokens one person can have."""

TOKEN_PREFIX = "ern_"  # noqa: S105 - the public beginning of a secret, so that scanners can find leaked ones
_UNCONFIRMED = "openid"
_CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 8
_MISREAD = str.maketrans("OIL", "011")
_LONGEST_LABEL = 60
_LONGEST_SECRET = 200


class Purpose(StrEnum):
    """What a one-time link is for."""

    WALLET = "wallet"
    """Link a wallet to the person, and sign their browser in."""


class Scope(StrEnum):
    """What a token may do."""

    READ = "read"
    """See the door, knocks, waiting strangers, balance and reasons."""
    WRITE = "write"
    """Change the door, answer, undo, and manage tokens."""


EVERYTHING = frozenset(Scope)


class SecretRow(Base):
    """One secret that we gave out: a link, a browser session or a token."""

    __tablename__ = "secrets"
    __table_args__ = (Index("ix_secrets_person", "person_id", "kind"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(10))
    sha256: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    purpose: Mapped[str | None] = mapped_column(String(20))
    scopes: Mapped[str] = mapped_column(String(60), default="")
    label: Mapped[str] = mapped_column(String(_LONGEST_LABEL), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Credential:
    """Who a good session or token stands for, and what it may do."""

    person: PersonId
    scopes: frozenset[Scope]
    confirmed: bool = True
    """Whether the bot gave it or confirmed it; else it stands on a homeserver's word alone."""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What can be told of a token; its secret is nowhere."""

    id: int
    label: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime


class Sessions:
    """Gives secrets out and tells whose they are."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    # ------------------------------------------------------------------ one-time links

    def issue_link(self, person: PersonId, purpose: Purpose = Purpose.WALLET) -> str:
        """Return the secret part of a link that can be used once, within 30 minutes; older links for it end."""
        self._session.execute(
            update(SecretRow)
            .where(SecretRow.kind == "link", SecretRow.person_id == person, SecretRow.purpose == purpose)
            .where(SecretRow.used_at.is_(None), SecretRow.revoked_at.is_(None))
            .values(revoked_at=self._now)
        )
        return self._issue("link", person, LINK_LIFETIME, purpose=purpose)

    def look(self, secret: str, purpose: Purpose = Purpose.WALLET) -> PersonId:
        """Return whose link it is and change nothing.

        Raises ``NotFound`` for one we never gave, ``Conflict`` (``link_used``, ``link_expired``) for one that is over.
        """
        row = self._find("link", secret)
        if row is None or row.purpose != purpose:
            raise NotFound("link_unknown", "There is no such link. Ask the bot for a new one.")
        if row.used_at is not None:
            raise Conflict("link_used", "This link has been used. Ask the bot for a new one.")
        if row.revoked_at is not None or row.expires_at <= self._now:
            raise Conflict("link_expired", "This link is no longer good. Ask the bot for a new one.")
        return PersonId(row.person_id)

    def redeem(self, secret: str, purpose: Purpose = Purpose.WALLET) -> PersonId:
        """Use the link up and return whose it was; raises as ``look``. Of two at once, one gets ``link_used``."""
        person = self.look(secret, purpose)
        taken = self._session.execute(
            update(SecretRow)
            .where(SecretRow.sha256 == _digest(secret), SecretRow.used_at.is_(None))
            .values(used_at=self._now)
            .returning(SecretRow.id)
        )
        if taken.scalar_one_or_none() is None:
            raise Conflict("link_used", "This link has been used. Ask the bot for a new one.")
        return person

    # ------------------------------------------------------------------ browser sessions

    def start(self, person: PersonId) -> str:
        """Return the secret of a new browser session, good for 12 hours and for everything."""
        return self._issue("session", person, SESSION_LIFETIME, scopes=EVERYTHING)

    def of_session(self, secret: str) -> Credential | None:
        """Return whose browser session it is, ``None`` where it is not good."""
        return self._credential("session", secret) or self._credential(_UNCONFIRMED, secret)

    def end(self, secret: str) -> None:
        """End a browser session; one that is over stays over."""
        row = self._find("session", secret) or self._find(_UNCONFIRMED, secret)
        if row is not None and row.revoked_at is None:
            row.revoked_at = self._now

    def start_unconfirmed(self, person: PersonId) -> str:
        """Return the secret of a session that is good for nothing until it is confirmed, within 15 minutes."""
        waiting = self._unconfirmed(person)
        for row in waiting[: max(0, len(waiting) - MOST_UNCONFIRMED + 1)]:
            row.revoked_at = self._now
        return self._issue(_UNCONFIRMED, person, UNCONFIRMED_LIFETIME)

    def confirm(self, person: PersonId, code: str) -> None:
        """Make the person's session with this code one as the bot gives; good for 12 hours. Raises ``NotFound``."""
        wanted = "".join(c for c in code.upper() if c.isalnum()).translate(_MISREAD).encode()
        for row in self._unconfirmed(person):
            if hmac.compare_digest(_code(row.sha256).replace("-", "").encode(), wanted):
                row.kind, row.scopes = "session", " ".join(sorted(EVERYTHING))
                row.expires_at = self._now + SESSION_LIFETIME
                return
        raise NotFound("session_code_unknown", "No session of yours waits with that code.")

    def end_all(self, person: PersonId) -> int:
        """End the person's browser sessions, confirmed or not; return how many there were."""
        return self._revoke(SecretRow.person_id == person, SecretRow.kind.in_(("session", _UNCONFIRMED)))

    def _unconfirmed(self, person: PersonId) -> list[SecretRow]:
        rows = self._session.scalars(
            select(SecretRow)
            .where(SecretRow.person_id == person, SecretRow.kind == _UNCONFIRMED, SecretRow.revoked_at.is_(None))
            .where(SecretRow.expires_at > self._now)
            .order_by(SecretRow.id)
            .with_for_update()
        )
        return list(rows)

    # ------------------------------------------------------------------ tokens

    def issue_token(self, person: PersonId, scopes: Iterable[str] = EVERYTHING, label: str = "") -> str:
        """Return a new token, good for 90 days; it is shown once, here.

        Raises ``Invalid`` for an unknown scope or none, ``Conflict`` where the person has 20 already.
        """
        try:
            wanted = frozenset(Scope(scope) for scope in scopes)
        except ValueError:
            raise Invalid("scope_unknown", f"A token's scopes are {', '.join(Scope)}.") from None
        if not wanted:
            raise Invalid("scope_missing", "A token needs a scope.")
        if len(self.tokens(person)) >= MOST_TOKENS:
            raise Conflict("too_many_tokens", f"You have {MOST_TOKENS} tokens; revoke one first.", most=MOST_TOKENS)
        return self._issue("token", person, TOKEN_LIFETIME, scopes=wanted, label=" ".join(label.split()))

    def of_token(self, secret: str) -> Credential | None:
        """Return whose token it is and what it may do, ``None`` where it is not good."""
        return self._credential("token", secret)

    def tokens(self, person: PersonId) -> list[TokenInfo]:
        """Return the person's good tokens, oldest first."""
        rows = self._session.scalars(
            select(SecretRow)
            .where(SecretRow.person_id == person, SecretRow.kind == "token", SecretRow.revoked_at.is_(None))
            .where(SecretRow.expires_at > self._now)
            .order_by(SecretRow.id)
        )
        return [TokenInfo(row.id, row.label, _scopes(row), row.created_at, row.expires_at) for row in rows]

    def revoke(self, person: PersonId, token_id: int) -> None:
        """End one of the person's tokens. Raises ``NotFound`` where it is none of theirs or over."""
        ended = self._session.execute(
            update(SecretRow)
            .where(SecretRow.id == token_id, SecretRow.person_id == person, SecretRow.kind == "token")
            .where(SecretRow.revoked_at.is_(None), SecretRow.expires_at > self._now)
            .values(revoked_at=self._now)
            .returning(SecretRow.id)
        )
        if ended.scalar_one_or_none() is None:
            raise NotFound("token_unknown", "You have no such token.")

    def revoke_all(self, person: PersonId) -> int:
        """End all that stands for the person, links and browser sessions too; return how many there were."""
        return self._revoke(SecretRow.person_id == person, SecretRow.used_at.is_(None))

    # ------------------------------------------------------------------ keeping

    def forget(self, person: PersonId) -> None:
        """Take every record of the person's secrets away."""
        self._session.execute(delete(SecretRow).where(SecretRow.person_id == person))

    def prune_unconfirmed(self) -> list[PersonId]:
        """Take away sessions that were never confirmed, as soon as they are over; return whose they were.

        A homeserver can bring as many people as it likes, so nothing is kept of those who only ever came this way.
        """
        over = (SecretRow.expires_at <= self._now) | SecretRow.revoked_at.is_not(None)
        gone = self._session.execute(
            delete(SecretRow).where(SecretRow.kind == _UNCONFIRMED, over).returning(SecretRow.person_id)
        )
        return [PersonId(number) for number in dict.fromkeys(gone.scalars())]

    def prune(self) -> int:
        """Take away what has been over for 30 days; return how much that was."""
        edge = self._now - KEPT_AFTER_END
        over = func.coalesce(SecretRow.revoked_at, SecretRow.used_at, SecretRow.expires_at)
        gone = self._session.execute(delete(SecretRow).where(over < edge).returning(SecretRow.id))
        return len(gone.all())

    # ------------------------------------------------------------------ within

    def _revoke(self, *which: ColumnElement[bool]) -> int:
        ended = self._session.execute(
            update(SecretRow)
            .where(*which, SecretRow.revoked_at.is_(None), SecretRow.expires_at > self._now)
            .values(revoked_at=self._now)
            .returning(SecretRow.id)
        )
        return len(ended.all())

    def _issue(
        self,
        kind: str,
        person: PersonId,
        lifetime: timedelta,
        *,
        purpose: Purpose | None = None,
        scopes: frozenset[Scope] = frozenset(),
        label: str = "",
    ) -> str:
        secret = (TOKEN_PREFIX if kind == "token" else "") + secrets.token_urlsafe(32)
        self._session.add(
            SecretRow(
                kind=kind,
                sha256=_digest(secret),
                person_id=person,
                purpose=purpose,
                scopes=" ".join(sorted(scopes)),
                label=label[:_LONGEST_LABEL],
                created_at=self._now,
                expires_at=self._now + lifetime,
            )
        )
        self._session.flush()
        return secret

    def _find(self, kind: str, secret: str) -> SecretRow | None:
        if len(secret) > _LONGEST_SECRET:
            return None
        # Found by its hash: what the search's duration might tell is the hash's, and that opens nothing.
        return self._session.scalar(
            select(SecretRow).where(SecretRow.sha256 == _digest(secret), SecretRow.kind == kind)
        )

    def _credential(self, kind: str, secret: str) -> Credential | None:
        row = self._find(kind, secret)
        if row is None or row.revoked_at is not None or row.expires_at <= self._now:
            return None
        return Credential(PersonId(row.person_id), _scopes(row), confirmed=kind != _UNCONFIRMED)


def require(credential: Credential, scope: Scope) -> PersonId:
    """Return the person if their credential may do that. Raises ``Forbidden``."""
    if scope not in credential.scopes:
        raise Forbidden("scope_missing", f"This token may not do that: it lacks the scope {scope}.", scope=str(scope))
    return credential.person


def code_of(secret: str) -> str:
    """Return the code by which a person tells the bot which session is theirs; the secret cannot be told from it."""
    return _code(_digest(secret))


def _code(digest: bytes) -> str:
    number = int.from_bytes(hashlib.sha256(b"earnest session code" + digest).digest())
    letters = [_CODE_LETTERS[number >> 5 * place & 31] for place in range(_CODE_LENGTH)]
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def _scopes(row: SecretRow) -> frozenset[Scope]:
    return frozenset(Scope(scope) for scope in row.scopes.split())


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
