"""A real Synapse, nothing installed on it, is enrolled for rewards by its administrator, who joins what is no room."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from app.container import Container
from cli.local.certificates import Certificate, certificates
from cli.local.ports import free_port
from cli.local.synapse import Federation, Login
from kit.clock import system_clock
from kit.federation import Homeservers
from kit.identifiers import ServerName, parse_address, show_address
from tests.support.databases import sqlite_copy
from tests.support.elsewhere import Server, says
from tests.support.keyed import SUPPORT
from tests.support.services import a_container, listening
from tests.support.synapse import Homeserver, StartHomeserver

pytestmark = pytest.mark.homeserver

PAYOUT = parse_address("0x" + "a1" * 20)


@pytest.fixture
def files(tmp_path: Path) -> Certificate:
    return certificates(tmp_path, ("here",))["here"]


@pytest.fixture
def site(files: Certificate) -> Iterator[Server]:
    """The web server of the homeserver's name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    server = Server(context, "127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def container(tmp_path: Path, sqlite_template: Path, files: Certificate, site: Server) -> Iterator[Container]:
    with sqlite_copy(sqlite_template, tmp_path / "earnest.db") as database:
        opened = "127.0.0.0/8"
        made = a_container(
            tmp_path, database, clock=system_clock, private_networks=opened, extra_authority=files.authority
        )
        made.__dict__["enrolling"] = Homeservers(made.fetcher, https_port=site.port)
        yield made


@pytest.fixture
def service(container: Container, files: Certificate) -> Iterator[str]:
    """Our name among homeservers."""
    port = free_port()
    container.settings.public_url = f"https://localhost:{port}"
    with listening(container, port=port, tls=files):
        yield f"localhost:{port}"


def joins(far: Homeserver, login: Login, alias: str) -> str:
    """Join from any client; what the homeserver tells of it."""
    with far.client(login) as client:
        answer = client.post(f"/_matrix/client/v3/join/{quote(alias, safe='')}", json={})
    assert answer.status_code == 403, answer.text
    return str(answer.json()["error"])


def test_a_real_servers_administrator_enrols_it_from_a_client(
    container: Container, service: str, files: Certificate, site: Server, start_homeserver: StartHomeserver
) -> None:
    far = start_homeserver(federation=Federation(free_port(), files, peers=(service,)))
    admin, somebody = far.account(), far.account()
    site.answers[SUPPORT] = says({"contacts": [{"matrix_id": admin.user_id, "role": "m.role.admin"}]})
    with container.work() as work:
        server = ServerName(far.name)
        joining, _ = work.rewards.join(server, PAYOUT)
    first = f"#{joining.first}:{service}"
    assert "m.role.admin" in joins(far, somebody, first), "whoever else has an account there changes nothing"
    told = joins(far, admin, first)
    assert show_address(PAYOUT) in told
    with container.read() as work:
        assert work.rewards.find(server) is None
    (second,) = [word for word in told.split() if word.startswith("#yes.")]
    assert "m.role.admin" in joins(far, somebody, second)
    assert joins(far, admin, second).startswith(f"Done: {far.name} takes part")
    with container.read() as work:
        found = work.rewards.find(server)
    assert found is not None
    assert found.key in {key.public for key in container.enrolling.keys(server).current}
    assert joins(far, admin, second).startswith("Nothing waits"), "it is used up"
