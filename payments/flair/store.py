"""Reading and writing gifts and those who gave them; rows become values here, and nothing is decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import Row, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from kit.database import draw_numbers, one_of, write_many
from kit.identifiers import Hash32, PersonId
from ledger.model import Asset, Level
from payments.flair.model import ClaimedBy, Gift, Giver, Period, Source
from payments.flair.tables import (
    ClaimAmountRow,
    ClaimMessageRow,
    ClaimTriesRow,
    EntitlementRow,
    GiftRow,
    GiverRow,
    ImportRow,
    MemoRow,
    ShownRow,
)

_LOCK: Final = 0x67696674
"""Any number will do, as long as nobody else takes it."""
_AT_ONCE: Final = 500
FORGOTTEN: Final = "forgotten"
"""Who gave what somebody gave who is forgotten."""


@dataclass
class Facts:
    """What is known of one supporter."""

    gifts: list[Gift] = field(default_factory=list)
    corporate: bool = False


def forgotten_key(key: str) -> str:
    """Return what is left of a gift's key once its giver is forgotten: told again, it is not counted twice."""
    return f"{FORGOTTEN}:{sha256(key.encode()).hexdigest()}"


def forgotten_name(giver: int) -> str:
    """Return how a giver is called who is forgotten: each is one of their own."""
    return f"{FORGOTTEN}:{giver}"


class KnownGiver(NamedTuple):
    """A giver as they are kept."""

    id: int
    source: str
    name: str | None
    person: int | None
    corporate: bool
    fresh: bool = False
    """Made in this transaction: nothing else is known of them."""


_GIVER: Final[tuple[Any, ...]] = (GiverRow.id, GiverRow.source, GiverRow.name, GiverRow.person, GiverRow.corporate)
_GIFT: Final[tuple[Any, ...]] = (
    *(GiftRow.key, GiftRow.told, GiftRow.cause, GiftRow.giver, GiftRow.owner, GiftRow.asset, GiftRow.amount),
    GiftRow.at,
    *(GiftRow.months, GiftRow.recurring, GiftRow.until, GiftRow.since, GiftRow.total, GiftRow.level),
    *(GiftRow.taken_back, GiftRow.memo, GiverRow.source, GiverRow.name, GiverRow.corporate),
)
Told: TypeAlias = Row[Any]
"""What one import told of a gift, with its giver: the columns of ``_GIFT``."""


def gift_of(row: Told) -> Gift:
    """Return a gift as a value."""
    return Gift(
        key=row.key,
        source=Source(row.source),
        giver=row.name or FORGOTTEN,
        asset=Asset(row.asset),
        amount=row.amount,
        at=row.at,
        months=row.months,
        recurring=None if row.recurring is None else Period(row.recurring),
        until=row.until,
        since=row.since,
        total=row.total,
        level=Level(row.level),
        taken_back=row.taken_back,
        memo=None if row.memo is None else Hash32(row.memo),
        cause=row.cause,
    )


def _columns(gift: Gift) -> dict[str, Any]:
    return {
        "cause": gift.cause,
        "asset": gift.asset,
        "amount": gift.amount,
        "at": gift.at,
        "months": gift.months,
        "recurring": None if gift.recurring is None else gift.recurring.value,
        "until": gift.until,
        "since": gift.since,
        "total": gift.total,
        "level": gift.level.value,
        **_place(gift),
        "taken_back": gift.taken_back,
        "memo": gift.memo,
    }


def _place(gift: Gift) -> dict[str, Any]:
    """Return chain and block of a chain gift, as its key says."""
    if gift.source is not Source.CHAIN:
        return {"chain_id": None, "block_hash": None}
    _, chain_id, block, _ = gift.key.split(":")
    return {"chain_id": int(chain_id), "block_hash": bytes.fromhex(block[2:])}


def all_told() -> Select[Any]:
    """Return the query for all that was ever told of gifts; its rows are ``Told``."""
    return select(*_GIFT).join(GiverRow, GiverRow.id == GiftRow.giver)


class FlairStore:
    """Gifts and what they come to, in one transaction."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    def lock(self) -> None:
        """Let nobody else write of gifts until this transaction ends: they are read, folded, and written."""
        if self._session.get_bind().dialect.name == "postgresql":  # SQLite lets one write at a time anyway
            self._session.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    # ------------------------------------------------------------------------------------------ givers

    def givers(self, givers: Collection[Giver], *, make: bool = False) -> dict[Giver, KnownGiver]:
        """Return these givers as they are kept; those that are not are made where ``make``."""
        found: dict[Giver, KnownGiver] = {}
        for source in {giver.source for giver in givers}:
            names = sorted({giver.name for giver in givers if giver.source is source})
            query = select(*_GIVER).where(GiverRow.source == source.value, one_of(self._session, GiverRow.name, names))
            found |= {Giver(source, row.name): KnownGiver(*row) for row in self._session.execute(query)}
        if make:
            found |= self._made({giver for giver in givers if giver not in found})
        return found

    def _made(self, givers: Collection[Giver]) -> dict[Giver, KnownGiver]:
        ordered = sorted(givers, key=lambda giver: (giver.source, giver.name))
        numbers = list(draw_numbers(self._session, GiverRow, len(ordered)))
        sources, names = [giver.source.value for giver in ordered], [giver.name for giver in ordered]
        columns: dict[str, list[Any]] = {
            "id": numbers,
            "source": sources,
            "name": names,
            "corporate": [False] * len(ordered),
        }
        write_many(self._session, GiverRow, columns)
        return {
            giver: KnownGiver(number, giver.source.value, giver.name, None, corporate=False, fresh=True)
            for number, giver in zip(numbers, ordered, strict=True)
        }

    def giver(self, giver: Giver) -> KnownGiver | None:
        """Return a giver as they are kept."""
        return self.givers([giver]).get(giver)

    def names(self, givers: Collection[int]) -> dict[int, Giver]:
        """Return the givers of these numbers."""
        found: dict[int, Giver] = {}
        for some in parts_of(givers):
            query = select(GiverRow.id, GiverRow.source, GiverRow.name).where(GiverRow.id.in_(some))
            found |= {
                number: Giver(Source(source), name or forgotten_name(number))
                for number, source, name in self._session.execute(query)
            }
        return found

    def name_company(self, giver: int, title: str | None) -> None:
        """Let a giver be a company of that name, or none."""
        values = {"corporate": title is not None, "title": title}
        self._session.execute(update(GiverRow).where(GiverRow.id == giver).values(**values))

    def claim(self, giver: int, person: PersonId, by: ClaimedBy, now: datetime) -> bool:
        """Let a giver be a person; ``False`` where it is somebody already."""
        claimed = self._session.execute(
            update(GiverRow)
            .where(GiverRow.id == giver, GiverRow.person.is_(None))
            .values(person=person, claimed_by=by.value, claimed_at=now)
            .returning(GiverRow.id)
        )
        return claimed.first() is not None

    # ------------------------------------------------------------------------------------------ gifts

    def told(self, keys: Sequence[str], told: int) -> dict[str, Told]:
        """Return what an import (0: none) told of these gifts so far."""
        query = all_told().where(GiftRow.told == told, one_of(self._session, GiftRow.key, keys))
        return {row.key: row for row in self._session.execute(query)}

    def forgotten(self, source: Source, keys: Sequence[str]) -> set[str]:
        """Return those of a source's gifts whose giver is forgotten."""
        some = exists().where(GiverRow.source == source.value, GiverRow.name.is_(None))
        if not self._session.scalar(select(some)):
            return set()
        hashed = {forgotten_key(key): key for key in keys}
        query = select(GiftRow.key).where(one_of(self._session, GiftRow.key, list(hashed)))
        return {hashed[key] for key in self._session.scalars(query)}

    def add(self, gifts: Sequence[tuple[Gift, int, PersonId | None]], told: int) -> None:
        """Keep gifts that an import (0: none) had not told of, each with its giver's number and its owner."""
        rows = [_columns(gift) for gift, _, _ in gifts]
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
        columns["key"] = [gift.key for gift, _, _ in gifts]
        columns["told"] = [told] * len(gifts)
        columns["giver"] = [giver for _, giver, _ in gifts]
        columns["owner"] = [owner for _, _, owner in gifts]
        write_many(self._session, GiftRow, columns)

    def change(self, gift: Gift, told: int) -> None:
        """Write what an import (0: none) told of a gift, in the place of what it told before."""
        changed = update(GiftRow).where(GiftRow.key == gift.key, GiftRow.told == told).values(**_columns(gift))
        self._session.execute(changed.execution_options(synchronize_session=False))

    def take_back(self, key: str, at: datetime) -> set[tuple[PersonId | None, int]]:
        """Let a gift be taken back; return whose it was, owner and giver, where it was not taken back already."""
        changed = self._session.execute(
            update(GiftRow)
            .where(GiftRow.key == key, GiftRow.taken_back.is_(None))
            .values(taken_back=at)
            .returning(GiftRow.owner, GiftRow.giver)
            .execution_options(synchronize_session=False)
        )
        return {(None if owner is None else PersonId(owner), giver) for owner, giver in changed}

    def take_back_block(self, chain_id: int, block: Hash32, at: datetime) -> set[tuple[PersonId | None, int]]:
        """Let all gifts in a block be taken back; return whose they were."""
        changed = self._session.execute(
            update(GiftRow)
            .where(GiftRow.block_hash == block, GiftRow.chain_id == chain_id, GiftRow.taken_back.is_(None))
            .values(taken_back=at)
            .returning(GiftRow.owner, GiftRow.giver)
            .execution_options(synchronize_session=False)
        )
        return {(None if owner is None else PersonId(owner), giver) for owner, giver in changed}

    def unsure_blocks(self, chain_id: int) -> dict[Hash32, Level]:
        """Return the blocks of gifts that are not final, with the level that those have here."""
        query = select(GiftRow.block_hash, GiftRow.level).where(
            GiftRow.chain_id == chain_id,
            GiftRow.level.in_([Level.SEEN.value, Level.SAFE.value]),
            GiftRow.taken_back.is_(None),
        )
        rows = self._session.execute(query.distinct())
        return {Hash32(block): Level(level) for block, level in rows if block is not None}

    def set_level(self, chain_id: int, block: Hash32, level: Level) -> set[tuple[PersonId | None, int]]:
        """Let all gifts in a block have a level; return whose they are."""
        changed = self._session.execute(
            update(GiftRow)
            .where(GiftRow.block_hash == block, GiftRow.chain_id == chain_id)
            .values(level=level.value)
            .returning(GiftRow.owner, GiftRow.giver)
            .execution_options(synchronize_session=False)
        )
        return {(None if owner is None else PersonId(owner), giver) for owner, giver in changed}

    def owners_by_memo(self, memos: Collection[Hash32]) -> dict[Hash32, PersonId]:
        """Return whose these memos are."""
        found: dict[Hash32, PersonId] = {}
        for some in parts_of(memos):
            query = select(MemoRow.memo, MemoRow.person).where(MemoRow.memo.in_([bytes(memo) for memo in some]))
            found |= {Hash32(memo): PersonId(person) for memo, person in self._session.execute(query)}
        return found

    def own(self, givers: Collection[int], person: PersonId | None, *, only: PersonId | None = None) -> None:
        """Let all gifts of these givers be a person's, but those whose memo is somebody's; ``only`` of that owner's."""
        by_memo = exists().where(MemoRow.memo == GiftRow.memo)
        for some in parts_of(givers):
            changed = update(GiftRow).where(GiftRow.giver.in_(some), ~by_memo).values(owner=person)
            if only is not None:
                changed = changed.where(GiftRow.owner == only)
            self._session.execute(changed.execution_options(synchronize_session=False))

    def gifts(self, *, people: Collection[PersonId] = (), givers: Collection[int] = ()) -> Iterator[Told]:
        """Return all that was told of the gifts of these people, or the unowned ones of these givers."""
        for some in parts_of(people):
            yield from self._session.execute(all_told().where(GiftRow.owner.in_(some)))
        for numbers in parts_of(givers):
            unowned = all_told().where(GiftRow.giver.in_(numbers), GiftRow.owner.is_(None))
            yield from self._session.execute(unowned)

    def unclaimed_of(self, person: PersonId) -> set[int]:
        """Return the givers of the chain whose gifts are a person's though they did not claim to be them."""
        query = select(GiftRow.giver).join(GiverRow, GiverRow.id == GiftRow.giver)
        query = query.where(GiftRow.owner == person, GiverRow.person.is_(None), GiverRow.source == Source.CHAIN.value)
        by_memo = exists().where(MemoRow.memo == GiftRow.memo)
        return set(self._session.scalars(query.where(~by_memo).distinct()))

    def secret_words(self, amounts: Sequence[int]) -> list[tuple[Giver, Asset, int, datetime]]:
        """Return which givers without a name, whom nobody claimed to be, give one of these amounts, and since when."""
        query = all_told().where(GiverRow.person.is_(None), GiverRow.source == Source.LIBERAPAY.value)
        query = query.where(GiverRow.name.startswith("secret:"), GiftRow.recurring.is_not(None))
        queries = (query.where(GiftRow.amount.in_(some)) for some in parts_of(amounts))
        found = (gift_of(row) for one in queries for row in self._session.execute(one))
        return [(Giver(gift.source, gift.giver), gift.asset, gift.amount, gift.at) for gift in found]

    def facts(
        self, people: Collection[PersonId], givers: Collection[int]
    ) -> tuple[dict[PersonId, Facts], dict[int, Facts]]:
        """Return what is known of people, and of givers as far as nobody claimed it."""
        of_people: dict[PersonId, Facts] = {person: Facts() for person in people}
        of_givers: dict[int, Facts] = {giver: Facts() for giver in givers}
        for row in self.gifts(people=people, givers=givers):
            facts = of_givers[row.giver] if row.owner is None else of_people[PersonId(row.owner)]
            facts.gifts.append(gift_of(row))
            facts.corporate = facts.corporate or row.corporate
        return of_people, of_givers

    def whose(self, after: int, limit: int) -> tuple[set[PersonId], set[int], int | None]:
        """Return whose gifts the next givers gave, and up to which giver that is; ``None`` where there are no more."""
        query = select(GiverRow.id).where(GiverRow.id > after).order_by(GiverRow.id).limit(limit)
        numbers = list(self._session.scalars(query))
        if not numbers:
            return set(), set(), None
        owners = select(GiftRow.owner).where(GiftRow.giver.in_(numbers), GiftRow.owner.is_not(None)).distinct()
        return (
            {PersonId(owner) for owner in self._session.scalars(owners) if owner is not None},
            set(numbers),
            numbers[-1],
        )

    def listings(self) -> dict[Source, list[datetime]]:
        """Return when each source was listed as a whole, ascending."""
        query = select(ImportRow.source, ImportRow.as_of).where(
            ImportRow.whole.is_(True), ImportRow.ended_at.is_not(None), ImportRow.undone_at.is_(None)
        )
        found: defaultdict[Source, list[datetime]] = defaultdict(list)
        for source, at in self._session.execute(query.order_by(ImportRow.as_of)):
            found[Source(source)].append(at)
        return dict(found)

    def chain_gifts(
        self, giver: str, asset: Asset, amount: int, *, months: int, memo: Hash32 | None, since: datetime
    ) -> int:
        """Count the gifts like it that the chain told of since then, which were not taken back."""
        query = select(func.count()).select_from(GiftRow).join(GiverRow, GiverRow.id == GiftRow.giver)
        query = query.where(GiverRow.source == Source.CHAIN.value, GiverRow.name == giver, GiftRow.asset == asset)
        query = query.where(GiftRow.amount == amount, GiftRow.months == months, GiftRow.at >= since)
        query = query.where(GiftRow.taken_back.is_(None))
        query = query.where(GiftRow.memo.is_(None) if memo is None else GiftRow.memo == bytes(memo))
        return self._session.scalar(query) or 0

    def has_taken_back(self, person: PersonId) -> bool:
        """Tell whether any gift of a person's was taken back."""
        query = select(GiftRow.key).where(GiftRow.owner == person, GiftRow.taken_back.is_not(None))
        return self._session.scalars(query.limit(1)).first() is not None

    def forget(self, person: PersonId, left_of: Callable[[str], str]) -> set[int]:
        """Take out whose gifts a person's were, and who they are elsewhere; return the givers that gave them.

        Of a gift's key that names them, what ``left_of`` leaves of it stays.
        """
        rows = list(self.gifts(people=[person]))
        givers = {row.giver for row in rows}
        for row in rows:
            if row.source != Source.CHAIN.value:
                self._session.execute(
                    update(GiftRow)
                    .where(GiftRow.key == row.key, GiftRow.told == row.told)
                    .values(key=left_of(row.key))
                    .execution_options(synchronize_session=False)
                )
        self._session.execute(update(GiftRow).where(GiftRow.owner == person).values(owner=None))
        mine = (GiverRow.person == person, GiverRow.source != Source.CHAIN.value)
        self._session.execute(update(GiverRow).where(*mine).values(name=None, title=None))
        self._session.execute(
            update(GiverRow).where(GiverRow.person == person).values(person=None, claimed_by=None, claimed_at=None)
        )
        for table in (MemoRow, ClaimTriesRow, ClaimMessageRow, ClaimAmountRow, EntitlementRow, ShownRow):
            self._session.execute(delete(table).where(table.person == person))
        self._session.expire_all()
        return givers


def parts_of(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Give values some at a time, in one order, as many as a statement takes."""
    rest = iter(sorted(values))
    while part := list(islice(rest, _AT_ONCE)):
        yield part
