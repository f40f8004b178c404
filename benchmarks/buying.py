"""How long a purchase by x402 takes beside x402's own middleware, and a bought file of 100 MB beside a plain one.

A purchase is paid for in blocks, so the two shops take turns on one chain with a block every 2 s, as where such
payments are made; each sends its payments at the same moments between two blocks. What the buyer signs is made before.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from x402 import x402Facilitator
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import register_exact_evm_facilitator

from app import selling
from app.container import Container
from benchmarks._serving import files, gate
from benchmarks._world import build, settings_of
from contracts import typed_data
from contracts.authorizations import Authorization
from contracts.signers import KeySigner
from kit.clock import from_unix
from kit.database import Database, make_engine
from kit.identifiers import Address, Hash32, UserId, show_address, show_hash
from ledger.model import Level
from payments.content.model import Buyer, Kind, Offer, Paid
from payments.settlements.model import order_of, purchase_key
from tests.support.anvil import ETHER, Anvil, running_anvil
from tests.support.counter import Counter, packed, unpacked
from tests.support.databases import make_schema
from tests.support.services import a_container, http_door, listening
from tests.support.stock_shop import following, stock_shop
from tests.support.till import Till

_PEER = "x402's own middleware and facilitator"
_BLOCK_SECONDS = 2
_PHASES = 10
_AT_ONCE = 10
_BYTES = 100 * 1024 * 1024
_ROUNDS = 5
_PIECE = 2**20
_CLAIM = "a" * 32


def x402_buy() -> Mapping[str, Any]:
    """Buy again and again, of us and of a stock shop, from the signed payment to the content."""
    with tempfile.TemporaryDirectory() as made, running_anvil(Path(made) / "anvil.log") as node:
        folder, deployment = Path(made), node.deploy()
        engine = make_engine(f"sqlite:///{folder / 'earnest.db'}")
        make_schema(engine)
        container = a_container(
            folder,
            Database(engine),
            deployment=deployment,
            rpc_url=node.url,
            clock=lambda: from_unix(node.now()),
            facilitator_budget="1",
            facilitator_wait_seconds=30,
        )
        with http_door(container) as door:
            till = Till(container, node, deployment, door)
            listing = Counter(till).put_up(content=b"once upon a time")
            with (
                listening(container) as url,
                following(container),
                stock_shop(_stock_facilitator(node, deployment.chain_id), deployment) as shop,
            ):
                places = {"ours": f"{url}/v1/listings/{listing.id}/content", _PEER: f"{shop.url}/story"}
                at_once = {name: [_bought(till, place) for _ in range(_AT_ONCE)] for name, place in places.items()}
                node.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON-RPC
                node.rpc("evm_setIntervalMining", _BLOCK_SECONDS)
                found: dict[str, list[float]] = {name: [] for name in places}
                for turn in range(_PHASES):
                    for name, place in places.items():
                        _wait(node, (turn + 0.5) * _BLOCK_SECONDS / _PHASES)
                        found[name].append(_bought(till, place))
        container.close()
    return {
        "value": round(1000 * statistics.mean(found["ours"])),
        "unit": "ms",
        "better": "lower",
        "peers": {_PEER: round(1000 * statistics.mean(found[_PEER]))},
        "least_ratio": round(1 / 1.3, 3),
        "details": {
            "a block, s": _BLOCK_SECONDS,
            "where each payment is a block at once, ms": round(1000 * statistics.median(at_once["ours"])),
            f"the same, {_PEER}, ms": round(1000 * statistics.median(at_once[_PEER])),
        },
    }


def download() -> Mapping[str, Any]:
    """Fetch a bought file of 100 MB, and the same bytes of a server of plain files, in turn."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        content, plain = os.urandom(_BYTES), folder / "plain"
        plain.write_bytes(content)
        (folder / "world").mkdir()
        world = build(folder / "world", doors=1, grants=0)
        path, paid = _sold(world.folder, content)
        with gate(world) as ours, files(plain) as theirs:
            asking = {"PAYMENT-SIGNATURE": paid}
            for served, place, headers in ((ours, path, asking), (theirs, "/file", {})):
                assert httpx.get(f"{served.url}{place}", headers=headers, timeout=60).content == content
            rounds = [
                (
                    _timed(lambda: _fetched(ours.url, path, paid)),
                    _timed(lambda: _fetched(theirs.url, "/file", None)),
                )
                for _ in range(_ROUNDS)
            ]
    mine, plainly = (min(some) for some in zip(*rounds, strict=True))
    return {
        "value": round(_BYTES / mine / 1e6),
        "unit": "MB/s",
        "better": "higher",
        "peers": {"a server of plain files": round(_BYTES / plainly / 1e6)},
        "least_ratio": 0.7,
    }


# ------------------------------------------------------------------------------------------------- buying


def _stock_facilitator(node: Anvil, chain_id: int) -> x402Facilitator:
    secret = secrets.token_bytes(32)
    node.set_balance(KeySigner(secret).address, 10 * ETHER)
    facilitator = x402Facilitator()
    signer = FacilitatorWeb3Signer(private_key="0x" + secret.hex(), rpc_url=node.url)
    register_exact_evm_facilitator(facilitator, signer, networks=f"eip155:{chain_id}")
    return facilitator


def _bought(till: Till, place: str) -> float:
    """Buy what stands there; return the seconds from the payment to the content."""
    with httpx.Client(timeout=60) as client:
        (demand,) = unpacked(client.get(place), "payment-required")["accepts"]
        paid = packed(till.body(None, demand)["paymentPayload"])
        begun = time.perf_counter()
        answer = client.get(place, headers={"PAYMENT-SIGNATURE": paid})
        took = time.perf_counter() - begun
    assert answer.status_code == httpx.codes.OK, answer.text
    return took


def _wait(node: Anvil, seconds: float) -> None:
    """Wait for a block, and so long after it."""
    before = node.rpc("eth_blockNumber")
    while node.rpc("eth_blockNumber") == before:
        time.sleep(0.01)
    time.sleep(seconds)


# ------------------------------------------------------------------------------------------------- fetching


def _sold(folder: Path, content: bytes) -> tuple[str, str]:
    """Sell a file that is paid for already; return its path, and the payment that opens it."""
    container, wallet = Container(settings_of(folder)), KeySigner(secrets.token_bytes(32))
    (asset,) = selling.allowed(container)
    seller = Address(b"\x5e" * 20)
    signed = Authorization(wallet.address, seller, 1, 0, 2**40, Hash32(secrets.token_bytes(32)))
    with container.work() as work:
        lea, token = work.people.number(UserId("@lea:bench.example")), work.settlements.token
    offer = Offer(kind=Kind.FILE, title="A file", wallet=seller, prices={asset: 1}, finality=Level.SEEN)
    pieces = [content[at : at + _PIECE] for at in range(0, len(content), _PIECE)]
    listing = selling.put_up(container, lea, offer, pieces, name="file.bin")
    with container.work() as work:
        key = purchase_key(work.settlements.id_of(token.address, signed), order_of(listing.id, _CLAIM))
        terms, buyer = listing.version.terms, Buyer(wallet=wallet.address)
        level, now = Level.FINALIZED, work.now
        work.content.bought(
            Paid(key=key, listing=listing.id, terms=terms, buyer=buyer, asset=asset, amount=1, level=level, at=now)
        )
    container.close()
    document = typed_data.transfer_with_authorization(signed, chain_id=token.chain_id, token=token.address)
    accepted = {
        "scheme": "exact",
        "network": token.network,
        "asset": show_address(token.address),
        "amount": "1",
        "payTo": show_address(seller),
        "maxTimeoutSeconds": 300,
        "extra": {"name": token.name, "version": token.version, "claim": _CLAIM},
    }
    authorization = {
        "from": show_address(signed.payer),
        "to": show_address(signed.recipient),
        "value": "1",
        "validAfter": "0",
        "validBefore": str(signed.valid_before),
        "nonce": show_hash(signed.nonce),
    }
    payload = {"signature": "0x" + wallet.sign_digest(document.digest).hex(), "authorization": authorization}
    told = {"x402Version": 2, "accepted": accepted, "payload": payload}
    return f"/v1/listings/{listing.id}/content", base64.b64encode(json.dumps(told).encode()).decode()


def _fetched(url: str, path: str, paid: str | None) -> None:
    """Fetch by bare sockets, so that what is measured is the server."""
    parts, paying = urlsplit(url), "" if paid is None else f"PAYMENT-SIGNATURE: {paid}\r\n"
    room, received = bytearray(_PIECE), 0
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{paying}Connection: close\r\n\r\n".encode())
        while count := peer.recv_into(room):
            received += count
    assert received > _BYTES, received


def _timed(do: Callable[[], object]) -> float:
    begun = time.perf_counter()
    do()
    return time.perf_counter() - begun


BENCHMARKS = {"x402_buy": x402_buy, "download": download}
