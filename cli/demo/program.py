"""Programs that buy: x402's own clients in Python and on Node, which know nothing of us, with a wallet's key."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http.clients import x402HttpxClient
from x402.http.utils import encode_payment_signature_header
from x402.mechanisms.evm.exact import register_exact_evm_client

from kit.errors import NotFound

_BUYER: Final = Path(__file__).parent / "buyer"
_OWN_NODE: Final = Path(__file__).resolve().parents[2] / ".venv-node" / "bin"


async def bought_by_stock_client(url: str, secret: str, sent: list[str]) -> httpx.Response:
    """Ask for what is at ``url`` and pay what is asked; ``sent`` gets the payment as it was sent."""
    client = x402Client()
    client.set_spend_controls(False)  # our token is none that it knows
    client.on_after_payment_creation(lambda made: sent.append(encode_payment_signature_header(made.payment_payload)))
    register_exact_evm_client(client, Account.from_key(secret))
    async with x402HttpxClient(client, timeout=60) as program:
        answer: httpx.Response = await program.get(url)
        return answer


@dataclass(frozen=True, slots=True)
class Bought:
    """What the npm client came back with: status 0 where it refused to pay; ``sent`` is the payment that it made."""

    status: int
    body: bytes
    sent: str | None
    receipt: str | None
    refused: str


def bought_by_npm_client(url: str, key: bytes, *, network: str, asset: str, most: int | None) -> Bought:
    """Let x402's own npm client buy what is at ``url``, for at most ``most`` base units of ``asset``.

    ``None``: with its spend controls as they come, which know no such token. Raises ``NotFound`` where it is not
    installed.
    """
    told = {"url": url, "key": "0x" + key.hex(), "network": network, "asset": asset}
    document = json.dumps({**told, "most": str(most or 0), "free": most is None})
    done = subprocess.run(  # noqa: S603 - a script of ours, with what we hand it
        [node(_BUYER), str(_BUYER / "buyer.js")], input=document, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    body = base64.b64decode(found["body"])
    return Bought(found["status"], body, found["sent"], found["receipt"], found.get("refused", ""))


def node(folder: Path) -> str:
    """Return the Node that runs what is installed in ``folder``. Raises ``NotFound`` where either is not here."""
    found = shutil.which("node", path=str(_OWN_NODE)) or shutil.which("node")
    if found is None or not (folder / "node_modules").is_dir():
        raise NotFound("not_installed", "A client of other make is not installed: `make demo` and `make test` do that.")
    return found
