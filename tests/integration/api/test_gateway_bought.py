"""Buying what stands behind the gateway as programs do: paid once, kept while its server is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import buying, gateway, selling
from app.buying import Behind
from app.gateway import Wish
from kit.database import Database
from ledger.model import Level
from payments.content.behind import WELL_KNOWN
from payments.content.gateway_tables import UpstreamRow
from payments.content.model import Kind, Listing, Offer, PurchaseState
from payments.content.tables import ListingRow, VersionRow
from tests.support.counter import Counter, unpacked
from tests.support.gatehouse import LOCAL, REPORT, Gatehouse, gives_report
from tests.support.receivers import Receiver, a_receiver, answer
from tests.support.stalls import WALLET
from tests.support.till import PRICE, SELLER, Till


@pytest.fixture
def upstream(counter: Counter) -> Iterator[Receiver]:
    """The seller's server, which has her token; the service may ask this machine."""
    counter.container.settings.private_networks = LOCAL
    counter.container.__dict__.pop("fetcher", None)
    with counter.container.work() as work:
        token = work.gateways.token(counter.lea)
    with a_receiver() as found:
        found.manner = lambda handler, got: (
            answer(handler, 200, token.encode()) if got.path == WELL_KNOWN else gives_report(handler, got)
        )
        yield found


def put_up(counter: Counter, upstream: Receiver) -> Listing:
    """List it."""
    behind = gateway.prove(counter.container, counter.lea, f"{upstream.url}/report")
    token = selling.allowed(counter.container)[0]
    offer = Offer(Kind.GATEWAY, "The report", SELLER, {token: PRICE}, reference=behind.reference, finality=Level.SEEN)
    return gateway.put_up(counter.container, counter.lea, offer, behind)


def test_a_program_buys_it_and_has_it_again_for_the_same_payment(
    counter: Counter, till: Till, upstream: Receiver
) -> None:
    listing = put_up(counter, upstream)
    found = till.door.get("/v1/x402/discovery/resources").json()["items"]
    assert [one["resource"].rpartition("/v1/")[2] for one in found] == [f"listings/{listing.id}/content"]
    paid = counter.paid(listing)
    assert counter.get(listing, paid).status_code == 202
    till.round()
    for _ in range(2):
        answered = counter.get(listing, paid)
        assert (answered.status_code, answered.content) == (200, REPORT), answered.text
        assert unpacked(answered, "payment-response")["success"]
    part = counter.get(listing, paid, Range="bytes=3-4")
    assert (part.status_code, part.content) == (206, REPORT[3:5])
    head = counter.get(listing, paid, "HEAD")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(REPORT)))
    assert (till.sold(), till.sent()) == (PRICE, 1)
    (sale,) = counter.sales()
    assert {one.headers["earnest-purchase"] for one in upstream.got if one.path == "/report"} == {sale.id}
    assert till.buyer.address.hex() not in str([one.headers for one in upstream.got]).lower()
    with counter.container.work() as work:
        work.content.take_down(listing.id, "spam")
    assert counter.get(listing, paid).status_code == 409


def test_nothing_is_paid_twice_while_its_server_is_away(counter: Counter, till: Till, upstream: Receiver) -> None:
    listing = put_up(counter, upstream)
    paid, manner = counter.paid(listing), upstream.manner
    counter.get(listing, paid)
    till.round()
    upstream.manner = lambda handler, _: answer(handler, 402, b"", PAYMENT_REQUIRED="pay me again")
    away = counter.get(listing, paid)
    assert (away.status_code, away.json()["upstream_status"]) == (502, 402)
    assert unpacked(away, "payment-response")["success"], "it is settled, and said so"
    assert "payment-required" not in away.headers
    assert [(one.state, one.delivered_at) for one in counter.sales()] == [(PurchaseState.PAID, None)]
    upstream.manner = manner
    assert counter.get(listing, paid).content == REPORT
    assert (till.sold(), till.sent(), len(counter.sales())) == (PRICE, 1, 1)


@pytest.mark.parametrize(("kind", "reference"), [(Kind.POST, "$event"), (Kind.GATEWAY, "https://lea.example")])
def test_what_was_put_up_before_anybody_could_give_it_is_sold_to_no_program(
    counter: Counter, till: Till, kind: Kind, reference: str
) -> None:
    token = selling.allowed(counter.container)[0]
    offer = Offer(Kind.ADMISSION, "It", SELLER, {token: PRICE}, reference="!r:x.example", admitted=timedelta(days=1))
    older = selling.put_up(counter.container, counter.lea, offer)
    with counter.container.work() as work:  # as it was written then
        (row,) = work.session.scalars(select(VersionRow))
        row.offer = {**row.offer, "kind": kind.value, "reference": reference, "admitted": None}
        work.session.execute(update(ListingRow).values(kind=kind.value, state="listed"))
    refused = counter.get(older)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "delivered_elsewhere")
    assert till.door.get("/v1/x402/discovery/resources").json()["items"] == []
    page = till.door.get(f"/buy/{older.id}", headers={"Accept": "text/html"})
    assert (page.status_code, "/static/buy.js" in page.text) == (200, False)


class Death(BaseException):
    """What the end of a process is to a test."""


@contextmanager
def dying(at: int) -> Iterator[None]:
    """Die before or after the commit of that number, from 0 on."""
    write, passed = Database.write, 0

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed > at:
            raise Death

    @contextmanager
    def dying_write(self: Database) -> Iterator[Session]:
        with write(self) as session:
            yield session
            point()
        point()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Database, "write", dying_write)
        yield


def test_wherever_a_seller_or_a_buyer_dies_there_is_all_of_it_or_nothing(gatehouse: Gatehouse) -> None:
    container = gatehouse.container
    ends = 0
    for at in range(40):
        try:
            with dying(at):
                behind = gateway.prove(container, gatehouse.lea, gatehouse.url)
                offer = Offer(Kind.GATEWAY, "It", WALLET, {gatehouse.token: 5}, reference="-", finality=Level.SEEN)
                listing = gateway.put_up(container, gatehouse.lea, offer, behind)
                purchase = gatehouse.pay(listing, at + 1)
                found = buying.hand_over(container, purchase)
                assert isinstance(found, Behind)
                with gateway.ask(container, found, Wish()).streamed as streamed:
                    assert streamed.read()
                ends += 1
        except Death:
            pass
        with container.read() as work:
            listings = work.session.scalar(select(func.count()).select_from(ListingRow))
            assert listings == work.session.scalar(select(func.count()).select_from(UpstreamRow)), at
            for one in work.content.mine(gatehouse.lea)[0]:
                assert work.gateways.find(one.id, one.version.offer.reference).upstream.url == gatehouse.url
        if ends:
            assert at > 2
            break
    else:
        raise AssertionError("there are more points than were died at")
