"""Gifts on a real node and both databases: known within a block, gone with it, back with it, and true in the books."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from app import books, carrying_gifts, late
from app.chain_loop import ChainLoop
from app.container import Container
from contracts import typed_data
from contracts.chain import BlockLogs
from contracts.deployment import add_pledges, write_deployment
from contracts.events import SignedGift
from contracts.pledges import NO_MEMO
from contracts.web3_chain import Web3Chain
from kit.errors import ChainUnavailable
from kit.identifiers import Hash32
from ledger.model import Level, cause, erc20, ether, giver, wallet
from ledger.reconciling import Line
from ledger.tables import PostingRow
from payments.carrying.model import Outcome
from tests.support.anvil import CHAIN_ID, ETHER
from tests.support.gift_shop import CAUSE, GiftShop
from tests.support.services import a_container

MEMO = Hash32(b"\x3e" * 32)
COIN = ether(CHAIN_ID)


def test_whatever_is_given_is_known_within_a_block(gift_shop: GiftShop) -> None:
    ern = erc20(CHAIN_ID, gift_shop.deployment.token)
    gift_shop.pledge("anna", 5 * ETHER, months=12, memo=MEMO)
    gift_shop.follow_head()
    (gift,) = gift_shop.gifts("anna")
    assert (gift.asset, gift.amount, gift.months, gift.memo) == (ern, 5 * ETHER, 12, MEMO)
    assert gift.level is not Level.FINALIZED
    gift_shop.transfer("gus", CAUSE, 7)
    gift_shop.pledge_ether("gus", 2 * ETHER, months=1)
    gift_shop.follow_head()
    assert gift_shop.counted("gus") == sorted([(ern, 7, 0), (COIN, 2 * ETHER, 1)])
    gift_shop.follow()
    assert {gift.level for name in ("anna", "gus") for gift in gift_shop.gifts(name)} == {Level.FINALIZED}


def test_the_books_have_each_gift_once_and_stay_true(gift_shop: GiftShop) -> None:
    gift_shop.pledge("anna", 5 * ETHER)
    gift_shop.transfer("anna", CAUSE, 7)
    gift_shop.pledge_ether("anna", 2 * ETHER)
    gift_shop.follow()
    anna = gift_shop.address("anna")
    with gift_shop.container.read() as work:
        assert work.book.balance(wallet(CAUSE)) == 5 * ETHER + 7
        assert work.book.given(COIN) == {giver(anna): -2 * ETHER, cause(CAUSE): 2 * ETHER}
    assert books.verify(gift_shop.container).holds
    again = json.loads(gift_shop.earnest("ledger", "rebuild", "--compare", "--json").stdout)
    assert again["equal"], again


def test_a_gift_that_was_falsified_is_found(gift_shop: GiftShop) -> None:
    gift_shop.pledge_ether("anna", 2 * ETHER)
    gift_shop.follow()
    gift_shop.falsify(cause(CAUSE), 3 * ETHER)
    differences = {(one.line, one.account) for one in books.verify(gift_shop.container).differences}
    assert differences == {(Line.KEPT, None), (Line.KEPT, f"{cause(CAUSE)} of {COIN}")}
    gift_shop.falsify(cause(CAUSE), 2 * ETHER)
    with gift_shop.container.database.write() as session:
        session.execute(update(PostingRow).where(PostingRow.amount == 2 * ETHER).values(amount=5 * ETHER))
    lines = {one.line for one in books.verify(gift_shop.container).differences}
    assert {Line.ENTRIES, Line.KEPT, Line.ZERO} <= lines
    found = json.loads(gift_shop.earnest("ledger", "rebuild", "--compare", "--json").stdout)
    assert not found["equal"]


def test_what_leaves_the_chain_counts_no_more_and_comes_back_with_it(gift_shop: GiftShop) -> None:
    gift_shop.pledge("anna", 5 * ETHER, months=2)
    gift_shop.pledge_ether("anna", ETHER)
    gift_shop.follow_head()
    assert len(gift_shop.counted("anna")) == 2
    saved = gift_shop.anvil.rpc("anvil_dumpState")
    gift_shop.anvil.reorg(1)
    gift_shop.follow_head()
    assert [asset for asset, _, _ in gift_shop.counted("anna")] == [erc20(CHAIN_ID, gift_shop.deployment.token)]
    with gift_shop.container.read() as work:
        assert work.book.given(COIN) == {}
    gift_shop.anvil.rpc("anvil_loadState", saved)
    gift_shop.anvil.mine()
    gift_shop.follow_head()
    gift_shop.follow()
    assert books.verify(gift_shop.container).holds


def read_anew(container: Container) -> None:
    """Let a container look at its deployment again, as a process that starts does."""
    for known in ("deployment", "deployment_place", "gifts_arrive"):
        container.__dict__.pop(known, None)


def test_gifts_from_before_we_knew_of_their_contract_are_read_late(gift_shop: GiftShop) -> None:
    node, now = gift_shop.anvil, gift_shop.deployment
    older = replace(now, pledges=None, pledges_block=None)
    folder = gift_shop.container.settings.data
    write_deployment(folder / "deployment.json", older)
    before = gift_shop.container
    read_anew(before)
    made = add_pledges(node.chain, node.signer("deployer"), older)
    gift_shop.deployment = made
    gift_shop.pledge("anna", 5 * ETHER, months=3)
    gift_shop.pledge_ether("anna", ETHER, months=3)
    gift_shop.follow()
    assert [months for _, _, months in gift_shop.counted("anna")] == [0], "a transfer is all that is seen of it"
    write_deployment(folder / "deployment.json", made)
    read_anew(before)
    gift_shop.pledge_ether("anna", 2 * ETHER)
    gift_shop.follow()  # from here on it is read,
    gift_shop.follow()  # and what was before is final
    ern = erc20(CHAIN_ID, now.token)
    assert gift_shop.counted("anna") == sorted([(ern, 5 * ETHER, 3), (COIN, ETHER, 3), (COIN, 2 * ETHER, 0)])
    assert late.read(before), "nothing is left to read"
    assert books.verify(before).holds
    with before.read() as work:
        assert work.book.given(COIN)[cause(CAUSE)] == 3 * ETHER
    again = json.loads(gift_shop.earnest("ledger", "rebuild", "--compare", "--json").stdout)
    assert again["equal"], again


def test_a_node_that_keeps_no_old_blocks_holds_up_nothing(gift_shop: GiftShop, monkeypatch: pytest.MonkeyPatch) -> None:
    now, container = gift_shop.deployment, gift_shop.container
    write_deployment(container.settings.data / "deployment.json", replace(now, pledges=None, pledges_block=None))
    read_anew(container)
    made = add_pledges(gift_shop.anvil.chain, gift_shop.anvil.signer("deployer"), replace(now, pledges=None))
    gift_shop.deployment = made
    gift_shop.pledge_ether("anna", ETHER, months=3)
    gift_shop.follow()
    write_deployment(container.settings.data / "deployment.json", made)
    read_anew(container)
    since = made.pledges_block or 0
    stretch, read = Web3Chain.stretch, Web3Chain.read

    def forgetful(self: Web3Chain, first: int, last: int, of: Any) -> list[BlockLogs]:  # noqa: ANN401 - the port's
        if first <= pruned or last > first:
            raise ChainUnavailable("no ranges here, and nothing so old")
        return stretch(self, first, last, of)

    def as_forgetful(self: Web3Chain, number: int, of: Any) -> BlockLogs | None:  # noqa: ANN401 - the port's
        if number <= pruned:
            raise ChainUnavailable("nothing so old here")
        return read(self, number, of)

    with container.read() as work:
        pruned = work.book.head().number  # type: ignore[union-attr]
    monkeypatch.setattr(Web3Chain, "stretch", forgetful)
    monkeypatch.setattr(Web3Chain, "read", as_forgetful)
    gift_shop.pledge_ether("anna", 2 * ETHER)
    gift_shop.follow()
    gift_shop.follow()
    assert gift_shop.counted("anna") == [(COIN, 2 * ETHER, 0)], "what is new is read all the same"
    pruned = since - 1
    for _ in range(100):
        if late.read(container):
            break
    assert gift_shop.counted("anna") == sorted([(COIN, 2 * ETHER, 0), (COIN, ETHER, 3)]), "one by one"


def test_a_carried_gift_that_failed_is_not_taken_for_one_like_it(gift_shop: GiftShop) -> None:
    container, place, gus = gift_shop.container, gift_shop.deployment, gift_shop.anvil.signer("gus")
    held = gift_shop.anvil.tokens_of(place, gus.address)

    def carry(salt: bytes) -> Hash32:
        gift = SignedGift(
            giver=gus.address,
            cause=CAUSE,
            amount=5 * ETHER,
            months=0,
            memo=NO_MEMO,
            relay_fee=container.terms.relay_fee.base_units,
            relay_receiver=container.terms.relay_receiver,
            valid_before=gift_shop.anvil.now() + 3_600,
            salt=Hash32(salt * 32),
        )
        asked = typed_data.authorization_to_give(gift, chain_id=CHAIN_ID, token=place.token, pledges=gift_shop.pledges)
        return carrying_gifts.carry(container, gift, gus.sign_digest(asked.digest)).id

    def outcome(carried: Hash32) -> Outcome | None:
        with container.read() as work:
            found = work.carrying.find(carried)
        assert found is not None
        return found.outcome

    first = carry(b"\x01")
    for _ in range(5):
        gift_shop.follow()
    assert outcome(first) is Outcome.DONE
    second = carry(b"\x02")
    left = gift_shop.anvil.tokens_of(place, gus.address)
    assert left < held
    gift_shop.transfer("gus", gift_shop.address("anna"), left)
    for _ in range(5):
        gift_shop.follow()
    assert outcome(second) is Outcome.WOULD_REVERT, "it was never given"
    assert len(gift_shop.counted("gus")) == 1


def test_without_a_cause_nothing_is_a_gift(gift_shop: GiftShop) -> None:
    container = a_container(
        gift_shop.container.settings.data,
        gift_shop.container.database,
        deployment=gift_shop.deployment,
        rpc_url=gift_shop.anvil.url,
        clock=gift_shop.container.clock,
    )
    gift_shop.pledge("anna", 5 * ETHER)
    gift_shop.anvil.mine(3)
    loop = ChainLoop(container)
    while loop.round():
        pass
    container.chain.close()
    assert gift_shop.gifts("anna") == []
