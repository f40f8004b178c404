"""``earnest backup`` and ``earnest restore`` on a real node: what comes back is whole, and nothing is sent twice."""

from __future__ import annotations

import io
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update

from app import resealing
from app.backups import sealing
from app.backups.archive import Writer, squeeze
from app.backups.making import back_up
from app.backups.rows import shape_of
from app.container import KEY_ROLES
from app.metadata import METADATA
from cli.migrations import newest
from contracts import codec
from contracts.events import Terms
from contracts.rpc import BoundedProvider
from kit import outbox
from kit.amounts import Amount
from kit.database import Base, Database
from kit.errors import Conflict
from kit.identifiers import UserId
from kit.leases import LeaseRow
from kit.outbox import OutboxRow
from ledger.calls import OutgoingState
from ledger.store.events import BEGINS
from ledger.tables import CursorRow, OutgoingRow
from payments.carrying.model import Outcome
from payments.stakes.model import Answer
from tests.support.carried import BOB, Carried
from tests.support.restored import Place, fine, refused
from tests.support.services import ALICE


def content(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, by value, whatever kind of database holds it; what a restore sets anew left out."""
    with database.read(one_moment=True) as session:
        found = {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
            if table.name not in ("chain_cursor", "leases", "event_counters")
        }
    found["outbox"] = [row for row in found["outbox"] if "restored" not in row]
    found["changes"] = [row for row in found["changes"] if BEGINS not in row]
    return found


def staked(carried: Carried) -> Terms:
    quote = carried.held()
    assert carried.open(quote).status_code == 202
    carried.settle()
    return carried.terms(quote)


def transactions(carried: Carried) -> dict[str, int]:
    """How many transactions of each of our keys the chain has."""
    return {role: carried.anvil.chain.nonce(carried.container.signers[role].address, "latest") for role in KEY_ROLES}


def proved(place: Place) -> None:
    found = fine(place.earnest("ledger", "rebuild", "--compare", "--json"))
    assert found["equal"], found


def test_all_of_it_comes_back_on_the_other_kind_of_database(
    carried: Carried, place: Place, tmp_path: Path, sealed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = staked(carried)
    carried.answer(Answer.ACCEPT)
    data = carried.container.settings.data
    with closing(sqlite3.connect(data / "keys.db")) as keys:  # as the bot's: another process writes to it meanwhile
        keys.execute("PRAGMA journal_mode=WAL")
        keys.execute("CREATE TABLE sessions (secret TEXT)")
        keys.execute("INSERT INTO sessions VALUES ('a ratchet')")
        keys.commit()
        (data / "elsewhere").symlink_to("/etc")
        (data / "link.key").symlink_to("/etc/passwd")
        file = tmp_path / "everything.backup"
        made = fine(place.back_up(file, *sealed, "--json"))
    assert (made["encrypted"], made["chain_id"]) == (True, carried.deployment.chain_id)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".draft")]
    assert b"ratchet" not in file.read_bytes()
    assert "is there already" in refused(place.back_up(file, *sealed))
    dry = fine(place.earnest("restore", str(file), *sealed, "--dry-run", "--json"))
    assert (dry["restored"], dry["replaced"], dry["rows"]) == (False, [], made["rows"])
    assert not place.data.exists()
    before = content(carried.container.database)
    asked, real = list[str](), sealing.key_of

    def told(sealed_file: Path, passphrase: str) -> sealing.Key:
        asked.append(passphrase)
        return real(sealed_file, passphrase)

    with monkeypatch.context() as patched:
        patched.setattr(sealing, "key_of", told)
        assert "rebuild --compare" in place.earnest("restore", str(file), *sealed).output
    assert len(asked) == 1, "a passphrase takes a second to tell"
    for role in KEY_ROLES:
        name = f"keystore/{role}.json"
        assert (place.data / name).read_bytes() == (data / name).read_bytes()
        assert (place.data / name).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(place.data / "keys.db")) as keys:
        assert keys.execute("SELECT secret FROM sessions").fetchall() == [("a ratchet",)]
    assert not (place.data / "link.key").exists()
    with place.living() as again:
        assert content(again.container.database) == before
        again.settle()
        assert again.on_chain(terms) is codec.State.RETURNED
        with again.container.work() as work:
            assert work.book.folded() == work.book.balances()
            assert work.outgoing.quiet_until() is None
    proved(place)


def test_blocks_that_came_since_are_caught_up_with_and_what_was_sent_since_is_not_sent_again(
    carried: Carried, place: Place, tmp_path: Path, plain: tuple[str, ...]
) -> None:
    file = tmp_path / "older.backup"
    quote = carried.held()
    assert carried.open(quote).status_code == 202  # queued, and nothing is signed for it yet
    terms = carried.terms(quote)
    fine(place.back_up(file, *plain, "--json"))
    carried.settle()
    carried.answer(Answer.ACCEPT)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.RETURNED
    sent = transactions(carried)
    assert sent == {"resolver": 1, "relayer": 1}
    fine(place.earnest("restore", str(file), *plain, "--json"))
    with place.living() as again:
        again.settle()
        assert again.opening(terms).outcome is Outcome.DONE
        assert transactions(again) == sent
        with again.container.read() as work:
            calls = work.session.scalars(select(OutgoingRow)).all()
            assert not [call for call in calls if call.state in (OutgoingState.SENT, OutgoingState.MINED)]
    proved(place)


def test_what_is_still_under_way_is_not_made_again_with_another_nonce(
    carried: Carried, place: Place, tmp_path: Path, plain: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = BoundedProvider.make_request

    def at_newest(self: BoundedProvider, method: Any, params: Any) -> Any:  # noqa: ANN401 - web3's own
        """Try calls out on the newest block, as most nodes do; anvil also counts what waits."""
        return real(self, method, [*params, "latest"] if method == "eth_estimateGas" else params)

    monkeypatch.setattr(BoundedProvider, "make_request", at_newest)
    terms = staked(carried)
    file = tmp_path / "older.backup"
    carried.answer(Answer.ACCEPT)  # owed, and nothing is signed for it yet
    fine(place.back_up(file, *plain, "--json"))
    carried.anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    carried.round()
    key = carried.container.signers["resolver"].address
    assert carried.anvil.chain.nonce(key) == 1, "it is on its way"
    assert carried.anvil.chain.nonce(key, "latest") == 0
    fine(place.earnest("restore", str(file), *plain, "--json"))
    with place.living() as again:
        again.round()
        with again.container.read() as work:
            assert [call.state for call in work.session.scalars(select(OutgoingRow)) if call.role == "resolver"] == [
                OutgoingState.WAITING
            ]
        for _ in range(4):  # other blocks come, and it is in none of them: it waits for its turn
            again.round()
            again.anvil.rpc("evm_increaseTime", 6)
        assert carried.anvil.chain.nonce(key) == 1, "nothing was added to it"
        again.anvil.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON
        again.settle()
        assert again.on_chain(terms) is codec.State.RETURNED
        assert transactions(again)["resolver"] == 1
        with again.container.read() as work:
            assert work.outgoing.quiet_until() is None
    proved(place)


def test_after_the_quiet_what_is_owed_is_sent_and_effects_have_numbers_that_none_had(
    carried: Carried, place: Place, tmp_path: Path, plain: tuple[str, ...]
) -> None:
    terms = staked(carried)
    file = tmp_path / "older.backup"
    fine(place.back_up(file, *plain, "--json"))
    with carried.container.read() as work:
        highest = work.session.scalar(select(func.max(OutboxRow.id))) or 0
    fine(place.earnest("restore", str(file), *plain, "--json"))
    with place.living() as again:
        with again.container.read() as work:
            assert work.outgoing.quiet_until() == 0
        again.answer(Answer.ACCEPT)
        again.settle()
        assert again.on_chain(terms) is codec.State.RETURNED
        with again.container.work() as work:
            assert outbox.append(work.session, kind="notice", key="new", payload={}, now=work.now)
            assert (work.session.scalar(select(OutboxRow.id).where(OutboxRow.key == "new")) or 0) > highest + 999_999
            assert work.people.number(BOB) != work.people.number(ALICE)
    proved(place)


def test_a_place_that_is_not_empty_is_left_alone_unless_told(
    place: Place, tmp_path: Path, plain: tuple[str, ...]
) -> None:
    file, kept = tmp_path / "one.backup", place.data / "bot" / "account.json"
    theirs = place.carried.container.settings.data / "bot" / "account.json"
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    fine(place.back_up(file, *plain, "--json"))
    fine(place.earnest("restore", str(file), *plain, "--json"))
    kept.write_text("mine")
    assert "There is a service already" in refused(place.earnest("restore", str(file), *plain))
    assert kept.read_text() == "mine"
    with place.living() as again, again.container.work() as work:
        work.session.execute(insert(LeaseRow).values(name="bot None", term=1, beats=1, holder="far/1/1/k/n/t"))
        work.people.number(BOB)
    found = fine(place.earnest("restore", str(file), *plain, "--replace", "--json"))
    assert str(kept) in found["replaced"]
    assert kept.read_text() == "theirs"
    with place.living() as again, again.container.read() as work:
        assert work.people.find(BOB) is None
        assert set(work.session.scalars(select(LeaseRow.holder))) <= {None}
        assert set(work.session.scalars(select(CursorRow.holder))) <= {None}


def test_secrets_are_read_under_the_key_that_is_in_the_backup_with_them(
    carried: Carried, place: Place, tmp_path: Path, plain: tuple[str, ...]
) -> None:
    container, file = carried.container, tmp_path / "before.backup"
    with container.work() as work:
        work.publishing.keys.make()
        name = work.publishing.keys.current().name
    fine(place.back_up(file, *plain, "--json"))
    resealing.rotate(container, back=False)
    resealing.forget(container)
    fine(place.earnest("restore", str(file), *plain, "--json"))
    with place.living() as again, again.container.read() as work:
        assert work.publishing.keys.current().name == name

    def told(done: int, rows: int) -> None:
        if done == rows:
            resealing.rotate(container, back=False)

    with pytest.raises(Conflict) as changed:
        back_up(container, io.BytesIO(), schema="", without=frozenset(), told=told)
    assert changed.value.code == "sealing_key_changed"


def test_what_does_not_fit_is_refused_before_anything_is_touched(
    carried: Carried, place: Place, tmp_path: Path, sealed: tuple[str, str]
) -> None:
    file = tmp_path / "one.backup"
    other = tmp_path / "other.lock"
    other.write_text("another passphrase")
    fine(place.back_up(file, *sealed, "--json"))
    assert "passphrase is another" in refused(place.earnest("restore", str(file), "--passphrase-file", str(other)))
    assert "--passphrase-file" in refused(place.earnest("restore", str(file)))
    assert "EARNEST_CHAIN_ID is 1" in refused(place.earnest("restore", str(file), *sealed, EARNEST_CHAIN_ID="1"))
    broken = bytearray(file.read_bytes())
    broken[len(broken) // 2] ^= 1
    changed = tmp_path / "changed.backup"
    changed.write_bytes(bytes(broken))
    assert "was changed, or cut off" in refused(place.earnest("restore", str(changed), *sealed))
    changed.write_bytes(file.read_bytes()[:-20])
    assert "was changed, or cut off" in refused(place.earnest("restore", str(changed), *sealed))
    odd = tmp_path / "odd.backup"
    with odd.open("wb") as out:
        writer = Writer(out)
        writer.add("tables/people/00000001.jsonl.gz", squeeze(b'["seven"]\n'))
        tables = [{"name": "people", "columns": [["id", "whole"]], "rows": 1}]
        writer.close({"schema": newest(place.url), "chain_id": carried.container.settings.chain_id, "tables": tables})
    assert "a row of people" in refused(place.earnest("restore", str(odd), "--unencrypted", "--dry-run"))
    with carried.container.work() as work:
        work.session.execute(text("UPDATE alembic_version SET version_num = '0008'"))
    try:
        assert "earnest migrate" in refused(place.back_up(tmp_path / "two.backup", *sealed))
    finally:
        with carried.container.work() as work:
            head = {"head": newest(place.url)}
            work.session.execute(text("UPDATE alembic_version SET version_num = :head"), head)
    assert not place.data.exists()


def test_what_is_written_meanwhile_is_no_part_of_it(carried: Carried, place: Place, tmp_path: Path) -> None:
    staked(carried)
    before, file, numbers = content(carried.container.database), tmp_path / "meanwhile.backup", itertools.count()

    def somebody_comes(_done: int, _of: int) -> None:
        with carried.container.work() as work:  # a row of an early table, and one of a later that needs it
            person = work.people.number(UserId(f"@late-{next(numbers)}:example.org"))
            work.doors.ask(person, stake=Amount(1))

    with file.open("wb") as raw:
        made = {"schema": newest(place.url), "without": frozenset({file.resolve()}), "told": somebody_comes}
        back_up(carried.container, raw, **made)  # type: ignore[arg-type]  # each is what it is called
    assert next(numbers) > 3
    fine(place.earnest("restore", str(file), "--unencrypted", "--json"))
    with place.living() as again:
        assert content(again.container.database) == before


def test_every_column_can_be_put_into_a_backup() -> None:
    for table in METADATA.sorted_tables:
        assert [name for name, _ in shape_of(table).columns] == [column.name for column in table.columns]


def test_a_leader_at_work_is_not_pulled_the_rug_from_under(
    place: Place, tmp_path: Path, plain: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.backup"
    fine(place.back_up(file, *plain, "--json"))
    fine(place.earnest("restore", str(file), *plain, "--json"))
    monkeypatch.setattr("cli.commands.restore.LASTS", 0.0)  # it shows life all the time, as far as we look
    with place.living() as again, again.container.work() as work:
        work.session.execute(update(CursorRow).values(holder="far/1/1/k/n/t"))
        if work.session.scalar(select(func.count()).select_from(CursorRow)) == 0:
            row = {"chain_id": again.deployment.chain_id, "term": 1, "beats": 1, "holder": "far/1/1/k/n/t"}
            work.session.execute(insert(CursorRow).values(**row))
    assert "The service runs (far:1)" in refused(place.earnest("restore", str(file), *plain, "--replace"))
