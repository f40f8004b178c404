"""`earnest list publish` and what goes with it: one operator publishes, another checks, follows and trusts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cli.main import main
from cli.migrations import upgrade
from kit.clock import system_clock
from kit.database import Database, make_engine
from tests.support.services import PASSWORD, a_container, listening

Run = Callable[..., str]
BLOCKLIST = "#domain,#severity,#public_comment\nevil.example,suspend,floods\nquiet.example,silence,\ncom,suspend,\n"


@pytest.fixture
def blocklist(tmp_path: Path) -> Path:
    file = tmp_path / "list.csv"
    file.write_text(BLOCKLIST)
    return file


def an_operator(folder: Path) -> Run:
    database = Database(make_engine(f"sqlite:///{folder / 'earnest.db'}"))
    upgrade(database.engine.url.render_as_string(hide_password=False))
    a_container(folder, database).close()
    environment = {
        "EARNEST_DATA": str(folder),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_PRIVATE_NETWORKS": "127.0.0.0/8",
        "EARNEST_PUBLIC_URL": "https://lists.example",
    }

    def run(*words: object, code: int = 0) -> str:
        found = CliRunner().invoke(main, ["list", *map(str, words)], env=environment)
        assert found.exit_code == code, found.output
        lines = [line for line in found.output.splitlines() if "gate_warm" not in line]  # of the service beside us
        return "\n".join(lines).translate({0x2068: None, 0x2069: None})

    return run


@pytest.fixture
def publisher(tmp_path: Path) -> Run:
    return an_operator(tmp_path / "publisher")


@pytest.fixture
def follower(tmp_path: Path) -> Run:
    return an_operator(tmp_path / "follower")


@pytest.fixture
def served(publisher: Run, blocklist: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a list of three entries."""
    made = json.loads(publisher("publish", "bad", blocklist, "--as", "@op:lists.example", "--json"))
    folder = tmp_path / "publisher"
    database = Database(make_engine(f"sqlite:///{folder / 'earnest.db'}"))
    with listening(a_container(folder, database, clock=system_clock)) as url:
        yield f"{url}/v1/lists/{made['id']}"
    database.engine.dispose()


def test_a_file_is_published_and_kept_equal(publisher: Run, blocklist: Path) -> None:
    assert "Nobody publishes a list here" in publisher("published")
    made = publisher("publish", "bad", blocklist, "--as", "@op:lists.example", "--title", "Bad servers")
    assert "bad is at version 3: 2 said, 0 taken back." in made
    assert "left out: 1," in made
    assert "https://lists.example/v1/lists/" in made
    blocklist.write_text(BLOCKLIST.replace("quiet.example,silence", "other.example,suspend"))
    again = publisher("publish", "bad", blocklist, "--as", "@op:lists.example")
    assert "1 said, 1 taken back." in again
    assert "0 said, 0 taken back." in publisher("publish", "bad", blocklist, "--as", "@op:lists.example")
    shown = publisher("published")
    assert "Bad servers by @op:lists.example" in shown
    found = json.loads(publisher("published", "--json"))
    (one,) = found["lists"]
    assert (one["name"], one["retired"], len(found["keys"])) == ("bad", False, 1)
    assert "aborted" in publisher("unpublish", one["id"], code=1).lower()
    publisher("unpublish", one["id"], "--yes")
    assert json.loads(publisher("published", "--json"))["lists"][0]["retired"]
    assert "No such list" in publisher("unpublish", "nothing", "--yes", code=1)


def test_another_operator_checks_follows_and_trusts(
    publisher: Run, follower: Run, served: str, blocklist: Path
) -> None:
    key = json.loads(publisher("published", "--json"))["keys"][0]
    good = follower("sign-check", served)
    assert f"signed by {key}" in good
    assert "None was kept back" in good
    assert json.loads(follower("sign-check", served, "--json", "--key", key))["good"]
    other = "ed25519:" + "A" * 43
    assert "Its key is" in follower("sign-check", served, "--key", other, code=1)
    assert "Its key is" in follower("follow", "bad", served, "--key", other, code=1)
    follower("follow", "bad", served, "--key", key)
    shown = follower("followed")
    assert "bad by @op:lists.example, version" in shown
    assert key in shown
    told = json.loads(follower("followed", "--json"))
    assert (told[0]["signed"]["author"], told[0]["form"]) == ("@op:lists.example", "signed")
    assert "0 entries written" in follower("trust", "bad", "--key", key)
    assert "Its key is" in follower("trust", "bad", "--key", other, code=1)
    assert "Its key is" in json.loads(follower("followed", "--json"))[0]["error"]
    follower("trust", "bad", "--key", key)
    follower("unfollow", "bad", "--yes")
    follower("follow", "file", blocklist)
    assert "no list that a service signs" in follower("trust", "file", "--key", key, code=1)


def test_what_was_saved_can_be_checked_too(follower: Run, served: str, tmp_path: Path) -> None:
    page = httpx.get(f"{served}/labels").json()
    file = tmp_path / "answer.json"
    for thing in (page, page["header"], page["labels"][0]):
        file.write_text(json.dumps(thing))
        assert "good: " in follower("sign-check", file)
        assert "another key" in follower("sign-check", file, "--key", "ed25519:" + "A" * 43, code=1)
    file.write_text(json.dumps({**page["labels"][0], "value": "allow"}))
    assert "signature is not good" in follower("sign-check", file, code=1)
    for wrong in ("[]", "{", "{}"):
        file.write_text(wrong)
        assert follower("sign-check", file, code=1).startswith("Error: ")
    assert "It answered 404." in follower("sign-check", served + "x", code=1)
