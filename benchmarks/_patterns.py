"""Messages and patterns for the benchmarks of rules, the same for ours and for peers; it needs no library."""

from __future__ import annotations

import random
import re
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LITERALS, REGEXES = 10_000, 1_000
_DOMAINS = 6_000
_SYLLABLES = [consonant + vowel for consonant in "bdklmnrst" for vowel in "aeio"]
_SEED = 7


def messages() -> list[str]:
    """Give real short messages, or made-up ones where there are none."""
    file = DATA / "sms.tsv"
    if file.is_file():
        return [line.partition("\t")[2] for line in file.read_text(encoding="utf-8").splitlines()]
    chance = random.Random(_SEED)
    return [" ".join(_word(chance) for _ in range(chance.randint(4, 40))) for _ in range(5_000)]


def patterns() -> tuple[list[str], list[str]]:
    """Give literals (real phishing domains where there are any, and phrases) and regexes of several shapes."""
    chance = random.Random(_SEED)
    said = sorted({word for text in messages() for word in re.findall(r"[a-z]{4,12}", text.lower())})
    file = DATA / "phish_domains.txt"
    literals = set(file.read_text(encoding="utf-8").split()[:_DOMAINS]) if file.is_file() else set()
    while len(literals) < LITERALS:
        literals.add(f"{chance.choice(said)} {_word(chance)}")
    shapes = (
        r"\b{a}\s+{b}\b",
        r"{a}[0-9]{{2,4}}",
        r"(?:{a}|{b})\s+now\b",
        r"https?://[a-z0-9.-]*{b}",
        r"\b{a}\W+{b}s?\b",
    )
    regexes: set[str] = set()
    while len(regexes) < REGEXES:
        regexes.add(chance.choice(shapes).format(a=chance.choice(said), b=_word(chance)))
    return sorted(literals), sorted(regexes)


def _word(chance: random.Random) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(2, 5)))
