"""Forwarding: brings reports of servers whose operators asked for it to Synapse's makers, to the byte as they came."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import structlog

from app.container import Container
from kit.errors import PeerUnavailable, Refusal
from payments.rewards.forwarding import Failure

LOG = structlog.get_logger(__name__)

_MOST: Final = 1_000
"""Reports that one round sends at most."""
_READ_BYTES: Final = 1_024
_CERTAINLY_NOT: Final = frozenset({"no_connection", "name_unknown", "certificate_wrong"})
"""Reasons for which nothing was sent."""
_HEADERS: Final = {"Content-Type": "application/json"}


def regular(container: Container) -> int:
    """Send what is due, one after the other; return how many were tried. Without an address all of it is dropped."""
    url = container.settings.rewards_forward_to
    tried = 0
    while tried < _MOST:
        with container.work() as work:
            effect = work.rewards.to_forward()
            if effect is not None and not url:
                work.rewards.forwarded(effect, None)
                continue
        if effect is None:
            break
        tried += 1
        failed = _send(container, url, str(effect.payload["body"]).encode())
        with container.work() as work:
            work.rewards.forwarded(effect, failed)
        if failed is not None:
            LOG.info("usage_report_not_forwarded", reason=failed.error, again=failed.again)
    return tried


def _send(container: Container, url: str, body: bytes) -> Failure | None:
    try:
        found = container.fetcher.put(url, body, headers=_HEADERS, most_bytes=_READ_BYTES)
    except PeerUnavailable as away:
        return Failure(away.code, again=away.code in _CERTAINLY_NOT)
    except Refusal as refused:  # the setting is wrong: an operator may mend it
        return Failure(refused.code, again=True)
    if found.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    # Of any other failure it may have been counted, and what stood between us and it failed.
    later = found.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    return Failure(f"status_{found.status}", again=later)
