"""How soon a stake opens its door: from when its block can first be read to when its grant stands in the database."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.container import Container
from benchmarks._ledger import following, service
from benchmarks._world import HOME, STAKE
from cli.local import anvil
from cli.local.ports import LOOPBACK, free_port
from contracts import codec
from contracts.chain import Chain, Deployment
from contracts.deployment import deploy
from contracts.signer import Transaction
from contracts.signers import KeySigner
from contracts.web3_chain import Web3Chain
from kit.amounts import Amount
from kit.identifiers import Address, Hash32, parse_room_id, parse_server_name, parse_user_id
from payments.stakes.model import terms_of
from reputation.model import Knock

_STAKES, _ROUNDS = 20, 5
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.01, 120.0
_PLENTY = 10**24
_GAS = 600_000


def knock_to_open_p95() -> Mapping[str, Any]:
    """Seconds until the grant of a stake, on a real node with a block a second and the real ``earnest chain``."""
    with tempfile.TemporaryDirectory() as folder, _node(Path(folder)) as url:
        chain = Web3Chain(url, anvil.CHAIN_ID)
        payer = KeySigner(os.urandom(32))
        anvil.give_ether(url, payer.address, _PLENTY)
        with anvil.mining_at_once(url, 1):
            place = deploy(chain, payer, initial_holder=payer.address, supply=_PLENTY)
        rounds = []
        database = f"sqlite:///{folder}/earnest.db"
        with service(Path(folder), url, database, place) as container, following(container):
            with container.work() as work:
                work.tenants.add(parse_server_name(HOME))
            for turn in range(_ROUNDS):
                quotes = [_quote(container, turn * _STAKES + number) for number in range(_STAKES)]
                wallets = _wallets(chain, url, payer, place)
                waits = _opened(container, chain, wallets, place, quotes)
                rounds.append(statistics.quantiles(waits, n=20)[-1])
        chain.close()
    return {
        "value": round(statistics.median(rounds), 3),
        "unit": "s",
        "better": "lower",
        "limit": 1.0,
        "details": {"rounds": [round(one, 3) for one in rounds], "stakes a round": _STAKES, "block time": 1},
    }


@contextmanager
def _node(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [str(anvil.find_anvil()), "--host", LOOPBACK, "--port", str(port), "--block-time", "1", "--silent"]
    node = subprocess.Popen([*command, "--cache-path", str(folder / "node")], stdin=subprocess.DEVNULL)
    try:
        _until(lambda: anvil.answers(port))
        yield anvil.url(port)
    finally:
        node.terminate()
        node.wait()


def _quote(container: Container, number: int) -> Any:  # noqa: ANN401 - a quote
    # Each of a homeserver and with a wallet of their own: what one sender leaves unanswered would raise the price.
    alice, bob = parse_user_id(f"@a{number}:{HOME}"), parse_user_id(f"@b{number}:s{number}.example")
    with container.work() as work:
        work.doors.ask(work.people.number(alice), stake=Amount(STAKE))
        tenant = work.tenants.all()[0]
        room = parse_room_id(f"!r{number}:s{number}.example")
        knock = Knock(tenant.id, tenant.server_name, bob, alice, room, at=work.now, federated=True)
        return work.gate.ask(knock).quote


def _wallets(chain: Chain, url: str, treasury: KeySigner, place: Deployment) -> list[KeySigner]:
    """Make wallets that hold one stake each and let the escrow take it."""
    made, nonce = [KeySigner(os.urandom(32)) for _ in range(_STAKES)], chain.nonce(treasury.address)
    for number, wallet in enumerate(made):
        anvil.give_ether(url, wallet.address, 10**18)
        _send(chain, treasury, nonce + number, place.token, codec.encode_transfer(wallet.address, STAKE))
        approved = _send(chain, wallet, 0, place.token, codec.encode_approve(place.escrow, STAKE))
    _until(lambda: chain.receipt(approved) is not None)
    return made


def _send(chain: Chain, payer: KeySigner, nonce: int, to: Address, data: bytes) -> Hash32:
    fees = chain.fees()
    transaction = Transaction(chain.chain_id, nonce, to, data, _GAS, fees.max_fee, fees.priority_fee)
    return chain.send(payer.sign_transaction(transaction).raw)


def _opened(
    container: Container, chain: Chain, wallets: list[KeySigner], place: Deployment, quotes: list[Any]
) -> list[float]:
    """Open a stake on each quote, some in each block; return how long each waited from its block to its grant."""
    sent = dict[Hash32, Hash32]()
    blocks, grants = dict[int, float](), dict[Hash32, float]()

    def look() -> bool:
        head = chain.block("latest")
        if head is not None:
            blocks.setdefault(head.number, time.perf_counter())
        with container.database.read() as session:
            found = session.execute(text("SELECT stake_id FROM grants WHERE state = 'open'")).scalars()
            now = time.perf_counter()
            for stake in found:
                grants.setdefault(Hash32(bytes(stake)), now)
        return sent.keys() <= grants.keys()

    look()
    for payer, quote in zip(wallets, quotes, strict=True):
        terms = terms_of(quote, payer=payer.address)
        stake = codec.stake_id(terms, chain_id=chain.chain_id, escrow=place.escrow)
        sent[stake] = _send(chain, payer, 1, place.escrow, codec.encode_open(terms))
        ends = time.perf_counter() + 0.2
        while time.perf_counter() < ends:
            look()
            time.sleep(_LOOK_SECONDS)
    _until(look)
    waits = []
    for stake, transaction in sent.items():
        receipt = chain.receipt(transaction)
        assert receipt is not None, "every stake was opened"
        assert receipt.succeeded, "every stake was opened"
        waits.append(grants[stake] - blocks[receipt.block_number])
    return waits


def _until(true: Any) -> None:  # noqa: ANN401 - a question
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise SystemExit("bench: what was waited for did not come")
        time.sleep(_LOOK_SECONDS)


BENCHMARKS = {"knock_to_open_p95": knock_to_open_p95}
