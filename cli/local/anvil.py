"""The chain of the local world: where anvil is, how it is started, and what only a chain of play can do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.local.ports import LOOPBACK
from cli.local.processes import Program
from contracts.rpc import BoundedProvider
from kit.errors import ChainUnavailable, NotFound
from kit.identifiers import Address, show_address

CHAIN_ID = 31337
"""The chain id that anvil gives itself."""
ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
_INSTALLED = ROOT / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
_HISTORY = "16"
"""How many old states anvil keeps on disk: left alone it writes gigabytes.

In memory it keeps 1,500 at first, then fewer and fewer, 10 after 3,000 blocks: those of the last 25 blocks are always
there, and the books are held against the chain 8 blocks below its head. To keep all in memory (``--prune-history``)
took 1 GB: where a block takes 2 seconds or less, anvil does not heed the number that is given with it.
"""


def find_anvil() -> Path:
    """Return anvil's path: the one that ``make setup`` installed, else the machine's. Raises ``NotFound``."""
    if _INSTALLED.is_file():
        return _INSTALLED
    named = shutil.which("anvil")
    if named is None:
        raise NotFound("anvil_missing", "There is no anvil, the local chain's node: `make setup` installs it.")
    return Path(named)


def anvil(port: int, *, folder: Path, log: Path, block_time: int, epoch: int, save_every: int | None = None) -> Program:
    """Return the program: a chain of play that mines every ``block_time`` seconds and keeps its state in ``folder``.

    ``safe`` is ``epoch`` blocks below the head, ``finalized`` twice that. The state is written every ``save_every``
    seconds and at the end; what a killed node loses must lie above finality: ``save_every < 2 * epoch * block_time``.
    """
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)  # what a killed node left there, nobody reads again
    cache.mkdir(parents=True)
    command: tuple[str, ...] = (str(find_anvil()), "--host", LOOPBACK, "--port", str(port), "--chain-id", str(CHAIN_ID))
    command += ("--block-time", str(block_time), "--slots-in-an-epoch", str(epoch))
    command += ("--max-persisted-states", _HISTORY, "--cache-path", str(cache))
    if save_every is not None:
        command += ("--state", str(folder / "state.json"), "--state-interval", str(save_every))
    return Program("anvil", command, folder, log, ready=lambda: answers(port))


def url(port: int) -> str:
    """Return the node's JSON-RPC endpoint."""
    return f"http://{LOOPBACK}:{port}"


@contextmanager
def asking(rpc_url: str) -> Iterator[BoundedProvider]:
    """Open a connection for a few questions."""
    provider = BoundedProvider(rpc_url)
    try:
        yield provider
    finally:
        provider.close()


def answers(port: int) -> bool:
    """Tell whether a node answers on the loopback ``port``."""
    try:
        with asking(url(port)) as node:
            node.ask("eth_chainId")
    except ChainUnavailable:
        return False
    return True


def head(rpc_url: str) -> tuple[int, int]:
    """Return the head block's number and Unix time."""
    with asking(rpc_url) as node:
        block: Any = node.ask("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - the node's own order of parameters
        return int(block["number"], 16), int(block["timestamp"], 16)


def give_ether(rpc_url: str, account: Address, wei: int) -> None:
    """Set an account's ether; only a chain of play allows it."""
    with asking(rpc_url) as node:
        node.ask("anvil_setBalance", show_address(account), hex(wei))


def travel(rpc_url: str, seconds: int) -> int:
    """Let chain time pass, mine a block at the end of it, and return its Unix time."""
    with asking(rpc_url) as node:
        node.ask("evm_increaseTime", seconds)
        node.ask("anvil_mine", hex(1))
    return head(rpc_url)[1]


def keep_time(rpc_url: str, now: int) -> None:
    """Go on at the chain's own time where that is ahead of the clock: a restarted anvil forgets its travels.

    Without this its next block would be older than the one before it. ``now`` is the clock's Unix time.
    """
    ahead = head(rpc_url)[1] - now
    if ahead > 0:
        with asking(rpc_url) as node:
            node.ask("evm_increaseTime", ahead + 1)


@contextmanager
def mining_at_once(rpc_url: str, block_time: int) -> Iterator[None]:
    """Mine each transaction at once for the block, then again every ``block_time`` seconds."""
    with asking(rpc_url) as node:
        node.ask("evm_setAutomine", True)  # noqa: FBT003 - the node's own order of parameters
        try:
            yield
        finally:
            node.ask("evm_setIntervalMining", block_time)


def stand_still(rpc_url: str) -> None:
    """Mine nothing any more but what ``mine`` asks for."""
    with asking(rpc_url) as node:
        node.ask("evm_setAutomine", False)  # noqa: FBT003 - the node's own order of parameters


def mine(rpc_url: str) -> None:
    """Mine one block."""
    with asking(rpc_url) as node:
        node.ask("anvil_mine", hex(1))


def reorg(rpc_url: str, depth: int) -> None:
    """Replace the last ``depth`` blocks by empty ones; on a chain of 3,000 blocks and more, only a few.

    Where the new branch begins at a state that is on disk by then, anvil 1.7.1 leaves no contract its code.
    """
    with asking(rpc_url) as node:
        node.ask("anvil_reorg", depth, [])


def is_of_play(rpc_url: str) -> bool:
    """Tell whether the node at ``rpc_url`` is an anvil, whose time can be turned."""
    with asking(rpc_url) as node:
        return str(node.ask("web3_clientVersion")).startswith("anvil/")
