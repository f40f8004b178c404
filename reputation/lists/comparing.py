"""What changed between two lists (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from reputation.lists.model import Entry, Listing


@dataclass(frozen=True, slots=True)
class Changes:
    """What came, what went, and of whom another thing is recommended now (before, after)."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[tuple[Entry, Entry], ...]
    same: int

    def __bool__(self) -> bool:
        """Tell whether anything changed."""
        return bool(self.added or self.removed or self.changed)


def compare(before: Listing, after: Listing) -> Changes:
    """Compare by whom the entries speak of; another reason is no change."""
    old, new = ({entry.key: entry for entry in each} for each in (before, after))
    both = [(old[key], new[key]) for key in new if key in old]
    changed = tuple(pair for pair in both if pair[0].recommendation is not pair[1].recommendation)
    return Changes(
        tuple(entry for key, entry in new.items() if key not in old),
        tuple(entry for key, entry in old.items() if key not in new),
        changed,
        len(both) - len(changed),
    )
