"""How fast conditions are asked, rules of many viewers on one message, and texts scanned for everybody's patterns."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks._patterns import LITERALS, REGEXES, messages, patterns
from reputation.conditions.condition import read
from reputation.conditions.facts import FILTER_FACTS, flat, record
from reputation.filters.fan import Asked, Fan
from reputation.filters.patterns import Group
from reputation.filters.scanning import Scanner

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-peers-rules" / "bin" / "python"
_ROUNDS = 9
_FACTS = 2_000
_SEED = 11
_VIEWERS, _RULES = 1_000, 10
_RULE = "sender.standing < 0.2 && !sender.contact && message.text.contains('airdrop')"


def rules_eval() -> Mapping[str, Any]:
    """Measure evaluations a second of a rule with three terms, as ``judge`` asks it, beside CEL libraries."""
    chance = random.Random(_SEED)
    said = ("a free airdrop for you", "see you at eight")
    facts = [
        {
            "sender": {"standing": chance.choice((0.1, 0.15, 0.5)), "contact": chance.choice((True, False, False))},
            "message": {"text": chance.choice(said)},
        }
        for _ in range(_FACTS)
    ]
    condition = read(_RULE, FILTER_FACTS)
    records = [record(FILTER_FACTS, flat(each)) for each in facts]
    ask = condition.ask
    answers = [ask(each) for each in records]
    told = _peers({"task": "rules", "condition": _RULE, "facts": facts, "answers": answers})
    asked = _rate(lambda: [ask(each) for each in records], _FACTS)
    run = condition.part.run
    return {
        "value": round(asked),
        "unit": "evals/s",
        "better": "higher",
        "limit": 1_000_000,
        "peers": {name: round(value) for name, value in told.items()},
        "details": {
            "the function alone": round(_rate(lambda: [run(each) for each in records], _FACTS)),
            "with the parts that decided": round(_rate(lambda: [condition.explain(each) for each in records], _FACTS)),
            "read": round(_rate(lambda: [read(_RULE, FILTER_FACTS) for _ in range(100)], 100)),
        },
    }


def rules_fan() -> Mapping[str, Any]:
    """Milliseconds until ten rules of each of a thousand viewers were asked of one message, its scan included."""
    chance = random.Random(_SEED)
    literals, _ = patterns()
    # Every hundredth message has some of them: words that people do say, and those that nobody does.
    spoken = [f"{word} " for word in ("call", "free", "you", "the", "txt", "claim", "love", "prize", "now", "what")]
    words = [*spoken, *literals[: _VIEWERS - len(spoken)]]
    groups = [Group((word,)) for word in words]
    rules = [_rule(chance, viewer, number, len(words)) for viewer in range(_VIEWERS) for number in range(_RULES)]
    fan = Fan(groups, rules)
    known = [record(FILTER_FACTS, {"sender.standing": viewer % 10 / 10}) for viewer in range(_VIEWERS)]
    texts = messages()[:400]
    held = [fan.hits(text, known.__getitem__) for text in texts]
    assert any(held), "some rule must hold, or nothing was measured"
    times = []
    for text in texts * 3:
        begun = time.perf_counter()
        fan.hits(text, known.__getitem__)
        times.append(1_000 * (time.perf_counter() - begun))
    return {
        "value": round(statistics.median(times), 4),
        "unit": "ms",
        "better": "lower",
        "limit": 2,
        "details": {
            "slowest of 100": round(statistics.quantiles(times, n=100)[-1], 4),
            "every rule by itself": round(_one_by_one(rules, known), 2),
            "rules that hold, on average": round(statistics.mean(map(len, held)), 2),
        },
    }


def text_match() -> Mapping[str, Any]:
    """Messages a second that are scanned for 10,000 literals and 1,000 regexes at once, beside hyperscan."""
    literals, regexes = patterns()
    assert (len(literals), len(regexes)) == (LITERALS, REGEXES)
    begun = time.perf_counter()
    scanner = Scanner([*(Group((each,)) for each in literals), *(Group((), (each,)) for each in regexes)])
    built = time.perf_counter() - begun
    texts = messages()
    told = _peers({"task": "texts"})
    sample = [text for text in texts if text.isascii()][: len(told["found"])]
    assert [_bits(scanner.scan(text)) for text in sample] == told["found"], (
        "both must find the same before speed counts"
    )
    scan = scanner.scan
    return {
        "value": round(_rate(lambda: [scan(text) for text in texts], len(texts))),
        "unit": "messages/s",
        "better": "higher",
        "limit": 150_000,
        "peers": {"hyperscan": round(told["hyperscan"])},
        "least_ratio": 0.25,
        "details": {
            "seconds to compile": round(built, 2),
            "characters of a message": round(statistics.mean(map(len, texts))),
            "share of ASCII": round(sum(text.isascii() for text in texts) / len(texts), 3),
        },
    }


def _rule(chance: random.Random, viewer: int, number: int, words: int) -> Asked:
    """Make a rule of one viewer: a pattern, and half of the time another that must not be there, or the standing."""
    names = {"one": chance.randrange(words), "two": chance.randrange(words)}
    more = chance.choice(("", "", " && !('two' in text.found)", " && sender.standing < 0.3"))
    return Asked(viewer, number, read(f"'one' in text.found{more}", FILTER_FACTS), names)


def _one_by_one(rules: list[Asked], known: list[Any]) -> float:
    """Measure what it costs to ask every rule, without looking at what is in the text first."""
    begun = time.perf_counter()
    for asked in rules:
        asked.condition.part.run(known[asked.viewer])
    return 1_000 * (time.perf_counter() - begun)


def _bits(found: int) -> list[int]:
    return [place for place in range(found.bit_length()) if found >> place & 1]


def _rate(work: Callable[[], object], count: int) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        work()
        rounds.append(count / (time.perf_counter() - begun))
    return statistics.median(rounds)


def _peers(task: Mapping[str, Any]) -> dict[str, Any]:
    """Let the program in the peers' environment measure."""
    if not PEERS.exists():
        raise SystemExit("bench: the peers are not installed; `make bench` does it")
    program = str(Path(__file__).with_name("_rules_peers.py"))
    done = subprocess.run([str(PEERS), program], input=json.dumps(task), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: the peers failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


BENCHMARKS = {"rules_eval": rules_eval, "rules_fan": rules_fan, "text_match": text_match}
