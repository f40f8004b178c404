"""Sealing anew: another key seals people's secrets, and all that older ones sealed goes under it, some at a time.

Each step stands by itself: the key is in its file before anything is sealed under it, those before it still open what
they sealed, and a secret is sealed anew in one transaction. So it may be broken off anywhere, and is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from app.container import Container, Work
from kit.errors import Conflict, Invalid
from kit.sealing import Sealed, SealsAnew, change_keys, kept_keys, make_key, parse_key, parse_keys

_AT_ONCE: Final = 200


_PLACES: Final[Sequence[Callable[[Work], SealsAnew]]] = (
    lambda work: work.publishing.keys.seal_anew,
    lambda work: work.flairs.keys.seal_anew,
    lambda work: work.webhooks.seal_anew,
    lambda work: work.content.seal_anew,
    lambda work: work.tips.seal_links_anew,
    lambda work: work.tips.seal_terms_anew,
    lambda work: work.gateways.seal_anew,
    lambda work: work.gateways.keys.seal_anew,
)
"""All that seal; a test asserts that no table with a sealed column is missing."""


def keys(container: Container) -> int:
    """Count the sealing keys, the current one among them."""
    given = container.settings.key_for_sealing()
    return len(kept_keys(container.settings.sealing_key_kept()) if given is None else parse_keys(given))


def counted(container: Container) -> Sealed:
    """Look at every secret, and change nothing."""
    return _over_all(container, change=False)


def rotate(container: Container, *, back: bool) -> Sealed:
    """Let a new key seal (``back``: the one before), and seal all anew under it; return how it is then.

    What an earlier call left undone is done first, and then no other key is made. Where a setting holds the keys it
    says which one is current, and that alone is followed. Raises ``Conflict`` where there is nothing to do, or no key
    before; ``Invalid`` for too many keys.
    """
    if back:
        _must_be_ours(container)
        if keys(container) == 1:
            raise Conflict("no_key_before", "There is no sealing key before this one.")
        change_keys(container.settings.sealing_key_kept(), lambda known: [known[1], known[0], *known[2:]])
    elif not counted(container).older:
        _must_be_ours(container)
        fresh = parse_key(make_key())
        change_keys(container.settings.sealing_key_kept(), lambda known: [fresh, *known])
    return _over_all(container, change=True)


def forget(container: Container) -> None:
    """Take older keys away for ever. Raises ``Conflict`` where one of them has sealed what still stands."""
    _must_be_ours(container)
    left = counted(container).older
    if left:
        raise Conflict("sealed_still", f"{left} secrets stand under older keys: rotate first.", left=left)
    change_keys(container.settings.sealing_key_kept(), lambda known: known[:1])


def _must_be_ours(container: Container) -> None:
    if container.settings.key_for_sealing() is not None:
        raise Invalid(
            "sealing_key_set",
            "The sealing keys stand in EARNEST_SEALING_KEY (or its file): put a new one before them there, a blank "
            "between them, begin all processes anew, and do this again.",
        )


def _over_all(container: Container, *, change: bool) -> Sealed:
    found = Sealed()
    for place in _PLACES:
        after: int | None = 0
        while after is not None:
            with container.work() if change else container.read() as work:
                after = place(work)(found, after=after, limit=_AT_ONCE, change=change)
    return found
