"""Many hashes at once are what each is by itself, whatever the library has in the place of what is called here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from Crypto.Hash import keccak as library
from eth_hash.auto import keccak

from contracts import digests

MESSAGES = [bytes([length % 251]) * length for length in range(300)]


def test_hashes_are_those_of_the_library() -> None:
    assert digests.keccak_each(MESSAGES) == [keccak(message) for message in MESSAGES]
    assert digests.keccak_each([]) == []


def test_threads_do_not_mix_their_hashes() -> None:
    wanted = [keccak(message) for message in MESSAGES]
    with ThreadPoolExecutor(4) as pool:
        assert all(found == wanted for found in pool.map(digests.keccak_each, [MESSAGES] * 40))


def test_this_version_of_the_library_is_called_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert digests.keccak_each is digests._at_once
    monkeypatch.setattr(library, "_raw_keccak_lib", object())
    assert digests._chosen() is digests._one_by_one
