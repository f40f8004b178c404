"""Safety shares (pure): on how many people a list may act unasked in seven days, and how many a plan would add.

What counts is people, each once, however many rooms and consequences; a denied server counts with all its people who
are there. What somebody said yes to does not count. Servers of whom nobody is there count among themselves: as many of
them may be denied unasked, and however many wait for a yes, what the list does to people goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from reputation.enforcement.model import LEAST_SHARE, Share, Subscription

Counted = Mapping[str, int]
"""Who was acted on, each with of how many people that is; a denied server has more than one."""


def of_servers(spent: Counted) -> Counted:
    """Return the servers that were denied though nobody of them was here, each as one."""
    return {target: 1 for target, people in spent.items() if people == 0}


def allowed(subscription: Subscription, people: int) -> int:
    """Return on how many of so many people a list may act."""
    return max(LEAST_SHARE, people * subscription.share // 100)


def share(subscription: Subscription, *, people: int, spent: Counted, wanted: Iterable[tuple[str, int]]) -> Share:
    """Count what a list has done and would do; whoever was acted on before counts again only with what is more now."""
    together = dict(spent)
    for target, count in wanted:
        together[target] = max(together.get(target, 0), count)
    used = sum(spent.values())
    more = sum(together.values()) - used
    return Share(subscription.list, subscription.name, used, more, allowed(subscription, people))


def exceeded(shares: Collection[Share]) -> frozenset[int]:
    """Return the lists that a plan takes beyond their shares."""
    return frozenset(one.list for one in shares if one.exceeded)
