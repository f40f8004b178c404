"""Where servers stand in epochs' files: the same as the files say, without reading them, whatever was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import event

from app import epochs, indexing
from app.container import Container
from contracts.merkle import payout_leaf, proves
from kit.clock import from_unix
from kit.database import Database
from kit.errors import Unavailable
from kit.identifiers import ServerName
from payments.rewards.closing import LENGTH, Span
from payments.rewards.epoch_file import Closed
from payments.rewards.finding import rows_of
from tests.support.epochs import SERVERS, closed
from tests.support.measured import measured, payee
from tests.support.services import Clock, a_container

NOBODY = ServerName("nobody.example")
MANY = 3_000


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database, clock=Clock(from_unix(1_800_000_000)))


def keep(container: Container, epoch: Closed) -> None:
    begins = from_unix(epoch.terms.begins)
    with container.work() as work:
        work.epochs.keep(Span(epoch.terms.epoch, begins, begins + LENGTH), epoch)


@contextmanager
def files_read(container: Container) -> Iterator[list[str]]:
    """Note each reading of a file's pieces."""
    found: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "reward_epoch_parts" in statement:
            found.append(statement)

    engine = container.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def histories(container: Container, *servers: ServerName) -> list[epochs.History]:
    with container.read() as work:
        return [epochs.history(work, server) for server in servers]


def test_what_is_noted_is_what_the_files_say_and_no_file_is_read(container: Container) -> None:
    first = closed()
    keep(container, first)
    keep(container, closed(2, SERVERS[:3], first.cumulative))
    everybody = [*(one.server for one in SERVERS), NOBODY]
    with files_read(container) as read:
        by_file = histories(container, *everybody)
    assert len(read) >= 2 * len(everybody)
    indexing.catch_up(container)
    with files_read(container) as read:
        assert histories(container, *everybody) == by_file
    assert read == []
    assert [len(one.parts) for one in by_file] == [2, 2, 2, 1, 1, 0]
    with files_read(container) as read:
        indexing.catch_up(container)
    assert read == [], "what is noted is noted once"


def test_estimates_read_no_file_and_say_what_the_files_do(container: Container) -> None:
    keep(container, first := closed())
    keep(container, closed(2, SERVERS[:3], first.cumulative))
    asked = [NOBODY, ServerName("new.s3.example"), *(one.server for one in SERVERS)]

    def estimates() -> list[list[int]]:
        with container.read() as work:
            found = [epochs.estimate_unseen(work, server, people=40) for server in asked]
        return [[amount for _, amount in one.epochs] for one in found if one is not None]

    by_file = estimates()
    with container.work() as work:  # as an earlier release noted it, which knew of no groups
        work.finding.write(1, [("whole", b'{"total": "1"}')])
    with files_read(container) as read:
        assert estimates() == by_file
    assert read
    indexing.catch_up(container)
    with files_read(container) as read:
        found = estimates()
    assert read == []
    assert all(one > 0 for amounts in found for one in amounts)
    apart = [
        abs(one - other)
        for some, others in zip(found, by_file, strict=True)
        for one, other in zip(some, others, strict=True)
    ]
    assert max(apart) <= 1, "rounded down"


def test_who_has_very_many_neighbours_waits_for_others_and_nobody_else_does(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "_MANY", 3)
    keep(container, closed(1, [measured(number, domain="big.example") for number in range(1, 5)]))
    indexing.catch_up(container)
    with epochs.reading(), container.read() as work:
        assert epochs.estimate_unseen(work, NOBODY, people=40) is not None
        with pytest.raises(Unavailable):
            epochs.estimate_unseen(work, ServerName("one.big.example"), people=40)


def test_every_payee_of_many_finds_the_proof_that_the_tree_has(container: Container) -> None:
    epoch = closed(1, [measured(number, people=5 + number % 90, payout=number) for number in range(1, MANY)])
    keep(container, epoch)
    indexing.note(container, 1, epoch)
    assert epoch.payouts is not None
    with container.read() as work:
        for who, cumulative in islice(epoch.cumulative.items(), 0, None, 97):
            proof = epochs.proof_in(work, 1, who)
            assert proof is not None
            assert (proof.cumulative, proof.root) == (cumulative, epoch.root)
            assert proves(proof.root, payout_leaf(who, cumulative), proof.hashes)
        assert epochs.proof_in(work, 1, payee(MANY + 1)) is None


def test_what_was_cut_off_is_not_believed_and_is_done_the_next_time(container: Container) -> None:
    epoch = closed()
    keep(container, epoch)
    (by_file,) = histories(container, SERVERS[0].server)
    rows = list(rows_of(epoch))
    for known in range(len(rows)):
        with container.work() as work:
            work.finding.write(1, rows[known : known + 1])
        (found,) = histories(container, SERVERS[0].server)
        assert found == by_file, f"after {known + 1} of {len(rows)} rows"
    with container.work() as work:
        work.finding.drop(2)
    with container.work() as work:
        work.finding.write(1, rows[:-1])
        assert work.finding.numbers() == []
    indexing.catch_up(container)
    with container.read() as work:
        assert work.finding.numbers() == [1]


def test_an_epoch_in_which_nobody_earned_anything_is_noted_too(container: Container) -> None:
    keep(container, closed(1, [measured(1, people=0)]))
    indexing.catch_up(container)
    with files_read(container) as read:
        (found,) = histories(container, measured(1).server)
    assert (len(found.parts), found.proof, read) == (1, None, [])


def test_what_nobody_is_shown_any_more_is_forgotten(container: Container) -> None:
    for number in range(1, 16):
        keep(container, closed(number, SERVERS[:2], {}))
        if number == 2:
            indexing.catch_up(container)
    indexing.catch_up(container)
    with container.read() as work:
        assert work.finding.numbers() == [*range(15, 2, -1)]


def test_to_note_it_twice_is_to_note_it_once(container: Container) -> None:
    epoch = closed()
    keep(container, epoch)
    indexing.note(container, 1, epoch)
    indexing.note(container, 1, epoch)
    with container.read() as work:
        assert work.finding.numbers() == [1]
