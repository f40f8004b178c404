"""Proofs: messages that a wallet signs for one purpose (EIP-4361), good for ten minutes, of which nothing is kept.

What is signed names the page, the purpose and, where there is one, the person; it opens or moves what can be opened and
moved as often as one likes. So it needs no nonce of ours: who sees it within its time can do no more than its wallet
wanted, and for nobody else.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from app.container import Container
from contracts import wallets
from kit.errors import Forbidden
from kit.identifiers import Address
from ledger import holders, siwe

SIGN_WITHIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a wallet signs for: ``path`` is the page's or route's, ``resources`` are URIs."""

    path: str
    statement: str
    resources: tuple[str, ...] | None = None


def message_for(container: Container, wallet: Address, purpose: Purpose) -> siwe.Message:
    """Return what a wallet signs for a purpose."""
    now, uri = container.clock(), f"{container.settings.public_url}{purpose.path}"
    return siwe.Message(
        domain=urlsplit(uri).netloc,
        uri=uri,
        chain_id=container.terms.chain_id,
        address=wallet,
        nonce=secrets.token_hex(16),
        issued_at=siwe.show_time(now),
        expiration_time=siwe.show_time(now + SIGN_WITHIN),
        statement=purpose.statement,
        resources=purpose.resources,
    )


def signer_of(container: Container, text: str, signature: str, purpose: Purpose) -> Address:
    """Return the wallet that signed for a purpose; no transaction may be open, since a node may be asked.

    Raises ``Invalid`` for what is no message or signature, ``Forbidden`` for one that was made for anything else, is
    late or not the wallet's, and ``ChainUnavailable``.
    """
    message, now = siwe.parse(text), container.clock()
    uri = f"{container.settings.public_url}{purpose.path}"
    siwe.check_place(message, domain=urlsplit(uri).netloc, uri=uri, chain_id=container.terms.chain_id)
    siwe.check_time(message, now)
    # Without an end of its own it would be good for ever, and with a far one for long; ours are all written alike.
    end, latest = message.expiration_time or "", siwe.show_time(now + SIGN_WITHIN)
    ours = (message.statement, message.resources) == (purpose.statement, purpose.resources)
    if len(end) != len(latest) or not end.endswith("Z") or end > latest or not ours:
        raise Forbidden("siwe_for_elsewhere", "The message was made for something else.")
    return holders.prove(text, signature, partial(wallets.says, container.chain)).message.address
