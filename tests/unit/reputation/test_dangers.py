"""Dangers in a list: what hits one's own is looked up, and found as if each entry were held against each name."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest

from reputation.lists.dangers import Danger, dangers
from reputation.lists.globs import hits
from reputation.lists.model import Entry, Listing, Recommendation, Subject

MINE = ("home.example", "home.example:8448", "@earnest:home.example", "!room:home.example", "b.home.example")
_SERVERS = (
    "home.example",
    "HOME.example",
    "b.home.example",
    "h*e.example",
    "*.home.example",
    "example.org",
    "*home.?x*",
)
_USERS = (
    "@earnest:home.example",
    "@*:home.example",
    "@*:*.home.example",
    "@e*:home.example",
    "@x:home.example",
    "*ear*",
)
_ROOMS = ("!room:home.example", "!*:home.example", "#room:home.example")


def held(entry: Entry, name: str) -> bool:
    """Whether an entry hits a name of one's own, by holding one against the other."""
    server = name.partition(":")[2] if name[:1] in "@!#" else name
    bare = server.rpartition(":")[0] if server.rpartition(":")[2].isdigit() else server
    if entry.subject is Subject.SERVER:
        asked = [server, bare]
    elif entry.subject is Subject.USER:
        asked = [name] if name[:1] == "@" else [f"@{chr(0) * 32}:{name}"] if name[:1] not in "!#" else []
    else:
        asked = [name] if name[:1] in "!#" else []
    if entry.entity is None:
        return any(chr(0) not in one and entry.sha256 == sha256(one.encode()).digest() for one in asked)
    return any(hits(pattern.lower(), one) for pattern in entry.patterns for one in asked)


def an_entry(chance: Random) -> Entry:
    subject = chance.choice(list(Subject))
    of = {Subject.SERVER: _SERVERS, Subject.USER: _USERS, Subject.ROOM: _ROOMS}[subject]
    said, name = chance.choice(list(Recommendation)), chance.choice(of)
    if chance.random() < 0.2:
        return Entry(subject, None, said, "", sha256=sha256(name.encode()).digest())
    return Entry(subject, name, said, "", below=subject is Subject.SERVER and chance.random() < 0.5)


@pytest.mark.parametrize("seed", range(40))
def test_ones_own_are_found_as_by_holding_each_against_each(seed: int) -> None:
    chance = Random(seed)
    listing = Listing("", tuple(an_entry(chance) for _ in range(30)))
    found = [(one.entry, one.whom) for one in dangers(listing, MINE) if one.danger is Danger.YOURS]
    banned = [one for one in listing if one.recommendation is not Recommendation.ALLOW]
    assert found == [(one, name) for one in banned for name in MINE if held(one, name)]


def test_a_long_list_is_gone_through_a_few_times_however_many_servers_are_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = [0]

    def _counted(entry: Entry) -> tuple[str, ...]:
        asked[0] += 1
        return (entry.name,)

    monkeypatch.setattr(Entry, "patterns", property(_counted))
    listing = Listing("", tuple(Entry(Subject.SERVER, f"{n}.example", Recommendation.BAN, "") for n in range(1_000)))
    assert not list(dangers(listing, [f"mine{n}.example" for n in range(200)]))
    assert asked[0] < 10 * len(listing.entries)
