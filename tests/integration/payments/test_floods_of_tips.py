"""Floods of tips, which cost whoever sends them gas alone: nobody waits long for the database, and little is kept."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, update

from app import forgetting, tipped
from app.container import Container
from contracts.checkout import terms_hash
from contracts.events import BlockRef, Bought, Position
from kit.clock import unix
from kit.database import Database
from kit.errors import Conflict
from kit.identifiers import Address, Hash32, RoomId, UserId
from kit.outbox import OutboxRow
from ledger.model import Level
from ledger.store import holders
from payments.tips.model import MOST_A_DAY, MOST_FOR_ONE_A_DAY, MOST_QUIET, Link, News, TipState, Wish
from payments.tips.onchain import Place, listing_hash
from payments.tips.service import NEWS
from payments.tips.store import MOST_DROPPED, random_id
from payments.tips.tables import TipLinkRow, TipRow, TipTermsRow
from tests.support.services import a_container
from tests.support.till import SELLER
from tests.support.tipped import tip_of

PAYER, CHECKOUT = Address(b"\x0a" * 20), Address(b"\x0c" * 20)
NOTHING = Hash32(bytes(32))
WISH = Wish(10**18, "thank you", public=True)
_LINKS = 8
_FEW = 40
"""Statements, whatever the number of payments is."""
_TOLD = 130


class Flood:
    """Payments to @lea, as blocks tell of them."""

    def __init__(self, container: Container) -> None:
        """Let @lea take tips."""
        self.container = container
        with container.work() as work:
            self.lea = work.people.number(UserId("@lea:example.org"))
            holders.link(work.session, self.lea, SELLER, is_primary=True, now=work.now)
            work.tip_links.on(self.lea)

    def links(self, number: int) -> list[tuple[Link, Hash32]]:
        """Links of as many people as it takes, each with the hash of its terms."""
        at, made = self.container.deployment, []
        with self.container.work() as work:
            for one in range(number):
                giver = work.people.number(UserId(f"@kim{one // MOST_A_DAY}:example.org"))
                link = work.tip_links.link(giver, self.lea, WISH, room=RoomId("!room:example.org"), event="$message")
                terms, _ = work.tip_links.terms(link.token, WISH, PAYER, Place(at.chain_id, at.token, CHECKOUT))
                made.append((link, terms_hash(terms)))
        return made

    def block(self) -> BlockRef:
        """The next block of the chain."""
        with self.container.work() as work:
            head = work.book.head()
            parent, number = (NOTHING, 1) if head is None else (head.hash, head.number + 1)
            at = self.container.deployment.chain_id
            block = BlockRef(at, number, Hash32(secrets.token_bytes(32)), parent, unix(work.now))
            work.book.record(block, [])
        return block

    def pays(self, block: BlockRef, links: list[tuple[Link, Hash32]], times: int = 1) -> list[Hash32]:
        """Let all of these be paid by in a block, so many times each; the keys of the purchases."""
        asset, keys = self.container.deployment.token, []
        with self.container.work() as work:
            for link, terms in links * times:
                keys.append(Hash32(secrets.token_bytes(32)))
                bought = Bought(
                    Position(block, len(keys), Hash32(secrets.token_bytes(32))),
                    CHECKOUT,
                    purchase=keys[-1],
                    buyer=PAYER,
                    seller=SELLER,
                    asset=asset,
                    amount=10**18,
                    listing=listing_hash(link.token),
                    terms=terms,
                    memo=NOTHING,
                )
                work.tips.told(bought)
        return keys

    def strange(self, number: int, *, age: timedelta = timedelta()) -> None:
        """Links to tip @lea that nobody pays by, each asked for in one way."""
        with self.container.work() as work:
            giver, made = work.people.number(UserId("@stranger:example.org")), work.now - age
            same = {"public": False, "anonymous": False, "sealed": b"sealed", "created_at": made}
            tokens = [random_id() for _ in range(number)]
            rows = [{"token": one, "chain_hash": bytes(listing_hash(one)), "giver": giver, **same} for one in tokens]
            links = [{"receiver": self.lea, **row} for row in rows]
            ids = work.session.scalars(insert(TipLinkRow).returning(TipLinkRow.id), links).all()
            terms = [{"link": one, "terms": secrets.token_bytes(32), **same} for one in ids]
            work.session.execute(insert(TipTermsRow), terms)

    def surer(self, block: BlockRef, *, final: bool = False) -> list[str]:
        """Let a block be safe or final, in as many transactions as it takes; what the longest asked its database."""
        with self.container.work() as work:
            work.book.mark_levels(block, block if final else None)
        longest: list[str] = []
        more = True
        while more:
            with self.container.work() as work, self.heard() as made:
                more = work.tips.levels_moved()
            longest = max(longest, made, key=len)
        return longest

    @contextmanager
    def heard(self) -> Iterator[list[str]]:
        """What the database is asked."""
        made: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
            made.append(statement)

        engine = self.container.database.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield made
        finally:
            event.remove(engine, "before_cursor_execute", note)

    def rows(self) -> dict[tuple[str, str, bool], int]:
        """How many payments there are of which state, level and loudness."""
        with self.container.database.read() as session:
            query = select(TipRow.state, TipRow.level, TipRow.quiet, func.count())
            found = session.execute(query.group_by(TipRow.state, TipRow.level, TipRow.quiet))
            return {(state, level, quiet): number for state, level, quiet, number in found}

    def news(self, kind: News) -> int:
        """How often something is to be told."""
        with self.container.database.read() as session:
            told = session.scalars(select(OutboxRow.payload).where(OutboxRow.kind == NEWS)).all()
            return [one["news"] for one in told].count(kind.value)


@pytest.fixture
def flood(tmp_path: Path, database: Database) -> Flood:
    """It, on a database of each kind."""
    return Flood(a_container(tmp_path, database))


def test_a_flood_of_payments_by_the_same_terms_is_kept_in_part_and_moved_at_once(flood: Flood) -> None:
    links, block = flood.links(_LINKS), flood.block()
    flood.pays(block, links, MOST_QUIET + 4)
    quiet = _LINKS * (MOST_QUIET - 1)
    assert flood.rows() == {("paid", "seen", False): _LINKS, ("paid", "seen", True): quiet}
    assert len(flood.surer(block)) < _FEW
    assert flood.rows() == {("paid", "safe", False): _LINKS, ("paid", "safe", True): quiet}
    assert flood.news(News.PAID) == flood.news(News.LINE) == flood.news(News.RECEIPT) == _LINKS
    with flood.container.work() as work, flood.heard() as made:
        work.tips.left(block)
    assert len(made) < _FEW
    assert flood.rows() == {("taken_back", "orphaned", False): _LINKS, ("taken_back", "orphaned", True): quiet}
    again = flood.block()
    flood.pays(again, links)
    assert flood.rows()["paid", "seen", False] == _LINKS, "what is no news is not kept; what is one is, always"
    assert len(flood.surer(again, final=True)) < _FEW
    assert flood.rows()["paid", "finalized", False] == _LINKS


def test_what_is_to_be_told_of_moves_in_parts(flood: Flood) -> None:
    links, block = flood.links(_TOLD), flood.block()
    keys = flood.pays(block, links)
    with flood.container.work() as work:
        work.book.mark_levels(block, block)
        assert work.tips.levels_moved(), "more wait"
    assert flood.rows()["paid", "seen", False] > 0
    with flood.container.work() as work:
        assert not work.tips.levels_moved()
    assert flood.rows() == {("paid", "finalized", False): _TOLD}
    assert flood.news(News.PAID) == flood.news(News.SEEN) == _TOLD
    with flood.container.work() as work:
        for key in keys[:2]:
            tip = tip_of(work, key)
            assert tip is not None
            assert tip.note == "thank you", "they are to be told of it still"
            assert work.tips.tries(tip.id, News.PAID, 0)
        work.tips.left(block)
    assert flood.rows() == {("taken_back", "orphaned", False): _TOLD}
    assert flood.news(News.GONE_RECEIVER) == len(keys[:2])


def test_notes_go_when_all_are_told_and_no_payment_after_the_first_takes_one_away(flood: Flood) -> None:
    links, first, second = flood.links(2), flood.block(), flood.block()
    told, other = flood.pays(first, links)
    flood.pays(second, links)
    flood.surer(first)
    with flood.container.work() as work:  # of one of them everybody is told already
        tip = tip_of(work, told)
        assert tip is not None
        work.session.execute(
            update(OutboxRow).where(OutboxRow.key.startswith(f"{NEWS}:{tip.id}:")).values(done_at=work.now)
        )
    flood.surer(second, final=True)
    with flood.container.work() as work:
        found = [tip_of(work, key) for key in (told, other)]
        assert [None if one is None else one.note for one in found] == [None, "thank you"]
        assert [one.level for one in found if one is not None] == [Level.FINALIZED] * 2


def test_a_statement_asks_little_of_the_database_and_opens_no_note(flood: Flood) -> None:
    flood.pays(flood.block(), flood.links(_LINKS), MOST_QUIET)
    with flood.container.work() as work:
        work.session.execute(update(TipTermsRow).values(sealed=b"nobody can open this"))
    with flood.container.read() as work, flood.heard() as made:
        lines = list(tipped.statement_csv(work, flood.lea))
    assert len(lines) == 1 + _LINKS * MOST_QUIET
    assert TipState.PAID.value in lines[1]
    assert len(made) < _FEW


def test_nobody_piles_up_links_to_another(flood: Flood) -> None:
    flood.pays(flood.block(), flood.links(1))
    flood.strange(MOST_FOR_ONE_A_DAY, age=timedelta(days=2))
    flood.strange(MOST_FOR_ONE_A_DAY - 1)
    with flood.container.work() as work:
        eve = work.people.number(UserId("@eve:example.org"))
        work.tip_links.link(eve, flood.lea, WISH)
        unnamed = work.tip_links.link(eve, None, WISH, room=RoomId("!room:example.org"), event="$message")
        for asked in (
            partial(work.tip_links.link, eve, flood.lea, WISH),
            partial(work.tip_links.name, unnamed.token, flood.lea),
        ):
            with pytest.raises(Conflict) as refused:
                asked()
            assert refused.value.code == "tips_many"


def test_whoever_has_links_beyond_number_is_forgotten_by_few_and_small_statements(flood: Flood) -> None:
    number = 2 * MOST_DROPPED + 30
    flood.pays(flood.block(), flood.links(1))
    flood.strange(number)
    with flood.container.work() as work, flood.heard() as made:
        forgetting.forget_person(work, flood.lea)
    assert max(one.count("?") + one.count("%(") for one in made) <= MOST_DROPPED, "of any number of links"
    with flood.container.read() as work:
        open_ = select(TipLinkRow).where(TipLinkRow.giver.is_not(None), TipLinkRow.sealed.is_not(None))
        assert not work.session.scalars(open_).all()
        assert work.session.scalar(select(func.count()).select_from(TipLinkRow)) == 1 + number - MOST_DROPPED
    forgetting.prune_all(flood.container.work, events_kept=timedelta(days=90))
    with flood.container.read() as work:
        for table in (TipLinkRow, TipTermsRow):
            assert work.session.scalar(select(func.count()).select_from(table)) == 1, "what was paid stays"
