"""Supporters: what was given and by whom, and what they are entitled to, kept in step with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from sqlalchemy import and_, or_
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, Hash32, PersonId, parse_address
from ledger import holders
from ledger.book import Book
from ledger.model import Asset, Level
from payments.flair import heard, patreon
from payments.flair.documents import Assets, TiersDocument, read_document, read_tiers, show_document
from payments.flair.entitling import entitled, join, joined
from payments.flair.model import (
    NOT_TOLD,
    TOPIC,
    ClaimedBy,
    Entitlement,
    Gift,
    Giver,
    Showing,
    Source,
    Tiers,
    address_name,
)
from payments.flair.outcomes import OutcomeStore, holding_at
from payments.flair.store import Facts, FlairStore, KnownGiver, forgotten_key, gift_of
from payments.flair.tables import EntitlementRow

LONGEST_TITLE: Final = 60
DELIVERIES_KEPT: Final = timedelta(days=90)
_FOLDED_AT_ONCE: Final = 200
"""Givers that are folded anew in one transaction."""
_Whose: TypeAlias = dict[str, tuple[PersonId | None, int]]
_Fresh: TypeAlias = Mapping[int, list[Gift]]
_NONE: Final[_Fresh] = {}


class Supporters:
    """All gifts, and all that they come to, in one transaction."""

    def __init__(self, session: Session, *, now: datetime, book: Book, assets: Assets) -> None:
        """Work in ``session``, at ``now``; ``assets`` are what names in the tier document mean here."""
        self._session = session
        self._now = now
        self._book = book
        self._assets = assets
        self._store = FlairStore(session)
        self._outcomes = OutcomeStore(session)

    # ------------------------------------------------------------------------------------------ tiers

    @property
    def assets(self) -> Assets:
        """What names of assets mean, those of the tier document among them."""
        document = self.document()
        return self._assets if document is None else self._assets.with_own(document)

    def document(self) -> TiersDocument | None:
        """Return the tier document that holds, if there is any."""
        text = self._outcomes.document()
        return None if text is None else read_document(text)

    def tiers(self) -> Tiers:
        """Return the tiers that hold; none where the operator named none."""
        text = self._outcomes.document()
        return Tiers() if text is None else _tiers(text, self._assets)

    def use(self, document: TiersDocument) -> int:
        """Let a tier document hold; return its number. Everything is then folded anew (``fold_some``).

        Raises ``Invalid`` for a document with an asset or a sum that is none.
        """
        read_tiers(document, self._assets)
        self._store.lock()
        number = self._outcomes.add_document(show_document(document), self._now)
        self.fold_all()
        return number

    # ------------------------------------------------------------------------------------------ facts

    def lock(self) -> None:
        """Let nobody else change anything of gifts until this transaction ends."""
        self._store.lock()

    def gave(self, gift: Gift) -> bool:
        """Take in one gift; ``False`` where that was known. One that left the chain and is told again is back."""
        return bool(self.told([gift]))

    def told(self, gifts: Sequence[Gift], told: int = NOT_TOLD) -> set[str]:
        """Take in what one import (0: none) tells of gifts; return the keys of those of which something is new."""
        self._store.lock()
        fresh: dict[int, list[Gift]] = {}
        new = self._keep(joined(gifts) if told else list(gifts), told, fresh)
        self.fold({(owner, giver) for owner, giver in new.values()}, fresh)
        return set(new)

    def patreon_told(self, event: str, body: bytes, *, currency: str = "USD") -> bool:
        """Take in what a webhook of Patreon tells, whose signature was checked; ``False`` where that is known.

        ``currency``: the campaign's, by its ISO code. Raises ``Invalid`` for an event or a body that is none.
        """
        member, gifts = patreon.read_event(event, body, currency=currency)
        self._store.lock()
        if not heard.hear(self._session, patreon.delivery(event, member, body), self._now):
            return False
        return bool(self.told(gifts))

    def took_back(self, key: str, at: datetime | None = None) -> bool:
        """Let a gift be taken back (charged back, or its block left the chain); ``False`` where it was, or is none."""
        self._store.lock()
        return self.fold(self._store.take_back(key, at or self._now))

    def block_left(self, chain_id: int, block: Hash32) -> bool:
        """Take back all gifts in a block that left the chain; ``False`` where there were none."""
        self._store.lock()
        return self.fold(self._store.take_back_block(chain_id, block, self._now))

    def levels_moved(self, chain_id: int) -> bool:
        """Raise the levels of a chain's gifts to those of their blocks; call it with the marking of the levels."""
        unsure = self._store.unsure_blocks(chain_id)
        moved: set[tuple[PersonId | None, int]] = set()
        if unsure:
            self._store.lock()
        for block, level in unsure.items():
            try:
                now = self._book.level(block)
            except NotFound:
                continue
            if now is not level and now is not Level.ORPHANED:
                moved |= self._store.set_level(chain_id, block, now)
        return self.fold(moved)

    def _keep(self, gifts: Sequence[Gift], told: int, fresh: dict[int, list[Gift]]) -> _Whose:
        """Keep gifts; return whose those are of which something is new; ``fresh`` gets all that new givers gave."""
        changed: _Whose = {}
        by_source: defaultdict[Source, list[Gift]] = defaultdict(list)
        for gift in gifts:
            by_source[gift.source].append(gift)
        for source, its in by_source.items():
            gone = self._store.forgotten(source, [gift.key for gift in its])
            its = [gift for gift in its if gift.key not in gone]  # noqa: PLW2901 - the rest of it
            known = self._store.told([gift.key for gift in its], told)
            others: dict[str, Gift] = {}
            for gift in its:
                if gift.key in known:
                    row = known[gift.key]
                    before = gift_of(row)
                    after = gift if source is Source.CHAIN else join(before, gift)
                    if after != before:
                        self._store.change(after, told)
                        changed[gift.key] = (None if row.owner is None else PersonId(row.owner), row.giver)
                else:
                    others[gift.key] = join(others[gift.key], gift) if gift.key in others else gift
            changed |= self._add(list(others.values()), told, fresh)
        return changed

    def _add(self, gifts: Sequence[Gift], told: int, fresh: dict[int, list[Gift]]) -> _Whose:
        if not gifts:
            return {}
        givers = self._store.givers({Giver(gift.source, gift.giver) for gift in gifts}, make=True)
        holding = self._holding(list(givers.values()))
        memos = self._store.owners_by_memo({gift.memo for gift in gifts if gift.memo is not None})
        kept = []
        for gift in gifts:
            giver = givers[Giver(gift.source, gift.giver)]
            owner = (None if gift.memo is None else memos.get(gift.memo)) or holding.get(giver.id)
            kept.append((gift, giver.id, owner))
            if giver.fresh:
                fresh.setdefault(giver.id, []).extend([gift] if owner is None else [])
        self._store.add(kept, told)
        return {gift.key: (owner, giver) for gift, giver, owner in kept}

    def _holding(self, givers: Collection[KnownGiver]) -> dict[int, PersonId]:
        """Return who these givers are: whoever claimed to be, else whoever holds the wallet."""
        found = {giver.id: PersonId(giver.person) for giver in givers if giver.person is not None}
        wallets = {_address(giver): giver.id for giver in givers if giver.person is None and _is_wallet(giver)}
        if wallets:
            owners = holders.owners(self._session, list(wallets))
            found |= {wallets[address]: person for address, person in owners.items()}
        return found

    # ------------------------------------------------------------------------------------------ whose they are

    def claimed(self, giver: Giver, person: PersonId, by: ClaimedBy) -> bool:
        """Let a giver be a person, who showed it; ``False`` where they were already.

        Raises ``NotFound`` where nobody gave by that name, ``Conflict`` where it is somebody else.
        """
        self._store.lock()
        row = self._store.giver(giver)
        if row is None:
            raise NotFound("giver_unknown", "Nothing was given by anybody of that name.")
        if row.person is not None:
            if row.person == person:
                return False
            raise Conflict("gift_claimed", "Somebody has claimed this already.")
        before = self._holding([row]).get(row.id)
        self._store.claim(row.id, person, by, self._now)
        self._store.own([row.id], person)
        self.fold({(person, row.id), (before, row.id)})
        return True

    def company(self, giver: Giver, title: str | None) -> None:
        """Let a giver be a company of that name, or none any more. Raises ``NotFound``, ``Invalid``."""
        if title is not None and not (0 < len(title) <= LONGEST_TITLE and title.isprintable()):
            raise Invalid("company_title", f"A company's name has at most {LONGEST_TITLE} characters.")
        self._store.lock()
        row = self._store.giver(giver)
        if row is None:
            raise NotFound("giver_unknown", "Nothing was given by anybody of that name.")
        self._store.name_company(row.id, title)
        self.fold({(None, row.id), *((owner, row.id) for owner in self._outcomes.owners_of(row.id))})

    def wallets_changed(self, person: PersonId) -> None:
        """Let gifts of a person's wallets be theirs, and those of wallets that they unlinked no more."""
        self._store.lock()
        mine = {address_name(address) for address in holders.addresses_of(self._session, [person])}
        rows = self._store.givers({Giver(Source.CHAIN, name) for name in mine})
        now = {row.id for row in rows.values() if row.person is None}
        owned = self._store.unclaimed_of(person)
        self._store.own(now - owned, person)
        self._store.own(owned - now, None, only=person)
        self.fold({(person, giver) for giver in now | owned})

    # ------------------------------------------------------------------------------------------ what they come to

    def entitlements(self) -> list[Entitlement]:
        """Return everybody's, also those ahead and those that lapsed, and those of givers who claimed nothing."""
        return self._outcomes.entitlements()

    def holding(self, now: datetime | None = None) -> list[Entitlement]:
        """Return all that count at ``now``, grace included, those of givers who claimed nothing too."""
        return self._outcomes.entitlements(holding_at(now or self._now))

    def of(self, person: PersonId) -> list[Entitlement]:
        """Return all entitlements of a person: ahead, running, and the last that lapsed (``Entitlement.phase``)."""
        return self._outcomes.entitlements(EntitlementRow.person == person)

    def gifts_of(self, person: PersonId) -> list[Gift]:
        """Return all gifts that are a person's, by their times, those taken back too."""
        return joined(map(gift_of, self._store.gifts(people=[person])))

    def chain_gifts(
        self, giver: str, asset: Asset, amount: int, *, months: int, memo: Hash32 | None, since: datetime
    ) -> int:
        """Count the gifts like it that the chain told of from an address since then, which were not taken back."""
        return self._store.chain_gifts(giver, asset, amount, months=months, memo=memo, since=since)

    def counting(self, person: PersonId, at: datetime) -> list[str]:
        """Return the tiers of a person that doors may ask for: sure ones, of which the document says so; by rank."""
        tiers = self.tiers()
        sure = {one.tier for one in self.of(person) if one.sure(at) and not one.thanks_only}
        return [tier.id for tier in tiers.tiers if tier.id in sure and tier.gives.skip_stake]

    def without_taking_back(self, person: PersonId) -> list[Entitlement]:
        """Return what a person would be entitled to, had no gift of theirs been taken back; nothing if none was."""
        if not self._store.has_taken_back(person):
            return []
        facts, listings = self._store.facts([person], [])[0][person], self._store.listings()
        gifts = [replace(gift, taken_back=None) for gift in facts.gifts]
        return entitled(gifts, self.tiers(), person=person, listings=listings, corporate=facts.corporate)

    def members(self, tier_id: str) -> list[PersonId]:
        """Return who has a tier in full now, grace included; a gift for thanks alone makes nobody a member."""
        found = self._outcomes.entitlements(
            holding_at(self._now),
            EntitlementRow.tier == tier_id,
            EntitlementRow.person.is_not(None),
            EntitlementRow.thanks_only.is_(False),
        )
        return [one.person for one in found if one.person is not None]

    def due(self, since: datetime, until: datetime) -> list[Entitlement]:
        """Return people's entitlements of which something happens by itself after ``since`` and until ``until``.

        They begin (a streak is complete), near their end (``spans.warning``), run out, or their grace ends.
        """
        warning = self.tiers().spans.warning
        moments = (
            (EntitlementRow.since, since, until),
            (EntitlementRow.until, since, until),
            (EntitlementRow.grace_until, since, until),
            (EntitlementRow.until, since + warning, until + warning),
        )
        falls = or_(*(and_(column > after, column <= last) for column, after, last in moments))
        return self._outcomes.entitlements(falls, EntitlementRow.person.is_not(None))

    def under(self, tiers: Tiers) -> Iterator[tuple[PersonId | Giver, list[Entitlement]]]:
        """Give everybody, and what they would be entitled to under other tiers; it changes nothing."""
        after: int | None = 0
        seen: set[PersonId] = set()
        while after is not None:
            people, givers, after = self._store.whose(after, _FOLDED_AT_ONCE)
            people -= seen
            seen |= people
            names, listings = self._store.names(givers), self._store.listings()
            of_people, of_givers = self._store.facts(people, givers)
            for person, facts in of_people.items():
                yield person, entitled(facts.gifts, tiers, person=person, listings=listings, corporate=facts.corporate)
            for number, facts in of_givers.items():
                giver = names[number]
                yield giver, entitled(facts.gifts, tiers, giver=giver, listings=listings, corporate=facts.corporate)

    def gifts_from(self, giver: Giver) -> list[Gift]:
        """Return all gifts of a giver that are nobody's, by their times."""
        row = self._store.giver(giver)
        return [] if row is None else joined(map(gift_of, self._store.gifts(givers=[row.id])))

    def fold_all(self) -> None:
        """Have everything folded anew, some at a time (``fold_some``): the tiers changed, or a whole listing came."""
        self._store.lock()  # whoever folds the last of it by what was true before would note that all is done
        self._outcomes.begin_folding()
        touch(self._session, TOPIC)

    def fold_some(self, limit: int = _FOLDED_AT_ONCE) -> bool:
        """Fold the next givers' entitlements anew, if everything is to be; ``False`` once nothing is left to do."""
        self._store.lock()
        reached = self._outcomes.folding()
        if reached is None:
            return False
        people, givers, last = self._store.whose(reached, limit)
        self._refold(people, givers)
        self._outcomes.folded(last)
        return last is not None

    def fold(self, whose: Iterable[tuple[PersonId | None, int]], fresh: _Fresh = _NONE) -> bool:
        """Fold anew what these (owner, giver) are entitled to; ``False`` where there are none.

        ``fresh``: all that givers made in this transaction gave, as nobody's: it is not read again.
        """
        pairs = set(whose)
        self._refold({owner for owner, _ in pairs if owner is not None}, {giver for _, giver in pairs}, fresh)
        return bool(pairs)

    def _refold(self, people: Collection[PersonId], givers: Collection[int], fresh: _Fresh = _NONE) -> None:
        if not people and not givers:
            return
        tiers, listings, names = self.tiers(), self._store.listings(), self._store.names(givers)
        of_people, of_givers = self._store.facts(people, set(givers) - fresh.keys())
        of_givers |= {giver: Facts(gifts) for giver, gifts in fresh.items()}
        found: list[Entitlement] = []
        for person, facts in of_people.items():
            found += entitled(facts.gifts, tiers, person=person, listings=listings, corporate=facts.corporate)
        for giver, facts in of_givers.items():
            found += entitled(facts.gifts, tiers, giver=names[giver], listings=listings, corporate=facts.corporate)
        self._outcomes.put_entitlements(people, names, found, fresh=fresh)
        touch(self._session, TOPIC, *people)

    # ------------------------------------------------------------------------------------------ showing, forgetting

    def shown(self, person: PersonId) -> Showing:
        """Return what a person lets be seen of their support."""
        return self._outcomes.shown(person)

    def all_shown(self) -> Mapping[PersonId, Showing]:
        """Return what everybody shows who shows anything."""
        return self._outcomes.all_shown()

    def show(self, person: PersonId, showing: Showing) -> None:
        """Keep what a person lets be seen of their support; whoever calls it has shown them who would see it."""
        self._outcomes.show(person, showing, self._now)
        touch(self._session, TOPIC, person)

    def prune(self, *, limit: int) -> int:
        """Take out which deliveries were read 90 days ago: one that comes so late tells nothing new anyway."""
        return heard.prune(self._session, self._now - DELIVERIES_KEPT, limit=limit)

    def forget(self, person: PersonId) -> None:
        """Take out whose gifts these were. Amounts stay for the totals, and are not counted again if told again.

        What stands on the chain stays, as anybody's; the names that other sources have for the person go.
        """
        self._store.lock()
        givers = self._store.forget(person, forgotten_key)
        self.fold({(None, giver) for giver in givers})
        touch(self._session, TOPIC, person)


@lru_cache(8)
def _tiers(text: str, assets: Assets) -> Tiers:
    return read_tiers(read_document(text), assets)


def _is_wallet(giver: KnownGiver) -> bool:
    return giver.source == Source.CHAIN and giver.name is not None


def _address(giver: KnownGiver) -> Address:
    return parse_address(giver.name or "")
