"""SIGKILL of every process of ours at every point of the story: nothing is lost, and nothing is done twice.

Usually a part of all deaths is played, drawn anew each time; ``--killed=all`` plays every one (for hours), and
``--killed-seed`` those of an earlier run.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from cli.local import anvil
from cli.local.plan import PASSING, new_plan, write_plan
from contracts.codec import State
from kit.identifiers import Address, Hash32, parse_address
from kit.outbox import OutboxRow
from ledger.calls import OutgoingState
from ledger.proving import prove
from ledger.tables import AttemptRow, OutgoingRow
from payments.stakes.model import StakeState
from payments.stakes.tables import StakeRow
from reputation.model import GrantState
from reputation.tables import BudgetRow, GrantRow
from tests.support.fates import Fate, Pair, all_of, play
from tests.support.mortals import OURS, Mortal, Player, endow

pytestmark = pytest.mark.homeserver
_PART = 0.25
"""How many of all points kill where not every death is asked for."""
_STATES = {
    State.OPEN: StakeState.OPEN,
    State.FORFEIT_ANNOUNCED: StakeState.FORFEIT_ANNOUNCED,
    State.RETURNED: StakeState.RETURNED,
    State.FORFEITED: StakeState.FORFEITED,
    State.EXPIRED: StakeState.EXPIRED,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    folder = tmp_path_factory.mktemp("killed")
    folder.chmod(0o700)
    plan = new_plan(folder, pace=PASSING, wanted={})
    write_plan(plan)
    with Mortal(plan) as found:
        found.start()
        while not all((found.deaths_folder / f"{name}.pid").exists() for name in OURS):
            found.check()
            time.sleep(0.1)
        yield found


@pytest.fixture(autouse=True)
def _telling(world: Mortal) -> Iterator[None]:
    """Tell who died where."""
    yield
    print("died:", *world.deaths(), sep="\n    ")  # noqa: T201 - pytest shows it where a test fails
    world.spare()


async def round_of(
    world: Mortal, folder: Path, fates: list[tuple[Fate, bool]], *, ending: Callable[[], object] = lambda: None
) -> None:
    """Play one pair for each fate (and whether it is gasless), all at once, and look whether all is true after it.

    ``ending`` is called once all is played.
    """
    with world.container.work() as work:
        work.session.execute(delete(BudgetRow))  # a crowd of test accounts is no crowd of spammers
    mark = secrets.token_hex(3)
    pairs = [
        Pair(world, Player(world, f"s{mark}{n}", folder), Player(world, f"r{mark}{n}", folder), fate, gasless)
        for n, (fate, gasless) in enumerate(fates)
    ]
    players = [player for pair in pairs for player in pair.players]
    try:
        await all_of(player.arrive() for player in players)
        endow(world, [pair.stranger for pair in pairs if pair.gasless], ether=False)
        endow(world, [pair.stranger for pair in pairs if not pair.gasless], ether=True)
        for player in players:
            player.listens()
        await play(pairs)
        ending()
        world.spare()
        await settled(world)
        for pair in pairs:
            await pair.nothing_is_lost_or_twice()
        the_books_agree(world)
        no_transaction_is_sent_twice(world)
    finally:
        for player in players:
            await player.go()


async def settled(world: Mortal) -> None:
    """Wait until nothing is owed to anybody, and the chain has final what we did."""
    live = [state.value for state in (OutgoingState.WAITING, OutgoingState.SENT, OutgoingState.MINED)]

    def nothing_owed() -> bool:
        with world.container.read() as work:
            notices = work.session.scalars(select(OutboxRow.key).where(OutboxRow.done_at.is_(None))).all()
            calls = work.session.scalars(select(OutgoingRow.key).where(OutgoingRow.state.in_(live))).all()
        return not notices and not calls

    await world.until("nothing is owed", nothing_owed)
    head = world.chain.block("latest")
    assert head is not None

    def final() -> bool:
        with world.container.read() as work:
            return (work.book.finalized_number() or 0) >= head.number

    await world.until("all is final", final)


def the_books_agree(world: Mortal) -> None:
    """Chain, stakes, grants and books say the same; nothing was given up."""
    with world.container.read() as work:
        found = prove(work.book.standing(full=True), world.chain)
        assert found.holds, found
        assert work.book.folded() == work.book.balances()
        assert not work.session.scalars(select(OutboxRow.key).where(OutboxRow.given_up)).all()
        stakes = {Hash32(row.id): row for row in work.session.scalars(select(StakeRow))}
        grants = {Hash32(row.stake_id): row for row in work.session.scalars(select(GrantRow))}
        for stake_id, row in stakes.items():
            assert _STATES[world.state_of(stake_id)] == row.state
            assert (stake_id in grants) == (row.quote_id is not None and not row.surplus)
        for stake_id, grant in grants.items():
            its = stakes[stake_id].state
            assert (grant.state == GrantState.OPEN) == (its == StakeState.OPEN and grant.answer is None)


def no_transaction_is_sent_twice(world: Mortal) -> None:
    """Of what the chain holds of our keys, no two do the same, and no nonce is without a call of ours."""
    with world.container.read() as work:
        attempts = {Hash32(row.hash): row.outgoing_id for row in work.session.scalars(select(AttemptRow))}
        done = {row.id: row.state for row in work.session.scalars(select(OutgoingRow))}
    keys = {signer.address for signer in world.container.signers.values()}
    mined: Counter[tuple[str, str]] = Counter()
    senders: Counter[Address] = Counter()
    with anvil.asking(world.plan.rpc_url) as node:
        for number in range(anvil.head(world.plan.rpc_url)[0] + 1):
            block = node.ask("eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - the node's own order
            for transaction in block["transactions"]:
                sender = parse_address(transaction["from"])
                if sender in keys:
                    senders[sender] += 1
                    mined[transaction["to"], transaction["input"]] += 1
                    call = attempts[Hash32(bytes.fromhex(transaction["hash"][2:]))]
                    assert done[call] == OutgoingState.DONE.value
        for sender in keys:
            assert int(node.ask("eth_getTransactionCount", "0x" + sender.hex(), "latest"), 16) == senders[sender]
    assert [what for what, times in mined.items() if times > 1] == []
    assert sum(state == OutgoingState.DONE.value for state in done.values()) == mined.total()


ALL = [
    (Fate.ACCEPTED, True),
    (Fate.RETURNED, False),
    (Fate.TAKEN_BACK, False),
    (Fate.BURNED, True),
    (Fate.EXPIRED, False),
]


def test_each_service_is_one_process(world: Mortal) -> None:
    """What is not there cannot be killed alone."""
    for name in OURS:
        process = world.pid(name)
        assert Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii") == "", name


def test_killed_at_points(world: Mortal, seed: int, tmp_path: Path, *, everything: bool) -> None:
    """Each point of each process that is reached for the first time kills; of all points, or of a part of them."""
    known, rounds = -1, 0
    while known < len(world.deaths()):
        known, rounds = len(world.deaths()), rounds + 1
        for name in OURS:
            world.order_again(name, {"part": 1.0 if everything else _PART, "seed": seed})
        fates = ALL if everything else random.Random(seed).sample(ALL, 3)
        asyncio.run(round_of(world, tmp_path / str(rounds), fates))
        if not everything:
            break
    assert world.deaths(), "nobody died"


def test_killed_at_any_time(world: Mortal, seed: int, tmp_path: Path, *, everything: bool) -> None:
    """Any process, at any time."""
    chance = random.Random(seed)

    async def kill() -> None:
        while True:
            await asyncio.sleep(chance.uniform(1, 5))
            world.kill(chance.choice(OURS))

    async def play_it() -> None:
        killing = asyncio.create_task(kill())
        try:
            await round_of(world, tmp_path, ALL if everything else chance.sample(ALL, 2), ending=killing.cancel)
        finally:
            killing.cancel()

    asyncio.run(play_it())


@pytest.mark.parametrize("name", OURS)
def test_killed_once_at_every_number(world: Mortal, name: str, tmp_path: Path, *, everything: bool) -> None:
    """One death a round, at the first point, the second, and so on, until a round is over before its number."""
    if not everything:
        pytest.skip("takes hours: ask for it with --killed=all")
    for number in itertools.count(1):
        before = len(world.deaths())
        world.order(name, {"at": number})
        asyncio.run(round_of(world, tmp_path / str(number), [ALL[number % len(ALL)]]))
        if len(world.deaths()) == before:
            break
