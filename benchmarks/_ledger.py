"""A ledger for the benchmarks of reading a chain: an empty database, a token, and the process's habits."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import structlog

from app.container import KEY_ROLES, Container
from app.settings import Settings
from benchmarks._world import PASSWORD, settings_of
from cli.local import anvil
from cli.migrations import upgrade
from cli.serving import settle
from contracts.chain import Deployment
from contracts.deployment import write_deployment
from contracts.signers import create_key
from kit.identifiers import Address

TOKEN, ESCROW = Address(b"\x70" * 20), Address(b"\xe5" * 20)
_number = itertools.count()


def quiet(level: int = logging.WARNING) -> None:
    """Have the process speak of trouble alone, and have the habits of ``earnest chain``."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    settle()


@contextlib.contextmanager
def service(folder: Path, url: str, database: str, place: Deployment | None = None) -> Iterator[Container]:
    """Give a container on an empty ledger of a token (one that stands nowhere, by default)."""
    settings = settings_of(folder, rpc_url=url, database_url=database)
    for role in KEY_ROLES:
        create_key(settings.keystore(), role, PASSWORD, kdf_work=2)
    write_deployment(folder / "deployment.json", place or Deployment(31337, TOKEN, ESCROW, 1))
    upgrade(settings.database())
    container = Container(settings)
    try:
        yield container
    finally:
        container.close()


@contextlib.contextmanager
def following(container: Container) -> Iterator[None]:
    """Run the real ``earnest chain`` on the container's service, from when it has read what there is already."""
    settings = container.settings
    program = [str(Path(sys.executable).with_name("earnest")), "chain"]
    loop = subprocess.Popen(program, env=environment(settings), stdin=subprocess.DEVNULL)
    try:
        with anvil.asking(settings.rpc_url) as node:
            node.ask("anvil_mine", "0x1")
        head, _ = anvil.head(settings.rpc_url)
        while _read(container) < head:
            assert loop.poll() is None, "it follows the chain"
            time.sleep(0.05)
        yield
    finally:
        loop.terminate()
        loop.wait()


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which a process works by these settings."""
    return os.environ | {
        "EARNEST_DATA": str(settings.data),
        "EARNEST_DATABASE_URL": settings.database(),
        "EARNEST_RPC_URL": settings.rpc_url,
        "EARNEST_RPC_WS_URL": settings.rpc_url.replace("http", "ws"),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_CHAIN_HEALTH_PORT": "0",
        "EARNEST_LOG_LEVEL": "WARNING",
    }


def _read(container: Container) -> int:
    with container.read() as work:
        head = work.book.head()
        return -1 if head is None else head.number


def fresh(url: str) -> str:
    """Make a database on a PostgreSQL server; return its URL."""
    name = f"bench{next(_number)}"
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/earnest?", f"/{name}?")
