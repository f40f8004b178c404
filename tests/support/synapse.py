"""A real Synapse for tests, with or without the antispam module.

Fixtures: ``homeserver`` (one for the session, without a gate; let each test use accounts of its own) and
``start_homeserver`` (a function that starts more: with a gate, on a name of one's own, federating). All end with the
tests, however the tests end.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.local import synapse
from cli.local.ports import free_port
from cli.local.processes import Program, Supervisor
from cli.local.synapse import Federation, GateCall, Login, Synapse

SECRET = "a secret of tests"
PASSWORD = "a password of tests"


@dataclass
class Homeserver:
    """A running Synapse and what a test does to it."""

    server: Synapse
    log: Path
    _supervisor: Supervisor
    _name: str
    _limits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The client API's address."""
        return self.server.url

    @property
    def name(self) -> str:
        """The server's name, as it ends Matrix ids."""
        return self.server.server_name

    def account(self, localpart: str | None = None, *, password: str = PASSWORD, admin: bool = False) -> Login:
        """A fresh account, logged in; its name is made up where none is given."""
        return synapse.register(self.server, localpart or f"u{secrets.token_hex(6)}", password, admin=admin)

    def client(self, login: Login) -> httpx.Client:
        """Plain HTTP as that account: ``homeserver.client(bob).post("/_matrix/client/v3/createRoom", json={})``."""
        headers = {"Authorization": f"Bearer {login.access_token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def stop(self) -> None:
        """Stop it; ``start`` brings it back with all it knew."""
        self._supervisor.stop(self._name)

    def start(self) -> None:
        """Start it again."""
        self._supervisor.start(self._program())
        self._supervisor.wait_ready(self._name)

    def _program(self) -> Program:
        program = replace(synapse.synapse(self.server, log=self.log), name=self._name)
        if not self._limits:
            return program
        extra = self.server.folder / "limits.yaml"
        extra.write_text(json.dumps(self._limits))  # the last file that is named wins
        return replace(program, command=(*program.command, "--config-path", str(extra)))


StartHomeserver = Callable[..., Homeserver]
"""``start(gate=GateCall(…), server_name=…, federation=Federation(…), limits={"rc_…": …}) -> Homeserver``."""


@pytest.fixture(scope="session")
def start_homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartHomeserver]:
    """Start homeservers, each in a folder of its own."""
    with Supervisor() as supervisor:

        def start(
            *,
            gate: GateCall | None = None,
            server_name: str | None = None,
            federation: Federation | None = None,
            limits: Mapping[str, Any] | None = None,
        ) -> Homeserver:
            folder = tmp_path_factory.mktemp("homeserver")
            name = server_name or (f"localhost:{federation.port}" if federation else "localhost")
            server = Synapse(folder, name, free_port(), SECRET, gate=gate, federation=federation)
            found = Homeserver(server, folder / "homeserver.log", supervisor, folder.name, limits or {})
            found.start()
            return found

        yield start


@pytest.fixture(scope="session")
def homeserver(start_homeserver: StartHomeserver) -> Homeserver:
    """One homeserver for all tests, without a gate."""
    return start_homeserver()
