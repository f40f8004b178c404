"""A library over HTTP: one's own alone, links for ten minutes and one buyer, and access that moves by proof of both."""

from __future__ import annotations

import json

import pytest

from app import shopkeeping
from kit.identifiers import show_address
from ledger.model import Level
from payments.content.model import Buyer, PurchaseState
from reputation.shop_rules import read_rules
from tests.support.shopping import KIM, LEA, MALLORY, TEXT, Shopping, problem, wallet_of

FIRST, SECOND = b"\x11" * 32, b"\x12" * 32


def link(shopping: Shopping, purchase: str, version: int | None = None) -> str:
    """The path of a new link of @kim's."""
    asked = {} if version is None else {"version": version}
    answer = shopping.ask(KIM, "POST", f"/library/{purchase}/link", json=asked)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return "/v1/downloads/" + url.rpartition("/")[2]


def test_a_library_is_ones_own_page_after_page(shopping: Shopping) -> None:
    bought = [shopping.pay(shopping.put_up(), number).id for number in (1, 2, 3)]
    first = shopping.ask(KIM, "GET", "/library", params={"limit": 2}).json()
    assert [one["id"] for one in first["purchases"]] == [bought[2], bought[1]]
    second = shopping.ask(KIM, "GET", "/library", params={"before": first["next"]}).json()
    assert ([one["id"] for one in second["purchases"]], second["next"]) == ([bought[0]], None)
    assert second["purchases"][0]["symbol"] == "ERN"
    for other in (LEA, MALLORY):
        assert shopping.ask(other, "GET", "/library").json()["purchases"] == []
        for method, path in (
            *(("GET", ""), ("POST", "/link"), ("POST", "/refund"), ("POST", "/hand-over"), ("DELETE", "/complaint")),
        ):
            answer = shopping.ask(other, method, f"/library/{bought[0]}{path}")
            assert problem(answer) == (404, "purchase_unknown"), path
            unknown = shopping.ask(other, method, f"/library/{'x' * 22}{path}")
            assert unknown.json() == answer.json(), "what is another's is told of like what there is not"


def test_a_link_gives_the_content_and_any_part_of_it_for_ten_minutes(shopping: Shopping) -> None:
    purchase = shopping.pay(shopping.put_up())
    path = link(shopping, purchase.id)
    whole = shopping.door.get(path)
    assert (whole.status_code, whole.content) == (200, TEXT)
    assert whole.headers["content-disposition"].startswith("attachment; ")
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["cache-control"] == "no-store"
    part = shopping.door.get(path, headers={"Range": "bytes=65530-65545"})
    assert (part.status_code, part.content) == (206, TEXT[65530:65546])
    for asked in ("bytes=0-0,5-9", "bytes=9-5", "lines=1-2", "bytes=" + "9" * 5000, "bytes=0-,0-,0-"):
        again = shopping.door.get(path, headers={"Range": asked})
        assert (again.status_code, len(again.content)) == (200, len(TEXT)), asked
    assert problem(shopping.door.get(path, headers={"Range": f"bytes={len(TEXT)}-"})) == (416, "range_outside")
    head = shopping.door.request("HEAD", path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(TEXT)), b"")
    assert shopping.ask(KIM, "GET", f"/library/{purchase.id}").json()["delivered_at"] is not None
    shopping.clock.pass_(minutes=10)
    assert problem(shopping.door.get(path)) == (410, "link_expired")


def test_no_link_is_guessed_altered_or_outlives_what_it_is_of(shopping: Shopping) -> None:
    purchase = shopping.pay(shopping.put_up())
    path = link(shopping, purchase.id)
    token = path.rpartition("/")[2]
    turned = token[:-3] + ("A" if token[-3] != "A" else "B") + token[-2:]
    code = shopping.ask(KIM, "POST", f"/library/{purchase.id}/hand-over").json()["code"]
    for wrong in (turned, token[:-4], token + "AAAA", "A" * 22, "%00", purchase.id, code, "\u00e9", "=" * 90):
        assert problem(shopping.door.get(f"/v1/downloads/{wrong}")) == (404, "download_unknown"), wrong
    assert shopping.door.get("/v1/downloads/" + "A" * 5000).status_code == 400
    with shopping.container.work() as work:
        work.content.level(purchase.key, Level.ORPHANED)
    assert problem(shopping.door.get(path)) == (409, "not_opened")
    shopping.pay(shopping.put_up(), 2)
    assert shopping.door.get(path).status_code == 409, "a link is of its own purchase alone"


def test_what_was_taken_down_or_is_not_sure_yet_has_no_link(shopping: Shopping) -> None:
    listing = shopping.put_up(finality=Level.FINALIZED)
    unsure = shopping.pay(listing, level=Level.SEEN)
    answer = shopping.ask(KIM, "POST", f"/library/{unsure.id}/link", json={})
    assert problem(answer) == (409, "payment_not_sure")
    assert shopping.ask(KIM, "GET", f"/library/{unsure.id}").json()["versions"] == []
    with shopping.container.work() as work:
        work.content.level(unsure.key, Level.FINALIZED)
    path = link(shopping, unsure.id)
    with shopping.container.work() as work:
        work.content.take_down(listing.id, "Stolen.")
    assert problem(shopping.door.get(path)) == (409, "not_opened")
    shown = shopping.ask(KIM, "GET", f"/library/{unsure.id}").json()
    assert (shown["listing_state"], shown["reason"], shown["versions"]) == ("taken_down", "Stolen.", [])


def test_why_a_rule_holds_something_is_told_to_its_seller_alone(shopping: Shopping) -> None:
    listing = shopping.put_up()
    purchase = shopping.pay(listing)
    rule = {"name": "all", "when": "true", "then": {"do": "hold"}, "tell": "Who sells stands on a list."}
    with shopping.container.work() as work:
        work.shop.write(read_rules(json.dumps({"version": 1, "kind": "shop", "rules": [rule]})).document)
    shopkeeping.look(shopping.container)
    assert shopping.ask(LEA, "GET", f"/listings/{listing.id}").json()["reason"] == "Who sells stands on a list."
    shown = shopping.ask(KIM, "GET", f"/library/{purchase.id}").json()
    assert (shown["listing_state"], shown["reason"], len(shown["versions"])) == ("held", None, 1)


def test_every_version_that_is_opened_has_links(shopping: Shopping) -> None:
    listing = shopping.put_up(b"the first")
    purchase = shopping.pay(listing)
    answer = shopping.ask(LEA, "PUT", f"/listings/{listing.id}/content?name=second.txt", content=b"the second")
    assert answer.status_code == 200, answer.text
    shown = shopping.ask(KIM, "GET", f"/library/{purchase.id}").json()["versions"]
    assert [(one["number"], one["size"]) for one in shown] == [(1, 9), (2, 10)]
    for number, content in ((1, b"the first"), (2, b"the second"), (None, b"the second")):
        assert shopping.door.get(link(shopping, purchase.id, number)).content == content
    asked = shopping.ask(KIM, "POST", f"/library/{purchase.id}/link", json={"version": 3})
    assert problem(asked) == (404, "version_unknown")


def test_complaints_and_refunds(shopping: Shopping) -> None:
    listing = shopping.put_up()
    purchase = shopping.pay(listing)
    path = f"/library/{purchase.id}"
    for said in ("It is short.", "It is very short."):
        assert shopping.ask(KIM, "PUT", f"{path}/complaint", json={"text": said}).status_code == 204
    assert shopping.door.get(f"/v1/listings/{listing.id}").json()["complaints"] == 1
    assert shopping.ask(KIM, "DELETE", f"{path}/complaint").status_code == 204
    assert shopping.door.get(f"/v1/listings/{listing.id}").json()["complaints"] == 0
    assert shopping.ask(KIM, "PUT", f"{path}/complaint", json={"text": "x" * 1001}).status_code == 400
    assert shopping.ask(KIM, "POST", f"{path}/refund").json()["state"] == "refund_asked"
    assert shopping.door.get(link(shopping, purchase.id)).content == TEXT


def test_what_a_wallet_bought_is_claimed_by_its_signature_and_moves_to_another(shopping: Shopping) -> None:
    listing = shopping.put_up()
    purchase = shopping.pay(listing, buyer=Buyer(wallet=wallet_of(FIRST)))
    shopping.link(MALLORY, FIRST)
    assert shopping.ask(MALLORY, "GET", "/library").json()["purchases"] == [], "a link alone opens nothing"
    signed = shopping.agreeing(KIM, FIRST)
    assert problem(shopping.ask(MALLORY, "POST", "/library/claim", json=signed)) == (403, "siwe_for_elsewhere")
    forged = signed | {"signature": shopping.agreeing(KIM, SECOND)["signature"]}
    assert problem(shopping.ask(KIM, "POST", "/library/claim", json=forged))[0] in (403, 503)
    assert shopping.ask(KIM, "POST", "/library/claim", json=signed).json() == {"claimed": 1}
    (shown,) = shopping.ask(KIM, "GET", "/library").json()["purchases"]
    assert (shown["id"], shown["wallet"]) == (purchase.id, show_address(wallet_of(FIRST)))
    path, both = f"/library/{purchase.id}/move", {"to": shopping.agreeing(KIM, SECOND), "had": signed}
    assert problem(shopping.ask(KIM, "POST", path, json={"to": both["to"]})) == (403, "wallet_not_agreed")
    assert shopping.ask(KIM, "POST", path, json=both).json()["wallet"] == show_address(wallet_of(SECOND))
    with shopping.container.read() as work:
        assert work.content.access(Buyer(wallet=wallet_of(FIRST)), listing.id) is None
        assert work.content.access(Buyer(wallet=wallet_of(SECOND)), listing.id) is not None
    shopping.clock.pass_(minutes=10)
    assert problem(shopping.ask(KIM, "POST", "/library/claim", json=signed)) == (403, "siwe_expired")


def test_the_wallet_that_has_it_agrees_before_it_is_handed_over(shopping: Shopping) -> None:
    purchase = shopping.pay(shopping.put_up(), buyer=Buyer(person=shopping.kim, wallet=wallet_of(FIRST)))
    path = f"/library/{purchase.id}/hand-over"
    assert problem(shopping.ask(KIM, "POST", path)) == (403, "wallet_not_agreed")
    wrong = {"had": shopping.agreeing(KIM, SECOND)}
    assert problem(shopping.ask(KIM, "POST", path, json=wrong)) == (403, "wallet_not_agreed")
    code = shopping.ask(KIM, "POST", path, json={"had": shopping.agreeing(KIM, FIRST)}).json()["code"]
    received = shopping.ask(MALLORY, "POST", "/library/receive", json={"code": code}).json()
    assert (received["id"], received["wallet"]) == (purchase.id, None)


def test_a_new_account_takes_over_by_a_code_that_is_good_once(shopping: Shopping) -> None:
    purchase = shopping.pay(shopping.put_up())
    path = link(shopping, purchase.id)
    code = shopping.ask(KIM, "POST", f"/library/{purchase.id}/hand-over").json()["code"]
    assert problem(shopping.ask(KIM, "POST", "/library/receive", json={"code": code})) == (400, "yours_already")
    token = path.rpartition("/")[2]
    for wrong in (token, code[:-4], "nonsense"):
        answer = shopping.ask(MALLORY, "POST", "/library/receive", json={"code": wrong})
        assert problem(answer) == (404, "code_unknown")
    assert shopping.ask(MALLORY, "POST", "/library/receive", json={"code": code}).json()["id"] == purchase.id
    assert problem(shopping.ask(MALLORY, "POST", "/library/receive", json={"code": code})) == (409, "code_used")
    assert problem(shopping.door.get(path)) == (404, "purchase_unknown")
    assert problem(shopping.ask(KIM, "GET", f"/library/{purchase.id}")) == (404, "purchase_unknown")
    assert [one["id"] for one in shopping.ask(MALLORY, "GET", "/library").json()["purchases"]] == [purchase.id]
    back = shopping.ask(MALLORY, "POST", f"/library/{purchase.id}/hand-over").json()["code"]
    assert shopping.ask(KIM, "POST", "/library/receive", json={"code": back}).json()["id"] == purchase.id
    assert problem(shopping.ask(MALLORY, "POST", "/library/receive", json={"code": code})) == (409, "code_used")


def test_a_code_is_good_for_a_day(shopping: Shopping) -> None:
    purchase = shopping.pay(shopping.put_up())
    late = shopping.ask(KIM, "POST", f"/library/{purchase.id}/hand-over").json()["code"]
    shopping.clock.pass_(days=1)
    assert problem(shopping.ask(MALLORY, "POST", "/library/receive", json={"code": late})) == (409, "code_expired")


@pytest.mark.parametrize("state", [PurchaseState.REFUNDED, PurchaseState.TAKEN_BACK])
def test_what_is_over_is_listed_and_opens_nothing(shopping: Shopping, state: PurchaseState) -> None:
    purchase = shopping.pay(shopping.put_up())
    with shopping.container.work() as work:
        if state is PurchaseState.REFUNDED:
            work.content.refunded(purchase.key, purchase.key)
        else:
            work.content.took_back(purchase.key)
    (shown,) = shopping.ask(KIM, "GET", "/library").json()["purchases"]
    assert (shown["state"], shown["opens"]) == (state.value, False)
    assert problem(shopping.ask(KIM, "POST", f"/library/{purchase.id}/link")) == (409, "not_opened")
