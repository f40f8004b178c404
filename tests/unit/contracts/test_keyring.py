"""The keyring: no key comes back by itself, and two that change the list at once lose nothing of each other's."""

from __future__ import annotations

import fcntl
import json
import threading
from pathlib import Path

import pytest

from contracts import signers
from contracts.keyring import Keyring

PASSWORD = "correct horse"
ROLES = ("resolver", "relayer")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A keystore with a key for each role."""
    for role in ROLES:
        signers.create_key(tmp_path, role, PASSWORD, kdf_work=2)
    return tmp_path


def a_ring(folder: Path) -> Keyring:
    return Keyring(folder, password=lambda: PASSWORD, signers={}, kdf_work=2)


def test_a_key_that_was_taken_out_of_the_list_is_never_taken_for_a_new_one(folder: Path) -> None:
    """It was stolen, say, and its file still lies there."""
    ring = a_ring(folder)
    first, stolen = ring.current("resolver"), ring.make("resolver")
    ring.switch(stolen)
    ring.switch(first)
    (folder / "keys.json").write_text(json.dumps({"resolver": ["resolver"]}))
    new = ring.make("resolver")
    assert new.address not in (first.address, stolen.address)
    ring.switch(new)
    assert [key.file for key in ring.keys("resolver")] == ["resolver-3", "resolver"]


def test_two_that_change_the_list_at_once_lose_nothing_of_each_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {role: a_ring(folder).make(role) for role in ROLES}
    moved = threading.Event()
    """The second one waits for the first, or is done."""
    asked: list[int] = []
    lock, replace = fcntl.flock, Path.replace

    def locks(file: int, how: int) -> None:
        asked.append(file)
        if len(asked) > 1:
            moved.set()
        lock(file, how)

    def second() -> None:
        a_ring(folder).switch(new["relayer"])
        moved.set()

    other = threading.Thread(target=second)

    def replaces(draft: Path, target: Path) -> Path:
        if threading.current_thread() is not other:
            other.start()
            moved.wait()
        return replace(draft, target)

    monkeypatch.setattr(fcntl, "flock", locks)
    monkeypatch.setattr(Path, "replace", replaces)
    a_ring(folder).switch(new["resolver"])
    other.join()
    assert [a_ring(folder).current(role) for role in ROLES] == [new["resolver"], new["relayer"]]
