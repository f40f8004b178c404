"""Buying by x402: settled first, handed over to the payer alone, in ranges, and nothing twice for one payment."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace

from app import selling
from kit.identifiers import Address, UserId, show_address, show_hash
from ledger.model import Level
from payments.content.model import PurchaseState
from tests.support.counter import TEXT, Counter, packed, unpacked
from tests.support.till import PRICE, SELLER, Till


def test_what_is_asked_is_the_listings_own_price(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    told = counter.asked(listing)
    (demand,) = told["accepts"]
    assert (told["x402Version"], demand["scheme"], demand["amount"]) == (2, "exact", str(PRICE))
    assert (demand["payTo"], demand["asset"]) == (show_address(SELLER), show_address(till.deployment.token))
    assert demand["extra"]["terms"] == show_hash(listing.version.terms)
    assert demand["extra"]["claim"] != counter.asked(listing)["accepts"][0]["extra"]["claim"]
    assert counter.get(listing).json()["type"] == "urn:earnest:problem:payment_required"
    assert counter.get(listing).headers["cache-control"] == "no-store"


def test_settled_first_then_handed_over_and_again_for_the_same_payment(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    pending = counter.get(listing, paid)
    assert (pending.status_code, unpacked(pending, "payment-response")["errorReason"]) == (202, "settlement_pending")
    assert TEXT not in pending.content
    till.round()
    for _ in range(2):
        answer = counter.get(listing, paid)
        assert (answer.status_code, answer.content) == (200, TEXT)
        told = unpacked(answer, "payment-response")
        assert told["success"]
        assert told["payer"] == show_address(till.buyer.address)
    assert (till.sold(), till.sent()) == (PRICE, 1)
    (sale,) = counter.sales()
    assert (sale.state, sale.level, sale.amount) == (PurchaseState.PAID, Level.SEEN, PRICE)
    assert sale.delivered_at is not None
    till.rounds()
    assert counter.sales()[0].level is Level.FINALIZED
    assert counter.get(listing, paid).content == TEXT


def test_what_was_bought_stays_whatever_is_put_up_later(counter: Counter, till: Till) -> None:
    listing = counter.put_up(content=b"the first")
    till.anvil.travel(1)  # the clock of these tests counts whole seconds
    selling.revise(counter.container, counter.lea, listing.id, listing.version.offer, [b"what was paid for"])
    till.anvil.travel(1)
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    till.anvil.travel(1)
    selling.revise(counter.container, counter.lea, listing.id, listing.version.offer, [b"rubbish"])
    assert counter.get(listing, paid).content == b"rubbish"
    for query, status, content in (("?version=2", 200, b"what was paid for"), ("?version=3", 200, b"rubbish")):
        answer = counter.get(listing, paid, query=query)
        assert (answer.status_code, answer.content) == (status, content)
    for query, status in (("?version=1", 404), ("?version=4", 404), ("?version=0", 400), ("?version=x", 400)):
        answer = counter.get(listing, paid, query=query)
        assert (answer.status_code, b"first" in answer.content) == (status, False), answer.text


def test_what_stands_on_the_chain_opens_nothing_without_the_claim(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    assert counter.get(listing, paid).status_code == 200
    told = json.loads(b64decode(paid))
    for claim in ("A" * 32, None, 5, "short"):
        told["accepted"]["extra"]["claim"] = claim
        thief = counter.get(listing, packed(told))
        assert (thief.status_code, TEXT in thief.content) == (402, False)
    assert till.sold() == PRICE


def test_what_has_moved_is_given_to_its_payer_no_more(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.rounds()
    assert counter.get(listing, paid).content == TEXT
    (sale,) = counter.sales()
    other = Address(b"\x77" * 20)
    with counter.container.work() as work:
        kim = work.people.number(UserId("@kim:earnest.example"))
        assert work.content.claim(kim, till.buyer.address) == 1
    assert counter.get(listing, paid).content == TEXT, "what is claimed is the wallet's too"
    with counter.container.work() as work:
        work.content.move(kim, sale.id, other, {till.buyer.address, other})
    for method in ("GET", "HEAD"):
        answer = counter.get(listing, paid, method)
        assert (answer.status_code, TEXT in answer.content) == (409, False)
    with counter.container.work() as work:
        work.content.hand_over(kim, sale.id, counter.lea, {other})
    assert counter.get(listing, paid).status_code == 409


def test_another_payers_replay_is_refused(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    told = json.loads(b64decode(paid))
    told["payload"]["authorization"]["from"] = show_address(till.pauper("mallory").address)
    answer = counter.get(listing, packed(told))
    assert answer.status_code == 402
    assert unpacked(answer, "payment-response")["errorReason"] == "invalid_exact_evm_payload_signature"


def test_one_payment_buys_one_listing(counter: Counter, till: Till) -> None:
    one, other = counter.put_up(), counter.put_up(content=b"something else")
    paid = counter.paid(one)
    counter.get(one, paid)
    assert counter.get(other, paid).status_code == 409
    till.round()
    assert counter.get(one, paid).status_code == 200
    refused = counter.get(other, paid)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:earnest:problem:payment_for_another")
    assert (till.sold(), len(counter.sales())) == (PRICE, 1)


def test_what_was_settled_for_another_shop_buys_nothing_here_nor_the_other_way(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    told = json.loads(b64decode(paid))
    elsewhere = {"x402Version": 2, "paymentPayload": told, "paymentRequirements": told["accepted"]}
    assert till.settle(elsewhere)["errorReason"] == "settlement_pending"
    till.round()
    assert till.settle(elsewhere)["success"]
    assert counter.get(listing, paid).status_code == 409
    here = counter.paid(listing)
    counter.get(listing, here)
    told = json.loads(b64decode(here))
    elsewhere = {"x402Version": 2, "paymentPayload": told, "paymentRequirements": told["accepted"]}
    assert till.settle(elsewhere)["errorReason"] == "invalid_exact_evm_nonce_already_used"


def test_the_buyers_word_on_the_price_is_not_believed(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    (demand,) = counter.asked(listing)["accepts"]
    cheap = demand | {"amount": "1"}
    for asked, signed in (
        (cheap, till.signed(amount=1)),
        (demand, till.signed(amount=1)),
        (demand | {"payTo": show_address(till.buyer.address)}, till.signed(recipient=till.buyer.address)),
    ):
        answer = counter.get(listing, packed(till.body(signed, asked)["paymentPayload"]))
        assert answer.status_code == 402
    for nonsense in ("", "x", "e30=", packed({"x402Version": 1}), "W" * 13_000, packed({"a": "b"}), "8" * 11_000):
        assert counter.get(listing, nonsense).status_code == 402
    assert (till.sent(), counter.sales()) == (0, [])


def test_what_was_promised_holds_though_the_price_rises_meanwhile(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    counter.get(listing, paid)
    (token,) = selling.allowed(counter.container)
    dearer = replace(listing.version.offer, prices={token: 5 * PRICE})
    selling.revise(counter.container, counter.lea, listing.id, dearer)
    till.round()
    assert counter.get(listing, paid).content == TEXT


def test_nobody_needs_to_ask_again(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    assert counter.get(listing, counter.paid(listing)).status_code == 202
    till.rounds()
    (sale,) = counter.sales()
    assert (sale.state, sale.level) == (PurchaseState.PAID, Level.FINALIZED)


def test_a_reorg_takes_access_back_and_gives_it_again(counter: Counter, till: Till) -> None:
    listing = counter.put_up(stock=3)
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    assert counter.get(listing, paid).status_code == 200
    till.anvil.reorg(1)
    assert till.sold() == 0
    till.loop.round()
    assert counter.sales()[0].state is PurchaseState.TAKEN_BACK
    till.rounds()
    assert counter.get(listing, paid).content == TEXT
    (sale,) = counter.sales()
    assert (sale.state, sale.level, till.sold()) == (PurchaseState.PAID, Level.FINALIZED, PRICE)


def test_dear_goods_wait_until_the_payment_is_final(counter: Counter, till: Till) -> None:
    listing = counter.put_up(finality=Level.FINALIZED)
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    waiting = counter.get(listing, paid)
    assert (waiting.status_code, waiting.json()["type"]) == (202, "urn:earnest:problem:payment_not_sure")
    till.rounds()
    assert counter.get(listing, paid).content == TEXT


def test_ranges_of_what_was_bought(counter: Counter) -> None:
    listing = counter.put_up(name='a"\r\nb/../\u202e.exe')
    paid = counter.paid(listing)
    counter.get(listing, paid)
    counter.till.round()
    whole = counter.get(listing, paid)
    size, tag = len(TEXT), whole.headers["etag"]
    assert whole.headers["content-length"] == str(size)
    assert whole.headers["content-disposition"].startswith("attachment; ")
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["cache-control"] == "no-store"
    for asked, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=65530-65545", 65530, 65546),
        ("bytes=255990-", 255990, size),
        ("bytes=-5", size - 5, size),
        ("bytes=10-999999999", 10, size),
    ):
        part = counter.get(listing, paid, range=asked)
        assert (part.status_code, part.content) == (206, TEXT[start:end]), asked
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert counter.get(listing, paid, range=asked, if_range=tag).status_code == 206
        assert counter.get(listing, paid, range=asked, if_range='"other"').status_code == 200
    outside = counter.get(listing, paid, range=f"bytes={size}-")
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{size}")
    for whole_again in ("bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=x"):
        assert counter.get(listing, paid, range=whole_again).content == TEXT
    head = counter.get(listing, paid, method="HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))


def test_a_payment_of_version_1_is_told_that_version_2_is_served(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    old = packed({"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": {}})
    for method in ("GET", "HEAD"):
        told = counter.get(listing, method=method, X_PAYMENT=old)
        assert (told.status_code, unpacked(told, "payment-required")["error"]) == (402, "invalid_x402_version")
        assert unpacked(told, "payment-response")["errorReason"] == "invalid_x402_version"
    paid = counter.paid(listing)
    assert counter.get(listing, paid, X_PAYMENT=old).status_code == 202
    till.round()
    assert counter.get(listing, paid, X_PAYMENT="x" * 9_000).content == TEXT


def test_tricks_with_ranges_and_headers_give_no_more_and_no_less(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    size = len(TEXT)
    for asked in (
        "bytes=" + ",".join(f"{at}-{at}" for at in range(1_000)),
        "bytes=0-,0-,0-,0-",
        "bytes=-",
        "bytes=--5",
        "bytes=0x10-0x20",
        "bytes=1e3-",
        "bytes=" + "9" * 5_000 + "-",
        "bytes=5-" + "9" * 5_000,
        "bytes= 0 - 1",
        "BYTES 0-1",
        "",
    ):
        answer = counter.get(listing, paid, range=asked)
        assert answer.status_code in (200, 206, 416), asked[:50]
        assert len(answer.content) <= size or answer.status_code == 416
        if answer.status_code == 200:
            assert answer.content == TEXT
        elif answer.status_code == 206:
            start, end = answer.headers["content-range"].removeprefix("bytes ").partition("/")[0].split("-")
            assert answer.content == TEXT[int(start) : int(end) + 1]
    for trick in (
        {"x_forwarded_host": "evil.example", "host": "evil.example"},
        {"x_original_url": "/v1/listings/other/content", "x_http_method_override": "DELETE"},
        {"accept_encoding": "gzip, br, zstd"},
        {"if_none_match": "*", "if_modified_since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        {"if_range": "Thu, 01 Jan 2099 00:00:00 GMT", "range": "bytes=0-1"},
    ):
        answer = counter.get(listing, paid, **trick)
        assert (answer.status_code, answer.content) == (200, TEXT), trick
        asked_at = unpacked(counter.get(listing, **trick), "payment-required")["resource"]["url"]
        assert asked_at.startswith(till.container.settings.public_url)
    for path in ("../../etc/passwd", "%2e%2e%2fcontent", f"{listing.id}%00", f"{listing.id}/../{listing.id}x"):
        refused = till.door.get(f"/v1/listings/{path}/content", headers={"PAYMENT-SIGNATURE": paid})
        assert refused.status_code in (400, 404), path
    twice = [("PAYMENT-SIGNATURE", paid), ("PAYMENT-SIGNATURE", "nonsense")]
    assert till.door.get(f"/v1/listings/{listing.id}/content", headers=twice).status_code in (200, 402)
    assert (till.sold(), till.sent()) == (PRICE, 1)


def test_asking_by_head_pays_nothing(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    assert counter.get(listing, method="HEAD").status_code == 402
    assert counter.get(listing, counter.paid(listing), method="HEAD").status_code == 202
    till.round()
    assert (till.sent(), till.sold()) == (0, 0)


def test_what_x402_cannot_pay_says_so(counter: Counter, till: Till) -> None:
    shared = counter.put_up(payees={SELLER: 9_000, Address(b"\x77" * 20): 1_000})
    charged = counter.put_up(fee_bps=100)
    for listing in (shared, charged):
        answer = counter.get(listing)
        assert (answer.status_code, answer.json()["type"]) == (402, "urn:earnest:problem:not_payable")
        assert "payment-required" not in answer.headers
    assert till.door.get(f"/v1/listings/{'A' * 22}/content").status_code == 404


def test_what_is_sold_out_or_taken_down_is_not_sold(counter: Counter, till: Till) -> None:
    listing = counter.put_up(stock=1)
    first, second = counter.paid(listing), counter.paid(listing)
    counter.get(listing, first)
    till.round()
    counter.get(listing, first)
    late = counter.get(listing, second)
    assert (late.status_code, late.json()["type"]) == (409, "urn:earnest:problem:not_for_sale")
    assert (till.sent(), till.sold()) == (1, PRICE)
    with counter.container.work() as work:
        work.content.take_down(listing.id, "Stolen.")
    assert counter.get(listing, first).status_code == 409


def test_whoever_buys_of_themselves_is_marked(counter: Counter, till: Till) -> None:
    listing = counter.put_up(wallet=till.buyer.address)
    paid = counter.paid(listing)
    counter.get(listing, paid)
    till.round()
    assert counter.get(listing, paid).status_code == 200
    (sale,) = counter.sales()
    assert sale.wash
    with counter.container.read() as work:
        assert work.content.listing(listing.id).sold == 0


def named(paid: str, identifier: object) -> str:
    """The same payment with a name (payment-identifier)."""
    told = json.loads(b64decode(paid))
    told["extensions"] = {"payment-identifier": {"info": {"required": False, "id": identifier}}}
    return packed(told)


def test_a_named_payment_is_answered_the_same_again_and_another_by_its_name_is_refused(
    counter: Counter, till: Till
) -> None:
    listing, other = counter.put_up(), counter.put_up(content=b"something else")
    name = "order-0000000000001"
    paid = named(counter.paid(listing), name)
    assert unpacked(counter.get(listing), "payment-required")["extensions"]["payment-identifier"]["info"] == {
        "required": False
    }
    assert counter.get(listing, paid).status_code == 202
    for place in (listing, other):
        refused = counter.get(place, named(counter.paid(place), name))
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:earnest:problem:payment_identifier_taken")
    told = json.loads(b64decode(paid))
    told["accepted"]["extra"]["claim"] = "A" * 32
    assert counter.get(listing, packed(told)).status_code == 409
    till.round()
    assert counter.get(listing, paid).content == counter.get(listing, paid).content == TEXT
    assert counter.get(listing, named(counter.paid(listing), name)).status_code == 409
    assert (till.sent(), till.sold(), len(counter.sales())) == (1, PRICE, 1)


def test_a_name_is_its_payers_own_and_is_not_spent_by_what_was_not_taken_on(counter: Counter, till: Till) -> None:
    listing, name = counter.put_up(), "order-0000000000001"
    poor, rich = till.pauper("poor", tokens=PRICE - 1), till.pauper("rich")
    for wallet, status in ((poor, 402), (rich, 202)):
        paid = counter.paid(listing, signed=till.signed(payer=wallet.address), wallet=wallet)
        assert counter.get(listing, named(paid, name)).status_code == status
    till.anvil.give_tokens(till.deployment, poor.address, PRICE)
    paid = counter.paid(listing, signed=till.signed(payer=poor.address), wallet=poor)
    assert counter.get(listing, named(paid, name)).status_code == 202
    wrong: object
    for wrong in ("short", "a" * 129, "blanks are not taken", 5, "\u0661" * 20, ["a" * 20], {}):
        assert counter.get(listing, named(counter.paid(listing), wrong)).status_code == 400, wrong
    bare = json.loads(b64decode(counter.paid(listing)))
    extensions: object
    for extensions in (None, [], "x", {"payment-identifier": []}, {"payment-identifier": {"info": {"required": True}}}):
        bare["extensions"] = extensions
        assert counter.get(listing, packed(bare)).status_code == 202
