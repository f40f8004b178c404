"""Tips in other tokens without ether, on the real contracts: signed once, carried once, and told as any other tip."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from app import books, buying
from contracts.authorizations import Authorization, encode_transfer_with_authorization
from contracts.checkout import purchase_id
from kit.identifiers import parse_hash, show_address
from ledger.model import Level
from payments.tips.model import Link, News, Tip, TipState, Wish
from tests.integration.app.test_fates_of_sales import mortal
from tests.support.anvil import ETHER
from tests.support.lives import Killed
from tests.support.services import Door, http_door
from tests.support.shopping import problem
from tests.support.tipped import Tipped
from tests.support.tokens import Trick, become, dollar_token, held, permit_token

DOLLARS = 2_500_000


class Signing:
    """@lea takes dollars, @kim has some and no ether, and the operator pays for what is carried."""

    def __init__(self, tipped: Tipped, door: Door) -> None:
        """Stand at ``door``."""
        self.tipped, self.fair, self.door = tipped, tipped.fair, door
        settings = tipped.container.settings
        settings.facilitator_budget = "0.05"
        tipped.container.__dict__.pop("relay_limits", None)
        self.usdx = dollar_token(self.fair.anvil)
        (self.asset,) = tipped.takes(self.usdx)
        self.fair.anvil.set_balance(self.fair.address("kim"), 0)
        self.before = self.held("kim")

    def offered(self, link: Link, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - JSON
        """What is asked for a tip of @kim's, and what its wallet is given."""
        payer = show_address(self.fair.address("kim"))
        asked = {"payer": payer, "amount": str(DOLLARS), "asset": self.asset, **more}
        answer = self.door.post(f"/v1/tips/{link.token}/terms", json=asked)
        assert answer.status_code == 200, answer.text
        return asked, answer.json()

    def told(self, link: Link, signer: str = "kim", **more: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - JSON
        """What is handed in once somebody signed that, and under which id it is carried."""
        asked, offer = self.offered(link, **more)
        gasless = offer["gasless"]
        assert (gasless["available"], gasless["order"]["relay_fee"]) == (True, "0")
        made = Account.sign_typed_data(keccak(text=f"a key of {signer}"), full_message=gasless["authorization"])
        signed = {
            "valid_before": gasless["order"]["valid_before"],
            "salt": gasless["order"]["salt"],
            "signature": "0x" + made.signature.hex().removeprefix("0x"),
        }
        return asked | signed, gasless["purchase"]

    def post(self, link: Link, told: dict[str, Any]) -> Any:  # noqa: ANN401 - an answer
        """Hand it in."""
        return self.door.post(f"/v1/tips/{link.token}/signed", json=told)

    def takes_on(self, link: Link, **more: Any) -> str:  # noqa: ANN401 - JSON
        """Hand a tip in that is taken on; under which id."""
        told, purchase = self.told(link, **more)
        answer = self.post(link, told)
        assert answer.status_code == 202, answer.text
        return purchase

    def carried(self, purchase: str) -> tuple[str, str | None]:
        """Where it stands, and why it failed."""
        shown = self.door.get(f"/v1/purchases/{purchase}/carried").json()
        return shown["state"], shown["code"]

    def held(self, name: str) -> int:
        """What somebody has."""
        return held(self.fair.anvil, self.usdx, self.fair.address(name))

    def tip(self, link: Link) -> Tip | None:
        """The tip of a link."""
        with self.tipped.container.read() as work:
            return work.tips.of_link(link.token)


@pytest.fixture
def signing(tipped: Tipped) -> Iterator[Signing]:
    """It, on a database of each kind."""
    with http_door(tipped.container) as door:
        yield Signing(tipped, door)


def test_a_signature_suffices_and_the_tip_is_as_any_other(signing: Signing) -> None:
    link = signing.tipped.link()
    told, purchase = signing.told(link, note="thank you", public=True)
    for _ in range(2):
        answer = signing.post(link, told)
        assert (answer.status_code, answer.json()["purchase"]) == (202, purchase), answer.text
    assert signing.carried(purchase) == ("queued", None)
    signing.fair.follow_head()
    signing.fair.follow_head()
    tip = signing.tip(link)
    assert tip is not None
    assert (tip.asset, tip.amount, tip.note, tip.public) == (signing.asset, DOLLARS, "thank you", True)
    assert (tip.payer, tip.giver, tip.quiet) == (signing.fair.address("kim"), signing.tipped.kim, False)
    assert signing.tipped.news() == ["seen"]
    for _ in range(3):
        signing.fair.follow()
    assert signing.carried(purchase) == ("bought", None)
    assert (signing.held("lea"), signing.before - signing.held("kim")) == (DOLLARS, DOLLARS)
    assert signing.fair.anvil.chain.balance(signing.fair.address("kim")) == 0
    assert sorted(signing.tipped.news()) == ["line", "paid", "receipt", "seen"]
    progress = signing.door.get(f"/v1/tips/{link.token}").json()
    assert (progress["state"], progress["level"]) == ("paid", "finalized")
    assert signing.post(link, told).status_code == 202, "the same once more is answered with how far it is"
    signing.fair.follow()
    assert signing.held("lea") == DOLLARS
    assert books.verify(signing.fair.container).holds


def test_what_was_signed_commits_to_the_note_and_pays_for_nothing_else(signing: Signing) -> None:
    link, other = signing.tipped.link(), signing.tipped.link()
    told, _ = signing.told(link, note="thank you")
    changes: tuple[dict[str, Any], ...] = ({"note": "thank you!"}, {"amount": str(DOLLARS + 1)}, {"anonymous": True})
    for more in changes:
        signing.offered(link, **{"note": "thank you", **more})
        assert problem(signing.post(link, told | more)) == (403, "signature_not_buyers")
    signing.offered(other, note="thank you")
    assert problem(signing.post(other, told)) == (403, "signature_not_buyers")
    assert problem(signing.post(link, told | {"salt": "0x" + "66" * 32})) == (403, "signature_not_buyers")
    assert problem(signing.post(link, told | {"note": "never asked for"})) == (404, "tip_terms_unknown")
    forged, _ = signing.told(link, "eve", note="thank you")
    assert problem(signing.post(link, forged)) == (403, "signature_not_buyers")
    far = told | {"valid_before": told["valid_before"] + 10**6}
    assert problem(signing.post(link, far))[0] in (403, 409)
    signing.fair.follow()
    assert (signing.tip(link), signing.held("lea")) == (None, 0)


def test_of_two_that_are_signed_for_a_link_the_first_is_carried(signing: Signing) -> None:
    link = signing.tipped.link()
    first, _ = signing.told(link)
    second, _ = signing.told(link, note="and again")
    assert signing.post(link, first).status_code == 202
    assert "on its way" in signing.post(link, second).json()["detail"]
    for _ in range(3):
        signing.fair.follow()
    assert problem(signing.post(link, second)) == (409, "tip_used")
    assert signing.held("lea") == DOLLARS


def test_a_block_that_leaves_takes_it_back_and_it_comes_again_by_itself(signing: Signing) -> None:
    link, node = signing.tipped.link(), signing.fair.anvil
    signing.takes_on(link)
    signing.fair.follow_head()
    signing.fair.follow_head()
    seen = signing.tip(link)
    assert seen is not None
    with signing.tipped.container.work() as work:
        assert work.tips.tries(seen.id, News.SEEN, 0)
    node.reorg(1)
    signing.fair.follow_head()
    gone = signing.tip(link)
    assert gone is not None
    assert (gone.state, signing.held("lea")) == (TipState.TAKEN_BACK, 0)
    assert signing.tipped.news() == ["seen", "gone_giver"]
    for _ in range(6):
        node.travel(6)
        signing.fair.follow()
    back = signing.tip(link)
    assert back is not None
    assert (back.state, back.quiet, back.round) == (TipState.PAID, False, 1)
    assert signing.held("lea") == DOLLARS
    assert signing.tipped.news().count("paid") == 1


def test_somebody_else_who_carries_the_signature_makes_it_the_same_tip(signing: Signing) -> None:
    link, node = signing.tipped.link(), signing.fair.anvil
    told, purchase = signing.told(link)
    terms = signing.tipped.due(link, Wish(DOLLARS, asset=signing.asset)).terms
    order = replace(
        signing.tipped.due(link, Wish(DOLLARS, asset=signing.asset)).order,
        valid_before=told["valid_before"],
        salt=parse_hash(told["salt"]),
    )
    place = signing.fair.deployment
    nonce = purchase_id(terms, order, chain_id=place.chain_id, checkout=signing.fair.checkout)
    signed = Authorization(order.buyer, terms.seller, terms.price, 0, order.valid_before, nonce)
    assert signing.post(link, told).status_code == 202
    data = encode_transfer_with_authorization(signed, bytes.fromhex(told["signature"][2:]))
    assert node.send(node.signer("eve"), signing.usdx, data).succeeded
    for _ in range(5):
        signing.fair.follow()
    tip = signing.tip(link)
    assert tip is not None
    assert (tip.key, tip.quiet, signing.held("lea")) == (nonce, False, DOLLARS)
    assert signing.carried(purchase) == ("bought", None)
    assert signing.tipped.news().count("paid") == 1


@pytest.mark.parametrize("trick", [one for one in Trick if one is not Trick.NONE])
def test_a_token_that_would_not_move_exactly_the_sum_is_not_carried(signing: Signing, trick: Trick) -> None:
    link = signing.tipped.link()
    told, _ = signing.told(link, amount=str(DOLLARS))
    become(signing.fair.anvil, signing.usdx, trick)
    refused = signing.post(link, told)
    assert refused.status_code == 409, refused.text
    signing.fair.follow()
    assert (signing.tip(link), signing.held("lea"), signing.tipped.news()) == (None, 0, [])


@pytest.mark.parametrize("trick", [Trick.MOVES_NOTHING, Trick.MOVES_LESS, Trick.TAKES_ALL, Trick.REFUSES])
def test_a_token_that_changes_meanwhile_tips_nobody(signing: Signing, trick: Trick) -> None:
    link = signing.tipped.link()
    purchase = signing.takes_on(link)
    become(signing.fair.anvil, signing.usdx, trick)
    for _ in range(4):
        signing.fair.follow()
    assert (signing.tip(link), signing.tipped.news()) == (None, [])
    assert signing.carried(purchase)[0] == "failed"


def test_what_cannot_be_carried_is_said_before_anybody_signs(signing: Signing) -> None:
    link, euros = signing.tipped.link(), permit_token(signing.fair.anvil, symbol="EURX")
    _, asset = signing.tipped.takes(signing.usdx, euros)
    assert signing.offered(link, asset=asset)[1]["gasless"] is None, "it takes no signed transfers"
    page = signing.door.get(f"/tip/{link.token}", headers={"Accept": "text/html"}).text
    assert "for nothing where it is in <bdi>USDX</bdi>" in page
    told, _ = signing.told(link)
    signing.tipped.container.settings.facilitator_budget = "0"
    signing.tipped.container.__dict__.pop("relay_limits", None)
    offer = signing.offered(link)[1]["gasless"]
    assert (offer["available"], offer["why_not"]) == (False, "gasless_off")
    assert signing.post(link, told).status_code == 409
    settings = signing.tipped.container.settings
    settings.sales_fee_bps, settings.sales_fee_receiver = 100, show_address(signing.fair.address("eve"))
    assert signing.offered(link)[1]["gasless"] is None, "one transfer has one recipient"
    settings.sales_fee_bps = 0
    with signing.tipped.container.work() as work:
        work.tip_links.off(signing.tipped.lea, signing.asset)
    assert problem(signing.post(link, told)) == (403, "tip_asset")


def test_a_link_that_was_paid_by_the_contract_is_not_paid_by_a_signature(signing: Signing) -> None:
    link = signing.tipped.link()
    told, _ = signing.told(link)
    signing.fair.anvil.set_balance(signing.fair.address("kim"), ETHER)
    due = signing.tipped.due(link, Wish(DOLLARS, asset=signing.asset))
    signing.tipped.send(due.terms, due.order)
    signing.fair.follow()
    assert problem(signing.post(link, told)) == (409, "tip_used")
    assert signing.held("lea") == DOLLARS


def test_whoever_dies_between_any_two_steps_leaves_a_tip_that_is_told_once(signing: Signing, seed: int) -> None:
    chance, node = random.Random(seed), signing.fair.anvil
    links = [signing.tipped.link() for _ in range(2)]
    for link in links:
        signing.takes_on(link)
    deaths = 0
    for step in range(14):
        try:
            with mortal(chance):
                signing.fair.follow_head()
        except Killed:
            deaths += 1
        if step in (0, 3):
            node.reorg(1)
        node.travel(6)
    for _ in range(4):
        node.travel(6)
        signing.fair.follow()
    tips = [signing.tip(link) for link in links]
    assert [(tip.state, tip.level, tip.quiet) for tip in tips if tip] == [(TipState.PAID, Level.FINALIZED, False)] * 2
    assert signing.held("lea") == 2 * DOLLARS
    assert deaths > 0
    with signing.tipped.container.work() as work:
        for tip in tips:
            assert tip is not None
            for news in (News.PAID, News.RECEIPT):
                assert work.tips.is_owed(tip.id, news, tip.round), "whoever has one is told"
        assert not work.carrying.under_way()
    assert books.verify(signing.fair.container).holds


def test_a_block_that_is_not_in_the_books_makes_no_tip_yet(signing: Signing) -> None:
    link = signing.tipped.link()
    signing.takes_on(link)
    signing.fair.follow_head()
    assert signing.held("lea") == DOLLARS, "the node has it"
    buying.follow(signing.tipped.container)
    assert signing.tip(link) is None, "were it to leave now, nobody would take it back"
    signing.fair.follow_head()
    assert signing.tip(link) is not None
