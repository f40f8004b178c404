"""Tokens: what the operator allows people to sell for is read from the chain, once, and kept."""

from __future__ import annotations

import time
from typing import Final

import structlog

from app.container import Container
from contracts import erc20
from contracts.erc20 import Facts
from kit.errors import ChainUnavailable, Invalid
from kit.identifiers import Address
from ledger.model import Asset
from payments.tokens.model import address_of

LOG = structlog.get_logger(__name__)
_AGAIN_SECONDS: Final = 60.0


def learn(container: Container) -> list[str]:
    """Read what was not read yet; return, in a sentence each, what is refused. Raises ``ChainUnavailable``."""
    with container.read() as work:
        room = work.tokens
        unread, unasked = room.unread, room.unasked
    for asset in unasked:
        told = erc20.signs_transfers(container.chain, _address(asset, container.deployment.chain_id))
        with container.work() as work:
            work.tokens.learn_transfers(asset, told)
    refused = []
    for asset in unread:
        try:
            facts = look(container, asset)
        except Invalid as error:
            LOG.warning("sale_token_refused", asset=asset, reason=error.message)
            refused.append(error.message)
            continue
        with container.work() as work:
            work.tokens.keep(asset, facts)
        LOG.info("sale_token_read", asset=asset, symbol=facts.symbol, decimals=facts.decimals)
    return refused


def look(container: Container, asset: Asset) -> Facts:
    """Ask a token what it is. Raises ``Invalid`` for what nothing could be sold for, and ``ChainUnavailable``."""
    place = container.deployment
    token = _address(asset, place.chain_id)
    if token in (place.escrow, place.pledges, place.checkout, place.distributor):
        raise Invalid("token_ours", "One of EARNEST_SALES_TOKENS is a contract of this service's own, and no token.")
    return erc20.look(container.chain, token)


def _address(asset: Asset, chain_id: int) -> Address:
    found = address_of(asset, chain_id)
    if found is None:
        raise Invalid("asset_unknown", "That is no token of this chain.")
    return found


class Watch:
    """Keeps up with what the operator allows, for the process that reads the chain."""

    def __init__(self, container: Container) -> None:
        """Look when first asked to."""
        self._container = container
        self._settled = False
        self._from = float("-inf")

    def keep_up(self) -> None:
        """Note what is allowed no more, read what is new; what is refused is looked at again after a minute.

        A node that does not tell of tokens holds up nothing else.
        """
        if time.monotonic() < self._from:
            return
        self._from = time.monotonic() + _AGAIN_SECONDS
        if not self._settled:
            with self._container.work() as work:
                work.tokens.settle()
            self._settled = True
        try:
            if not learn(self._container):
                self._from = float("inf")
        except ChainUnavailable as error:
            LOG.warning("sale_tokens_unread", reason=str(error))
