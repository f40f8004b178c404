"""The gateway: what stands at a seller's address is given to who bought it, signed, and nobody learns where that is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from app import selling
from kit.clock import unix
from payments.content.behind import WELL_KNOWN, Upstream
from payments.content.model import Buyer
from tests.support.gatehouse import REPORT, SECRET, Gatehouse, checked
from tests.support.receivers import answer
from tests.support.shopping import KIM, LEA, MALLORY, problem


def test_what_was_bought_is_asked_for_in_the_buyers_place(gatehouse: Gatehouse) -> None:
    listing = gatehouse.listed()
    purchase = gatehouse.pay(listing)
    path = gatehouse.linked(purchase)
    found = gatehouse.door.get(
        path, headers={"Cookie": "a=b", "Authorization": "Bearer hers", "X-Forwarded-For": "1.2.3.4"}
    )
    assert (found.status_code, found.content) == (200, REPORT)
    assert (found.headers["content-type"], found.headers["etag"]) == ("application/json", '"r1"')
    assert found.headers["content-length"] == str(len(REPORT))
    assert found.headers["content-disposition"].startswith("attachment;")
    assert found.headers["content-security-policy"].startswith("sandbox;")
    assert found.headers["x-content-type-options"] == "nosniff"
    (got,) = gatehouse.asked()
    assert got.headers.keys() == {
        *("host", "user-agent", "accept", "accept-encoding", "earnest-listing", "earnest-purchase"),
        *("signature-input", "signature"),
    }
    keys = [one["key"] for one in gatehouse.door.get("/v1/gateway/keys").json()["keys"]]
    assert checked(got, gatehouse.url, keys, unix(gatehouse.clock())) == purchase.id
    assert KIM not in json.dumps(got.headers)


def test_a_signature_is_of_that_request_alone(gatehouse: Gatehouse) -> None:
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))
    gatehouse.door.get(path)
    gatehouse.door.get(path)
    one, other = gatehouse.asked()
    assert one.headers["signature"] != other.headers["signature"], "each has a nonce"
    keys = [one["key"] for one in gatehouse.door.get("/v1/gateway/keys").json()["keys"]]
    for url in (gatehouse.url + "x", gatehouse.url.replace("report", "rest")):
        with pytest.raises(InvalidSignature):
            checked(one, url, keys, unix(gatehouse.clock()))
    for moment in (unix(gatehouse.clock()) + 60, unix(gatehouse.clock()) - 61):
        with pytest.raises(ValueError, match="not from"):
            checked(one, gatehouse.url, keys, moment)
    with pytest.raises(ValueError, match="not from"):
        checked(one, gatehouse.url, [], unix(gatehouse.clock()))
    with gatehouse.container.work() as work:
        newer = work.gateways.keys.renew()
    gatehouse.door.get(path)
    assert f'keyid="{newer}"' in gatehouse.asked()[-1].headers["signature-input"]
    assert [found["key"] for found in gatehouse.door.get("/v1/gateway/keys").json()["keys"]] == [newer, *keys]
    one.headers["earnest-purchase"] = "another"
    with pytest.raises(InvalidSignature):
        checked(one, gatehouse.url, keys, unix(gatehouse.clock()))


def test_parts_are_asked_for_as_the_buyer_does(gatehouse: Gatehouse) -> None:
    path = gatehouse.linked(gatehouse.pay(gatehouse.listed()))
    part = gatehouse.door.get(path, headers={"Range": "bytes=5-9", "If-Range": '"r1"'})
    assert (part.status_code, part.content) == (206, REPORT[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(REPORT)}"
    assert [gatehouse.asked()[0].headers[name] for name in ("range", "if-range")] == ["bytes=5-9", '"r1"']
    for odd in ("bytes=0-1,5-6", "items=0-5", "bytes=-", "bytes=0-" + "9" * 30):
        assert gatehouse.door.get(path, headers={"Range": odd}).status_code == 200
        assert "range" not in gatehouse.asked()[-1].headers
    gatehouse.door.get(path, headers={"Range": "bytes=0-1", "If-Range": "a\tb"})
    assert "range" not in gatehouse.asked()[-1].headers
    head = gatehouse.door.request("HEAD", path, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(REPORT)))
    assert gatehouse.asked()[-1].method == "HEAD"
    for method in ("POST", "PUT", "DELETE"):
        assert gatehouse.door.request(method, path).status_code == 405
    assert {one.method for one in gatehouse.asked()} == {"GET", "HEAD"}


def test_only_who_has_the_host_sells_what_stands_there(gatehouse: Gatehouse) -> None:
    gatehouse.token_line = "earnest-somebody-elses"
    refused = gatehouse.offer()
    assert problem(refused) == (403, "gateway_unproved")
    token = gatehouse.ask(LEA, "GET", "/gateway").json()["token"]
    assert token in refused.json()["detail"]
    assert WELL_KNOWN in refused.json()["detail"]
    gatehouse.token_line = f"not-{token}"
    assert problem(gatehouse.offer()) == (403, "gateway_unproved")
    gatehouse.token_line = token
    other = gatehouse.ask(MALLORY, "GET", "/gateway").json()["token"]
    assert other != token
    assert gatehouse.offer().status_code == 201
    assert not gatehouse.asked(), "nothing but its word is asked of a host"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://10.0.0.1/x", (403, "address_private")),
        ("https://169.254.169.254/latest/meta-data", (403, "address_private")),
        ("http://1.1.1.1/x", (400, "url_not_https")),
        ("https://a:b@far.example/x", (400, "url_malformed")),
        ("https://far.example/x#y", (400, "url_malformed")),
        ("https://far.example/x y", (400, "url_malformed")),
        ("https://far.example/x\r\nHost: a", (400, "url_malformed")),
        ("ftp://far.example/x", (400, "url_not_https")),
        ("https://1.1.1.1:25/x", (400, "url_port")),
        ("https://far.invalid/x", (403, "gateway_unproved")),
    ],
)
def test_what_is_never_asked_is_not_put_up(gatehouse: Gatehouse, url: str, expected: tuple[int, str]) -> None:
    assert problem(gatehouse.offer(upstream=url)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"upstream": None},
        {"reference": "sha256:" + "0" * 64},
        {"kind": "text", "text": "x"},
        {"kind": "admission", "reference": "!r:x.example", "admitted_seconds": 3600},
    ],
)
def test_an_address_is_sold_as_one_and_as_nothing_else(gatehouse: Gatehouse, changes: dict[str, Any]) -> None:
    assert problem(gatehouse.offer(**changes)) == (400, "upstream_wrong")


def test_nobody_but_the_seller_learns_the_address(gatehouse: Gatehouse, capfd: pytest.CaptureFixture[str]) -> None:
    listing = gatehouse.listed()
    purchase = gatehouse.pay(listing)
    gatehouse.says = lambda handler, _: answer(handler, 302, Location=gatehouse.url, Link=f"<{gatehouse.url}>")
    shown = [
        gatehouse.door.get(f"/v1/listings/{listing.id}"),
        gatehouse.door.get("/v1/listings"),
        gatehouse.door.get(f"/buy/{listing.id}", headers={"Accept": "text/html"}),
        gatehouse.door.get("/v1/x402/discovery/resources"),
        gatehouse.door.get(gatehouse.linked(purchase)),
        gatehouse.ask(KIM, "GET", f"/library/{purchase.id}"),
        gatehouse.ask(MALLORY, "GET", f"/listings/{listing.id}"),
    ]
    assert [one.status_code for one in shown] == [200, 200, 200, 200, 502, 200, 404]
    told = "".join(f"{one.headers}{one.text}" for one in shown) + "".join(capfd.readouterr())
    assert SECRET not in told
    assert "hush" not in told
    assert str(gatehouse.upstream.url).removeprefix("http://") not in told
    mine = gatehouse.ask(LEA, "GET", f"/listings/{listing.id}").json()
    assert mine["upstream"] == gatehouse.url
    terms = shown[0].json()["terms_document"]
    assert terms["reference"] == Upstream(mine["upstream"], mine["upstream_salt"], "").reference
    assert gatehouse.listed().version.offer.reference != listing.version.offer.reference, "the salt is another"


def test_the_terms_of_somebody_else_lead_nowhere(gatehouse: Gatehouse) -> None:
    listing = gatehouse.listed()
    stolen = gatehouse.ask(
        LEA, "PATCH", f"/listings/{listing.id}", json={"reference": gatehouse.listed().version.offer.reference}
    )
    assert problem(stolen) == (400, "upstream_wrong")


def test_a_reference_that_was_copied_has_nothing_behind_it(gatehouse: Gatehouse) -> None:
    listing = gatehouse.listed()
    copied = selling.put_up(gatehouse.container, gatehouse.kim, listing.version.offer)
    assert copied.version.offer.reference == listing.version.offer.reference
    purchase = gatehouse.pay(copied, buyer=Buyer(person=gatehouse.kim))
    assert problem(gatehouse.door.get(gatehouse.linked(purchase))) == (404, "upstream_unknown")
    assert not gatehouse.asked()


def test_a_new_version_has_another_address_and_who_bought_has_it(gatehouse: Gatehouse) -> None:
    listing = gatehouse.listed()
    purchase = gatehouse.pay(listing)
    path = f"/listings/{listing.id}"
    assert gatehouse.ask(LEA, "PATCH", path, json={"title": "Retitled"}).json()["version"] == 2
    gatehouse.door.get(gatehouse.linked(purchase))
    assert gatehouse.asked()[-1].path == f"{SECRET}?key=hush"
    changed = gatehouse.ask(LEA, "PATCH", path, json={"upstream": f"{gatehouse.upstream.url}/newer"})
    assert (changed.status_code, changed.json()["version"]) == (200, 3), changed.text
    gatehouse.door.get(gatehouse.linked(purchase))
    assert gatehouse.asked()[-1].path == "/newer"
    older = gatehouse.ask(KIM, "POST", f"/library/{purchase.id}/link", json={"version": 1}).json()["url"]
    gatehouse.door.get(older.removeprefix("https://earnest.example"))
    assert gatehouse.asked()[-1].path == f"{SECRET}?key=hush"


def test_a_host_that_takes_its_word_back_is_asked_no_more(gatehouse: Gatehouse) -> None:
    purchase = gatehouse.pay(gatehouse.listed())
    token, gatehouse.token_line = gatehouse.token_line, "nobody"
    assert gatehouse.door.get(gatehouse.linked(purchase)).status_code == 200, "its word is good for a day"
    gatehouse.clock.pass_(days=1)
    refused = gatehouse.door.get(gatehouse.linked(purchase))
    assert problem(refused) == (502, "upstream_failed")
    assert len(gatehouse.asked()) == 1
    gatehouse.token_line = token
    assert gatehouse.door.get(gatehouse.linked(purchase)).status_code == 200
    gatehouse.token_line = "nobody"
    gatehouse.clock.pass_(hours=23)
    assert gatehouse.door.get(gatehouse.linked(purchase)).status_code == 200


def test_what_is_bought_for_a_time_ends_with_it(gatehouse: Gatehouse) -> None:
    listing = gatehouse.listed(admitted_seconds=86_400)
    purchase = gatehouse.pay(listing)
    path = gatehouse.linked(purchase)
    gatehouse.clock.pass_(minutes=5)
    assert gatehouse.door.get(path).status_code == 200
    gatehouse.clock.pass_(days=1)
    assert problem(gatehouse.ask(KIM, "POST", f"/library/{purchase.id}/link")) == (409, "not_opened")
    again = gatehouse.pay(listing, 2, at=gatehouse.clock())
    assert gatehouse.door.get(gatehouse.linked(again)).status_code == 200
    with gatehouse.container.read() as work:
        assert not work.content.admissions.admitted(), "it is no room"


def test_who_erases_themselves_takes_nothing_from_buyers(gatehouse: Gatehouse) -> None:
    from app.forgetting import forget_person  # noqa: PLC0415

    kept, unsold = gatehouse.listed(), gatehouse.listed()
    purchase = gatehouse.pay(kept)
    with gatehouse.container.work() as work:
        forget_person(work, gatehouse.lea)
    assert gatehouse.door.get(gatehouse.linked(purchase)).status_code == 200
    assert gatehouse.door.get(f"/v1/listings/{unsold.id}").status_code == 404
    gatehouse.clock.pass_(days=2)
    assert gatehouse.door.get(gatehouse.linked(purchase)).status_code == 200, "the token stands with what was bought"
