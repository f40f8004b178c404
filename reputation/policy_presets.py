"""Doors that a person understands in one sentence (pure): what most choose, to be refined from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from kit.errors import Invalid
from kit.identifiers import ServerName, UserId
from reputation.conditions.model import LONGEST_CONDITION, MOST_PARTS
from reputation.policy import MOST_RULES, Admitting, DoorDocument, Holding, Refusing, Rule
from reputation.pricing import DEFAULT_STAKE
from reputation.verdict import FreePath


class Preset(StrEnum):
    """The names by which they are chosen; ``app/wording/rules.py`` has the sentence of each."""

    OPEN = "open"
    STAKE = "stake"
    FRIENDS_OF_FRIENDS = "friends-of-friends"
    KNOWN = "known"


_MOST_NAMES = MOST_PARTS - 4
"""Names in one condition: the fact with its dot, the list and ``in`` are parts, too."""
_MOST_EXCEPTED = 2_000
"""Names in one door: with what stands around them they are nearly all the parts that a document may have."""
_FRIENDS = Rule(name="friends of friends", when="sender.known_by >= 1 || sender.vouches >= 1", then=Admitting())
_ASKING = Holding(stake=DEFAULT_STAKE, free=(FreePath.ASK, FreePath.VOUCH))

PRESETS: Final[Mapping[Preset, DoorDocument]] = {
    Preset.OPEN: DoorDocument(otherwise=Admitting()),
    Preset.STAKE: DoorDocument(otherwise=Holding(stake=DEFAULT_STAKE)),
    Preset.FRIENDS_OF_FRIENDS: DoorDocument(rules=(_FRIENDS,), otherwise=_ASKING),
    Preset.KNOWN: DoorDocument(otherwise=Refusing()),
}


def preset_of(document: DoorDocument) -> Preset | None:
    """Return the preset that says the same, however many strangers the door takes; ``None``: it is one's own."""
    alike = (
        name for name, preset in PRESETS.items() if preset == document.model_copy(update={"limits": preset.limits})
    )
    return next(alike, None)


def open_but(users: Sequence[UserId] = (), servers: Sequence[ServerName] = ()) -> DoorDocument:
    """Return a door that is open, but not for these. Raises ``Invalid`` where they are too many for one document."""
    rules: list[Rule] = []
    for fact, names in (("sender.id", users), ("sender.server", servers)):
        for when in _chunks(fact, names):
            number = len(rules) + 1
            rules.append(Rule(name="not these" if number == 1 else f"not these ({number})", when=when, then=Refusing()))
    if len(rules) > MOST_RULES or len(users) + len(servers) > _MOST_EXCEPTED:
        raise Invalid("too_many_excepted", "These are too many for one door; a list is for so many.")
    return DoorDocument(rules=tuple(rules), otherwise=Admitting())


def _chunks(fact: str, names: Sequence[str]) -> list[str]:
    """Write a condition for as many names as one may hold, and another for the rest."""
    found: list[str] = []
    held: list[str] = []
    for name in dict.fromkeys(names):
        word = quoted(name)
        longer = len(f"{fact} in [{', '.join([*held, word])}]") > LONGEST_CONDITION
        if longer or len(held) == _MOST_NAMES:
            found.append(f"{fact} in [{', '.join(held)}]")
            held = []
        held.append(word)
    return [*found, f"{fact} in [{', '.join(held)}]"] if held else found


def quoted(text: str) -> str:
    """Write a text as a condition has it."""
    escaped = "".join(_escape(character) for character in text)
    return f'"{escaped}"'


def _escape(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
