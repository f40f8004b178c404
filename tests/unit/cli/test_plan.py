"""A world's plan: fresh secrets, kept privately, read back as it was written; one run at a time."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cli.local.plan import (
    KEPT,
    PEOPLE,
    STRANGERS,
    Ports,
    has_plan,
    held,
    new_plan,
    read_plan,
    write_plan,
    write_private,
)
from kit.errors import Conflict, Invalid


def test_a_plan_is_read_as_it_was_written_and_for_its_owner_alone(tmp_path: Path) -> None:
    assert not has_plan(tmp_path)
    plan = new_plan(tmp_path, pace=KEPT, wanted={})
    write_plan(plan)
    assert has_plan(tmp_path)
    assert read_plan(tmp_path) == plan
    assert (tmp_path / "world.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["world.json"]


def test_two_worlds_have_no_secret_in_common(tmp_path: Path) -> None:
    one, other = (new_plan(tmp_path, pace=KEPT, wanted={}) for _ in range(2))
    assert one.registration_secret != other.registration_secret
    assert one.bot_password != other.bot_password
    assert set(one.passwords) == set(PEOPLE)


def test_a_moved_world_is_the_same_world(tmp_path: Path) -> None:
    plan = new_plan(tmp_path, pace=KEPT, wanted={})
    moved = plan.moved(Ports(api=1, homeserver=2, chain=3, broker=4))
    assert replace(moved, ports=plan.ports) == plan
    assert (moved.public_url, moved.homeserver_url, moved.rpc_url) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
    )


def test_what_a_killed_node_loses_lies_above_finality() -> None:
    assert KEPT.save_every is not None
    assert KEPT.save_every < 2 * KEPT.epoch * KEPT.block_time


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"server_name": 1}'])
def test_a_damaged_plan_is_told(tmp_path: Path, damage: str) -> None:
    (tmp_path / "world.json").write_text(damage)
    with pytest.raises(Invalid, match="is damaged"):
        read_plan(tmp_path)


@pytest.mark.parametrize("part", ["server_name", "ports", "registration_secret", "bot_password", "passwords", "pace"])
def test_a_plan_without_a_part_is_damaged(tmp_path: Path, part: str) -> None:
    write_plan(new_plan(tmp_path, pace=KEPT, wanted={}))
    document = json.loads((tmp_path / "world.json").read_text())
    del document[part]
    (tmp_path / "world.json").write_text(json.dumps(document))
    with pytest.raises(Invalid, match="is damaged"):
        read_plan(tmp_path)


def test_a_private_file_is_never_open_to_others_and_replaces_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret"
    write_private(file, "one")
    file.chmod(0o644)
    write_private(file, "two")
    assert file.read_text() == "two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_world_is_held_by_one(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(Conflict, match=rf"is running \(process {os.getpid()}\)"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def test_a_federated_world_has_two_homeservers_whose_names_never_change(tmp_path: Path) -> None:
    plan = new_plan(tmp_path, pace=KEPT, wanted={}, federated=True)
    write_plan(plan)
    assert read_plan(tmp_path) == plan
    far = plan.elsewhere
    assert far is not None
    assert plan.server_name == f"localhost:{far.our_federation}"
    assert (plan.user_id("alice"), plan.user_id("erin")) == (
        f"@alice:localhost:{far.our_federation}",
        f"@erin:127.0.0.1:{far.its_federation}",
    )
    assert set(plan.passwords) == {*PEOPLE, *STRANGERS}
    usual = (plan.ports.api, plan.ports.homeserver, plan.ports.chain, plan.ports.broker)
    assert len({*usual, *far.ports().values()}) == 7
    moved = plan.moved(Ports(api=1, homeserver=2, chain=3, broker=4))
    assert (moved.server_name, moved.elsewhere) == (plan.server_name, far)


def test_a_plan_of_before_there_was_a_second_homeserver_is_read(tmp_path: Path) -> None:
    plan = new_plan(tmp_path, pace=KEPT, wanted={})
    write_plan(plan)
    document = json.loads((tmp_path / "world.json").read_text())
    del document["elsewhere"]
    (tmp_path / "world.json").write_text(json.dumps(document))
    assert read_plan(tmp_path) == plan
    assert plan.people == PEOPLE
    assert plan.user_id("erin") == "@erin:localhost"
