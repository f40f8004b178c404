"""Shopkeeping: puts what is for sale to the operator's rules again, within their share, and has buyers told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from app.container import Container
from kit.changes import counters
from kit.clock import unix
from payments.content.holds import Answer, Objection
from payments.content.model import Listing, ListingState
from reputation.followed import TOPIC
from reputation.shop_rules import LABELS, ShopRules

LOG = structlog.get_logger(__name__)
CHANGED: Final = Counter("earnest_listings_weighed", "Listings that rules took off, or that came back", ["outcome"])
BEYOND: Final = Gauge("earnest_listings_beyond_share", "Listings that rules would take off, were it not too many")

_SLICE: Final = 100
_ROUNDS: Final = 1_000
"""Slices of buyers that are told in one go."""
_LATELY: Final = timedelta(days=7)
_FEWEST: Final = 3
"""So many may be taken off in any case."""
_ANEW: Final = 3_600
"""After so many seconds all is looked at again: rules may ask about complaints and the time."""
_SETTLED: Final = 120
"""So many seconds after a change all is looked at once more: until then another process may have known older lists."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What rules would do to what is for sale: take off, and let back; ``most`` may be taken off now, unasked."""

    off: tuple[tuple[Listing, Objection], ...]
    back: tuple[Listing, ...]
    for_sale: int
    most: int

    @property
    def beyond(self) -> bool:
        """Tell whether it would take off more than it may unasked."""
        return len(self.off) > self.most


def ready(container: Container) -> None:
    """Read what followed lists say, where the rules ask that; no transaction is open while it is read."""
    with container.read() as work:
        asks = work.shop.asks_lists
    if asks:
        container.labelling.current()


def plan(container: Container, draft: ShopRules | None = None) -> Plan:
    """Return what the rules that stand, or drafted ones, would do now."""
    ready(container)
    if draft is not None and draft.facts & LABELS:
        container.labelling.current()
    with container.read() as work:
        rules = draft or work.shop.rules()
        lately = work.content.taken_off_since(work.now - _LATELY)
    off, back, for_sale = list[tuple[Listing, Objection]](), list[Listing](), 0
    for some in _slices(container):
        with container.read() as work:
            shop = work.shop
            for one, answer in some:
                found = None if rules is None or answer is Answer.ALLOWED else shop.judge_by(rules, one)
                held = one.state is ListingState.HELD
                for_sale += not held
                if held and answer is not Answer.REFUSED and found is None:
                    back.append(one)
                elif not held and found is not None:
                    off.append((one, found))
    share = 0 if rules is None else rules.document.share
    most = max(_FEWEST, (for_sale + lately) * share // 100) - lately
    return Plan(tuple(off), tuple(back), for_sale, max(most, 0))


def look(container: Container, *, beyond: bool = False) -> Plan:
    """Do what the rules want: let back what they hold no more, and take off the rest, all or nothing of it.

    More than its share is taken off only where the operator says so (``beyond``).
    """
    made = plan(container)
    stopped = made.beyond and not beyond
    for one in made.back:
        _weigh(container, one, take_off=False)
    for one, _ in () if stopped else made.off:
        _weigh(container, one, take_off=True)
    BEYOND.set(len(made.off) if stopped else 0)
    if stopped:
        LOG.warning("shop_rules_beyond_share", would_take_off=len(made.off), may=made.most, for_sale=made.for_sale)
    return made


def tell_buyers(container: Container) -> None:
    """Owe all buyers of what was taken down word of it, some in each transaction."""
    for _ in range(_ROUNDS):
        with container.work() as work:
            if not work.content.tell_buyers(limit=_SLICE):
                return


class Shopkeeper:
    """Looks again, in a process that does so regularly: when rules or lists changed, soon after, and once an hour."""

    def __init__(self, container: Container) -> None:
        """Look after the shop of ``container``."""
        self._container = container
        self._seen: tuple[int, int, int] | None = None
        self._again: int | None = None

    def regular(self) -> None:
        """Do what is due."""
        tell_buyers(self._container)
        with self._container.read() as work:
            lists = counters(work.session).get(TOPIC, 0)
            now, number = unix(work.now), work.shop.number()
        stamp = number, lists, now // _ANEW
        fresh = stamp != self._seen
        if number and (fresh or (self._again is not None and now >= self._again)):
            look(self._container)
            self._seen, self._again = stamp, now + _SETTLED if fresh else None


def _slices(container: Container) -> Iterator[list[tuple[Listing, Answer | None]]]:
    before: str | None = None
    while True:
        with container.read() as work:
            some = work.content.to_weigh(before=before, limit=_SLICE)
        yield some
        if len(some) < _SLICE:
            return
        before = some[-1][0].id


def _weigh(container: Container, one: Listing, *, take_off: bool) -> None:
    with container.work() as work:
        if work.content.weigh(one.id, take_off=take_off):
            CHANGED.labels("taken_off" if take_off else "back").inc()
