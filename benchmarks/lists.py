"""How fast names are looked for among the patterns of a large list, beside what goes through them one by one."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from reputation.lists.globs import Globs

_SEED = 7
_ROUNDS = 7
_LITERALS, _GLOBS = 36_069, 13_931
_HIT = 0.117
_NAMES, _NAMES_OF_PEER = 50_000, 300
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def globs() -> Mapping[str, Any]:
    """Look Matrix ids up among 50,000 rules, the mix of shapes being that of large policy lists, one in nine hit.

    The peer is what the usual bots do: a table of names, and each pattern as a regex of its own after it.
    """
    chance = random.Random(_SEED)
    rules = _rules(chance)
    names = [_name(chance, rules) for _ in range(_NAMES)]
    began = time.perf_counter()
    ours = Globs(rules)
    building = time.perf_counter() - began
    theirs = _one_by_one(rules)
    few = names[:_NAMES_OF_PEER]
    assert [ours.find(name) for name in few] == [theirs(name) for name in few]
    rates = [(_rate(ours.find, names), _rate(theirs, few)) for _ in range(_ROUNDS)]
    return {
        "value": round(statistics.median(rate for rate, _ in rates)),
        "unit": "ids/s",
        "better": "higher",
        "limit": 200_000,
        "peers": {"a table of names, then regexes one by one": round(statistics.median(rate for _, rate in rates))},
        "details": {"rules": len(rules), "built in ms": round(1000 * building)},
    }


def _rules(chance: random.Random) -> list[str]:
    def word(length: int) -> str:
        return "".join(chance.choices(_LETTERS, k=length))

    servers = [f"{word(chance.randint(4, 12))}.{chance.choice(('org', 'com', 'net', 'io'))}" for _ in range(20_000)]
    shapes: tuple[tuple[int, Callable[[], str]], ...] = (
        (50, lambda: f"@*:{word(9)}.org"),
        (21, lambda: f"@*:*.{word(8)}.com"),
        (15, lambda: f"@{word(5)}*:{chance.choice(servers[:50])}"),
        (10, lambda: f"@*{word(6)}*:*"),
        (4, lambda: f"@{word(3)}?{word(2)}*:{chance.choice(servers)}"),
    )
    made = chance.choices([shape for _, shape in shapes], [weight for weight, _ in shapes], k=_GLOBS)
    rules = [shape() for shape in made] + [f"@{word(8)}:{chance.choice(servers)}" for _ in range(_LITERALS)]
    chance.shuffle(rules)
    return rules


def _name(chance: random.Random, rules: list[str]) -> str:
    pattern = chance.choice(rules)
    if chance.random() < _HIT:
        return pattern.replace("*", "x").replace("?", "y")
    who = "".join(chance.choices(_LETTERS, k=9))
    return f"@{who}:{pattern.rpartition(':')[2].replace('*', 'other')}.example"


def _one_by_one(rules: list[str]) -> Callable[[str], list[int]]:
    table: dict[str, list[int]] = {}
    regexes: list[tuple[int, re.Pattern[str]]] = []
    for number, rule in enumerate(rules):
        if "*" in rule or "?" in rule:
            regex = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in rule)
            regexes.append((number, re.compile(regex, re.DOTALL)))
        else:
            table.setdefault(rule, []).append(number)

    def find(name: str) -> list[int]:
        return sorted([*table.get(name, ()), *(number for number, regex in regexes if regex.fullmatch(name))])

    return find


def _rate(find: Callable[[str], list[int]], names: list[str]) -> float:
    began = time.perf_counter()
    for name in names:
        find(name)
    return len(names) / (time.perf_counter() - began)


BENCHMARKS = {"globs": globs}
