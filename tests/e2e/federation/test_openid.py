"""Signing in with a real OpenID token of a real Synapse, over its real federation port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from cli.local.certificates import Certificate, certificates
from cli.local.ports import free_port
from cli.local.synapse import Federation, Login
from kit.database import Database
from tests.support.services import PUBLIC_URL, Door, a_container, a_person, http_door
from tests.support.synapse import Homeserver, StartHomeserver

pytestmark = pytest.mark.homeserver

OWN = {"Origin": PUBLIC_URL}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificates")
    folder.chmod(0o700)
    return certificates(folder, ("far",))["far"]


@pytest.fixture(scope="module")
def far(start_homeserver: StartHomeserver, files: Certificate) -> Homeserver:
    return start_homeserver(federation=Federation(free_port(), files, peers=()))


@pytest.fixture
def container(tmp_path: Path, database: Database, files: Certificate) -> Container:
    return a_container(tmp_path, database, private_networks="127.0.0.0/8", extra_authority=files.authority)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def openid(far: Homeserver, who: Login) -> dict[str, Any]:
    """What a client is given to hand to others."""
    with far.client(who) as client:
        made = client.post(f"/_matrix/client/v3/user/{who.user_id}/openid/request_token", json={})
    return dict(made.raise_for_status().json())


def test_a_real_token_signs_its_person_in_and_the_code_makes_it_count(
    container: Container, door: Door, far: Homeserver
) -> None:
    alice = far.account()
    token = openid(far, alice)
    assert set(token) == {"access_token", "token_type", "matrix_server_name", "expires_in"}
    answer = door.post("/v1/sessions/openid", headers=OWN, json=token)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["mxid"], answer.json()["confirmed"]) == (alice.user_id, False)
    refused = door.put("/v1/me/door", headers=OWN, json={"mode": "closed"})
    assert refused.json()["type"] == "urn:earnest:problem:confirm_with_bot"
    person = a_person(container, alice.user_id)
    with container.work() as work:
        work.sessions.confirm(person, answer.json()["code"])
    assert door.put("/v1/me/door", headers=OWN, json={"mode": "closed"}).status_code == 200


def test_a_token_that_synapse_does_not_know_signs_nobody_in(door: Door, far: Homeserver) -> None:
    token = openid(far, far.account())
    answer = door.post("/v1/sessions/openid", headers=OWN, json=token | {"access_token": "made up"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:earnest:problem:openid_refused")


def test_where_the_operator_opens_no_network_this_machine_is_not_asked(
    tmp_path: Path, database: Database, far: Homeserver, files: Certificate
) -> None:
    with http_door(a_container(tmp_path, database, extra_authority=files.authority)) as door:
        answer = door.post("/v1/sessions/openid", headers=OWN, json=openid(far, far.account()))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:earnest:problem:homeserver_unavailable")
