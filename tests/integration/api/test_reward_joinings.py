"""Enrolling a server with nothing installed: its administrator has it ask us over federation, in its own name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.container import Container
from kit.database import Database
from kit.federation import Homeservers
from kit.identifiers import ServerName, parse_address
from payments.rewards.enrolling import Enrolled
from tests.support.elsewhere import Elsewhere, Server, an_address, says
from tests.support.keyed import SUPPORT, Keyed
from tests.support.services import Clock, Door, a_container, http_door
from tests.unit.payments.test_rewards_measured import body

FAR, US = ServerName("far.example"), "earnest.example:443"
ADMIN, OTHERS = "@admin:far.example", "@somebody:far.example"
PAYOUT = "0x" + "11" * 20
NOTHING = "Nothing waits for this server under that name, or it was answered before. Ask for a new one."


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def far() -> Keyed:
    return Keyed(FAR)


@pytest.fixture
def site(elsewhere: Elsewhere, far: Keyed) -> Server:
    """Where that server is: its federation, and the web server of its name."""
    address = an_address()
    server = elsewhere.server(FAR, address=address, port=8448)
    elsewhere.dns.records[FAR, "A"] = [address]
    far.at(server, admins=[ADMIN], contacts=[OTHERS])
    return server


@pytest.fixture
def container(tmp_path: Path, database: Database, elsewhere: Elsewhere, clock: Clock) -> Container:
    made = a_container(tmp_path, database, clock=clock)
    made.__dict__["enrolling"] = Homeservers(elsewhere.fetcher(), https_port=8448, clock=clock)
    return made


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@dataclass
class Client:
    """People of a homeserver, who have it ask us as Synapse does when they join."""

    door: Door
    server: Keyed
    last: tuple[str, str] = ("", "")

    def joins(self, alias: str, user: str = ADMIN, **how: Any) -> tuple[int, str]:  # noqa: ANN401 - of the signature
        """Join an alias as somebody; status and sentence."""
        found = self.door.get("/_matrix/federation/v1/query/directory", params={"room_alias": alias})
        assert found.status_code == 200, found.text
        (asked,) = found.json()["servers"]
        room = quote(found.json()["room_id"], safe="")
        uri = f"/_matrix/federation/v1/make_join/{room}/{quote(user, safe='')}?ver=1&ver=10"
        return self.again(uri, self.server.asks(how.pop("destination", asked), uri, **how))

    def again(self, uri: str, authorization: str) -> tuple[int, str]:
        """Ask, whatever it was signed for."""
        self.last = uri, authorization
        answer = self.door.get(uri, headers={"Authorization": authorization})
        said = answer.json()
        assert set(said) == {"errcode", "error"}, "a homeserver hands on no other form"
        return answer.status_code, said["error"]


def begun(door: Door, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = door.post("/v1/rewards/joinings", json={"server_name": FAR, "payout": PAYOUT, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def second_of(sentence: str) -> str:
    (alias,) = [word for word in sentence.split() if word.startswith("#yes.")]
    return alias


def kept(container: Container) -> Enrolled | None:
    with container.read() as work:
        return work.rewards.find(FAR)


def test_an_administrator_enrols_by_joining_twice(door: Door, container: Container, far: Keyed, site: Server) -> None:
    made, client = begun(door, forward=True), Client(door, far)
    assert made["alias"].startswith("#enrol.")
    report = made["report_url"].removeprefix("https://earnest.example")
    sentence = ""
    for _ in range(2):  # to ask is to be told, nothing more
        status, sentence = client.joins(made["alias"])
        assert (status, PAYOUT in sentence, "matrix.org" in sentence) == (403, True, True)
        assert kept(container) is None
        assert door.get(report).status_code == 404
    status, done = client.joins(second_of(sentence))
    assert (status, done.startswith("Done: far.example takes part")) == (403, True)
    found = kept(container)
    assert found is not None
    assert (found.key, found.forwards) == (far.key.public_key().public_bytes_raw(), True)
    assert found.payout_at(container.clock()) == parse_address(PAYOUT)
    assert door.get(report).json()["payout"] == PAYOUT
    assert door.put(report, content=body()).status_code == 200
    assert site.reached > 0


def test_whoever_makes_a_link_gets_no_hold_of_a_server_that_takes_part(
    door: Door, container: Container, far: Keyed, site: Server
) -> None:
    assert site.reached == 0
    mine, client = begun(door, forward=True), Client(door, far)
    client.joins(second_of(client.joins(mine["alias"])[1]))
    theirs = begun(door)
    status, done = client.joins(second_of(client.joins(theirs["alias"])[1]))
    assert (status, done.startswith("Done")) == (403, True)
    prefix = "https://earnest.example"
    assert door.get(theirs["report_url"].removeprefix(prefix)).status_code == 404
    assert door.put(mine["report_url"].removeprefix(prefix), content=body()).status_code == 200
    found = kept(container)
    assert found is not None
    assert found.forwards, "what was asked for before goes on"


def test_a_proof_is_good_once(door: Door, container: Container, far: Keyed, site: Server) -> None:
    assert site.reached == 0
    client = Client(door, far)
    _, sentence = client.joins(begun(door)["alias"])
    assert client.joins(second_of(sentence))[1].startswith("Done")
    uri, authorization = client.last
    with container.work() as work:
        work.rewards.leave(FAR)
    assert client.again(uri, authorization) == (403, NOTHING)
    left = kept(container)
    assert left is not None
    assert left.left_at is not None, "what was asked once enrols nobody again"


def test_only_the_servers_own_administrator_may(door: Door, container: Container, far: Keyed, site: Server) -> None:
    client, alias = Client(door, far), begun(door)["alias"]
    assert "matrix.org" not in client.joins(alias)[1], "what was not asked for"
    for user in (OTHERS, "@stranger:far.example"):
        status, sentence = client.joins(alias, user)
        assert (status, "m.role.admin" in sentence, "#yes" in sentence) == (403, True, False)
    _, sentence = client.joins(alias)
    status, refusal = client.joins(second_of(sentence), OTHERS)
    assert (status, "m.role.admin" in refusal) == (403, True)
    far.at(site, admins=["@admin:elsewhere.example"])
    assert "m.role.admin" in client.joins(second_of(sentence))[1]
    site.answers[SUPPORT] = says(b"", status=404)
    assert "could not be read now" in client.joins(second_of(sentence))[1]
    assert kept(container) is None


def test_somebody_elses_proof_is_refused(door: Door, container: Container, far: Keyed, site: Server) -> None:
    before, client, alias = site.reached, Client(door, far), begun(door)["alias"]
    other = Keyed("other.example")
    for asker, user in ((other, "@admin:other.example"), (other, ADMIN), (far, "@admin:other.example")):
        status, sentence = Client(door, asker).joins(alias, user)
        assert (status, "#yes" in sentence, PAYOUT in sentence) == (403, False, False)
    assert site.reached == before, "nobody is asked anything over it"
    forged = Client(door, Keyed(FAR)).joins(alias)  # in its name, with another key
    assert forged == (403, "That is not signed with a key that far.example publishes now.")
    assert "another server" in client.joins(alias, destination="elsewhere.example")[1]
    assert "not signed" in client.joins(alias, method="PUT")[1]
    assert "not signed" in client.joins(alias, key=Ed25519PrivateKey.generate())[1]
    uri, authorization = client.last
    assert "not signed" in client.again(uri + "&more=1", authorization)[1]
    assert kept(container) is None


def test_a_challenge_for_a_key_is_none_for_federation(door: Door, container: Container, far: Keyed) -> None:
    challenge = door.post("/v1/rewards/challenges", json={"server_name": FAR, "payout": PAYOUT}).json()
    client = Client(door, far)
    assert client.joins(f"#enrol.{challenge['nonce']}:{US}") == (403, NOTHING)
    made = begun(door)
    nonce = made["alias"].removeprefix("#enrol.").partition(":")[0]
    signed = far.sign({**challenge, "nonce": nonce})
    assert door.post("/v1/rewards/enrolments", json=signed).status_code == 404
    for localpart in (f"yes.wrong.{nonce}", f"yes.{nonce}", "enrol.", "yes..", "enrol.made-up", "x" * 200, "\u202e"):
        assert client.joins(f"#{localpart}:{US}") == (403, NOTHING)
    assert kept(container) is None


def test_it_is_over_after_an_hour(door: Door, far: Keyed, site: Server, clock: Clock) -> None:
    assert site.reached == 0
    client = Client(door, far)
    _, sentence = client.joins(begun(door)["alias"])
    clock.pass_(hours=1)
    assert client.joins(second_of(sentence)) == (403, NOTHING)


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Bearer x", "X-Matrix", "X-Matrix origin=a", "X-Matrix " + "a" * 5_000, "X-Matrix " + "a=b," * 50),
        f'X-Matrix origin="{FAR}",origin="{FAR}",destination="{US}",key="ed25519:a",sig="x"',
        f'X-Matrix origin="not a name",destination="{US}",key="ed25519:a",sig="x"',
        f'X-Matrix origin="{FAR}",destination="{US}",key="ed25519:a",sig="\u00ff"',
        f"X-Matrix origin={FAR},destination={US},key=ed25519:a,sig=x",
    ],
)
def test_what_is_no_signature_is_refused(door: Door, far: Keyed, site: Server, authorization: str) -> None:
    alias = begun(door)["alias"]
    uri = f"/_matrix/federation/v1/make_join/{quote('!' + alias[1:], safe='')}/{quote(ADMIN, safe='')}"
    answer = door.get(uri, headers={"Authorization": authorization.encode("latin-1")})
    assert (answer.status_code, answer.json()["errcode"]) == (403, "M_FORBIDDEN")
    assert far.name == FAR
    assert site.reached <= 2


def test_other_rooms_and_names_are_none(door: Door, container: Container) -> None:
    for alias in ("#enrol.x:other.example", "enrol.x", "#enrol.x", "", "@a:" + US):
        answer = door.get("/_matrix/federation/v1/query/directory", params={"room_alias": alias})
        assert (answer.status_code, answer.json()["errcode"]) == (404, "M_NOT_FOUND")
    container.settings.public_url = "http://127.0.0.1:8600"  # no homeserver reaches that
    asked = {"server_name": FAR, "payout": PAYOUT}
    assert door.post("/v1/rewards/joinings", json=asked).json()["type"] == "urn:earnest:problem:joining_off"
