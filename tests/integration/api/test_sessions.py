"""Signing in by a homeserver's word: whom it may speak for, and how little it is good for until the bot confirms it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.sessions import MOST_UNCONFIRMED
from kit.database import Database
from kit.errors import NotFound
from kit.identifiers import UserId
from tests.support.elsewhere import PUBLIC, Elsewhere, Server, says, somewhere
from tests.support.services import ALICE, BOB, PUBLIC_URL, Clock, Door, a_container, a_person, http_door

USERINFO = "/_matrix/federation/v1/openid/userinfo"
TOKEN = "an OpenID token of a person"
OWN = {"Origin": PUBLIC_URL}


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    with somewhere(tmp_path_factory.mktemp("elsewhere")) as made:
        yield made


@pytest.fixture
def server(elsewhere: Elsewhere) -> Server:
    """A homeserver that is named by its address, so that no name server is needed."""
    return elsewhere.server()


@pytest.fixture
def container(tmp_path: Path, database: Database, elsewhere: Elsewhere) -> Container:
    return a_container(
        tmp_path,
        database,
        private_networks=f"{PUBLIC}, 10.99.0.0/16",
        extra_authority=elsewhere.authority_file,
    )


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def name_of(server: Server) -> str:
    return f"{server.address}:{server.port}"


def user_on(server: Server, localpart: str = "alice") -> UserId:
    return UserId(f"@{localpart}:{name_of(server)}")


def sign_in(door: Door, server: Server | str, headers: dict[str, str] | None = None, **changes: Any) -> Any:  # noqa: ANN401
    body = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "matrix_server_name": server if isinstance(server, str) else name_of(server),
        "expires_in": 3600,
    }
    return door.post("/v1/sessions/openid", headers=OWN if headers is None else headers, json=body | changes)


def signed_in(door: Door, server: Server, localpart: str = "alice") -> dict[str, Any]:
    """Sign somebody in; what was answered."""
    server.answers[USERINFO] = says({"sub": user_on(server, localpart)})
    answer = sign_in(door, server)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def code(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    return answer.status_code, answer.json()["type"].removeprefix("urn:earnest:problem:")


def confirm(container: Container, mxid: str, said: str) -> None:
    person = a_person(container, mxid)
    with container.work() as work:
        work.sessions.confirm(person, said)


def test_a_homeserver_signs_its_own_person_in(container: Container, door: Door, server: Server) -> None:
    answer = signed_in(door, server)
    mxid = user_on(server)
    assert (answer["mxid"], answer["confirmed"], answer["bot"]) == (mxid, False, "@earnest:example.org")
    assert door.get("/v1/me").json() == {"mxid": mxid, "scopes": [], "confirmed": False}
    confirm(container, mxid, answer["code"])
    assert door.get("/v1/me").json() == {"mxid": mxid, "scopes": ["read", "write"], "confirmed": True}
    assert door.put("/v1/me/door", headers=OWN, json={"mode": "closed"}).status_code == 200


def test_until_the_bot_confirms_it_a_session_tells_who_it_is_and_does_nothing_else(
    container: Container, door: Door, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.limits.RateLimiter.take", lambda *_, **__: 0.0)  # more routes than one may ask at once
    answer = signed_in(door, server)
    paths = door.get("/v1/openapi.json").json()["paths"]
    mine = {
        (method.upper(), path)
        for path, methods in paths.items()
        if path.startswith(("/v1/me", "/v1/events", "/v1/webhooks"))
        for method in methods
    }
    free = {("GET", "/v1/me"), ("DELETE", "/v1/me/session")}
    assert free < mine
    assert {("POST", "/v1/me/wallets"), ("POST", "/v1/me/answers"), ("PUT", "/v1/me/door")} < mine
    assert {("GET", "/v1/events"), ("POST", "/v1/webhooks"), ("GET", "/v1/webhooks")} < mine
    bodies: dict[str, Any] = {
        "/v1/me/door": {"mode": "closed"},
        "/v1/me/answers": {"stranger": BOB, "answer": "accept"},
        "/v1/me/undo": {"stranger": BOB},
        "/v1/me/forget": {"confirm": user_on(server)},
        "/v1/me/wallets": {"message": "m", "signature": "0x00"},
        "/v1/me/wallets/message": {"address": "0x" + "11" * 20},
        "/v1/me/wallets/primary": {"address": "0x" + "11" * 20},
        "/v1/webhooks": {"url": "https://example.org/hook", "mode": "instant"},
    }
    for method, path in sorted(mine - free):
        filled = path.replace("{other}", BOB).replace("{token_id}", "1").replace("{address}", "0x" + "11" * 20)
        filled = filled.replace("{name}", "11" * 8)
        refused = door.request(
            method, filled, headers=OWN, json=bodies.get(path), params={"other": BOB} if path.endswith("why") else {}
        )
        assert code(refused) == (403, "confirm_with_bot"), (method, path)
        assert answer["code"] in refused.json()["detail"]
    with container.read() as work:
        assert work.doors.show(a_person(container, user_on(server))).mode == "open"
    assert door.delete("/v1/me/session", headers=OWN).status_code == 204
    assert door.get("/v1/me").status_code == 401
    with pytest.raises(NotFound):
        confirm(container, user_on(server), answer["code"])


def test_a_homeserver_speaks_for_its_own_people_alone(door: Door, server: Server, container: Container) -> None:
    for sub in (ALICE, f"@alice:{server.address}", f"@alice:x:{name_of(server)}"):
        server.answers[USERINFO] = says({"sub": sub})
        assert code(sign_in(door, server)) in ((403, "openid_for_elsewhere"), (503, "homeserver_unavailable"))
    assert door.get("/v1/me").status_code == 401
    with container.read() as work:
        assert work.people.find(ALICE) is None


def test_a_token_that_nobody_knows_signs_nobody_in(door: Door, server: Server) -> None:
    server.answers[USERINFO] = says({"errcode": "M_UNKNOWN_TOKEN"}, status=401)
    assert code(sign_in(door, server)) == (403, "openid_refused")


@pytest.mark.parametrize(
    "name", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "10.0.0.1", "169.254.169.254", "127.79.0.1:{port}"]
)
def test_no_name_makes_us_ask_a_private_address(door: Door, elsewhere: Elsewhere, name: str) -> None:
    inside = elsewhere.server("localhost", address="127.0.0.1")
    inside.answers[USERINFO] = says({"sub": f"@alice:{name.format(port=inside.port)}"})
    refused = sign_in(door, name.format(port=inside.port))
    assert code(refused) == (503, "homeserver_unavailable")
    assert "address" not in refused.json()["detail"], "whoever named it does not learn what is where around us"
    assert inside.reached == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"matrix_server_name": "no name at all"},
        {"matrix_server_name": ""},
        {"matrix_server_name": "a:99999"},
        {"token_type": "MAC"},
        {"access_token": ""},
        {"access_token": "x" * 1001},
        {"access_token": "line\nbreak"},
        {"access_token": None},
        {"expires_in": "soon"},
    ],
)
def test_what_is_no_token_is_refused_and_nobody_is_asked(door: Door, server: Server, changes: dict[str, Any]) -> None:
    assert sign_in(door, server, **changes).status_code == 400
    assert server.reached == 0


def test_a_browser_signs_in_from_our_own_pages_alone(door: Door, server: Server) -> None:
    server.answers[USERINFO] = says({"sub": user_on(server)})
    assert code(sign_in(door, server, {"Origin": "https://evil.example"})) == (403, "other_origin")
    assert server.reached == 0
    done = sign_in(door, server, {})
    assert done.status_code == 201, "a program has no origin"
    for part in ("earnest_session=", "HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert part in done.headers["set-cookie"]


def test_nobodys_token_is_asked_after_too_often(door: Door, server: Server) -> None:
    server.answers[USERINFO] = says({"sub": user_on(server)})
    answers = [sign_in(door, server).status_code for _ in range(12)]
    assert answers == [*[201] * 10, 429, 429]


def test_no_token_reaches_a_log(
    door: Door, server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        signed_in(door, server)
        server.answers[USERINFO] = says(b"nonsense")
        sign_in(door, server)
        server.close()
        sign_in(door, server)
        sign_in(door, server, token_type="MAC")
    logged = caplog.text + "".join(capfd.readouterr())
    assert "openid_unanswered" in logged
    assert TOKEN not in logged
    assert TOKEN.replace(" ", "%20") not in logged


# ------------------------------------------------------------------------------------------------- confirming


def test_a_code_is_its_own_persons_and_waits_for_a_quarter_of_an_hour(
    container: Container, door: Door, server: Server
) -> None:
    alices = signed_in(door, server)["code"]
    with pytest.raises(NotFound):
        confirm(container, user_on(server, "bob"), alices)
    for wrong in ("", "0000-0000", alices[:-1]):
        with pytest.raises(NotFound):
            confirm(container, user_on(server), wrong)
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(minutes=15)
    with pytest.raises(NotFound):
        confirm(container, user_on(server), alices)
    assert door.get("/v1/me").status_code == 401


def test_a_code_may_be_written_as_people_write(container: Container, door: Door, server: Server) -> None:
    said = signed_in(door, server)["code"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    confirm(container, user_on(server), said)
    assert door.get("/v1/me").json()["confirmed"]
    with pytest.raises(NotFound):
        confirm(container, user_on(server), said)


def test_a_confirmed_session_lasts_for_its_hours_and_can_be_ended_by_word(
    container: Container, door: Door, server: Server
) -> None:
    confirm(container, user_on(server), signed_in(door, server)["code"])
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(hours=11)
    assert door.get("/v1/me/door").status_code == 200
    person = a_person(container, user_on(server))
    with container.work() as work:
        assert work.sessions.end_all(person) == 1
    assert door.get("/v1/me").status_code == 401


def test_so_many_wait_and_a_newer_one_ends_the_oldest(container: Container, door: Door, server: Server) -> None:
    codes = [signed_in(door, server)["code"] for _ in range(MOST_UNCONFIRMED + 1)]
    assert len(set(codes)) == len(codes)
    with pytest.raises(NotFound):
        confirm(container, user_on(server), codes[0])
    for one in codes[1:]:
        confirm(container, user_on(server), one)
