"""Filters that a person understands in one sentence (pure): what most choose, to be refined from there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from reputation.filters.starter import STARTER
from reputation.policy import FilterDocument, FilterRule, Labelling, Severity

NOTHING: Final = FilterDocument()
"""The filter of whoever never set one, and of whoever switched theirs off."""


class FilterPreset(StrEnum):
    """The names by which they are chosen; ``app/wording/filters.py`` has the sentence of each."""

    ADVERTISING = "advertising"
    LINKS = "links"
    CAREFUL = "careful"


_STRANGE: Final = "sender.known_by == 0 && sender.vouches == 0 && !sender.contact"
_LINKS: Final = FilterRule(
    name="links from strangers",
    when=f"message.links > 0 && {_STRANGE}",
    then=Labelling(label="link", severity=Severity.WARN),
    because="Nobody whom I know knows who wrote it.",
)


def _hidden(rule: FilterRule) -> FilterRule:
    """Return a starter rule that hides what it would mark, where nobody whom its owner knows knows who wrote it."""
    then = rule.then.model_copy(update={"severity": Severity.HIDE})
    return rule.model_copy(update={"when": f"({rule.when}) && {_STRANGE}", "then": then})


FILTER_PRESETS: Final[Mapping[FilterPreset, FilterDocument]] = {
    FilterPreset.ADVERTISING: STARTER,
    FilterPreset.LINKS: FilterDocument(rules=(_LINKS,)),
    FilterPreset.CAREFUL: FilterDocument(
        patterns=STARTER.patterns, rules=(*(_hidden(rule) for rule in STARTER.rules), _LINKS)
    ),
}


def filter_preset_of(document: FilterDocument) -> FilterPreset | None:
    """Return the preset that says the same; ``None``: it is one's own."""
    return next((name for name, preset in FILTER_PRESETS.items() if preset == document), None)
