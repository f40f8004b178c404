"""Finding homeservers by their names as the specification says, on a name server and HTTPS servers of the tests."""

from __future__ import annotations

import base64
import ssl
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kit.canonical import canonical
from kit.errors import HomeserverUnavailable
from kit.federation import Homeservers
from kit.fetching import Place
from kit.identifiers import ServerName, UserId
from tests.support.elsewhere import Answer, Elsewhere, Server, an_address, says

USERINFO = "/_matrix/federation/v1/openid/userinfo"
WELL_KNOWN = "/.well-known/matrix/server"
ALICE = UserId("@alice:far.example")


def answering(server: Server, sub: Any = ALICE) -> Server:  # noqa: ANN401 - whatever JSON holds
    """Let a server know who holds the token."""
    server.answers[USERINFO] = says({"sub": sub})
    return server


def known_as(elsewhere: Elsewhere, name: str, server: Server) -> None:
    elsewhere.dns.records[name, "A"] = [server.address]


def ask(elsewhere: Elsewhere, name: str, *, https_port: int = 1, seconds: float = 20.0) -> UserId | None:
    servers = Homeservers(elsewhere.fetcher(), seconds=seconds, https_port=https_port)
    return servers.user_of(ServerName(name), "a token / of +odd&signs")


def unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def host_heard(server: Server) -> str:
    """What the last request said whom it is for."""
    (line,) = [line for line in server.heard[-1].split("\r\n") if line.startswith("Host: ")]
    return line.removeprefix("Host: ")


def test_a_name_with_a_port_is_asked_there(elsewhere: Elsewhere) -> None:
    server = answering(elsewhere.server("far.example"))
    known_as(elsewhere, "far.example", server)
    assert ask(elsewhere, f"far.example:{server.port}") == ALICE
    assert host_heard(server) == f"far.example:{server.port}"
    assert f"GET {USERINFO}?access_token=a%20token%20%2F%20of%20%2Bodd%26signs HTTP/1.1" in server.heard[0]


def test_an_address_is_asked_itself(elsewhere: Elsewhere) -> None:
    server = answering(elsewhere.server())
    assert ask(elsewhere, f"{server.address}:{server.port}") == ALICE
    bare = answering(elsewhere.server(port=8448))
    assert ask(elsewhere, bare.address) == ALICE
    assert host_heard(bare) == bare.address
    assert elsewhere.dns.asked == []


def test_a_bare_name_is_asked_on_the_usual_port(elsewhere: Elsewhere) -> None:
    server = answering(elsewhere.server("far.example", port=8448))
    known_as(elsewhere, "far.example", server)
    assert ask(elsewhere, "far.example") == ALICE
    assert host_heard(server) == "far.example"


@pytest.fixture
def site(elsewhere: Elsewhere) -> Server:
    """The web server of ``far.example``."""
    server = elsewhere.server("far.example")
    known_as(elsewhere, "far.example", server)
    return server


def test_another_server_may_stand_for_it(elsewhere: Elsewhere, site: Server) -> None:
    server = answering(elsewhere.server("matrix.far.example"))
    known_as(elsewhere, "matrix.far.example", server)
    site.answers[WELL_KNOWN] = says({"m.server": f"matrix.far.example:{server.port}"})
    assert ask(elsewhere, "far.example", https_port=site.port) == ALICE
    assert host_heard(server) == f"matrix.far.example:{server.port}"
    site.answers[WELL_KNOWN] = says({"m.server": f"{server.address}:{server.port}"})
    assert ask(elsewhere, "far.example", https_port=site.port) == ALICE
    assert host_heard(server) == f"{server.address}:{server.port}"


def test_who_stands_for_it_may_be_told_elsewhere(elsewhere: Elsewhere, site: Server) -> None:
    server = answering(elsewhere.server("matrix.far.example"))
    known_as(elsewhere, "matrix.far.example", server)
    site.answers[WELL_KNOWN] = says(b"", status=301, headers=["Location: /other"])
    site.answers["/other"] = says({"m.server": f"matrix.far.example:{server.port}"})
    assert ask(elsewhere, "far.example", https_port=site.port) == ALICE


@pytest.mark.parametrize("delegated", [True, False])
def test_a_service_record_says_where_it_is(elsewhere: Elsewhere, site: Server, *, delegated: bool) -> None:
    name = "matrix.far.example" if delegated else "far.example"
    if delegated:
        site.answers[WELL_KNOWN] = says({"m.server": name})
    server = answering(elsewhere.server(name))
    old = answering(elsewhere.server(name))
    known_as(elsewhere, "machine.far.example", server)
    known_as(elsewhere, "old.far.example", old)
    elsewhere.dns.records[f"_matrix-fed._tcp.{name}", "SRV"] = [f"10 5 {server.port} machine.far.example."]
    elsewhere.dns.records[f"_matrix._tcp.{name}", "SRV"] = [f"1 5 {old.port} old.far.example."]
    assert ask(elsewhere, "far.example", https_port=site.port) == ALICE
    assert host_heard(server) == name, "the certificate and the header are the name's, not the machine's"
    del elsewhere.dns.records[f"_matrix-fed._tcp.{name}", "SRV"]
    assert ask(elsewhere, "far.example", https_port=site.port) == ALICE
    assert host_heard(old) == name


def test_records_are_tried_in_their_order(elsewhere: Elsewhere) -> None:
    first, second = (answering(elsewhere.server("far.example")) for _ in range(2))
    known_as(elsewhere, "one.example", first)
    known_as(elsewhere, "two.example", second)
    elsewhere.dns.records["_matrix-fed._tcp.far.example", "SRV"] = [
        f"20 5 {second.port} two.example.",
        f"10 5 {first.port} one.example.",
    ]
    assert ask(elsewhere, "far.example") == ALICE
    assert (len(first.heard), len(second.heard)) == (1, 0)
    first.close()
    assert ask(elsewhere, "far.example") == ALICE
    assert len(second.heard) == 1


def test_what_stands_for_it_is_found_as_the_specification_orders(elsewhere: Elsewhere) -> None:
    places = Homeservers(elsewhere.fetcher(), https_port=1).places
    until = time.monotonic() + 20
    assert places(ServerName("far.example:8449"), until=until) == [
        Place("far.example", 8449, "far.example", "far.example:8449")
    ]
    assert places(ServerName("[2001:db8::1]"), until=until) == [
        Place("2001:db8::1", 8448, "2001:db8::1", "[2001:db8::1]")
    ]
    assert places(ServerName("[2001:db8::1]:80"), until=until) == [
        Place("2001:db8::1", 80, "2001:db8::1", "[2001:db8::1]:80")
    ]
    assert places(ServerName("far.example"), until=until) == [Place("far.example", 8448, "far.example", "far.example")]


@pytest.mark.parametrize(
    "answer",
    [
        says(b"no JSON"),
        says(b"[]"),
        says(b"[" * 100_000),
        says({"m.server": 5}),
        says({"m.server": "no name at all"}),
        says({"m.server": ""}),
        says({"m.server": "a:99999"}),
        says({"m.server": "x" * 300}),
        says({"other": "b"}),
        says(b'{"m.server": "' + b"x" * 100_000 + b'"}'),
        says({"m.server": "127.0.0.1:1"}, status=500),
        says(b"", status=302, headers=["Location: /.well-known/matrix/server"]),
        lambda connection, _: connection.close(),
    ],
    ids=[
        *("text", "list", "nested", "number", "words", "empty", "port", "too long a name", "other", "too long"),
        *("status", "round and round", "nothing"),
    ],
)
def test_a_document_that_says_nothing_is_none(elsewhere: Elsewhere, site: Server, answer: Answer) -> None:
    server = answering(elsewhere.server("far.example", address=site.address, port=8448))
    site.answers[WELL_KNOWN] = answer
    assert ask(elsewhere, "far.example", https_port=site.port) == ALICE
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    "named",
    ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "[::ffff:127.0.0.1]:{port}", "inside.example:{port}"],
)
def test_nobody_is_led_to_a_private_address(elsewhere: Elsewhere, site: Server, named: str) -> None:
    inside = answering(elsewhere.server("localhost", "inside.example", address="127.0.0.1"))
    known_as(elsewhere, "inside.example", inside)
    name = named.format(port=inside.port)
    with pytest.raises(HomeserverUnavailable):
        ask(elsewhere, name)
    site.answers[WELL_KNOWN] = says({"m.server": name})
    with pytest.raises(HomeserverUnavailable):
        ask(elsewhere, "far.example", https_port=site.port)
    elsewhere.dns.records["_matrix-fed._tcp.bad.example", "SRV"] = [f"1 1 {inside.port} inside.example."]
    with pytest.raises(HomeserverUnavailable):
        ask(elsewhere, "bad.example")
    assert inside.reached == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says({"sub": ALICE}), ALICE),
        (says({"sub": "@eve:other.example"}), UserId("@eve:other.example")),  # whom to believe is the caller's to say
        (says({"errcode": "M_UNKNOWN_TOKEN"}, status=401), None),
        (says({"errcode": "M_FORBIDDEN"}, status=403), None),
    ],
    ids=["its own", "another's", "unknown", "forbidden"],
)
def test_it_says_who_holds_the_token(elsewhere: Elsewhere, answer: Answer, expected: UserId | None) -> None:
    server = elsewhere.server("far.example")
    known_as(elsewhere, "far.example", server)
    server.answers[USERINFO] = answer
    assert ask(elsewhere, f"far.example:{server.port}") == expected


@pytest.mark.parametrize(
    "answer",
    [
        says({}),
        says({"sub": None}),
        says({"sub": "alice"}),
        says({"sub": "@alice"}),
        says({"sub": "@" + "a" * 300 + ":far.example"}),
        says({"sub": ["@alice:far.example"]}),
        says(b"null"),
        says(b""),
        says(b"[" * 10_000),
        says(b'{"sub": "' + b"x" * 100_000),
        says({"sub": ALICE}, status=500),
        says({"sub": ALICE}, status=201),
        says(b"", status=302, headers=["Location: https://127.0.0.1/"]),
        lambda connection, _: connection.close(),
    ],
    ids=[
        *("empty", "null", "name", "half", "too long a name", "list", "no object", "nothing", "nested", "too long"),
        *("status", "created", "redirect", "closed"),
    ],
)
def test_what_is_no_answer_is_none(elsewhere: Elsewhere, answer: Answer) -> None:
    server = elsewhere.server("far.example")
    known_as(elsewhere, "far.example", server)
    server.answers[USERINFO] = answer
    with pytest.raises(HomeserverUnavailable):
        ask(elsewhere, f"far.example:{server.port}")


def test_all_of_it_has_one_deadline(elsewhere: Elsewhere, site: Server) -> None:
    def never(*_: object) -> None:
        time.sleep(60)

    site.answers[WELL_KNOWN] = never
    with pytest.raises(HomeserverUnavailable):
        ask(elsewhere, "far.example", https_port=site.port, seconds=0.5)
    silent = elsewhere.silent()
    known_as(elsewhere, "silent.example", silent)
    with pytest.raises(HomeserverUnavailable):
        ask(elsewhere, f"silent.example:{silent.port}", seconds=0.5)


def test_a_server_that_is_nowhere_is_unavailable(elsewhere: Elsewhere) -> None:
    for name in ("nowhere.example", f"{an_address()}:1"):
        with pytest.raises(HomeserverUnavailable):
            ask(elsewhere, name)


def test_beyond_so_many_at_once_the_next_is_refused(elsewhere: Elsewhere) -> None:
    server = elsewhere.server("far.example")
    known_as(elsewhere, "far.example", server)
    servers = Homeservers(elsewhere.fetcher(), most_at_once=1)
    name = ServerName(f"far.example:{server.port}")
    refused: list[str] = []

    def meanwhile(connection: ssl.SSLSocket, head: bytes) -> None:
        try:
            servers.user_of(name, "another")
        except HomeserverUnavailable as error:
            refused.append(str(error))
        says({"sub": ALICE})(connection, head)

    server.answers[USERINFO] = meanwhile
    assert servers.user_of(name, "one") == ALICE
    assert refused == ["Too many questions to other homeservers are open already."]
    server.answers[USERINFO] = says({"sub": ALICE})
    assert servers.user_of(name, "the next") == ALICE


SUPPORT = "/.well-known/matrix/support"


def test_contacts_are_people_of_the_server_itself_and_few(elsewhere: Elsewhere, site: Server) -> None:
    servers = Homeservers(elsewhere.fetcher(), https_port=site.port)
    far = ServerName("far.example")
    assert servers.contacts(far) == []
    named = ["@ops:far.example", "@victim:other.example", 7, "@ops:far.example", "no id", "@a:far.example"]
    said = [*({"matrix_id": one, "role": "m.role.admin"} for one in named), "odd", {"email_address": "a@far.example"}]
    site.answers[SUPPORT] = says({"contacts": said})
    assert servers.contacts(far) == ["@ops:far.example", "@a:far.example"]
    site.answers[SUPPORT] = says({"contacts": [{"matrix_id": f"@u{n}:far.example"} for n in range(50)]})
    assert servers.contacts(far) == ["@u0:far.example", "@u1:far.example", "@u2:far.example"]
    oddities: tuple[dict[str, Any], ...] = ({"contacts": {}}, {"contacts": None}, {})
    for odd in oddities:
        site.answers[SUPPORT] = says(odd)
        assert servers.contacts(far) == []
    site.answers[SUPPORT] = says(b"<html>")
    assert servers.contacts(far) == []
    with pytest.raises(HomeserverUnavailable):
        servers.admins(far)
    roles = [("@a:far.example", "m.role.admin"), ("@s:far.example", "m.role.security"), ("@n:far.example", None)]
    roles += [("@x:other.example", "m.role.admin"), ("@l:far.example", ["m.role.admin"])]  # type: ignore[list-item]
    site.answers[SUPPORT] = says({"contacts": [{"matrix_id": who, "role": role} for who, role in roles]})
    assert servers.admins(far) == ["@a:far.example"]


def test_a_server_is_seen_as_others_see_it(elsewhere: Elsewhere) -> None:
    server = elsewhere.server("far.example")
    known_as(elsewhere, "far.example", server)
    name = ServerName(f"far.example:{server.port}")
    servers = Homeservers(elsewhere.fetcher())
    key = Ed25519PrivateKey.generate()
    document: dict[str, Any] = {
        "server_name": name,
        "verify_keys": {"ed25519:a": {"key": unpadded(key.public_key().public_bytes_raw())}},
        "old_verify_keys": {},
        "valid_until_ts": int(time.time() * 1000) + 60_000,
    }
    good = {**document, "signatures": {name: {"ed25519:a": unpadded(key.sign(canonical(document)))}}}
    server.answers["/_matrix/key/v2/server"] = says(good)
    server.answers["/_matrix/federation/v1/version"] = says({"server": {"name": "Syn\u202eapse", "version": 7}})
    seen = servers.see(name)
    assert seen.keys.has(key.public_key().public_bytes_raw())
    assert (seen.software, seen.version) == ("Synapse", "")
    assert seen.network == f"{server.address.rpartition('.')[0]}.0/24"
    assert seen.certificate_until is not None
    assert seen.certificate_until > time.time()
    for path, answer in (
        ("/_matrix/federation/v1/version", says(b"", status=502)),
        ("/_matrix/key/v2/server", says({**good, "valid_until_ts": 1})),
        ("/_matrix/key/v2/server", says({**good, "server_name": "other.example"})),
        ("/_matrix/key/v2/server", says(b"[" * 15_000)),
        ("/_matrix/key/v2/server", says(b"x" * 100_000)),
    ):
        before = server.answers[path]
        server.answers[path] = answer
        with pytest.raises(HomeserverUnavailable):
            servers.see(name)
        server.answers[path] = before
    server.answers["/_matrix/federation/v1/version"] = says({"server": []})
    assert servers.see(name).software == ""
    with pytest.raises(HomeserverUnavailable, match="Too many"):
        Homeservers(elsewhere.fetcher(), most_at_once=0).see(name)
