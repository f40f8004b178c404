"""Supporters in the database: what was told is kept once, is somebody's, and comes to what the fold says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from app.container import Container, Work
from app.forgetting import forget_person
from kit.changes import news_since
from kit.database import Database
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Hash32, PersonId, UserId
from ledger.model import Level
from payments.flair.entitling import entitled
from payments.flair.model import TOPIC, ClaimedBy, Gift, Giver, Showing, Source
from tests.support.gifts import GIVER, day, document, on_chain, patron, tiers, weekly
from tests.support.services import Clock, a_container

ALICE, BOB = UserId("@alice:example.org"), UserId("@bob:example.org")
MEMBER = Giver(Source.PATREON, "m1")


class Shop:
    """A container with tiers, and people who gave."""

    def __init__(self, folder: Path, database: Database) -> None:
        """Begin."""
        self.clock = Clock(day(1))
        self.container: Container = a_container(folder, database, clock=self.clock)
        with self.work() as work:
            work.supporters.use(document())
        self.fold()

    @contextmanager
    def work(self) -> Iterator[Work]:
        """One transaction."""
        with self.container.work() as work:
            yield work

    def fold(self) -> None:
        """Fold all that waits to be folded."""
        while True:
            with self.work() as work:
                if not work.supporters.fold_some():
                    return

    def give(self, *gifts: Gift) -> set[str]:
        """Let gifts be told."""
        with self.work() as work:
            return work.supporters.told(gifts)

    def person(self, name: UserId = ALICE) -> PersonId:
        """Somebody's number."""
        with self.work() as work:
            return work.people.number(name)

    def claim(self, giver: Giver = MEMBER, name: UserId = ALICE) -> PersonId:
        """Let somebody be a giver."""
        person = self.person(name)
        with self.work() as work:
            work.supporters.claimed(giver, person, ClaimedBy.CODE)
        return person

    def tiers_of(self, person: PersonId) -> set[str]:
        """The tiers that somebody has now."""
        with self.work() as work:
            return {one.tier for one in work.supporters.of(person) if one.holds(self.clock.now)}


@pytest.fixture
def shop(tmp_path: Path, database: Database) -> Shop:
    return Shop(tmp_path, database)


def test_a_gift_is_told_once_and_is_nobodys_until_it_is_claimed(shop: Shop) -> None:
    assert shop.give(patron(10)) == {patron(10).key}
    assert shop.give(patron(10)) == set()
    with shop.work() as work:
        (friend, best) = work.supporters.entitlements()
        assert (friend.person, best.giver, best.tier) == (None, MEMBER, "patron")
        assert work.supporters.members("patron") == []
    alice = shop.claim()
    with shop.work() as work:
        assert work.supporters.members("patron") == [alice]
        assert [one.person for one in work.supporters.entitlements()] == [alice, alice]
        assert work.supporters.gifts_of(alice) == [patron(10)]


def test_a_giver_is_one_person(shop: Shop) -> None:
    shop.give(patron(10))
    alice, bob = shop.claim(), shop.person(BOB)
    with shop.work() as work:
        assert not work.supporters.claimed(MEMBER, alice, ClaimedBy.SIGNATURE)
        with pytest.raises(Conflict, match="claimed"):
            work.supporters.claimed(MEMBER, bob, ClaimedBy.CODE)
        with pytest.raises(NotFound):
            work.supporters.claimed(Giver(Source.PATREON, "nobody"), bob, ClaimedBy.CODE)
        assert work.supporters.of(bob) == []


def test_later_gifts_of_a_claimed_giver_are_theirs(shop: Shop) -> None:
    shop.give(patron(5))
    alice = shop.claim()
    shop.give(patron(10, at=31))
    shop.clock.now = day(32)
    assert shop.tiers_of(alice) == {"friend", "patron"}


def test_a_block_that_left_takes_its_gifts_back_and_brings_them_again(shop: Shop) -> None:
    gift = on_chain(20, months=1)
    shop.give(gift)
    alice = shop.claim(Giver(Source.CHAIN, gift.giver))
    assert shop.tiers_of(alice) == {"friend", "patron"}
    with shop.work() as work:
        assert work.supporters.took_back(gift.key)
        assert not work.supporters.took_back(gift.key)
    assert shop.tiers_of(alice) == set()
    assert shop.give(gift) == {gift.key}
    assert shop.tiers_of(alice) == {"friend", "patron"}
    with shop.work() as work:
        _, chain_id, block, _ = gift.key.split(":")
        assert work.supporters.block_left(int(chain_id), Hash32(bytes.fromhex(block[2:])))
    assert shop.tiers_of(alice) == set()


def test_what_is_kept_is_what_the_fold_says(shop: Shop) -> None:
    gifts = [patron(10), patron(5, at=31), weekly(3, at=2), on_chain(200), on_chain(10, months=2, number=2)]
    shop.give(*gifts)
    alice = shop.claim()
    shop.claim(Giver(Source.CHAIN, gifts[3].giver))
    shop.claim(Giver(Source.LIBERAPAY, "7"))
    with shop.work() as work:
        assert sorted(work.supporters.of(alice), key=lambda one: one.tier) == sorted(
            entitled(gifts, tiers(), person=alice), key=lambda one: one.tier
        )


def test_what_new_givers_gave_comes_to_the_same_as_what_is_read_again(shop: Shop) -> None:
    gifts = [patron(10, at=31 * month, member=name) for month in range(3) for name in ("m1", "m2", "m3")]
    with shop.work() as work:
        assert len(work.supporters.told([*gifts, weekly(3, at=2)], told=7)) == len(gifts) + 1
        at_once = set(work.supporters.entitlements())
        work.supporters.fold_all()
    shop.fold()
    with shop.work() as work:
        assert set(work.supporters.entitlements()) == at_once
        assert len({one.giver for one in at_once}) == 4


@pytest.mark.parametrize(
    ("query", "by"),
    [
        ("SELECT * FROM gifts WHERE block_hash = 1 AND chain_id = 2", "ix_gifts_block"),
        ("SELECT * FROM gifts WHERE chain_id = 1 AND level IN ('seen', 'safe')", "ix_gifts_level"),
        ("SELECT * FROM gifts WHERE owner IN (1, 2)", "ix_gifts_owner"),
        ("SELECT * FROM gifts WHERE memo = 1", "ix_gifts_memo"),
        ("SELECT * FROM entitlements WHERE person = 1", "ix_entitlements_person"),
        ("SELECT * FROM entitlements WHERE (since > 1 OR until > 1) AND person IS NOT NULL", "ix_entitlements_person"),
    ],
)
def test_what_files_leave_empty_is_in_no_index_and_is_not_looked_for_in_all(shop: Shop, query: str, by: str) -> None:
    engine = shop.container.database.engine
    if engine.dialect.name == "postgresql":
        pytest.skip("what PostgreSQL chooses depends on how much there is")
    with engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
    assert f"SEARCH {query.split()[3]} USING INDEX {by} (" in plan


def test_another_document_is_folded_anew(shop: Shop) -> None:
    shop.give(patron(5), *(patron(5, member=f"n{number}") for number in range(5)))
    alice = shop.claim()
    dearer = [{"id": "friend", "title": "Friend", "month": {"EUR": "6"}}]
    with shop.work() as work:
        assert work.supporters.use(document(tiers=dearer, rooms=[], space=None)) == 2
    with shop.work() as work:
        assert work.supporters.fold_some(3)
        assert work.supporters.fold_some(3)
        assert not work.supporters.fold_some(3)
        assert not work.supporters.fold_some(3)
        assert work.supporters.entitlements() == []
    assert shop.tiers_of(alice) == set()


def test_a_document_of_unknown_assets_is_refused(shop: Shop) -> None:
    odd = [{"id": "friend", "title": "Friend", "month": {"DOGE": "6"}}]
    with shop.work() as work, pytest.raises(Invalid, match="DOGE"):
        work.supporters.use(document(tiers=odd))


def test_whoever_follows_learns_of_whom_something_changed(shop: Shop) -> None:
    def counter() -> int:
        with shop.work() as work:
            return news_since(work.session, TOPIC, 0).counter

    shop.give(patron(5))
    alice, before = shop.claim(), counter()
    shop.give(patron(5, at=31))
    with shop.work() as work:
        assert news_since(work.session, TOPIC, before).subjects == frozenset({int(alice)})
    before = counter()
    with shop.work() as work:
        work.supporters.show(alice, Showing(flair=True))
    with shop.work() as work:
        assert news_since(work.session, TOPIC, before).subjects == frozenset({int(alice)})
        assert work.supporters.shown(alice) == Showing(flair=True)
        assert work.supporters.all_shown() == {alice: Showing(flair=True)}


def test_what_happens_by_itself_is_due(shop: Shop) -> None:
    shop.give(on_chain(10, months=1))
    shop.claim(Giver(Source.CHAIN, on_chain(1).giver))
    with shop.work() as work:
        friend = work.supporters.of(shop_person(work))[0]
        assert friend.until is not None
        assert friend.grace_until is not None
        warned = friend.until - tiers().spans.warning
        for moment in (warned, friend.until, friend.grace_until):
            assert work.supporters.due(moment - tiers().spans.warning / 99, moment) == [friend]
        assert work.supporters.due(friend.grace_until, day(900)) == []


def shop_person(work: Work) -> PersonId:
    found = work.people.find(ALICE)
    assert found is not None
    return found


def test_whoever_is_forgotten_leaves_amounts_that_are_not_counted_again(shop: Shop) -> None:
    mine, elsewhere = on_chain(200), patron(10)
    shop.give(mine, elsewhere)
    alice = shop.claim()
    shop.claim(Giver(Source.CHAIN, mine.giver))
    with shop.work() as work:
        work.supporters.show(alice, Showing(wall=True))
    with shop.work() as work:
        forget_person(work, alice)
    with shop.work() as work:
        assert work.supporters.of(alice) == []
        assert work.supporters.shown(alice) == Showing()
        assert {one.giver for one in work.supporters.entitlements()} >= {Giver(Source.CHAIN, mine.giver)}
        said = work.session.execute(text("SELECT key FROM gifts UNION SELECT coalesce(name, '') FROM givers")).scalars()
        assert not any("m1" in one for one in said)
    assert shop.give(elsewhere) == set()
    assert shop.give(patron(10, at=31)) == {patron(10, at=31).key}


def test_levels_follow_the_blocks(shop: Shop) -> None:
    gift = on_chain(20, months=1)
    shop.give(gift)
    alice = shop.claim(Giver(Source.CHAIN, gift.giver))
    with shop.work() as work:
        assert not work.supporters.levels_moved(31337), "no block of it is booked here"
        assert work.supporters.gave(on_chain(20, months=1, level=Level.FINALIZED))
        assert all(one.sure(day(2)) for one in work.supporters.of(alice))


def test_gifts_of_a_wallet_are_its_holders(shop: Shop) -> None:
    shop.give(on_chain(20, months=1))
    alice = shop.person()
    with shop.work() as work:
        now = {"person": alice, "address": bytes(GIVER), "now": day(0).replace(tzinfo=None), "no": False}
        work.session.execute(
            text(
                "INSERT INTO holders (person_id, address, is_primary, linked_at) VALUES (:person, :address, :no, :now)"
            ),
            now,
        )
        work.supporters.wallets_changed(alice)
    assert shop.tiers_of(alice) == {"friend", "patron"}
    shop.give(on_chain(100, number=2))
    assert shop.tiers_of(alice) == {"friend", "patron", "founder"}
    with shop.work() as work:
        work.session.execute(text("DELETE FROM holders"))
        work.supporters.wallets_changed(alice)
    assert shop.tiers_of(alice) == set()


def test_a_company_that_gave_from_a_linked_wallet_is_one_at_once(shop: Shop) -> None:
    shop.give(on_chain(200))
    alice = shop.person()
    giver = Giver(Source.CHAIN, on_chain(1).giver)
    with shop.work() as work:
        work.session.execute(
            text(
                "INSERT INTO holders (person_id, address, is_primary, linked_at) VALUES (:person, :address, :no, :now)"
            ),
            {"person": alice, "address": bytes(GIVER), "no": False, "now": "2026-01-01 00:00:00+00:00"},
        )
        work.supporters.wallets_changed(alice)
    assert shop.tiers_of(alice) == {"founder"}
    with shop.work() as work:
        work.supporters.use(document(tiers=[*COMPANIES]))
    shop.fold()
    with shop.work() as work:
        work.supporters.company(giver, "Example Ltd")
    assert shop.tiers_of(alice) == {"sponsor"}
    with shop.work() as work:
        assert [name for name, _, _ in work.flairs.totals.sponsors()] == ["Example Ltd"]
        work.supporters.company(giver, None)
    assert shop.tiers_of(alice) == {"founder"}


def test_those_who_are_forgotten_are_not_one(shop: Shop) -> None:
    shop.give(patron(10), patron(5, member="m2"))
    for giver, name in ((MEMBER, ALICE), (Giver(Source.PATREON, "m2"), BOB)):
        person = shop.claim(giver, name)
        with shop.work() as work:
            forget_person(work, person)
    for _ in range(2):
        with shop.work() as work:
            work.supporters.fold_all()
        shop.fold()
        with shop.work() as work:
            found = sorted((one.giver.name, one.tier) for one in work.supporters.holding() if one.giver)
        assert len({name for name, _ in found}) == 2, "each is one of their own"
        assert sorted(tier for _, tier in found) == ["friend", "friend", "patron"]


COMPANIES = [
    {"id": "founder", "title": "Founder", "sum": {"ERN": "100"}},
    {"id": "sponsor", "title": "Sponsor", "sum": {"ERN": "100"}, "corporate": True},
]
