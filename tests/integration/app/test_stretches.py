"""The chain loop on final blocks in stretches: the same books as block by block, whatever the node does."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from app import chain_loop
from app.chain_loop import ChainLoop
from app.container import Container
from contracts import codec
from contracts import logs as chain_logs
from contracts import stretch as stretches
from contracts.chain import BlockLogs, Deployment, RawLog, Read
from contracts.events import ChainEvent, Transferred
from contracts.rpc import Answered, BoundedProvider, Declined
from contracts.web3_chain import Web3Chain
from kit.clock import from_unix
from kit.database import Database
from kit.errors import ChainUnavailable
from kit.identifiers import Address, Hash32
from ledger import sheets
from ledger.model import Level
from ledger.proving import prove
from ledger.sheets import Happened, Ours, Sheet
from ledger.tables import AccountRow, BalanceRow, BlockRow, EntryRow, PostingRow
from tests.support.anvil import ETHER, Anvil
from tests.support.databases import sqlite_copy
from tests.support.services import a_container

Wanted = Mapping[Address, Collection[Hash32]]
TRUTH = Web3Chain.stretch
TOLD = BoundedProvider.results


def container_on(folder: Path, database: Database, anvil: Anvil, deployment: Deployment) -> Container:
    folder.mkdir(exist_ok=True)
    return a_container(folder, database, deployment=deployment, rpc_url=anvil.url, clock=lambda: from_unix(anvil.now()))


@pytest.fixture
def busy(fresh_anvil: Anvil, fresh_deployment: Deployment) -> Anvil:
    """A node with some hundred blocks behind it: transfers, a stake that was returned and one that was burned."""
    anvil, place = fresh_anvil, fresh_deployment
    bob = anvil.signer("bob")
    anvil.give_tokens(place, bob.address, 100 * ETHER)
    anvil.send(bob, place.token, codec.encode_approve(place.escrow, 100 * ETHER))
    for burned in (False, True):
        terms = anvil.terms(bob.address)
        assert anvil.send(bob, place.escrow, codec.encode_open(terms)).succeeded
        anvil.mine(40)
        resolver = anvil.signer("resolver")
        if burned:
            anvil.send(resolver, place.escrow, codec.encode_announce_forfeit(terms))
            anvil.travel(49 * 3600)
            anvil.send(resolver, place.escrow, codec.encode_execute_forfeit(terms))
        else:
            anvil.send(resolver, place.escrow, codec.encode_return(terms, answered=True))
    anvil.mine(120)
    return anvil


def follow(container: Container) -> None:
    loop = ChainLoop(container)
    while loop.round():
        pass


def books(container: Container) -> dict[str, list[tuple[object, ...]]]:
    """All that the ledger keeps of the chain; accounts by their names, for numbers depend on who came first."""
    named = select(PostingRow.entry_id, PostingRow.line, AccountRow.asset_id, AccountRow.account, PostingRow.amount)
    queries = {
        "blocks": select(*BlockRow.__table__.columns.values()),
        "entries": select(*EntryRow.__table__.columns.values()),
        "postings": named.join(AccountRow, AccountRow.id == PostingRow.account_id),
        "balances": select(AccountRow.asset_id, AccountRow.account, BalanceRow.amount).join(
            BalanceRow, BalanceRow.account_id == AccountRow.id
        ),
    }
    with container.read() as work:
        return {
            name: sorted((tuple(row) for row in work.session.execute(query)), key=repr)
            for name, query in queries.items()
        }


def ignore(_: Sequence[BlockLogs]) -> None:
    """Take blocks that were read ahead, and do nothing with them."""


def refuse(self: Web3Chain, first: int, last: int, wanted: Wanted) -> list[BlockLogs]:  # noqa: ARG001 - the port's
    message = "no ranges here"
    raise ChainUnavailable(message)


def test_stretches_make_the_books_that_single_blocks_make(
    tmp_path: Path,
    database: Database,
    sqlite_template: Path,
    busy: Anvil,
    fresh_deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    def overheard(self: Web3Chain, first: int, last: int, wanted: Wanted) -> list[BlockLogs]:
        asked.append((first, last))
        return TRUTH(self, first, last, wanted)

    monkeypatch.setattr(Web3Chain, "stretch", overheard)
    swift = container_on(tmp_path / "swift", database, busy, fresh_deployment)
    follow(swift)
    assert sum(last - first + 1 for first, last in asked) > 150, "final blocks were read in stretches"
    monkeypatch.setattr(Web3Chain, "stretch", refuse)
    with sqlite_copy(sqlite_template, tmp_path / "slow.db") as other:
        slow = container_on(tmp_path / "slow", other, busy, fresh_deployment)
        follow(slow)
        assert books(swift) == books(slow)
        slow.chain.close()
    with swift.read() as work:
        assert work.book.balances() == work.book.folded()
        assert prove(work.book.standing(full=True), swift.chain).holds
        assert work.book.level(work.book.window()[0].hash) is Level.FINALIZED
    swift.chain.close()


def test_a_node_that_gives_few_at_a_time_is_asked_for_fewer(
    tmp_path: Path, database: Database, busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def stingy(self: Web3Chain, first: int, last: int, wanted: Wanted) -> list[BlockLogs]:
        if last - first >= 7:
            message = "query returned more than 7 blocks"
            raise ChainUnavailable(message)
        given.append(last - first + 1)
        return TRUTH(self, first, last, wanted)

    monkeypatch.setattr(Web3Chain, "stretch", stingy)
    container = container_on(tmp_path, database, busy, fresh_deployment)
    follow(container)
    assert sum(given) > 150
    with container.read() as work:
        assert work.book.head() == container.chain.block("latest")
        assert prove(work.book.standing(full=True), container.chain).holds
    container.chain.close()


def test_a_stretch_that_leads_elsewhere_than_the_final_block_is_not_booked(
    tmp_path: Path, database: Database, busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node says what its last block is when it is asked for all, and something else when it is asked once more."""
    told: list[str] = []

    def elsewhere(self: BoundedProvider, answered: Answered) -> list[Any]:
        *others, end, _ = TOLD(self, answered)
        told.append(end["number"])
        return [*others, {**end, "hash": "0x" + "66" * 32, "logsBloom": "0x" + "00" * 256}, []]

    container = container_on(tmp_path, database, busy, fresh_deployment)
    with monkeypatch.context() as lying, capture_logs() as logs:
        lying.setattr(BoundedProvider, "results", elsewhere)
        follow(container)
    assert told
    assert "blocks_read" not in [line["event"] for line in logs], "all was read block by block"
    refused = [line["reason"] for line in logs if line["event"] == "stretch_refused"]
    assert "final blocks that do not lead to its block" in refused[0]
    with container.read() as work:
        assert prove(work.book.standing(full=True), container.chain).holds
    container.chain.close()


def test_what_is_not_final_comes_in_no_stretch(busy: Anvil, fresh_deployment: Deployment) -> None:
    final = busy.chain.block("finalized")
    assert final is not None
    wanted = codec.wanted(fresh_deployment.token, fresh_deployment.escrow)
    assert busy.chain.stretch(final.number - 1, final.number, wanted)[-1].ref == final
    with pytest.raises(Declined, match=f"does not call block {final.number + 1} final"):
        busy.chain.stretch(final.number, final.number + 1, wanted)


def test_logs_that_a_node_forgot_are_asked_for_by_their_block(
    busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, head = fresh_deployment, busy.chain.block("finalized")
    assert head is not None
    wanted = codec.wanted(place.token, place.escrow)
    whole = busy.chain.stretch(place.deployed_block, head.number, wanted)
    assert sum(len(block.logs) for block in whole) > 8
    read = Web3Chain._logs
    calls: list[int] = []

    def forgetful(self: Web3Chain, answer: list[object]) -> object:
        calls.append(len(answer))
        return read(self, [] if len(calls) == 1 else answer)

    monkeypatch.setattr(Web3Chain, "_logs", forgetful)
    found = busy.chain.stretch(place.deployed_block, head.number, wanted)

    def matter(blocks: list[BlockLogs]) -> list[RawLog]:
        return [log for block in blocks for log in block.logs if log.topics[0] in wanted[log.address]]

    assert [block.ref for block in found] == [block.ref for block in whole]
    assert matter(found) == matter(whole)
    assert len(calls) > 4, "every block whose bloom filter speaks of logs was asked for by its hash"


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """Each question to a node that has more than one call in it, and the thread that put it."""
    put: list[tuple[str, bytes]] = []
    post = BoundedProvider._post

    def overheard(self: BoundedProvider, question: bytes) -> tuple[int, bytes]:
        if question.startswith(b"["):
            put.append((threading.current_thread().name, question))
        return post(self, question)

    monkeypatch.setattr(BoundedProvider, "_post", overheard)
    return put


@pytest.mark.parametrize("read", [None, ignore])
def test_what_is_expected_is_asked_for_meanwhile_and_once(
    busy: Anvil,
    fresh_deployment: Deployment,
    posts: list[tuple[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    read: Read | None,
) -> None:
    place, chain = fresh_deployment, busy.chain
    wanted = codec.wanted(place.token, place.escrow)
    plainly = chain.stretch(place.deployed_block, place.deployed_block + 60, wanted)
    assert [name for name, _ in posts] == ["MainThread"]
    readers, assemble = list[str](), stretches.assemble

    def watched(*given: Any) -> list[BlockLogs]:  # noqa: ANN401 - as it was called
        readers.append(threading.current_thread().name)
        return assemble(*given)

    monkeypatch.setattr(stretches, "assemble", watched)
    chain.expect(place.deployed_block, place.deployed_block + 60, wanted, read=read)
    assert chain.stretch(place.deployed_block, place.deployed_block + 60, wanted) == plainly
    assert readers == ["ahead" if read else "MainThread"]
    assert [name for name, _ in posts] == ["MainThread", "ahead"]
    assert chain.stretch(place.deployed_block, place.deployed_block + 60, wanted) == plainly, "it is taken once"
    chain.expect(place.deployed_block, place.deployed_block + 60, wanted, read=read)
    assert chain.stretch(place.deployed_block, place.deployed_block + 59, wanted) == plainly[:-1], "that is another"


def test_what_no_node_told_when_it_was_expected_is_asked_for_again(
    busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, chain = fresh_deployment, busy.chain
    wanted = codec.wanted(place.token, place.escrow)
    plainly = chain.stretch(place.deployed_block, place.deployed_block + 60, wanted)
    post, failed = BoundedProvider._post, list[str]()

    def silent(self: BoundedProvider, question: bytes) -> tuple[int, bytes]:
        if threading.current_thread().name == "ahead":
            failed.append("it is silent")
            raise ChainUnavailable(failed[-1])
        return post(self, question)

    monkeypatch.setattr(BoundedProvider, "_post", silent)
    chain.expect(place.deployed_block, place.deployed_block + 60, wanted, read=ignore)
    assert chain.stretch(place.deployed_block, place.deployed_block + 60, wanted) == plainly
    assert failed


def test_nonsense_that_was_read_ahead_is_asked_for_again_and_told_then(
    busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, chain = fresh_deployment, busy.chain
    wanted = codec.wanted(place.token, place.escrow)
    plainly = chain.stretch(place.deployed_block, place.deployed_block + 60, wanted)
    post, lied = BoundedProvider._post, list[bytes]()

    def lying(self: BoundedProvider, question: bytes) -> tuple[int, bytes]:
        status, body = post(self, question)
        if threading.current_thread().name == "ahead" and question.startswith(b"["):
            body = body.replace(b'"logIndex":"0x0"', b'"logIndex":"nonsense"')
            lied.append(body)
        return status, body

    monkeypatch.setattr(BoundedProvider, "_post", lying)
    chain.expect(place.deployed_block, place.deployed_block + 60, wanted, read=ignore)
    assert chain.stretch(place.deployed_block, place.deployed_block + 60, wanted) == plainly
    assert b"nonsense" in lied[0]


@pytest.mark.parametrize("read", [None, ignore])
def test_what_was_told_ahead_is_not_believed_where_the_chain_is_another_by_then(
    busy: Anvil,
    fresh_deployment: Deployment,
    posts: list[tuple[str, bytes]],
    read: Read | None,
) -> None:
    place, chain = fresh_deployment, busy.chain
    wanted = codec.wanted(place.token, place.escrow)
    final = chain.block("finalized")
    assert final is not None
    chain.expect(final.number - 20, final.number, wanted, read=read)
    for thread in [thread for thread in threading.enumerate() if thread.name == "ahead"]:
        thread.join()
    busy.reorg(80)
    with pytest.raises(ChainUnavailable, match="do not lead to its block"):
        chain.stretch(final.number - 20, final.number, wanted)
    assert [name for name, _ in posts] == ["ahead"]


def test_what_was_made_of_logs_ahead_is_dropped_where_others_take_their_place(
    busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, chain = fresh_deployment, busy.chain
    asked = place.deployed_block, place.deployed_block + 20, codec.wanted(place.token, place.escrow)
    _ = chain.chain_id

    def understand(found: Sequence[BlockLogs]) -> None:
        for block in found:
            block.events = ()

    chain.expect(*asked, read=understand)
    assert all(block.events == () for block in chain.stretch(*asked))
    monkeypatch.setattr(stretches, "_may_hold_any", lambda *_: True)  # all logs of each block are asked for, then
    chain.expect(*asked, read=understand)
    assert all(block.events is None for block in chain.stretch(*asked))


def test_logs_are_understood_ahead_where_the_database_is_waited_for(
    tmp_path: Path, database: Database, busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    understood, decode_all = set[str](), chain_logs.decode_all
    made, sheet = list[tuple[str, int]](), sheets.sheet

    def watched(*given: Any) -> list[ChainEvent]:  # noqa: ANN401 - as it was called
        understood.add(threading.current_thread().name)
        return decode_all(*given)

    def watched_sheet(ours: Ours, blocks: Sequence[Happened], *, as_text: bool = False) -> Sheet:
        made.extend((threading.current_thread().name, block.number) for block, _ in blocks)
        return sheet(ours, blocks, as_text=as_text)

    monkeypatch.setattr(chain_logs, "decode_all", watched)
    monkeypatch.setattr(sheets, "sheet", watched_sheet)
    container = container_on(tmp_path, database, busy, fresh_deployment)
    follow(container)
    assert understood == ({"MainThread"} if database.alone else {"MainThread", "ahead"})
    assert {name for name, _ in made} == understood
    assert len(made) == len({number for _, number in made}), "what was made ahead is what is booked"
    container.chain.close()


def test_what_takes_long_is_booked_few_at_a_time(
    tmp_path: Path, database: Database, busy: Anvil, fresh_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy, sheet = list[int](), sheets.sheet

    def watched(ours: Ours, blocks: Sequence[Happened], *, as_text: bool = False) -> Sheet:
        heavy.append(sum(any(not isinstance(event, Transferred) for event in events) for _, events in blocks))
        return sheet(ours, blocks, as_text=as_text)

    monkeypatch.setattr(sheets, "sheet", watched)
    monkeypatch.setattr(chain_loop, "_HEAVY", 10_000)
    container = container_on(tmp_path, database, busy, fresh_deployment)
    follow(container)
    assert set(heavy) == {0, 1}
    assert sum(heavy) == 5, "two were opened, one was returned, one was announced and burned"
    container.chain.close()


def test_the_next_stretch_is_asked_for_while_one_is_booked(
    tmp_path: Path, database: Database, busy: Anvil, fresh_deployment: Deployment, posts: list[tuple[str, bytes]]
) -> None:
    container = container_on(tmp_path, database, busy, fresh_deployment)
    follow(container)
    names = [name for name, _ in posts]
    assert names[0] == "MainThread"
    assert "ahead" in names
    asked = [json.loads(question)[-1]["params"] for _, question in posts]
    assert [one for number, one in enumerate(asked) if one in asked[:number]] == [], "nothing twice"
    with container.read() as work:
        assert prove(work.book.standing(full=True), container.chain).holds
    container.chain.close()
