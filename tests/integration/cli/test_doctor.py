"""`earnest doctor`: every thing that can be wrong is really broken here, and found, alone, with how to mend it."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from app.container import Container
from app.settings import Settings
from app.supporting.tables import SupportRoomRow
from cli import bot_device
from cli.examination import Examination, Finding, State
from cli.local import ports
from cli.local.plan import BOT
from cli.local.world import World
from cli.main import main
from contracts.chain import Deployment
from contracts.deployment import write_deployment
from kit.clock import system_clock
from kit.identifiers import Address, UserId, parse_server_name
from tests.support.anvil import Anvil

pytestmark = pytest.mark.homeserver

SIGNED = "The bot's device is signed."


@pytest.fixture(scope="module", autouse=True)
def _bot_is_there(world: World) -> None:
    """Wait until the world's bot has logged in and signed its device: the world is ready before that."""
    while bot_device.look(world.container.settings, UserId(world.plan.user_id(BOT)), system_clock())[0] != SIGNED:
        world.check()
        time.sleep(0.1)


def examine(world: World, *, skew: timedelta = timedelta(0), **changes: Any) -> dict[str, Finding]:  # noqa: ANN401 - any setting
    given = {name.removeprefix("EARNEST_").lower(): value for name, value in world.settings().items()}
    settings = Settings.model_validate(given | changes)
    container = Container(settings, clock=lambda: system_clock() + skew)
    try:
        return {finding.name: finding for finding in Examination(container).findings()}
    finally:
        container.close()


def wrong(found: Mapping[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.state is State.WRONG}


def skipped(found: Mapping[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.state is State.SKIPPED}


def test_nothing_is_wrong_with_a_running_world(world: World) -> None:
    found = examine(world)
    assert found["bot device"].says == SIGNED
    assert {finding.state for finding in found.values()} == {State.GOOD}, found
    assert len(found) == 19


def test_the_command_says_one_line_each_and_how_it_ends(world: World) -> None:
    good = CliRunner().invoke(main, ["doctor"], env={"EARNEST_DATA": str(world.folder)})
    assert good.exit_code == 0, good.output
    assert len(good.output.splitlines()) == 19
    environment = {"EARNEST_DATA": str(world.folder), "EARNEST_RPC_URL": f"http://127.0.0.1:{ports.free_port()}"}
    bad = CliRunner().invoke(main, ["doctor", "--json"], env=environment)
    assert bad.exit_code == 1
    answer = json.loads(bad.output)
    assert not answer["good"]
    assert [one["name"] for one in answer["findings"] if one["state"] == "wrong"] == ["chain"]


def test_malformed_settings_are_named_without_their_values(world: World) -> None:
    environment = {"EARNEST_DATA": str(world.folder), "EARNEST_API_PORT": "a secret in the wrong place"}
    found = CliRunner().invoke(main, ["doctor"], env=environment)
    assert found.exit_code == 1
    assert "EARNEST_API_PORT" in found.output
    assert "a secret in the wrong place" not in found.output


def test_an_old_python(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.examination.OLDEST_PYTHON", (3, 99))
    monkeypatch.setattr("cli.examination.TOO_NEW_PYTHON", (4, 0))
    found = examine(world)
    assert wrong(found) == {"python"}
    assert found["python"].mend == "Install Python 3.11, 3.12 or 3.13."


def test_no_data_folder(world: World, tmp_path: Path) -> None:
    found = examine(world, data=tmp_path / "nothing")
    assert "There is no folder" in found["data folder"].says
    assert not (tmp_path / "nothing").exists()
    assert {"data folder", "keystore"} <= wrong(found)


def test_an_unwritable_data_folder(world: World) -> None:
    found = examine(world, data=Path("/proc/self"))
    assert found["data folder"].state is State.WRONG
    assert "cannot be written" in found["data folder"].says
    assert "EARNEST_DATA" in found["data folder"].mend


def test_a_data_folder_that_is_open_to_others(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    shutil.copytree(world.folder / "keystore", folder / "keystore")
    folder.chmod(0o755)
    found = examine(world, data=folder)
    assert found["data folder"].state is State.DOUBTFUL
    assert found["data folder"].mend == f"chmod 700 {folder}"


@pytest.mark.parametrize("kind", ["missing", "a folder", "read-only", "garbage", "no server"])
def test_a_database_that_cannot_be_written(world: World, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "the.db"
    url = f"sqlite:///{file}"
    if kind == "a folder":
        file.mkdir()
    elif kind == "read-only":
        shutil.copy(world.folder / "earnest.db", file)
        url = f"sqlite:///file:{file}?mode=ro&uri=true"
    elif kind == "garbage":
        file.write_bytes(secrets.token_bytes(5_000))
    elif kind == "no server":
        url = f"postgresql+psycopg://me:secret@127.0.0.1:{ports.free_port()}/earnest"
    found = examine(world, database_url=url)
    assert wrong(found) == {"database"}
    assert skipped(found) == {"schema", "gas", "chain loop", "messages", "gate", "supporters", "sales"}
    assert "secret" not in found["database"].says
    assert found["database"].mend


def test_a_database_that_was_never_migrated(world: World, tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    file.touch()
    found = examine(world, database_url=f"sqlite:///{file}")
    assert wrong(found) == {"schema"}
    assert found["schema"].mend == "Run `earnest migrate`."


@pytest.mark.parametrize("kind", ["no password", "no such file", "wrong password", "no keys"])
def test_a_keystore_that_does_not_open(world: World, tmp_path: Path, kind: str) -> None:
    password = tmp_path / "password"
    password.write_text("another password\n")
    changes: dict[str, Any] = {"keystore_password_file": password}
    if kind == "no password":
        changes = {"keystore_password_file": None}
    elif kind == "no such file":
        changes = {"keystore_password_file": tmp_path / "nothing"}
    elif kind == "no keys":
        changes = {"data": tmp_path}
        tmp_path.chmod(0o700)
    found = examine(world, **changes)
    assert wrong(found) == {"keystore"}
    assert skipped(found) == {"gas", "supporters", "sales"}
    assert "another password" not in found["keystore"].says


def test_no_node(world: World) -> None:
    found = examine(world, rpc_url=f"http://127.0.0.1:{ports.free_port()}")
    assert wrong(found) == {"chain"}
    assert skipped(found) == {"contracts", "gas", "chain loop", "supporters", "sales"}
    assert "EARNEST_RPC_URL" in found["chain"].mend


def test_a_node_of_another_chain(world: World) -> None:
    found = examine(world, chain_id=1)
    assert wrong(found) == {"chain"}
    assert "serves chain 31337, but chain 1 is wanted" in found["chain"].says


def test_several_nodes_of_which_some_are_ill(world: World, fresh_anvil: Anvil) -> None:
    good, nowhere = world.plan.rpc_url, ports.free_port()
    found = examine(world, rpc_url=f"http://127.0.0.1:{nowhere}/s3cret, {good}")
    assert wrong(found) == set()
    assert found["chain"].state is State.DOUBTFUL
    assert f"127.0.0.1:{nowhere} does not answer" in found["chain"].says
    assert f"127.0.0.1:{world.plan.ports.chain} is asked" in found["chain"].says
    assert "s3cret" not in found["chain"].says
    assert "EARNEST_RPC_URL" in found["chain"].mend
    found = examine(world, rpc_url=f"{good},{fresh_anvil.url}")
    assert found["chain"].state is State.DOUBTFUL
    assert "is not believed (The node at " in found["chain"].says
    assert "No contract stands at" in found["chain"].says


def test_a_node_whose_chain_is_not_the_one_in_the_books(world: World, tmp_path: Path) -> None:
    with world.container.read() as work:
        final = work.book.final()
    assert final is not None
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(world.folder / "earnest.db")) as ours, closing(sqlite3.connect(file)) as other:
        ours.backup(other)
        other.execute("UPDATE chain_blocks SET hash = ? WHERE hash = ?", (b"\x66" * 32, final.hash))
        other.commit()
    found = examine(world, database_url=f"sqlite:///{file}")
    assert wrong(found) == {"chain loop"}
    assert "in our books, and must never change" in found["chain loop"].says
    assert "earnest ledger rebuild --compare" in found["chain loop"].mend


def test_the_chain_loop_says_how_its_node_is_and_that_it_is_told_of_new_blocks(world: World) -> None:
    place = f"127.0.0.1:{world.plan.ports.chain}"
    url = f"http://127.0.0.1:{world.plan.ports.chain_health}"
    while not (told := httpx.get(f"{url}/health").json())["checks"]["new blocks"]["ok"]:
        world.check()
        time.sleep(0.1)
    assert told["checks"]["new blocks"]["says"] == f"{place} tells of them."
    assert told["checks"][f"node {place}"] == {"ok": True, "says": "It is the one that is asked."}
    assert told["checks"]["reading"] == {"ok": True, "says": "The chain is the one in the books."}
    metrics = httpx.get(f"{url}/metrics").text
    assert f'earnest_chain_node{{node="{place}",state="asked"}} 1.0' in metrics
    assert "earnest_chain_mismatch 0.0" in metrics


def test_contracts_that_are_not_there(world: World, tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    found = examine(world, deployment=file)
    assert wrong(found) == {"contracts"}
    write_deployment(file, Deployment(31337, Address(b"\x01" * 20), Address(b"\x02" * 20), 1))
    found = examine(world, deployment=file)
    assert wrong(found) == {"contracts"}
    assert "No contract stands at" in found["contracts"].says
    assert "EARNEST_DEPLOYMENT" in found["contracts"].mend


def test_contracts_of_other_code(world: World, tmp_path: Path) -> None:
    place = world.deployment
    file = tmp_path / "deployment.json"
    write_deployment(file, Deployment(place.chain_id, place.escrow, place.token, place.deployed_block))
    found = examine(world, deployment=file)
    assert wrong(found) == {"contracts"}
    assert "is not this release's Token" in found["contracts"].says


def test_keys_without_ether_and_books_that_nobody_keeps(
    world: World, fresh_anvil: Anvil, fresh_deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "deployment.json"
    write_deployment(file, fresh_deployment)
    database = tmp_path / "fresh.db"
    migrated = CliRunner().invoke(main, ["migrate"], env={"EARNEST_DATABASE_URL": f"sqlite:///{database}"})
    assert migrated.exit_code == 0, migrated.output
    found = examine(world, rpc_url=fresh_anvil.url, deployment=file, database_url=f"sqlite:///{database}")
    assert wrong(found) == {"gas", "chain loop", "gate"}
    assert "resolver 0x" in found["gas"].says
    assert found["chain loop"].mend == "Start `earnest chain`."
    assert "`earnest tenants add SERVER`" in found["gate"].mend


def test_no_homeserver(world: World) -> None:
    found = examine(world, homeserver_url=f"http://127.0.0.1:{ports.free_port()}")
    assert wrong(found) == {"homeserver"}
    assert skipped(found) == {"bot", "bot device", "clock"}


def test_something_else_instead_of_a_homeserver(world: World) -> None:
    found = examine(world, homeserver_url=world.plan.public_url)
    assert wrong(found) == {"homeserver"}
    assert "is no homeserver" in found["homeserver"].says


def _without_kept_login(world: World, tmp_path: Path) -> Path:
    shutil.copytree(world.folder / "keystore", tmp_path / "keystore")
    tmp_path.chmod(0o700)
    return tmp_path


def _with_kept_token(world: World, tmp_path: Path) -> Path:
    folder = _without_kept_login(world, tmp_path)
    (folder / "bot").mkdir()
    (folder / "bot" / "account.json").write_text(json.dumps({"access_token": "syt_that_nobody_gave"}))
    return folder


def test_a_bot_that_is_nobody(world: World) -> None:
    found = examine(world, bot_user_id=None)
    assert (wrong(found), skipped(found)) == ({"bot"}, {"bot device"})
    assert "EARNEST_BOT_USER_ID" in found["bot"].mend


def test_a_bot_that_has_not_logged_in_yet(world: World, tmp_path: Path) -> None:
    found = examine(world, data=_without_kept_login(world, tmp_path))
    assert found["bot"].state is State.GOOD
    assert "can log in" in found["bot"].says


@pytest.mark.parametrize("prepare", [_without_kept_login, _with_kept_token])
def test_a_bot_with_a_wrong_password(world: World, tmp_path: Path, prepare: Callable[[World, Path], Path]) -> None:
    password = tmp_path / "password"
    password.write_text("not the bot's\n")
    found = examine(world, data=prepare(world, tmp_path), bot_password_file=password)
    assert wrong(found) == {"bot"}
    assert "M_FORBIDDEN" in found["bot"].says
    assert ("refuses the bot's token" in found["bot"].says) is (prepare is _with_kept_token)
    assert "EARNEST_BOT_PASSWORD_FILE" in found["bot"].mend


def test_a_token_that_the_homeserver_refuses(world: World, tmp_path: Path) -> None:
    folder = _with_kept_token(world, tmp_path)
    found = examine(world, data=folder)
    assert found["bot"].state is State.GOOD
    assert "`earnest bot` logs in again" in found["bot"].says
    found = examine(world, data=folder, bot_password_file=None)
    assert wrong(found) == {"bot"}
    assert "The homeserver refuses the bot's token" in found["bot"].says


def _with_kept_identity(world: World, tmp_path: Path, **changes: str) -> Path:
    folder = _without_kept_login(world, tmp_path)
    (folder / "bot").mkdir()
    for name in ("account.json", "signing.json"):
        kept = json.loads((world.folder / "bot" / name).read_text())
        (folder / "bot" / name).write_text(json.dumps(kept | changes))
    return folder


def test_a_device_that_nobody_vouches_for(world: World, tmp_path: Path) -> None:
    folder = _with_kept_identity(world, tmp_path, device_id="ANOTHER")
    found = examine(world, data=folder)
    assert wrong(found) == {"bot device"}
    assert "is not signed" in found["bot device"].says
    assert "Restart `earnest bot`" in found["bot device"].mend


def test_an_identity_that_is_not_the_kept_one(world: World, tmp_path: Path) -> None:
    found = examine(world, data=_with_kept_identity(world, tmp_path, master="another"))
    assert wrong(found) == {"bot device"}
    assert "another identity" in found["bot device"].says


def test_an_identity_that_replaced_a_lost_one(world: World, tmp_path: Path) -> None:
    at = system_clock().isoformat(timespec="seconds")
    folder = _with_kept_identity(world, tmp_path, replaced="the lost one", replaced_at=at)
    found = examine(world, data=folder)
    assert (found["bot device"].state, wrong(found)) == (State.DOUBTFUL, set())
    assert f"replaced a lost one at {at}" in found["bot device"].says
    assert "backups" in found["bot device"].mend
    assert examine(world, data=folder, skew=timedelta(days=31))["bot device"].state is State.GOOD


def test_gifts_whose_contract_is_not_there_and_rooms_that_cannot_be_kept(world: World, tmp_path: Path) -> None:
    place = world.container.deployment
    without = tmp_path / "without.json"
    write_deployment(without, replace(place, pledges=None, pledges_block=None))
    found = examine(world, deployment=without)
    assert (found["supporters"].state, wrong(found)) == (State.DOUBTFUL, set())
    assert "add-pledges" in found["supporters"].mend
    with world.container.work() as work:
        lounge = {"cause": "0x1", "key": "lounge", "title": "Lounge", "error": "no \x1b[2J power"}
        work.session.add(SupportRoomRow(**lounge, made_at=work.now))
    try:
        assert "lounge: no \ufffd[2J power" in examine(world)["supporters"].says
    finally:
        with world.container.work() as work:
            work.session.execute(delete(SupportRoomRow).where(SupportRoomRow.key == "lounge"))
    assert "Gifts arrive at 0x" in examine(world)["supporters"].says
    nowhere = examine(world, cause=None)["supporters"]
    assert (nowhere.state, "EARNEST_CAUSE" in nowhere.says) == (State.GOOD, True)


def test_a_module_that_never_calls(world: World) -> None:
    silent = parse_server_name("silent.example")
    with world.container.work() as work:
        work.tenants.add(silent)
    try:
        found = examine(world)
        assert found["gate"].state is State.DOUBTFUL
        assert "has never called for silent.example" in found["gate"].says
        assert f"{world.plan.public_url}/api/1/spam_check" in found["gate"].mend
    finally:
        with world.container.work() as work:
            work.tenants.leave(silent)  # one that leaves need not call
    assert wrong(examine(world)) == set()


def test_a_module_that_no_longer_calls(world: World) -> None:
    found = examine(world, skew=timedelta(days=31))
    assert found["gate"].state is State.DOUBTFUL
    assert "has not called for localhost in 30 days" in found["gate"].says


def test_a_public_address_that_nobody_answers(world: World) -> None:
    found = examine(world, public_url=f"http://127.0.0.1:{ports.free_port()}")
    assert wrong(found) == {"public address"}
    assert "EARNEST_PUBLIC_URL" in found["public address"].mend


def test_a_public_address_of_something_else(world: World) -> None:
    found = examine(world, public_url=world.plan.homeserver_url)
    assert wrong(found) == {"public address"}
    assert "is not this service" in found["public address"].says


def test_no_broker(world: World) -> None:
    found = examine(world, broker_url=f"redis://:secret@127.0.0.1:{ports.free_port()}/0")
    assert wrong(found) == {"broker"}
    assert "secret" not in found["broker"].says
    assert examine(world, broker_url=None)["broker"].state is State.GOOD


def test_a_clock_that_is_wrong(world: World) -> None:
    found = examine(world, skew=timedelta(seconds=90))
    assert found["clock"].state is State.DOUBTFUL
    assert found["clock"].mend == "Set both by NTP."
    assert wrong(found) == set()
