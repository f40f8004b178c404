"""Statements tell of any history exactly what the books hold: of everybody, of one wallet, and in parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import Expired, Forfeited, Opened, Returned, Terms
from kit.database import Database
from ledger.book import Book
from ledger.model import BURN, UNSOLICITED, Account, Level, is_stake, stake, wallet
from ledger.movements import Movement, What, movements
from tests.support.databases import empty
from tests.support.forks import CHAIN_ID, ESCROW, TOKEN, WALLETS, Block, Forks, Recipe, step

SMALL = st.integers(0, 11)
RECIPES: st.SearchStrategy[list[Recipe]] = st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL), max_size=6)
BRANCHES = st.lists(st.tuples(st.integers(0, 3), st.lists(RECIPES, min_size=1, max_size=4)), min_size=1, max_size=4)


def history(database: Database, branches: Iterable[tuple[int, list[list[Recipe]]]]) -> Forks:
    """Let a chain grow, leave blocks and grow on, with us reading all the while."""
    empty(database)
    node = Forks()
    for depth, blocks in branches:
        node.head = node.may_leave(depth)
        for recipes in blocks:
            node.grow(recipes)
        with database.write() as session:
            book = Book(session, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW)
            head = book.head()
            while head is not None and head.number >= node.head.ref.number:
                node.grow([])
            while step(book, node):
                pass
    return node


def fold(lines: Iterable[Movement], begin: dict[Account, int] | None = None) -> dict[Account, int]:
    sums = defaultdict(int, begin or {})
    for line in lines:
        assert line.amount > 0
        sums[line.source] -= line.amount
        sums[line.target] += line.amount
    return {account: amount for account, amount in sums.items() if amount}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(branches=BRANCHES, cut=st.integers(0, 14))
def test_a_statement_comes_to_what_the_books_hold(
    database: Database, branches: list[tuple[int, list[list[Recipe]]]], cut: int
) -> None:
    node = history(database, branches)
    terms: dict[Account, Terms] = {
        stake(event.stake_id): event.terms
        for tip in node.tips
        for block in _down(tip)
        for event in block.events
        if isinstance(event, Opened)
    }
    with database.read() as session:
        book = Book(session, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW)
        lines = list(movements(book.recorded(None), terms.get))
        assert fold(lines) == book.balances()
        _tells_all(node, lines, terms)
        for owner in WALLETS[:3]:
            own = {wallet(owner)}
            mine = [line for line in movements(book.recorded(own), terms.get) if own & {line.source, line.target}]
            assert mine == [line for line in lines if own & {line.source, line.target}]
            assert fold(mine).get(wallet(owner), 0) == book.balance(wallet(owner))
        time = 1_800_000_000 + 12 * cut
        early, late = (
            list(movements(book.recorded(None, **part), terms.get)) for part in ({"before": time}, {"since": time})
        )
        assert sorted(map(repr, early + late)) == sorted(map(repr, lines))
        assert fold(early) == book.held_before(None, time)
        assert fold(late, book.held_before(None, time)) == book.balances()


def _down(block: Block | None) -> Iterator[Block]:
    while block is not None:
        yield block
        block = block.parent


def _tells_all(node: Forks, lines: list[Movement], terms: dict[Account, Terms]) -> None:
    """Every stake of the chain as it stands is told whole: who put it down, who was paid for it, where it went."""
    standing = [line for line in lines if line.level is not Level.ORPHANED]
    assert sum(line.reversal for line in lines) * 2 == len(lines) - len(standing), "what is taken back is told twice"
    for line in standing:
        inside = {line.source, line.target}
        assert UNSOLICITED not in inside or line.what is What.UNSOLICITED, line
        assert any(map(is_stake, inside)) is (line.what.startswith("stake_") or line.what is What.FEE), line
    told = {(line.what, line.source, line.target, line.amount, line.block_number) for line in standing}
    for block in node.canonical():
        for event in block.events:
            at, account = block.ref.number, stake(getattr(event, "stake_id", event.at.transaction))
            one = terms.get(account)
            if one is None:
                continue
            payer, payee, back = wallet(one.payer), wallet(one.fee_payee), wallet(one.return_to)
            match event:
                case Opened():
                    expected = [(What.STAKE_OPENED, payer, account, one.amount + one.fee, at)]
                    expected += [(What.RELAY_FEE, payer, wallet(one.relay_receiver), one.relay_fee, at)]
                case Returned(answered=True):
                    expected = [
                        (What.STAKE_RETURNED, account, back, one.amount, at),
                        (What.FEE, account, payee, one.fee, at),
                    ]
                case Returned():
                    expected = [(What.STAKE_RETURNED, account, back, one.amount + one.fee, at)]
                case Expired():
                    expected = [(What.STAKE_EXPIRED, account, back, one.amount + one.fee, at)]
                case Forfeited():
                    expected = [
                        (What.STAKE_BURNED, account, BURN, one.amount, at),
                        (What.FEE, account, payee, one.fee, at),
                    ]
                case _:
                    expected = []
            assert {line for line in expected if line[3]} <= told
