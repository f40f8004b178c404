"""How fast names are looked for among the patterns of a large list, beside what goes through them one by one."""

from __future__ import annotations

import gc
import json
import random
import re
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import _rules_of_lists as made_up
from benchmarks._world import ENTRIES, LISTS, entries_of
from kit.identifiers import UserId
from reputation.lists.globs import Globs
from reputation.lists.labels import Labels
from reputation.lists.model import Entry, Recommendation, Subject

_SEED = 7
_ROUNDS = 7
_LITERALS, _GLOBS = 36_069, 13_931
_HIT = 0.117
_NAMES, _NAMES_OF_PEER = 50_000, 300


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
    servers = made_up.servers(chance)
    rules = [made_up.pattern(chance, servers) for _ in range(_GLOBS)]
    rules += [made_up.name(chance, servers) for _ in range(_LITERALS)]
    chance.shuffle(rules)
    return rules


def _name(chance: random.Random, rules: list[str]) -> str:
    pattern = chance.choice(rules)
    if chance.random() < _HIT:
        return pattern.replace("*", "x").replace("?", "y")
    who = made_up.word(chance, 9)
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


def list_memory() -> Mapping[str, Any]:
    """Bytes of memory for an entry, with five lists of 100,000 in force; a process of its own measures itself."""
    told = subprocess.run([sys.executable, "-m", "benchmarks.lists"], check=True, capture_output=True, text=True)
    found = json.loads(told.stdout)
    return {"value": found.pop("grown"), "unit": "bytes/entry", "better": "lower", "limit": 200, "details": found}


def _weigh() -> None:
    """Make the labels of five lists, and tell what they take: as the system counts it, and as Python does."""
    entries = LISTS * ENTRIES
    before = _resident()
    labels = _labels()
    grown = _resident() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert labels.of_user(UserId("@nobody:nowhere.invalid")) == []
    del labels
    gc.collect()
    tracemalloc.start()
    labels = _labels()
    traced = tracemalloc.get_traced_memory()[0]
    assert labels.of_room("!nowhere:nowhere.invalid") == []
    per = {"grown": grown, "while it is made": peak, "of which Python knows": traced}
    print(json.dumps({name: round(value / entries, 1) for name, value in per.items()}))


def _labels() -> Labels:
    def _entries(number: int) -> Iterator[Entry]:
        for subject, entity, said, below, reason in entries_of(number):
            yield Entry(Subject(subject), entity, Recommendation(said), reason, below=below)

    return Labels({f"list{number}": _entries(number) for number in range(1, LISTS + 1)})


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


BENCHMARKS = {"globs": globs, "list_memory": list_memory}

if __name__ == "__main__":
    _weigh()
