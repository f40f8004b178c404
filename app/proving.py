"""Proving: a server's own administrator enrols it by having it ask us over federation, with nothing installed there.

A server asks us whatever its people want of it, so that it asks says nothing of who runs it. What counts is who makes
it ask: someone whom the server itself calls its administrator, and who has read what is going to happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import structlog

from app.container import Container
from app.earning import tell_contacts
from kit.errors import Forbidden, HomeserverUnavailable, Invalid, NotFound
from kit.identifiers import ServerName, UserId, parse_server_name, parse_user_id, server_of, show_address
from kit.server_keys import ServerKeys, VerifyKey
from kit.x_matrix import SignedBy, read_authorization
from payments.rewards.enrolling import Joining

LOG = structlog.get_logger(__name__)

_HTTPS_PORT: Final = 443
_MOST_SIGNATURES: Final = 3
"""A server with several keys signs with each of them."""


def own_name(container: Container) -> ServerName:
    """Return the server name under which others ask us: host and port of the address of our pages.

    A name with a port is asked there, without any document or record that would have to say so. Raises ``NotFound``
    where our pages are not reached by TLS: no homeserver asks there.
    """
    parts = urlsplit(container.settings.public_url)
    if parts.scheme != "https" or not parts.hostname:
        raise NotFound("joining_off", "This service is not reached by https, and so by no homeserver.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parse_server_name(f"{host}:{parts.port or _HTTPS_PORT}")


def asks(container: Container, localpart: str, user: str, uri: str, authorization: Sequence[str]) -> str:
    """Take what a server asks us for one of its people, signed; return the sentence that they are told.

    ``localpart``: what is asked for. ``user``: for whom. ``uri``: path and query as they came. What is asked for first
    changes nothing. Raises ``NotFound`` where nothing waits for that server under that name, ``Forbidden`` where it is
    not for that person to say, ``Invalid``, and ``HomeserverUnavailable`` where the server's keys cannot be asked for.
    """
    proofs = [read_authorization(one) for one in authorization[:_MOST_SIGNATURES]]
    person, us = parse_user_id(user), own_name(container)
    proofs = [proof for proof in proofs if proof.destination == us and proof.origin == server_of(person)]
    if not proofs:
        raise Forbidden("x_matrix_other", "That is signed by another server, or for another one than this.")
    server = proofs[0].origin
    with container.read() as work:
        joining = work.rewards.joining(localpart, server)
    keys = container.enrolling.keys(server)
    key = _signer(proofs, keys, uri)
    _check_admin(container, server, person)
    if localpart != joining.second:
        return _what_would_happen(joining, us)
    contacts = container.enrolling.contacts(server)
    with container.work() as work:
        done = work.rewards.joined(localpart, key.public, keys)
        tell_contacts(work, done, contacts)
    LOG.info("reward_server_enrolled", server=server, again=done.before is not None, way="federation")
    payout = show_address(done.enrolled.payout_next or done.enrolled.payout)
    later = "" if done.enrolled.payout_next is None else " in seven days, and until then where they go now"
    return f"Done: {server} takes part, and its rewards go to {payout}{later}. There is no room here to be in."


def _signer(proofs: Sequence[SignedBy], keys: ServerKeys, uri: str) -> VerifyKey:
    """Return the key of the first signature that is right. Raises ``Invalid`` where none is."""
    wrong = Invalid("server_signature", f"That is not signed with a key that {keys.server} publishes now.")
    for proof in proofs:
        try:
            return proof.verify(keys, method="GET", uri=uri)
        except Invalid as found:
            wrong = found
    raise wrong


def _check_admin(container: Container, server: ServerName, person: UserId) -> None:
    try:
        admins = container.enrolling.admins(server)
    except HomeserverUnavailable as away:
        LOG.info("reward_server_away", reason=str(away))
        raise Forbidden(
            "joining_no_support",
            f"The /.well-known/matrix/support of {server} could not be read now. It must name you as a contact with "
            "the role m.role.admin.",
        ) from None
    if person not in admins:
        raise Forbidden(
            "joining_not_admin",
            f"Only who runs {server} can say so: whoever stands in its /.well-known/matrix/support as a contact with "
            "the role m.role.admin.",
        )


def _what_would_happen(joining: Joining, us: ServerName) -> str:
    challenge = joining.challenge
    forwards = " What it reports of its use is to go on to matrix.org's endpoint." if joining.forwards else ""
    return (
        f"Rewards of {challenge.server} are to go to {show_address(challenge.payout)}.{forwards} If you want that, and "
        f"that is your address, join #{joining.second}:{us} now. Whoever gave you this link has the address to which "
        f"{challenge.server} is to report its use, if it takes no part yet. If you do not know what this is, do "
        "nothing: nothing has happened."
    )
