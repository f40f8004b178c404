"""Where a person's own homeserver is: as their server says, which leads to no private place, or as they say."""

from __future__ import annotations

import pytest

from cli.one_login import at, of, takes_passwords
from kit.errors import HomeserverUnavailable, NotFound
from kit.identifiers import UserId
from tests.support.elsewhere import Answer, Elsewhere, Server, says

ALICE, WELL_KNOWN = UserId("@alice:far.example"), "/.well-known/matrix/client"


def test_a_server_says_where_its_homeserver_is(elsewhere: Elsewhere, far: Server) -> None:
    server = elsewhere.server("matrix.far.example")
    elsewhere.dns.records["matrix.far.example", "A"] = [server.address]
    server.answers["/_matrix/client/v3/login"] = says({"flows": [{"type": "m.login.password"}]})
    far.answers[WELL_KNOWN] = says(b"", status=302, headers=["Location: /there"])
    far.answers["/there"] = says({"m.homeserver": {"base_url": f"https://matrix.far.example:{server.port}/"}})
    found = of(ALICE, elsewhere.fetcher(), port=far.port)
    assert found.url == f"https://matrix.far.example:{server.port}"
    assert takes_passwords(found)


def test_a_server_that_says_nothing_is_its_homeserver_itself(elsewhere: Elsewhere, far: Server) -> None:
    assert of(UserId(f"@alice:far.example:{far.port}"), elsewhere.fetcher(), port=far.port).url.endswith(f":{far.port}")


@pytest.mark.parametrize(
    "answer",
    [
        says({"m.homeserver": {"base_url": "http://far.example"}}),
        says({"m.homeserver": {"base_url": "https://127.0.0.1"}}),
        says({"m.homeserver": {"base_url": "https://far.example/?x"}}),
        says({"m.homeserver": {"base_url": 7}}),
        says({"m.homeserver": []}),
        says(b"[" * 50_000),
        says(b"x" * 70_000),
        says({"m.homeserver": {"base_url": "https://far.example"}}, status=500),
    ],
    ids=["plain", "private", "query", "number", "list", "deep", "long", "broken"],
)
def test_where_it_leads_nowhere_good_its_user_is_asked(elsewhere: Elsewhere, far: Server, answer: Answer) -> None:
    far.answers[WELL_KNOWN] = answer
    with pytest.raises(NotFound, match="--homeserver URL"):
        of(ALICE, elsewhere.fetcher(), port=far.port)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("name", ["inside.example", "mapped.example"])
def test_a_name_that_leads_inside_is_not_asked(elsewhere: Elsewhere, far: Server, inside: Server, name: str) -> None:
    far.answers[WELL_KNOWN] = says({"m.homeserver": {"base_url": f"https://{name}:{inside.port}"}})
    found = of(ALICE, elsewhere.fetcher(), port=far.port)
    with pytest.raises(HomeserverUnavailable):
        takes_passwords(found)
    assert inside.reached == 0


def test_whom_its_user_names_may_be_anywhere(elsewhere: Elsewhere, inside: Server) -> None:
    inside.answers["/_matrix/client/v3/login"] = says({"flows": []})
    found = at(f"https://localhost:{inside.port}/", elsewhere.authority_file)
    assert not takes_passwords(found)
    assert inside.reached == 1
