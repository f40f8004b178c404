"""Documents made up: doors with every action, rules that ask of anything, and facts of which any may be missing."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from kit.amounts import Amount
from payments.stakes.model import HIGHEST_PRICE
from reputation.conditions.facts import DOOR_FACTS, record
from reputation.conditions.model import BOOL, DOUBLE, INT, MOMENT, TEXT, TEXTS
from reputation.policy import Action, Admitting, DoorDocument, Holding, Limits, Pattern, Refusing, Rule
from reputation.verdict import FreePath

_sums = st.sampled_from([0, 1, 5 * 10**18, HIGHEST_PRICE // 2]) | st.integers(0, HIGHEST_PRICE // 2)
_free = st.lists(st.sampled_from(FreePath), unique=True).map(tuple)
actions: Final[st.SearchStrategy[Action]] = st.one_of(
    st.just(Admitting()),
    st.just(Refusing()),
    st.tuples(_sums, _sums, _free)
    .filter(any)
    .map(lambda asked: Holding(stake=Amount(asked[0]), fee=Amount(asked[1]), free=asked[2])),
)
_whens = st.sampled_from(
    [
        "true",
        "false",
        "sender.standing < 0.5",
        "sender.confidence > 0.5 && sender.standing > 0.5",
        "sender.vouches > 0 || sender.known_by > 0",
        "'spam' in sender.labels || 'bad' in text.found",
        "room.members / sender.mutual_rooms > 1",
        "has(knock.text) && knock.text.contains('x')",
        "time.now > timestamp('2026-01-01T00:00:00Z')",
        "9223372036854775807 + room.members > 0",
    ]
)
names: Final = st.text(alphabet="abc ", min_size=1, max_size=6).filter(lambda name: name.strip() == name)
_rules = st.builds(Rule, name=names, when=_whens, then=actions, because=st.none() | names)
documents: Final = st.builds(
    DoorDocument,
    rules=st.lists(_rules, max_size=5, unique_by=lambda rule: rule.name).map(tuple),
    otherwise=actions,
    limits=st.builds(Limits, at_once=st.integers(1, 20), a_day=st.integers(1, 20)),
    patterns=st.just({"bad": Pattern(words=("bad",))}),
)

_texts = st.sampled_from(["spam", "bad", "x", ""])
_values: dict[Any, st.SearchStrategy[Any]] = {
    BOOL: st.booleans(),
    INT: st.integers(-1, 3) | st.just(2**63 - 1),
    DOUBLE: st.floats(0, 1),
    TEXT: _texts,
    TEXTS: st.lists(_texts, max_size=2),
    MOMENT: st.just("2026-11-22T12:00:00Z"),
}
records: Final = st.fixed_dictionaries({}, optional={fact.name: _values[fact.type] for fact in DOOR_FACTS.facts}).map(
    lambda known: record(DOOR_FACTS, known)
)
"""What may be known of a knock."""
