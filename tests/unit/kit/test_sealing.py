"""Sealing: what is sealed opens under its own key and for its own purpose, and nowhere else."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit.errors import Conflict, Invalid
from kit.sealing import MOST_KEYS, KeptSeal, Seal, change_keys, kept_keys, make_key, parse_key, parse_keys

KEY, OTHER = parse_key(make_key()), parse_key(make_key())


def test_a_secret_opens_again_and_looks_different_each_time() -> None:
    seal = Seal(KEY)
    one, two = seal.close(b"a secret", "webhook:1"), seal.close(b"a secret", "webhook:1")
    assert one != two
    assert b"secret" not in one
    assert seal.open(one, "webhook:1") == seal.open(two, "webhook:1") == b"a secret"
    assert repr(seal) == "<Seal>"


def test_it_opens_nowhere_else() -> None:
    sealed = Seal(KEY).close(b"a secret", "webhook:1")
    for seal, what, purpose in (
        (Seal(OTHER), sealed, "webhook:1"),
        (Seal(KEY), sealed, "webhook:2"),
        (Seal(KEY), sealed[:-1], "webhook:1"),
        (Seal(KEY), bytes([sealed[0], sealed[1] ^ 1]) + sealed[2:], "webhook:1"),
        (Seal(KEY), b"\x02" + sealed[1:], "webhook:1"),
        (Seal(KEY), b"", "webhook:1"),
    ):
        with pytest.raises(Conflict) as refused:
            seal.open(what, purpose)
        assert refused.value.code == "sealed_otherwise"


@pytest.mark.parametrize("text", ["", "short", "A" * 43, "A" * 44 + "=", "not base64!"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_key(text)


def test_a_key_is_made_once_by_whoever_comes_first_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "sealing.key"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: kept_keys(file), range(16)))
    assert found == {kept_keys(file)}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["sealing.key"]


def test_a_key_is_on_the_disk_before_it_has_its_name_and_its_name_before_anything_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, done = tmp_path / "sealing.key", list[str]()
    sync, link = os.fsync, os.link

    def synced(opened: int) -> None:
        about = os.fstat(opened)
        done.append("folder" if stat.S_ISDIR(about.st_mode) else f"{about.st_size} bytes")
        sync(opened)

    def linked(draft: Path, name: Path) -> None:
        done.append("name")
        link(draft, name)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    kept_keys(file)
    assert done == [f"{file.stat().st_size} bytes", "name", "folder"]


def test_older_keys_open_and_the_first_one_seals() -> None:
    before, both = Seal(OTHER).close(b"a secret", "webhook:1"), Seal(KEY, OTHER)
    assert both.open(before, "webhook:1") == b"a secret"
    assert not both.is_current(before, "webhook:1")
    after = both.close(b"a secret", "webhook:1")
    assert both.is_current(after, "webhook:1")
    assert Seal(KEY).open(after, "webhook:1") == b"a secret"
    with pytest.raises(Conflict):
        Seal(OTHER).open(after, "webhook:1")


def test_whoever_seals_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sealing.key"
    seal = KeptSeal(file)
    before = seal.now().close(b"a secret", "webhook:1")
    assert seal.now() is seal.now()
    change_keys(file, lambda keys: [KEY, *keys])
    assert seal.now().open(before, "webhook:1") == b"a secret"
    assert Seal(KEY).open(seal.now().close(b"another", "webhook:1"), "webhook:1") == b"another"
    change_keys(file, lambda keys: keys[:1])
    with pytest.raises(Conflict):
        seal.now().open(before, "webhook:1")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["sealing.key"]


def test_of_several_that_change_the_keys_at_once_none_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "sealing.key"
    added = [parse_key(make_key()) for _ in range(MOST_KEYS - 1)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: change_keys(file, lambda keys: [key, *keys]), added))
    assert {*added} < {*kept_keys(file)}
    with pytest.raises(Invalid):
        change_keys(file, lambda keys: [KEY, *keys])
    assert {*added} < {*kept_keys(file)}
    assert parse_keys(file.read_text(encoding="ascii").replace("\n", "  ")) == kept_keys(file)
