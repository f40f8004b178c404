"""One message, many viewers (pure): everybody's patterns are looked for once, then each rule is a test of bits.

What a text contains is the same for all who may read it, so it is found once for all of them. A rule that cannot hold
without some pattern is not even looked at where that pattern is not in the text; what else it asks of its viewer's own
facts is asked only then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reputation.conditions.condition import Condition
from reputation.conditions.model import Part, Record
from reputation.filters.patterns import Group
from reputation.filters.scanning import Scanner

FOUND = "text.found"


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule of one viewer: who, which of theirs (from 0), its condition, and the bits of the patterns it names."""

    viewer: int
    rule: int
    condition: Condition
    bits: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Tested:
    """A rule as a test: bits that must all be there, bits of which none may be, and whether that is all of it."""

    asked: Asked
    need: int
    never: int
    whole: bool


class Fan:
    """Everybody's rules about messages; ``hits`` says which of them hold for one text."""

    def __init__(self, groups: Sequence[Group], rules: Sequence[Asked]) -> None:
        """Compile the patterns of all, and sort the rules by a pattern that each needs. Raises ``Invalid``."""
        self._scanner = Scanner(groups)
        self._by_bit: dict[int, list[_Tested]] = {}
        self._always: list[_Tested] = []
        for asked in rules:
            tested = _tested(asked)
            # The pattern that is named last is as good as any to find it by: it must be there in any case.
            key = tested.need.bit_length() - 1
            (self._by_bit.setdefault(key, []) if tested.need else self._always).append(tested)

    def hits(self, text: str, record_of: Callable[[int], Record]) -> list[tuple[int, int]]:
        """Return (viewer, rule) of all rules that hold; ``record_of`` gives the facts that a viewer knows.

        The record of a viewer holds in ``text.found`` the names of *their* patterns, as ``names`` gives them.
        """
        return self.hits_of(self._scanner.scan(text), record_of)

    def scan(self, text: str) -> int:
        """Return the bits of all patterns in a text."""
        return self._scanner.scan(text)

    def hits_of(
        self, bits: int, record_of: Callable[[int], Record], unsure: list[tuple[int, int]] | None = None
    ) -> list[tuple[int, int]]:
        """Do the same for a text that was scanned; rules of which it cannot be said are added to ``unsure``."""
        found: list[tuple[int, int]] = []
        left = bits
        while left:
            low = left & -left
            self._test(self._by_bit.get(low.bit_length() - 1, ()), bits, record_of, found, unsure)
            left ^= low
        self._test(self._always, bits, record_of, found, unsure)
        return found

    @staticmethod
    def _test(
        rules: Sequence[_Tested],
        bits: int,
        record_of: Callable[[int], Record],
        found: list[tuple[int, int]],
        unsure: list[tuple[int, int]] | None,
    ) -> None:
        for tested in rules:
            if bits & tested.need != tested.need or bits & tested.never:
                continue
            asked = tested.asked
            outcome = tested.whole or asked.condition.part.run(record_of(asked.viewer))
            if outcome is True:
                found.append((asked.viewer, asked.rule))
            elif unsure is not None and outcome is not False:
                unsure.append((asked.viewer, asked.rule))


def names(bits: int, named: dict[str, int]) -> tuple[str, ...]:
    """Return which of one viewer's patterns are in a text that was scanned: the value of ``text.found``."""
    return tuple(name for name, bit in named.items() if bits >> bit & 1)


def _tested(asked: Asked) -> _Tested:
    place = asked.condition.schema.places[FOUND]
    need, never, whole = _masks(asked.condition.part, place, asked.bits)
    return _Tested(asked, need, never, whole)


def _masks(part: Part, place: int, bits: dict[str, int]) -> tuple[int, int, bool]:
    """Return the bits without, and with, which a part cannot hold, and whether that is all that it asks."""
    if part.kind == "&&":
        need = never = 0
        whole = True
        for each in part.parts:
            more_need, more_never, own = _masks(each, place, bits)
            need, never, whole = need | more_need, never | more_never, whole and own
        return need, never, whole
    bit = _bit(part, place, bits)
    if bit is not None:
        return 1 << bit, 0, True
    if part.kind == "!":
        bit = _bit(part.parts[0], place, bits)
        if bit is not None:
            return 0, 1 << bit, True
    return 0, 0, False


def _bit(part: Part, place: int, bits: dict[str, int]) -> int | None:
    if part.kind == "in" and part.parts[1].place == place and isinstance(part.parts[0].value, str):
        return bits.get(part.parts[0].value)
    return None
