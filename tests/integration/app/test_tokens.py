"""Prices in other tokens, on a real node and both databases: what is paid in one buys; what is not allowed does not."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from eth_account import Account
from eth_utils.crypto import keccak
from sqlalchemy import update

from app import books, checkout, selling, tokens
from app.chain_loop import ChainLoop
from cli import sales
from contracts import codec
from contracts.checkout import SaleTerms
from contracts.typed_data import Domain
from contracts.words import word
from kit.errors import Conflict, Forbidden, Invalid
from kit.identifiers import Address, UserId, parse_address, parse_hash, show_address
from ledger.model import Asset, erc20
from payments.content.model import Buyer, Listing, OwedBecause, PurchaseState
from payments.content.onchain import sale_terms
from payments.tokens.tables import SaleTokenRow
from tests.support.fair import PRICE, TEXT, Fair
from tests.support.looping import looping
from tests.support.services import http_door, listening
from tests.support.shopping import problem
from tests.support.tokens import dollar_token, give, held, odd_token, permit_token, text

DOLLARS = 2_500_000
LEA = "@lea:example.org"


@dataclass
class Bazaar:
    """A fair at which one may pay in other tokens, and their assets."""

    fair: Fair
    usdx: Address

    def asset(self, token: Address) -> Asset:
        """What a token is in the books."""
        return erc20(self.fair.deployment.chain_id, token)

    def allow(self, *allowed: Address) -> None:
        """Let the operator allow just these, and the service read its chain."""
        self.fair.container.settings.sales_tokens = ", ".join(map(show_address, allowed))
        self.fair.follow_head()

    def put_up(self, **prices: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
        """List a text for 5 ERN or 2.5 dollars."""
        own = erc20(self.fair.deployment.chain_id, self.fair.deployment.token)
        return self.fair.put_up(**{"prices": {self.asset(self.usdx): DOLLARS, own: PRICE}, **prices})

    def terms(self, listing: Listing, token: Address) -> SaleTerms:
        """What the contract is given for a listing in a token."""
        place = self.fair.deployment
        return sale_terms(listing.id, listing.version, token, chain_id=place.chain_id, checkout=self.fair.checkout)

    def allowed(self) -> list[str]:
        """What something may be sold for."""
        with self.fair.container.read() as work:
            return [name for name, _, _ in work.tokens.known()]


@pytest.fixture
def bazaar(fair: Fair) -> Bazaar:
    """It, with a token of six decimals that is allowed."""
    made = Bazaar(fair, permit_token(fair.anvil))
    for name in ("kim", "eve"):
        give(fair.anvil, made.usdx, fair.address(name), 100_000_000)
    made.allow(made.usdx)
    assert made.allowed() == ["ERN", "USDX"]
    return made


def test_who_pays_in_another_token_has_it_and_it_is_told_by_its_own_name(bazaar: Bazaar) -> None:
    fair, listing = bazaar.fair, bazaar.put_up()
    key = fair.buy(listing, terms=bazaar.terms(listing, bazaar.usdx))
    other = fair.buy(listing, "eve")
    fair.follow()
    made = fair.purchase(key)
    assert made is not None
    assert (made.asset, made.amount, made.because) == (bazaar.asset(bazaar.usdx), DOLLARS, None)
    assert fair.opens(listing, Buyer(wallet=fair.address("kim"))) == TEXT
    assert held(fair.anvil, bazaar.usdx, fair.address("lea")) == DOLLARS
    assert books.verify(fair.container).holds
    assert json.loads(fair.earnest("ledger", "rebuild", "--compare", "--json").stdout)["equal"]
    with fair.container.read() as work:
        found = work.content.statement(made.seller, None, None)
        rows = list(csv.DictReader(io.StringIO("".join(selling.statement_csv(found, work.tokens.name)))))
    assert [(row["amount"], row["asset"]) for row in rows] == [("5", "ERN"), ("2.5", "USDX")]
    assert fair.purchase(other) is not None
    told = fair.earnest("sell", "sales", "--seller", LEA).output
    assert "2.5 USDX  paid" in told
    assert "5 ERN  paid" in told


def test_terms_in_a_token_that_the_seller_never_named_buy_nothing(bazaar: Bazaar) -> None:
    fair, listing = bazaar.fair, bazaar.put_up()
    odd = odd_token(fair.anvil)
    give(fair.anvil, odd, fair.address("kim"), PRICE)
    forged = SaleTerms(**{**_fields(bazaar.terms(listing, bazaar.usdx)), "asset": odd})
    key = fair.buy(listing, terms=forged)
    fair.follow()
    assert fair.purchase(key) is None, "nobody wrote such terms"


def _fields(terms: SaleTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in SaleTerms.__dataclass_fields__}


def test_a_token_that_is_not_allowed_is_refused_and_the_answer_names_what_is(bazaar: Bazaar) -> None:
    odd = odd_token(bazaar.fair.anvil)
    with pytest.raises(Forbidden, match="It may be for ERN, USDX") as refused:
        bazaar.put_up(prices={bazaar.asset(odd): 5})
    assert refused.value.code == "asset_not_allowed"
    with bazaar.fair.container.read() as work:
        for price in ("5 ODD", f"5 {show_address(odd)}", "5 EUR", "5 ETH"):
            with pytest.raises(Forbidden):
                work.tokens.prices([price])
        with pytest.raises(Invalid, match="two prices"):
            work.tokens.prices(["5", "6 ERN"])
        with pytest.raises(Invalid, match="at most 6 decimal"):
            work.tokens.prices(["0.0000001 USDX"])
        read = work.tokens.prices(["5", f"2.5:{show_address(bazaar.usdx)}"])
        assert read == {bazaar.asset(bazaar.fair.deployment.token): PRICE, bazaar.asset(bazaar.usdx): DOLLARS}


def test_what_is_allowed_no_more_is_bought_no_more_after_an_hour_and_other_prices_stay(bazaar: Bazaar) -> None:
    fair, listing = bazaar.fair, bazaar.put_up()
    alone = bazaar.put_up(prices={bazaar.asset(bazaar.usdx): DOLLARS})
    before = fair.buy(listing, terms=bazaar.terms(listing, bazaar.usdx))
    fair.follow()
    bazaar.allow()
    assert bazaar.allowed() == ["ERN"]
    kim = fair.address("kim")
    assert checkout.due(fair.container, listing.id, payer=kim).symbol == "ERN"
    with pytest.raises(Forbidden, match="It is for ERN"):
        checkout.due(fair.container, listing.id, payer=kim, asset=bazaar.asset(bazaar.usdx))
    with pytest.raises(Conflict, match="not for sale now"):
        checkout.due(fair.container, alone.id, payer=kim)
    with http_door(fair.container) as door:
        told = door.get(f"/v1/listings/{listing.id}").json()
        assert ([one["symbol"] for one in told["prices"]], told["for_sale"]) == (["ERN"], True)
        assert not door.get(f"/v1/listings/{alone.id}").json()["for_sale"]
        page = door.get(f"/buy/{alone.id}", headers={"Accept": "text/html"}).text
        assert "allows no token any more" in page
    early = fair.buy(listing, terms=bazaar.terms(listing, bazaar.usdx))
    fair.follow()
    fair.anvil.travel(3_700)
    late = fair.buy(listing, terms=bazaar.terms(listing, bazaar.usdx))
    fair.follow()
    found = [fair.purchase(key) for key in (before, early, late)]
    assert [one.because for one in found if one] == [None, None, OwedBecause.WRONG_ASSET]
    assert [one.state for one in found if one] == [PurchaseState.PAID] * 2 + [PurchaseState.OWED_BACK]
    told = fair.earnest("sell", "sales", "--seller", LEA).output
    assert sum("2.5 USDX" in line and "On doors" in line for line in told.splitlines()) == 3, "it keeps its name"
    assert "Asked back or owed: 2.5 USDX of 1 payment." in told
    bazaar.allow(bazaar.usdx)
    again = fair.buy(listing, terms=bazaar.terms(listing, bazaar.usdx))
    fair.follow()
    allowed = fair.purchase(again)
    assert allowed is not None
    assert allowed.because is None


def test_what_looks_like_ours_stands_with_its_address_and_what_cannot_be_read_is_one(bazaar: Bazaar) -> None:
    anvil = bazaar.fair.anvil
    twin, bare = permit_token(anvil, symbol="ern", decimals=0), odd_token(anvil, symbol=text("\u202eNRE"))
    bazaar.allow(twin, bare, bazaar.usdx)
    assert bazaar.allowed() == ["ERN", f"ern ({show_address(twin)})", show_address(bare), "USDX"]
    listing = bazaar.put_up(prices={bazaar.asset(twin): 3, bazaar.asset(bare): PRICE})
    with http_door(bazaar.fair.container) as door:
        page = door.get(f"/buy/{listing.id}", headers={"Accept": "text/html"}).text
        assert f"3\N{NO-BREAK SPACE}ern ({show_address(twin)})" in page
        assert f"5\N{NO-BREAK SPACE}{show_address(bare)}" in page
        assert "NRE" not in page
        assert page.count("data-asset=") == 2
    with bazaar.fair.container.read() as work:
        assert work.tokens.find(show_address(twin)) == bazaar.asset(twin)
        assert work.tokens.find("ern") == bazaar.asset(bazaar.fair.deployment.token)


def test_what_is_no_token_stops_nothing_and_doctor_says_so(bazaar: Bazaar) -> None:
    nothing, endless = Address(b"\x77" * 20), odd_token(bazaar.fair.anvil, decimals=b"")
    container = bazaar.fair.container
    bazaar.allow(nothing, bazaar.usdx)
    assert bazaar.allowed() == ["ERN", "USDX"]
    says, mend, _ = sales.look(container)
    assert (f"No contract stands at {show_address(nothing)}" in says, mend) == (True, "Check EARNEST_SALES_TOKENS.")
    assert tokens.learn(container) == [f"No contract stands at {show_address(nothing)} on this chain."]
    bazaar.allow(endless)
    assert "no decimals from 0 to 36" in sales.look(container)[0]
    bazaar.allow(bazaar.fair.checkout)
    assert "no token" in sales.look(container)[0]
    bazaar.allow(bazaar.usdx)
    assert sales.look(container)[1] == ""
    with container.database.write() as session:  # as if its owner had made another token of it since
        session.execute(update(SaleTokenRow).values(decimals=8))
    assert sales.look(container)[0].startswith("USDX tells 6 decimals now; it was 8 when it was allowed.")


def test_the_operator_is_told_in_which_tokens_programs_cannot_pay_and_why(
    bazaar: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    fair, good = bazaar.fair, dollar_token(bazaar.fair.anvil, symbol="GOOD")
    lying = dollar_token(fair.anvil, symbol="LIAR", lies=True)
    bazaar.allow(good, lying, bazaar.usdx)
    bazaar.put_up()
    monkeypatch.setenv("EARNEST_SALES_TOKENS", fair.container.settings.sales_tokens)
    told = fair.earnest("listings", "tokens").output.splitlines()
    assert [line.split()[0] for line in told] == ["ERN", "GOOD", "LIAR", "Programs", "USDX", "Programs"], told
    assert "tells no EIP-712 domain" in told[3]
    assert "does not know transferWithAuthorization" in told[5]
    assert "Programs" not in sales.look(fair.container)[0], "no program pays here"
    fair.container.settings.facilitator_budget = "0.01"
    fair.container.__dict__.pop("relay_limits", None)
    says, mend, _ = sales.look(fair.container)
    assert ("Programs cannot pay in LIAR: it tells no" in says, "in GOOD" in says, mend) == (True, False, "")


def test_a_token_of_an_earlier_release_is_asked_by_what_its_transfers_are_signed(bazaar: Bazaar) -> None:
    fair, good = bazaar.fair, dollar_token(bazaar.fair.anvil, symbol="GOOD")
    bazaar.allow(good)
    with fair.container.database.write() as session:
        session.execute(update(SaleTokenRow).values(transfer_name=None, transfer_version=None, no_transfers=None))
    with fair.container.read() as work:
        assert work.tokens.transfers(bazaar.asset(good)) is None
    fair.follow_head()
    with fair.container.read() as work:
        assert work.tokens.transfers(bazaar.asset(good)) == Domain("Some Dollar", "2")


def test_by_http_a_wallet_is_told_each_price_and_pays_by_permit_or_by_allowance(bazaar: Bazaar) -> None:
    fair, anvil = bazaar.fair, bazaar.fair.anvil
    plain = odd_token(anvil)
    give(anvil, plain, fair.address("kim"), PRICE)
    bazaar.allow(bazaar.usdx, plain)
    listing = bazaar.put_up(prices={bazaar.asset(bazaar.usdx): DOLLARS, bazaar.asset(plain): PRICE})
    path, kim = f"/v1/listings/{listing.id}/terms", anvil.signer("kim")
    with http_door(fair.container) as door:
        known = door.get("/v1/listings").json()
        assert [one["symbol"] for one in known["assets"]] == ["ERN", "USDX", "ODD"]
        asked = {"payer": show_address(kim.address), "asset": bazaar.asset(bazaar.usdx)}
        offer = door.post(path, json=asked).json()
        assert (offer["symbol"], offer["decimals"], offer["terms"]["price"]) == ("USDX", 6, str(DOLLARS))
        signed = Account.sign_typed_data(keccak(text="a key of kim"), full_message=offer["permit"])
        call = offer["calls"]["buy_with_permit"]
        words = f"{signed.v:064x}{signed.r:064x}{signed.s:064x}"
        data = bytes.fromhex(call["before"][2:] + words + call["after"][2:])
        assert anvil.send(kim, parse_address(call["to"]), data).succeeded
        other = door.post(path, json=asked | {"asset": bazaar.asset(plain)}).json()
        assert (other["permit"], other["calls"]["buy_with_permit"]) == (None, None)
        for one in (other["calls"]["approve"], other["calls"]["buy"]):
            assert anvil.send(kim, parse_address(one["to"]), bytes.fromhex(one["data"][2:])).succeeded
        wrong = door.post(path, json=asked | {"asset": bazaar.asset(fair.deployment.token)})
        assert problem(wrong) == (403, "asset_not_allowed")
        assert "USDX, ODD" in wrong.text
    fair.follow()
    for purchase in (offer["purchase"], other["purchase"]):
        assert fair.purchase(parse_hash(purchase)) is not None


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Files with the keys of kim and lea."""
    found = {}
    for name in ("kim", "lea"):
        (tmp_path / f"{name}.key").write_text("0x" + keccak(text=f"a key of {name}").hex())
        found[name] = str(tmp_path / f"{name}.key")
    return found


def buy(fair: Fair, listing: Listing, *words: str) -> Result:
    with listening(fair.container) as url:
        return fair.earnest("buy", f"{url}/buy/{listing.id}", *words)


def test_at_the_terminal_it_is_sold_bought_and_paid_back_in_another_token(
    bazaar: Bazaar, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fair, usdx = bazaar.fair, bazaar.usdx
    monkeypatch.setenv("EARNEST_SALES_TOKENS", show_address(usdx))
    with fair.container.work() as work:
        work.people.number(UserId(LEA))
    (tmp_path / "doors.txt").write_bytes(TEXT)
    offer = ("--seller", LEA, "--title", "On doors", "--wallet", show_address(fair.address("lea")), "--json")
    text_file = str(tmp_path / "doors.txt")
    refused = fair.earnest("sell", "text", text_file, *offer, "--price", "5:EURX")
    assert (refused.exit_code, "It may be for ERN, USDX" in refused.output) == (1, True), refused.output
    sold = fair.earnest("sell", "text", text_file, *offer, "--price", "5", "--price", "2.5:usdx", "--finality", "seen")
    assert sold.exit_code == 0, sold.output
    made = json.loads(sold.stdout)
    assert sorted(made["prices"].values()) == [str(DOLLARS), str(PRICE)]
    with fair.container.read() as work:
        listing = work.content.listing(made["id"])
    told = fair.earnest("listings", "tokens").output
    assert ("USDX  6 decimals, paid by permit or allowance" in told, "Refused" in told) == (True, False), told
    key = ("--key-file", keys["kim"])
    assert "It is for ERN, USDX" in buy(fair, listing, "--asset", "EURX", "--dry-run").output
    looked = buy(fair, listing, "--dry-run").output
    assert ("5 ERN" in looked, f"2.5 USDX (--asset {show_address(usdx)})" in looked) == (True, True), looked
    done = buy(fair, listing, *key, "--asset", "USDX", "--yes", "--json")
    assert done.exit_code == 0, done.output
    fair.follow()
    bought = fair.purchase(parse_hash(json.loads(done.stdout)["purchase"]))
    assert bought is not None
    assert (bought.amount, held(fair.anvil, usdx, fair.address("lea"))) == (DOLLARS, DOLLARS)
    with looping(ChainLoop(fair.container), mine=fair.anvil.mine):
        words = ("sell", "refund", bought.id, "--seller", LEA, "--key-file", keys["lea"], "--yes")
        back = fair.earnest(*words)
    assert back.exit_code == 0, back.output
    assert "Paid back: 2.5 USDX" in back.output
    assert held(fair.anvil, usdx, fair.address("kim")) == 100_000_000


def test_a_token_that_takes_a_cut_pays_nobody_and_says_so(bazaar: Bazaar, keys: dict[str, str]) -> None:
    fair = bazaar.fair
    cutting = odd_token(fair.anvil, cut_bps=100, decimals=word(0))
    give(fair.anvil, cutting, fair.address("kim"), 1_000)
    bazaar.allow(cutting)
    listing = bazaar.put_up(prices={bazaar.asset(cutting): 100})
    refused = buy(fair, listing, "--key-file", keys["kim"], "--yes")
    assert refused.exit_code == 1
    assert "takes a cut of what is paid" in refused.output
    assert held(fair.anvil, cutting, fair.address("lea")) == 0
    spent = codec.encode_allowance(fair.address("kim"), fair.checkout)
    assert codec.decode_uint(fair.anvil.chain.call(cutting, spent)) == 100, "it was allowed, and nothing was taken"
