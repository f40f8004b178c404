"""A backup's other end: somewhere to restore to, on the other kind of database than the backup is of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from app.chain_loop import ChainLoop
from app.container import Container
from cli.main import main
from kit.clock import from_unix
from kit.database import Database, make_engine
from tests.support.carried import Carried
from tests.support.services import PASSWORD, a_container

PASSPHRASE = "correct horse battery staple"


class Place:
    """Somewhere to restore to, on the other kind of database than the one that the backup is of."""

    def __init__(self, carried: Carried, folder: Path, url: str) -> None:
        self.carried, self.data, self.url = carried, folder / "restored", url

    def earnest(self, *words: str, **changes: str) -> Result:
        environment = self.environment(str(self.data), self.url) | changes
        return CliRunner().invoke(main, list(words), env=environment)

    def environment(self, data: str, url: str) -> dict[str, str]:
        return {
            "EARNEST_DATA": data,
            "EARNEST_DATABASE_URL": url,
            "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
            "EARNEST_RPC_URL": self.carried.anvil.url,
        }

    def back_up(self, file: Path, *words: str) -> Result:
        """Back up the service as it stands."""
        container = self.carried.container
        url = container.database.engine.url.render_as_string(hide_password=False)
        environment = self.environment(str(container.settings.data), url)
        return CliRunner().invoke(main, ["backup", str(file), *words], env=environment)

    @contextmanager
    def living(self) -> Iterator[Carried]:
        """The service as it was restored."""
        engine = make_engine(self.url)
        anvil, deployment = self.carried.anvil, self.carried.deployment
        container: Container = a_container(
            self.data,
            Database(engine),
            deployment=deployment,
            rpc_url=anvil.url,
            clock=lambda: from_unix(anvil.now()),
        )
        made = object.__new__(Carried)
        made.__dict__.update(self.carried.__dict__)
        made.container, made.loop = container, ChainLoop(container)
        try:
            yield made
        finally:
            container.chain.close()
            engine.dispose()


@pytest.fixture
def place(carried: Carried, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    if carried.container.database.engine.dialect.name == "postgresql":
        return Place(carried, tmp_path, f"sqlite:///{tmp_path / 'restored' / 'earnest.db'}")
    server: str = request.getfixturevalue("postgresql_url")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS restored"))
        connection.execute(text("CREATE DATABASE restored"))
    engine.dispose()
    return Place(carried, tmp_path, server.replace("@/earnest?", "@/restored?"))


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[str, str]:
    file = tmp_path / "passphrase.lock"  # a name that no backup takes
    file.write_text(f"{PASSPHRASE}\n")
    return "--passphrase-file", str(file)


@pytest.fixture
def plain() -> tuple[str, ...]:
    """For where sealing is not what is asked about: a passphrase takes a second to make and to tell."""
    return ("--unencrypted",)


def fine(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert not isinstance(result.exception, AssertionError)
    assert "Error: " in result.output, result.output
    return result.output
