"""A real Ethereum node for tests: anvil, with our contracts on it.

Fixtures: ``anvil`` (one node for the session; let each test use accounts of its own), ``deployment`` (our contracts on
it), and ``fresh_anvil``, ``fresh_deployment`` (a node for one test, which may travel and reorganise as it likes).
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from eth_utils.crypto import keccak

from contracts import codec
from contracts.chain import Chain, Deployment, RawLog, Receipt
from contracts.deployment import deploy
from contracts.events import Terms
from contracts.rpc import BoundedProvider
from contracts.signer import Signer, Transaction
from contracts.signers import KeySigner
from contracts.web3_chain import Web3Chain
from kit.errors import ChainUnavailable
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, show_address

ETHER: Final = 10**18
SUPPLY: Final = 1_000_000 * ETHER
"""Base units of ERN; all of them belong to the account "treasury" at first."""
CHAIN_ID: Final = 31337

_ROOT = Path(__file__).resolve().parents[2]
_INSTALLED = _ROOT / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
_STATES: Final = 500
"""How many states the node keeps, all in memory and each of them whole: 300 MB once the chain is long.

Left alone it begins with as many, but keeps fewer and fewer, 10 after 1,000 blocks (each fork takes another place),
and writes the others to disk, gigabytes an hour. A fork that begins at one of those leaves no contract its code: anvil
1.7.1 reads the accounts of such a state back without it. The deepest fork of a test begins at the final block.
"""
_LOOKS = 500
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_PR_SET_PDEATHSIG = 1


@dataclass
class Anvil:
    """A running node and what a test does to it."""

    url: str
    process: subprocess.Popen[bytes]
    chain: Chain
    _provider: BoundedProvider
    _signers: dict[str, KeySigner] = field(default_factory=dict)

    def rpc(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - JSON
        """Ask the node anything."""
        return self._provider.ask(method, *params)

    def logs(self, block_hash: Hash32, addresses: Sequence[Address]) -> list[RawLog]:
        """All logs of these contracts in a block that is there."""
        found = self.chain.read(block_hash, dict.fromkeys(addresses, ()))
        assert found is not None
        return found.logs

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks, a second apart."""
        self.rpc("anvil_mine", hex(blocks), "0x1")

    def rest(self) -> None:
        """Wait until what was sent is in a block, where blocks are mined at once: the node answers before it mines."""
        for _ in range(_LOOKS):
            if not self.rpc("anvil_getAutomine") or not int(self.rpc("txpool_status")["pending"], 16):
                return
            time.sleep(0.01)

    def travel(self, seconds: int) -> int:
        """Let chain time pass and mine a block at the end of it; return its Unix time."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()
        return self.now()

    def follow(self, other: Anvil) -> None:
        """Take over all blocks of another node, as nodes of one network do."""
        self.rpc("anvil_loadState", other.rpc("anvil_dumpState"))

    def silence(self) -> None:
        """Let it answer nothing any more, until it may ``speak``; connections to it stay open."""
        self.process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self.process.pid}/task")
        while any((each / "stat").read_text().rpartition(")")[2].split()[0] != "T" for each in threads.iterdir()):
            time.sleep(0.001)  # a thread that was at work may still have had something to say

    def speak(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)

    def reorg(self, depth: int) -> None:
        """Replace the last ``depth`` blocks by other, empty ones; what was mined in them is gone."""
        self.rpc("anvil_reorg", depth, [])

    def now(self) -> int:
        """The head block's Unix time."""
        head = self.chain.block("latest")
        assert head is not None
        return head.timestamp

    def set_balance(self, account: Address, wei: int) -> None:
        """Give an account exactly so much ether."""
        self.rpc("anvil_setBalance", show_address(account), hex(wei))

    def signer(self, name: str) -> KeySigner:
        """The account of that name; it has 100 ether when first asked for (``set_balance`` it to 0 for a pauper)."""
        if name not in self._signers:
            self._signers[name] = KeySigner(keccak(text=f"a key of {name}"))
            self.set_balance(self._signers[name].address, 100 * ETHER)
        return self._signers[name]

    def send(self, signer: Signer, to: Address, data: bytes, *, gas: int | None = None, value: int = 0) -> Receipt:
        """Send a call and return its receipt, succeeded or not; with ``gas`` given it is not tried out before."""
        chain = self.chain
        limit = gas if gas is not None else chain.estimate_gas(to, data, signer.address, value=value) * 12 // 10
        fees = chain.fees()
        transaction = Transaction(
            chain.chain_id, chain.nonce(signer.address), to, data, limit, fees.max_fee, fees.priority_fee, value
        )
        sent = chain.send(signer.sign_transaction(transaction).raw)
        while (receipt := chain.receipt(sent)) is None:
            time.sleep(0.02)
        return receipt

    def give_tokens(self, deployment: Deployment, to: Address, amount: int) -> None:
        """Let the treasury give ``amount`` base units of ERN."""
        receipt = self.send(self.signer("treasury"), deployment.token, codec.encode_transfer(to, amount))
        assert receipt.succeeded

    def tokens_of(self, deployment: Deployment, account: Address) -> int:
        """The account's base units of ERN."""
        return codec.decode_uint(self.chain.call(deployment.token, codec.encode_balance_of(account)))

    def terms(self, payer: Address, **changes: Any) -> Terms:  # noqa: ANN401 - any of the terms
        """Terms that can be opened now: 5 ERN, no fee, an hour for the quote, a week for the answer, a fresh salt."""
        now = self.now()
        terms = Terms(
            payer=payer,
            return_to=payer,
            amount=5 * ETHER,
            fee=0,
            fee_payee=ZERO_ADDRESS,
            relay_fee=0,
            relay_receiver=ZERO_ADDRESS,
            resolver=self.signer("resolver").address,
            guardian=self.signer("guardian").address,
            answer_by=now + 7 * 86400,
            quote_expiry=now + 3600,
            commitment=Hash32(os.urandom(32)),
        )
        return replace(terms, **changes)

    def deploy(self) -> Deployment:
        """Put the contracts on it; the account "treasury" holds all tokens."""
        treasury = self.signer("treasury").address
        return deploy(self.chain, self.signer("deployer"), initial_holder=treasury, supply=SUPPLY)


def anvil_program() -> Path:
    """Where anvil is: ``$ANVIL``, the PATH, or what ``make setup`` installed."""
    named = os.environ.get("ANVIL") or shutil.which("anvil")
    found = Path(named) if named else _INSTALLED
    assert found.is_file(), "there is no anvil: `make setup` installs it"
    return found


@contextmanager
def running_anvil(log: Path, *arguments: str, finality: int = 2) -> Iterator[Anvil]:
    """Run a node on a free port for the block; it mines each transaction at once, unless ``arguments`` say otherwise.

    ``finalized`` is ``finality`` blocks (an even number) below the head, ``safe`` half as many. It ends with the block,
    and with this process if that dies.
    """
    command = [str(anvil_program()), "--port", "0", "--chain-id", str(CHAIN_ID)]
    command += ["--slots-in-an-epoch", str(finality // 2)]
    command += ["--prune-history", str(_STATES), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, which takes no lock
        )
    try:
        url = f"http://127.0.0.1:{_port(process, log)}"
        chain, provider = Web3Chain(url, CHAIN_ID), BoundedProvider(url, timeout=60)
        _wait_until_ready(chain)
        try:
            yield Anvil(url, process, chain, provider)
        finally:
            chain.close()
            provider.close()
    finally:
        process.send_signal(signal.SIGCONT)  # one that was silenced would not hear the next
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def die_with_parent() -> None:
    """Have this process end even if its parent is killed and can no longer say so."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_LIBC = ctypes.CDLL(None)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the node says it listens on: it was chosen by the system, so nobody can have taken it before."""
    while not (found := _LISTENING.search(log.read_text(errors="replace"))):
        assert process.poll() is None, f"anvil ended: {log.read_text(errors='replace')[-2000:]}"
        time.sleep(0.01)
    return int(found.group(1))


def _wait_until_ready(chain: Web3Chain) -> None:
    for attempt in range(500):
        try:
            assert chain.block("latest") is not None
        except ChainUnavailable:
            if attempt == 499:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """One node for all tests."""
    with running_anvil(tmp_path_factory.mktemp("anvil") / "anvil.log") as node:
        yield node


@pytest.fixture(scope="session")
def deployment(anvil: Anvil) -> Deployment:
    """Our contracts on the one node."""
    return anvil.deploy()


@pytest.fixture
def fresh_anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A node for this test alone."""
    with running_anvil(tmp_path / "anvil.log") as node:
        yield node


@pytest.fixture
def fresh_deployment(fresh_anvil: Anvil) -> Deployment:
    """Our contracts on this test's own node."""
    return fresh_anvil.deploy()
