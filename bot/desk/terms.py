"""Terms: reads how a list is to act, as it is written behind ``subscribe`` and ``preview``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from bot.commands.command import Unclear
from kit.errors import Invalid
from reputation.enforcement.model import OF_PEOPLE, OF_SERVERS, Consequence, Follows, Mode, Subscription
from reputation.lists.model import Recommendation

BY_AUTHOR, BY_NOBODY = "author", "none"
LONGEST: Final = 3_650
"""Days for which a list may act."""
_DAYS: Final = re.compile(r"([0-9]{1,4})d")
_NUMBER: Final = re.compile(r"([0-9]{1,4})%?")
_OF_PEOPLE: Final = frozenset(Consequence) - {Consequence.DENY}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a list is to act; what is ``None`` or empty stays as it is, or as is usual."""

    mode: Mode | None = None
    weight: int | None = None
    share: int | None = None
    days: int | None = None
    people: Follows = field(default_factory=dict)
    servers: Follows = field(default_factory=dict)
    trust: str | None = None
    """``author``, ``none``, or the Matrix id of somebody as whose word the list is to count."""

    def of(self, number: int, name: str, before: Subscription | None, now: datetime) -> Subscription:
        """Return the subscription to a list that these terms make of what was before."""
        known = before or Subscription(number, name)
        return replace(
            known,
            mode=self.mode or known.mode,
            weight=known.weight if self.weight is None else self.weight,
            share=known.share if self.share is None else self.share,
            until=known.until if self.days is None else now + timedelta(days=self.days) if self.days else None,
            people={**(before.people if before else OF_PEOPLE), **self.people},
            servers={**(before.servers if before else OF_SERVERS), **self.servers},
        )


def read_terms(words: Iterable[str]) -> Terms:
    """Read ``act``, ``weight=2``, ``share=10%``, ``for=30d``, ``ban=mute``, ``servers=none``, ``trust=author``.

    Raises ``Unclear`` for a word that is none of them, ``Invalid`` for a value that cannot be.
    """
    terms = Terms()
    for word in words:
        name, equals, value = word.lower().partition("=")
        if name == "trust" and value.startswith("@"):
            value = word.partition("=")[2]  # Matrix ids are compared letter by letter
        if not equals and name in set(Mode):
            terms = replace(terms, mode=Mode(name))
        elif equals and name in _READERS:
            terms = _READERS[name](terms, value)
        else:
            raise Unclear
    return terms


def _number(value: str) -> int:
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise Unclear
    return int(found[1])


def _for(terms: Terms, value: str) -> Terms:
    if value in ("ever", "always"):
        return replace(terms, days=0)
    found = _DAYS.fullmatch(value)
    if found is None:
        raise Unclear
    days = int(found[1])
    if not 1 <= days <= LONGEST:
        raise Invalid("until_far", f"A list acts for 1 to {LONGEST} days, or for=ever.", most=LONGEST)
    return replace(terms, days=days)


def _follows(said: Recommendation) -> Callable[[Terms, str], Terms]:
    def _read(terms: Terms, value: str) -> Terms:
        return replace(terms, people={**terms.people, said: _consequences(value, _OF_PEOPLE)})

    return _read


def _servers(terms: Terms, value: str) -> Terms:
    found = _consequences(value, frozenset(Consequence))
    banned = (Recommendation.BAN, Recommendation.TAKEDOWN)
    return replace(terms, servers={**terms.servers, **dict.fromkeys(banned, found)})


def _trust(terms: Terms, value: str) -> Terms:
    if value not in (BY_AUTHOR, BY_NOBODY) and not value.startswith("@"):
        raise Unclear
    return replace(terms, trust=value)


def _consequences(value: str, possible: frozenset[Consequence]) -> frozenset[Consequence]:
    if value == "none":
        return frozenset()
    words = value.split("+")
    if not set(words) <= {one.value for one in possible}:
        some = ", ".join(sorted(one.value for one in possible))
        raise Invalid("consequence_unknown", f"What can follow is one of {some}, some of them with + between, or none.")
    return frozenset(map(Consequence, words))


_READERS: Final[Mapping[str, Callable[[Terms, str], Terms]]] = {
    "weight": lambda terms, value: replace(terms, weight=_number(value)),
    "share": lambda terms, value: replace(terms, share=_number(value)),
    "for": _for,
    "ban": _follows(Recommendation.BAN),
    "takedown": _follows(Recommendation.TAKEDOWN),
    "limit": _follows(Recommendation.LIMIT),
    "servers": _servers,
    "trust": _trust,
}
