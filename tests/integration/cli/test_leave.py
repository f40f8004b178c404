"""`earnest leave` and `earnest travel` on a real homeserver and a chain of play."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from click.testing import CliRunner, Result

from cli.local import anvil, synapse
from cli.local.synapse import Login
from cli.local.world import World
from cli.main import main
from kit.amounts import Amount
from kit.identifiers import parse_user_id

pytestmark = pytest.mark.homeserver


def earnest(world: World, *words: str) -> Result:
    return CliRunner().invoke(main, list(words), env={"EARNEST_DATA": str(world.folder)})


def until(true: Callable[[], object]) -> None:
    while not true():
        time.sleep(0.05)


def account(world: World) -> Login:
    return synapse.register(world.homeserver, f"u{secrets.token_hex(6)}", "a password of tests")


@pytest.fixture
def knock(world: World) -> Iterator[Callable[[], httpx.Response]]:
    """A stranger's knock at a door that asks 5 base units."""
    recipient, stranger = account(world), account(world)
    with world.container.work() as work:
        person = work.people.number(parse_user_id(recipient.user_id))
        work.doors.ask(person, stake=Amount(5), fee=Amount(0))
    headers = {"Authorization": f"Bearer {stranger.access_token}"}
    with httpx.Client(base_url=f"{world.homeserver.url}/_matrix/client/v3", headers=headers, timeout=60) as client:
        room = client.post("/createRoom", json={}).json()["room_id"]
        yield lambda: client.post(f"/rooms/{room}/invite", json={"user_id": recipient.user_id})


def test_a_homeserver_that_leaves_stops_nobodys_invite(world: World, knock: Callable[[], httpx.Response]) -> None:
    held = knock()
    assert held.status_code == 403
    assert "org.earnest.stake" in held.json()
    try:
        left = earnest(world, "leave", "localhost")
        assert left.exit_code == 0, left.output
        assert "module: synapse_http_antispam.HTTPAntispam" in left.output
        assert f"base_url: {world.plan.public_url}/api/1/spam_check" in left.output
        until(lambda: knock().status_code == 200)
    finally:
        stays = earnest(world, "leave", "localhost", "--undo", "--json")
    answer = json.loads(stays.output)
    assert (answer["server"], answer["leaving"]) == ("localhost", False)
    assert answer["last_call"] is not None


def test_the_gate_decides_again_for_one_that_stays(world: World, knock: Callable[[], httpx.Response]) -> None:
    assert earnest(world, "leave", "localhost").exit_code == 0
    assert earnest(world, "leave", "localhost", "--undo").exit_code == 0
    assert knock().status_code == 403


def test_whoever_never_came_cannot_leave(world: World) -> None:
    found = earnest(world, "leave", "nobody.example")
    assert found.exit_code == 1
    assert "nobody.example is no tenant" in found.output


def test_the_last_call_is_told_once_there_was_one(world: World, knock: Callable[[], httpx.Response]) -> None:
    def last_call() -> str | None:
        told: str | None = json.loads(earnest(world, "leave", "localhost", "--undo", "--json").output)["last_call"]
        return told

    before = last_call()
    until(lambda: knock().status_code and last_call() != before)


def test_time_passes_on_the_chain_of_play(world: World) -> None:
    before = anvil.head(world.plan.rpc_url)[1]
    found = earnest(world, "travel", "2h")
    assert found.exit_code == 0, found.output
    assert anvil.head(world.plan.rpc_url)[1] >= before + 7_200
    assert "on the chain now" in found.output


@pytest.mark.parametrize("words", ["", "h", "-1h", "1.5h", "1w", "0h", "48", "9999999s"])
def test_a_malformed_duration_is_refused(world: World, words: str) -> None:
    found = earnest(world, "travel", "--", words)
    assert found.exit_code == 1
    assert "Write a duration as 90s, 30m, 48h or 7d." in found.output
