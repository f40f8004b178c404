"""Signing in: a session by the word of somebody's own homeserver (OpenID), which the bot has yet to confirm."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from app.container import Container
from app.sessions import UNCONFIRMED_LIFETIME, code_of
from kit.clock import unix
from kit.errors import Forbidden, HomeserverUnavailable, Invalid
from kit.identifiers import UserId, parse_server_name, server_of

LOG = structlog.get_logger(__name__)

_BEARER = "bearer"
_LONGEST_TOKEN = 1_000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that waits to be confirmed: its secret, whose it is, the code for the bot, and until when (Unix)."""

    mxid: UserId
    code: str
    expires_at: int
    secret: str = field(repr=False)


def by_openid(container: Container, *, server_name: str, token: str, token_type: str) -> SignedIn:
    """Sign somebody in by an OpenID token of their homeserver's; the session is good for nothing until confirmed.

    The homeserver is asked while no transaction is open. It is believed about its own people alone. Raises ``Invalid``
    for what is no such token, ``Forbidden`` where the homeserver does not know it or tells of somebody else's person,
    and ``HomeserverUnavailable``.
    """
    server = parse_server_name(server_name)
    if token_type.lower() != _BEARER or not (0 < len(token) <= _LONGEST_TOKEN and token.isprintable()):
        raise Invalid("openid_malformed", "That is no OpenID token as a homeserver gives it.")
    try:
        mxid = container.homeservers.user_of(server, token)
    except HomeserverUnavailable as error:
        LOG.info("openid_unanswered", server=server, reason=str(error))
        # Why is for the log alone: whoever named the server must not learn from it what is where around us.
        raise HomeserverUnavailable("The homeserver that was named does not answer.") from None
    if mxid is None:
        raise Forbidden("openid_refused", "Your homeserver does not know that token, or not any more.")
    if server_of(mxid) != server:
        LOG.warning("openid_for_elsewhere", server=server)
        raise Forbidden("openid_for_elsewhere", "A homeserver can sign in its own people only.")
    with container.work() as work:
        secret = work.sessions.start_unconfirmed(work.people.number(mxid))
        return SignedIn(mxid, code_of(secret), unix(work.now + UNCONFIRMED_LIFETIME), secret)
