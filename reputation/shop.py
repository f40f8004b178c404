"""The shop's door, in one transaction: the operator's rules for what is sold, with versions, asked of listings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from kit.errors import Invalid, Unavailable
from kit.identifiers import server_of
from ledger.people import People
from payments.content.holds import Objection, Outcome
from payments.content.model import Kind, Listing
from reputation.lists.labels import Labels
from reputation.policy import ShopDocument
from reputation.shop_rules import EMPTY, LABELS, ShopRules, rules_of
from reputation.versions import OF_SHOP, Versions

LOG = structlog.get_logger(__name__)
_THE_SHOP: Final = 1


class Shop:
    """What the operator lets nobody sell."""

    def __init__(self, session: Session, now: datetime, people: People, labels: Callable[[], Labels | None]) -> None:
        """Work in ``session``, at ``now``; ``labels`` are what followed lists say, ``None`` where not known yet."""
        self._now = now
        self._people = people
        self._labels = labels
        self.versions = Versions(session, now, ShopDocument, OF_SHOP)

    def show(self) -> ShopDocument:
        """Return the rules that stand; without any, a document without rules."""
        found = self.rules()
        return EMPTY if found is None else found.document

    def write(self, document: ShopDocument) -> ShopDocument:
        """Let these rules stand from now on. Raises ``Invalid`` for what cannot be read."""
        rules_of(document)
        self.versions.add(_THE_SHOP, document)
        return document

    def back(self, number: int | None = None) -> ShopDocument:
        """Let rules stand again that did: of that version, else before the last change. Raises ``NotFound``."""
        return self.write(self.versions.earlier(_THE_SHOP, number, first=EMPTY))

    def number(self) -> int:
        """Return the number of the version that stands; 0 where there never was one."""
        return self.versions.number(_THE_SHOP)

    def rules(self) -> ShopRules | None:
        """Return the rules that stand, read; ``None`` where there are none, or none that can be read any more."""
        newest = self.versions.newest(_THE_SHOP)
        if newest is None:
            return None
        try:
            return _read(newest[1])
        except (ValidationError, Invalid):  # of a release that knew more, say: nothing is held by what nobody can read
            LOG.exception("shop_rules_unreadable", number=newest[0])
            return None

    @property
    def asks_lists(self) -> bool:
        """Tell whether the rules ask what lists say."""
        found = self.rules()
        return found is not None and bool(found.facts & LABELS)

    def judge(self, listing: Listing) -> Objection | None:
        """Return what the rules that stand object to in a listing. Raises as ``judge_by``."""
        found = self.rules()
        return None if found is None else self.judge_by(found, listing)

    def judge_by(self, rules: ShopRules, listing: Listing) -> Objection | None:
        """Return what some rules object to in a listing.

        Raises ``Unavailable`` where they ask lists that this process is reading still: that nobody knows what they say
        lets nothing out and holds nothing.
        """
        if not rules.conditions:
            return None
        rule = rules.decide(self._facts(rules.facts, listing))
        return None if rule is None else Objection(Outcome(rule.then.do), rule.name, rule.tell or rule.name)

    def _facts(self, asked: frozenset[str], listing: Listing) -> dict[str, object]:
        offer, stored = listing.version.offer, listing.version.stored
        known: dict[str, object] = {
            "listing.kind": offer.kind.value,
            "listing.title": offer.title,
            "listing.preview": offer.preview,
            "listing.licence": offer.licence,
            "listing.media_type": "" if stored is None else stored.media_type,
            "listing.file_name": "" if stored is None else stored.file_name,
            "listing.size": 0 if stored is None else stored.size,
            "listing.sold": listing.sold,
            "listing.complaints": listing.complaints,
            "room.id": offer.reference if offer.kind is Kind.ADMISSION else "",
            "time.now": self._now,
        }
        labels = self._labels() if asked & LABELS else None
        if labels is None and asked & LABELS:
            message = "The lists that the rules ask are being read: try again in a moment."
            raise Unavailable(message)
        if labels is not None:
            known["room.labels"] = labels.of_room(offer.reference) if offer.kind is Kind.ADMISSION else ()
        if "seller.first_seen" in asked:
            known["seller.first_seen"] = self._people.first_seen(listing.seller)
        seller = self._people.mxid(listing.seller)
        if seller is not None:
            known |= {"seller.id": seller, "seller.server": server_of(seller)}
            if labels is not None:
                known["seller.labels"] = labels.of_user(seller)
        return known


@lru_cache(maxsize=4)
def _read(document: str) -> ShopRules:
    return rules_of(ShopDocument.model_validate_json(document))
