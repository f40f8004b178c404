"""Lists of others at one's own door over HTTP, on both databases: tried, set, told by why, vetoed and left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from kit.database import Database
from reputation.lists.model import Entry, Recommendation, Subject
from reputation.model import Knock
from reputation.verdict import Admit, Refuse, Verdict
from tests.support.knocks import ROOM
from tests.support.services import ALICE, BOB, Door, a_bearer, a_container, a_token, http_door

URL = "/v1/me/subscriptions"


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    made = a_container(tmp_path, database)
    with made.work() as work:
        number = work.followed.follow("watch", "/list").id
        work.followed.write(number, [Entry(Subject.USER, BOB, Recommendation.BAN, "tea")])
        work.followed.read("watch", form="policy", entries=1, left_out=0, again=False)
        work.doors.open(work.people.number(ALICE))
    made.labelling.prepare()
    return made


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    a_bearer(container, "example.org")
    with http_door(container) as client:
        yield client


@pytest.fixture
def alice(container: Container) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE)}


def knock(container: Container) -> Verdict:
    with container.work() as work:
        tenant = work.tenants.all()[0]
        return work.gate.ask(Knock(tenant.id, tenant.server_name, BOB, ALICE, ROOM, work.now, federated=True)).verdict


def test_a_list_is_tried_set_excepted_from_and_left(container: Container, door: Door, alice: dict[str, str]) -> None:
    assert isinstance(knock(container), Admit)
    assert door.get(URL, headers=alice).json() == {"subscriptions": [], "others": ["watch"]}

    tried = door.post(f"{URL}/watch/try", headers=alice, json={"do": "refuse"}).json()
    assert (tried["strangers"], tried["changed"]) == (1, 1)
    (difference,) = tried["differences"]
    assert (difference["now"], difference["then"]) == ("comes_in", "refused")
    assert difference["samples"][0]["then"]["rule"] == "list watch"
    assert isinstance(knock(container), Admit), "trying changes nothing"

    before: dict[str, Any] = door.get("/v1/me/door/document", headers=alice).json()["document"]
    made = door.put(f"{URL}/watch", headers=alice, json={"do": "refuse"}).json()
    expected: dict[str, Any] = {"name": "watch", "do": "refuse", "stake": None, "excepted": [], "rule": "list watch"}
    assert made == {"subscriptions": [expected], "others": []}
    assert isinstance(knock(container), Refuse)
    why = door.get(f"/v1/me/why/{BOB}", headers=alice)
    assert why.status_code == 404 or "list watch" in why.text

    door.put(f"{URL}/watch", headers=alice, json={"do": "refuse", "excepted": [BOB]})
    assert isinstance(knock(container), Admit)
    door.post("/v1/me/door/undo", headers=alice)
    assert isinstance(knock(container), Refuse)
    door.put(f"{URL}/watch", headers=alice, json={"do": "notify"})
    assert isinstance(knock(container), Admit), "it only tells"

    assert door.delete(f"{URL}/watch", headers=alice).json() == {"subscriptions": [], "others": ["watch"]}
    assert door.get("/v1/me/door/document", headers=alice).json()["document"] == before
    with container.read() as work:
        number = work.people.find(ALICE)
        assert number is not None
        assert work.doors.show(number).policy is None, "it is the plain door again"


def test_what_cannot_be_is_refused(door: Door, alice: dict[str, str]) -> None:
    assert door.put(f"{URL}/other", headers=alice, json={"do": "refuse"}).status_code == 404
    assert door.delete(f"{URL}/watch", headers=alice).status_code == 404
    assert door.put(f"{URL}/watch", headers=alice, json={"do": "admit"}).status_code == 400
    assert door.put(f"{URL}/watch", headers=alice, json={"do": "hold", "stake": "0"}).status_code == 400
    assert door.put(f"{URL}/watch", headers=alice, json={"do": "refuse", "excepted": ["@no"]}).status_code == 400
    assert door.put(f"{URL}/Watch!", headers=alice, json={"do": "refuse"}).status_code == 400
    assert door.get(URL).status_code == 401
