"""A program that buys: x402's own client, which knows nothing of us, with a wallet's key."""

from __future__ import annotations

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http.clients import x402HttpxClient
from x402.http.utils import encode_payment_signature_header
from x402.mechanisms.evm.exact import register_exact_evm_client


async def bought_by_stock_client(url: str, secret: str, sent: list[str]) -> httpx.Response:
    """Ask for what is at ``url`` and pay what is asked; ``sent`` gets the payment as it was sent."""
    client = x402Client()
    client.set_spend_controls(False)  # our token is none that it knows
    client.on_after_payment_creation(lambda made: sent.append(encode_payment_signature_header(made.payment_payload)))
    register_exact_evm_client(client, Account.from_key(secret))
    async with x402HttpxClient(client, timeout=60) as program:
        answer: httpx.Response = await program.get(url)
        return answer
