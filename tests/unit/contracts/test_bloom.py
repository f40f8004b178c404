"""Bloom filters of many blocks at once are what each is by itself, whatever is remembered of the words in them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import or_

import numpy as np
import pytest
from eth_hash.auto import keccak

from contracts import bloom
from contracts.bloom import bits_of, bits_of_all, bits_of_words
from contracts.digests import keccak_each

ZERO = bytes(32)


def words(numbers: Iterable[int]) -> list[bytes]:
    return [number.to_bytes(32) for number in numbers]


def together(group: Iterable[bytes]) -> int:
    return reduce(or_, map(bits_of, group), 0)


def test_an_item_sets_the_bits_that_its_hash_says() -> None:
    # The yellow paper counts from the left of the filter: bit 0 is the lowest of its last byte.
    digest = keccak(b"\x11" * 20)
    places = {int.from_bytes(digest[start : start + 2]) & 0x7FF for start in (0, 2, 4)}
    assert {place for place in range(2048) if bits_of(b"\x11" * 20) >> place & 1} == places


def test_the_bits_of_many_blocks_are_those_of_each() -> None:
    chance = random.Random(7)
    for _ in range(3):  # unknown, known, and in other company
        groups = [set(words(chance.choices(range(900), k=size))) for size in (0, 1, 2, 100, 0, 700)]
        assert bits_of_words(groups) == [together(group) for group in groups]
    assert bits_of_all(words(range(5))) == together(words(range(5)))
    assert bits_of_words([]) == []
    assert bits_of_words([(), set()]) == [0, 0]


def test_a_word_of_nothing_is_no_empty_place() -> None:
    assert bits_of_words([[ZERO]]) == [bits_of(ZERO)]
    assert bits_of_words([[ZERO], [ZERO]]) == [bits_of(ZERO)] * 2


def test_words_that_share_a_place_are_told_from_each_other() -> None:
    # Whoever sends money to addresses of his own making chooses where they are remembered.
    parts = [bytes([number]) * 8 for number in (1, 2, 3, 4)]
    sharing = [b"".join(parts[turn:] + parts[:turn]) for turn in range(4)]
    for group in (sharing, sharing[::-1], sharing[:1], sharing[1:2], sharing):
        assert bits_of_words([[word] for word in group]) == list(map(bits_of, group))


def test_threads_do_not_mix_what_they_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [bytes([number]) * 8 for number in (5, 6, 7, 8)]
    sharing = [b"".join(parts[turn:] + parts[:turn]) for turn in range(4)]
    hashes = dict(zip(sharing, keccak_each(sharing), strict=True))
    # So many at once that numpy lets others run meanwhile, and as little else to do as can be.
    monkeypatch.setattr(bloom, "keccak_each", lambda words: [hashes[word] for word in words])
    known = bloom._known
    alone = {word: int(known.of(np.frombuffer(word, np.uint64).reshape(1, -1))[0]) for word in sharing}

    def all_right(seed: int) -> bool:
        chosen = random.Random(seed).choices(sharing, k=3_000)
        found = known.of(np.frombuffer(b"".join(chosen), np.uint64).reshape(3_000, -1))
        return list(map(int, found)) == [alone[word] for word in chosen]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(all_right, range(400)))


def test_addresses_counted_up_have_places_of_their_own() -> None:
    hashed = list[bytes]()

    def counted(items: Iterable[bytes]) -> list[bytes]:
        some = list(items)
        hashed.extend(some)
        return keccak_each(some)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bloom, "keccak_each", counted)
        for _ in range(2):
            bits_of_words([words(range(5 * 10**9, 5 * 10**9 + 100_000))])
    assert len(hashed) < 110_000
