"""Claims: a code, a memo, a signature and an amount are each good once, for one person, and guessing finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from sqlalchemy import text

from app.claiming import claim_by_signature, message_for
from kit.database import Database
from kit.errors import ChainUnavailable, Conflict, Forbidden, NotFound
from kit.identifiers import Address, Hash32, PersonId
from ledger.model import Asset
from payments.flair.claiming import CODE_LASTS, LOCKED_FOR, MOST_FAILED, Result
from payments.flair.codes import is_code, memo_of, new_code
from payments.flair.model import Gift, Giver, Source
from tests.integration.payments.test_supporters import ALICE, BOB, MEMBER, Shop
from tests.support.gifts import on_chain, patron, weekly
from tests.unit.payments.test_bitcoin import LEGACY, signature

KEY = "0x" + "31" * 32


@pytest.fixture
def shop(tmp_path: Path, database: Database) -> Iterator[Shop]:
    """A shop at which a member of Patreon gave."""
    made = Shop(tmp_path, database)
    made.give(patron(10))
    yield made
    made.container.close()


def issued(shop: Shop) -> str:
    with shop.work() as work:
        return work.claims.issue(MEMBER)


def claim(shop: Shop, person: PersonId, code: str) -> Result:
    with shop.work() as work:
        return work.claims.by_code(person, code).result


def test_a_code_is_good_once_however_it_is_written(shop: Shop) -> None:
    code, alice, bob = issued(shop), shop.person(), shop.person(BOB)
    assert is_code(code)
    assert claim(shop, alice, f"  {code.lower().replace('-', ' ')} ") is Result.CLAIMED
    assert claim(shop, alice, code) is Result.YOURS
    assert claim(shop, bob, code) is Result.TAKEN
    assert shop.tiers_of(alice) == {"friend", "patron"}
    assert shop.tiers_of(bob) == set()
    with shop.work() as work, pytest.raises(Conflict, match="claimed"):
        work.claims.issue(MEMBER)


def test_nothing_that_is_stored_is_a_code(shop: Shop) -> None:
    code = issued(shop)
    with shop.work() as work:
        (kept,) = work.session.execute(text("SELECT sha256 FROM claim_codes")).scalars()
    assert bytes(kept) == memo_of(code)
    assert code.replace("-", "").encode() not in bytes(kept)


def test_a_newer_code_ends_the_older_and_time_ends_both(shop: Shop) -> None:
    first, second = issued(shop), issued(shop)
    alice = shop.person()
    assert claim(shop, alice, first) is Result.UNKNOWN
    shop.clock.now += CODE_LASTS
    assert claim(shop, alice, second) is Result.UNKNOWN


def test_ten_thousand_guesses_find_nothing_and_are_not_listened_to(shop: Shop) -> None:
    code, mallory = issued(shop), shop.person(BOB)
    found = set()
    for _ in range(10_000 // 50):
        with shop.work() as work:
            found |= {work.claims.by_code(mallory, new_code()).result for _ in range(50)}
    assert found == {Result.UNKNOWN, Result.LOCKED}
    with shop.work() as work:
        told = work.claims.by_code(mallory, code)
    assert (told.result, told.until) == (Result.LOCKED, shop.clock.now + LOCKED_FOR), "not even the right one"
    assert claim(shop, shop.person(), code) is Result.CLAIMED, "it locks nobody else out"
    shop.clock.now += LOCKED_FOR
    assert claim(shop, mallory, code) is Result.TAKEN


def test_a_few_mistakes_are_forgiven_with_time(shop: Shop) -> None:
    code, alice = issued(shop), shop.person()
    for _ in range(3):
        for _ in range(MOST_FAILED - 1):
            assert claim(shop, alice, new_code()) is Result.UNKNOWN
        shop.clock.pass_(hours=2)
    assert claim(shop, alice, code) is Result.CLAIMED


def test_a_code_as_memo_claims_the_gifts_that_carry_it(shop: Shop) -> None:
    code, alice, bob = new_code(), shop.person(), shop.person(BOB)
    assert claim(shop, alice, code) is Result.UNKNOWN, "nothing was given with it yet"
    shop.give(on_chain(100, memo=memo_of(code)), on_chain(100, number=2, memo=Hash32(bytes(32))))
    assert claim(shop, alice, code) is Result.CLAIMED
    assert claim(shop, bob, code) is Result.TAKEN
    assert claim(shop, alice, code) is Result.YOURS
    with shop.work() as work:
        assert [gift.memo for gift in work.supporters.gifts_of(alice)] == [memo_of(code)]
        (other,) = [one for one in work.supporters.holding() if one.tier == "founder" and one.person is None]
        assert other.giver == Giver(Source.CHAIN, on_chain(1).giver)
    shop.give(on_chain(5, number=3, memo=memo_of(code), giver=Address(b"\x77" * 20)))
    with shop.work() as work:
        assert len(work.supporters.gifts_of(alice)) == 2, "whoever sends it"


def test_a_memo_of_ones_own_needs_no_claim_and_does_not_name_anybody(shop: Shop) -> None:
    alice = shop.person()
    with shop.work() as work:
        memo, other = work.claims.memo_for(alice, ALICE), work.claims.memo_for(alice, ALICE)
    assert memo != other
    shop.give(on_chain(100, memo=memo))
    assert shop.tiers_of(alice) == {"founder"}


def test_memos_that_nothing_carries_are_bounded(shop: Shop) -> None:
    alice = shop.person()
    with shop.work() as work:
        kept = work.claims.memo_for(alice, ALICE)
    shop.give(on_chain(100, memo=kept))
    with shop.work() as work:
        for _ in range(60):
            work.claims.memo_for(alice, ALICE)
        assert work.session.scalar(text("SELECT count(*) FROM gift_memos")) == 51
    assert shop.tiers_of(alice) == {"founder"}


def test_the_address_that_gave_signs_for_a_person_once(shop: Shop) -> None:
    account = Account.from_key(KEY)
    shop.give(on_chain(100, giver=Address(bytes.fromhex(account.address[2:]))))
    alice, bob = shop.person(), shop.person(BOB)
    asked = message_for(shop.container, alice, account.address)
    assert all(said in asked.text for said in (ALICE, account.address.lower(), "https://earnest.example"))
    signature = "0x" + account.sign_message(encode_defunct(text=asked.text)).signature.hex()
    message_for(shop.container, bob, account.address)
    with pytest.raises(ChainUnavailable):  # it could be a contract's, and there is no node to ask
        claim_by_signature(shop.container, bob, signature)
    assert claim_by_signature(shop.container, alice, signature).result is Result.CLAIMED
    with pytest.raises(NotFound, match="Begin anew"):
        claim_by_signature(shop.container, alice, signature)
    assert shop.tiers_of(alice) == {"founder"}
    late = message_for(shop.container, bob, account.address)
    again = "0x" + account.sign_message(encode_defunct(text=late.text)).signature.hex()
    assert claim_by_signature(shop.container, bob, again).result is Result.TAKEN


def test_an_address_of_bitcoin_signs_for_what_was_written_down_by_hand(shop: Shop) -> None:
    giver = Giver(Source.HAND, LEGACY)
    with shop.work() as work:
        work.supporters.gave(Gift("hand:1", Source.HAND, LEGACY, Asset("EUR"), 20_000, shop.clock.now))
    alice = shop.person()
    asked = message_for(shop.container, alice, f" {LEGACY} ")
    with pytest.raises(Forbidden):
        claim_by_signature(shop.container, alice, signature("something else", first=31))
    assert claim_by_signature(shop.container, alice, signature(asked.text, first=31)).result is Result.CLAIMED
    assert shop.tiers_of(alice) == {"founder"}
    with shop.work() as work:
        assert work.supporters.gifts_from(giver) == []


def test_a_message_is_good_for_half_an_hour_and_few_wait_at_once(shop: Shop) -> None:
    account, alice = Account.from_key(KEY), shop.person()
    asked = message_for(shop.container, alice, account.address)
    signature = "0x" + account.sign_message(encode_defunct(text=asked.text)).signature.hex()
    for _ in range(4):
        message_for(shop.container, alice, account.address)
    with pytest.raises(Conflict, match="wait for you"):
        message_for(shop.container, alice, account.address)
    shop.clock.pass_(minutes=30)
    with pytest.raises(NotFound):
        claim_by_signature(shop.container, alice, signature)


def test_a_secret_donor_is_known_by_an_amount_that_nobody_else_was_told(shop: Shop) -> None:
    alice, bob = shop.person(), shop.person(BOB)
    with shop.work() as work:
        amount = work.claims.propose(alice, Asset("EUR"), 250)
        others = {work.claims.propose(bob, Asset("EUR"), 250) for _ in range(3)}
        with pytest.raises(Conflict, match="3 amounts"):
            work.claims.propose(bob, Asset("EUR"), 250)
    assert 250 < amount < 300
    assert amount not in others
    shop.give(weekly(amount / 100, at=3, name="secret:aa"), weekly(2.5, at=3, name="secret:bb"))
    with shop.work() as work:
        assert work.claims.find_by_amounts() == 1
        assert work.claims.find_by_amounts() == 0
        assert work.claims.proposed(alice) == []
    shop.clock.pass_(days=5)
    assert shop.tiers_of(alice) == {"friend", "patron"}


def test_a_donor_who_gives_the_amounts_of_two_people_stops_no_import(shop: Shop) -> None:
    people = [shop.person(), shop.person(BOB)]
    with shop.work() as work:
        amounts = [work.claims.propose(person, Asset("EUR"), 250) / 100 for person in people]
    shop.give(*(weekly(amount, at=3 + week, name="secret:aa") for week, amount in enumerate(amounts)))
    with shop.work() as work:
        assert work.claims.find_by_amounts() == 1
        assert work.claims.find_by_amounts() == 0
    shop.clock.pass_(days=5)
    assert sorted(len(shop.tiers_of(person)) for person in people) == [0, 2]


def test_an_amount_that_two_give_or_one_gave_before_tells_nothing(shop: Shop) -> None:
    shop.clock.pass_(days=100)
    alice = shop.person()
    with shop.work() as work:
        amount = work.claims.propose(alice, Asset("EUR"), 250) / 100
    shop.give(weekly(amount, at=110, name="secret:aa"), weekly(amount, at=110, name="secret:bb"))
    with shop.work() as work:
        assert work.claims.find_by_amounts() == 0
    shop.give(weekly(amount, at=50, name="secret:cc"))
    with shop.work() as work:
        assert work.claims.find_by_amounts() == 0
    assert shop.tiers_of(alice) == set()
