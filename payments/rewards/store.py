"""Reading and writing which servers take part in rewards, what they report and how they look; nothing is decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, inspect, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, ServerName
from payments.rewards.enrolling import Challenge, Enrolled, Joining, Kind, Trouble
from payments.rewards.measuring import Look, Looks, bit_of
from payments.rewards.statistics import Reported
from payments.rewards.tables import ChallengeRow, EpochPartRow, EpochRow, LookRow, ReportRow, RewardServerRow, TotalsRow

_MOST_DROPPED = 100
_CHALLENGES_KEPT = timedelta(days=1)
_KEY = ("server", "day", "vantage")
_OF_THE_LAST = ("milliseconds", "certificate_until", "software", "network")
"""What is kept of the last look that was answered; nothing of it is known of one that was not."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A closed epoch; ``budget``, ``paid`` and ``forfeited`` in base units. Without a root nobody ever earned."""

    number: int
    begins: datetime
    ends: datetime
    servers: int
    budget: int
    paid: int
    forfeited: int
    root: Hash32 | None
    closed_at: datetime


class RewardStore:
    """The tables of rewards."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    # ------------------------------------------------------------------------------------------------ challenges

    def give(
        self, challenge: Challenge, *, code: str | None = None, digest: bytes | None = None, forwards: bool = False
    ) -> None:
        """Keep a challenge; ``code`` and ``digest`` of one that is answered over federation."""
        self._session.add(
            ChallengeRow(
                nonce=challenge.nonce,
                server=challenge.server,
                kind=challenge.kind.value,
                payout=challenge.payout,
                expires_at=challenge.expires_at,
                code=code,
                report_sha256=digest,
                forwards=forwards,
            )
        )
        self._session.flush()

    def challenge(self, nonce: str, *, service: str, chain_id: int) -> Challenge | None:
        """Return a challenge for a key that was not answered yet."""
        row = self._session.get(ChallengeRow, nonce)
        if row is None or row.used_at is not None or row.code is not None:
            return None
        return _challenge(row, service, chain_id)

    def joining(self, nonce: str, *, service: str, chain_id: int) -> tuple[Joining, bytes] | None:
        """Return a challenge for federation that was not answered yet, and the hash of its reports' secret."""
        row = self._session.get(ChallengeRow, nonce)
        if row is None or row.used_at is not None or row.code is None or row.report_sha256 is None:
            return None
        return Joining(_challenge(row, service, chain_id), row.code, row.forwards), bytes(row.report_sha256)

    def drop_oldest(self, server: ServerName, *, kept: int) -> None:
        """Forget all challenges of a server that nobody answered, but for the newest."""
        query = select(ChallengeRow.nonce).where(ChallengeRow.server == server, ChallengeRow.used_at.is_(None))
        old = query.order_by(ChallengeRow.expires_at.desc(), ChallengeRow.nonce).offset(kept).limit(_MOST_DROPPED)
        gone = delete(ChallengeRow).where(ChallengeRow.nonce.in_(list(self._session.scalars(old))))
        self._session.execute(gone.execution_options(synchronize_session=False))

    def use(self, nonce: str, now: datetime) -> bool:
        """Note that a challenge was answered; ``False`` where it was before."""
        used = self._session.execute(
            update(ChallengeRow)
            .where(ChallengeRow.nonce == nonce, ChallengeRow.used_at.is_(None))
            .values(used_at=now)
            .returning(ChallengeRow.nonce)
            .execution_options(synchronize_session=False)
        )
        return used.first() is not None

    # ------------------------------------------------------------------------------------------------ servers

    def find(self, server: ServerName) -> Enrolled | None:
        """Return a server that takes part, or did."""
        return _enrolled(self._session.scalar(select(RewardServerRow).where(RewardServerRow.server == server)))

    def by_report(self, digest: bytes) -> Enrolled | None:
        """Return the server whose reports arrive at an address with this hash."""
        return _enrolled(self._session.scalar(select(RewardServerRow).where(RewardServerRow.report_sha256 == digest)))

    def get(self, number: int) -> Enrolled | None:
        """Return a server by its number."""
        return self.several([number]).get(number)

    def several(self, numbers: Iterable[int]) -> dict[int, Enrolled]:
        """Return servers by their numbers."""
        query = select(RewardServerRow).where(RewardServerRow.id.in_(list(numbers)))
        rows = self._session.scalars(query.execution_options(populate_existing=True))
        return {found.id: found for row in rows if (found := _enrolled(row)) is not None}

    def all(self, *, after: int = 0, limit: int) -> list[Enrolled]:
        """Return servers by number, those that left too."""
        query = select(RewardServerRow).where(RewardServerRow.id > after).order_by(RewardServerRow.id).limit(limit)
        return [found for row in self._session.scalars(query) if (found := _enrolled(row)) is not None]

    def enrol(self, challenge: Challenge, *, key: bytes, beside: bytes, digest: bytes, now: datetime) -> None:
        """Let a server take part from now."""
        self._session.add(
            RewardServerRow(
                server=challenge.server,
                kind=challenge.kind.value,
                key=key,
                beside=beside,
                payout=challenge.payout,
                report_sha256=digest,
                enrolled_at=now,
                seen_at=now,
            )
        )
        self._session.flush()

    def change(self, number: int, **values: Any) -> None:  # noqa: ANN401 - columns
        """Set columns of a server."""
        self._session.execute(
            update(RewardServerRow)
            .where(RewardServerRow.id == number)
            .values(**values)
            .execution_options(synchronize_session="fetch")
        )

    def change_each(self, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Set columns of servers by their numbers."""
        if changes:
            self._session.execute(update(RewardServerRow), [{"id": one, **of} for one, of in changes.items()])

    # ------------------------------------------------------------------------------------------------ reports

    def report(self, number: int, day: date, reported: Reported) -> None:
        """Keep what a server reported on a day, the highest of each count."""
        row = self._session.get(ReportRow, (number, day), with_for_update=True)
        if row is None:
            made = {"server": number, "day": day, **_counts(reported)}
            done = self._session.execute(self._insert(ReportRow).values(made).on_conflict_do_nothing())
            if done.rowcount:  # type: ignore[attr-defined]
                return
            row = self._session.get_one(ReportRow, (number, day), with_for_update=True)
        for name, count in _counts(_reported(row).highest(reported)).items():
            setattr(row, name, count)
        self._session.flush()

    def reports(self, number: int, since: date, before: date) -> list[tuple[date, Reported]]:
        """Return what a server reported on the days from ``since`` on, before ``before``."""
        query = select(ReportRow).where(ReportRow.server == number, ReportRow.day >= since, ReportRow.day < before)
        return [(row.day, _reported(row)) for row in self._session.scalars(query.order_by(ReportRow.day))]

    # ------------------------------------------------------------------------------------------------ looks

    def due(self, now: datetime, vantage: str, *, limit: int) -> list[Enrolled]:
        """Return servers at which one place has not looked in this hour, by number."""
        here = LookRow.server == RewardServerRow.id, LookRow.day == now.date(), LookRow.vantage == vantage
        looked = select(LookRow.server).where(*here, LookRow.looked.op("&")(bit_of(now)) != 0)
        query = select(RewardServerRow).where(RewardServerRow.left_at.is_(None), ~looked.exists())
        rows = self._session.scalars(query.order_by(RewardServerRow.id).limit(limit))
        return [found for row in rows if (found := _enrolled(row)) is not None]

    def look(self, looks: Mapping[int, Look]) -> None:
        """Keep looks, one at each server; of two in one hour from one place the one that was answered counts."""
        rows = [
            {
                "server": number,
                "day": look.at.date(),
                "vantage": look.vantage,
                "looked": look.bit,
                "answered": look.bit if look.answered else 0,
                **{name: getattr(look, name) for name in _OF_THE_LAST},
            }
            for number, look in looks.items()
        ]
        if not rows:
            return
        made = self._insert(LookRow.__table__)  # the rows beside it: written into it, it would be made anew each time
        changed = {name: getattr(LookRow, name).op("|")(made.excluded[name]) for name in ("looked", "answered")}
        changed |= {name: func.coalesce(made.excluded[name], getattr(LookRow, name)) for name in _OF_THE_LAST}
        self._session.execute(made.on_conflict_do_update(index_elements=_KEY, set_=changed), rows)

    def looks(self, since: date, before: date, *, server: int | None = None) -> dict[int, list[Looks]]:
        """Return, for each server (or one), what each place saw on the days from ``since`` on, before ``before``."""
        query = select(LookRow.server, LookRow.vantage, LookRow.looked, LookRow.answered, LookRow.network)
        query = query.where(LookRow.day >= since, LookRow.day < before)
        if server is not None:
            query = query.where(LookRow.server == server)
        counts: dict[int, dict[str, tuple[int, int, set[str]]]] = {}
        for number, place, looked, answered, network in self._session.execute(
            query.execution_options(yield_per=10_000)
        ):
            here = counts.setdefault(number, {})
            all_, good, networks = here.get(place, (0, 0, set[str]()))
            if network is not None:
                networks.add(network)
            here[place] = all_ + looked.bit_count(), good + answered.bit_count(), networks
        return {
            number: [Looks(place, all_, good, frozenset(seen)) for place, (all_, good, seen) in sorted(places.items())]
            for number, places in counts.items()
        }

    def daily_users(self, since: date, before: date) -> dict[int, int]:
        """Return, for each server, the sum of its daily users as it reported them for those days."""
        query = select(ReportRow.server, func.sum(ReportRow.daily_users))
        query = query.where(ReportRow.day >= since, ReportRow.day < before).group_by(ReportRow.server)
        return {number: int(total) for number, total in self._session.execute(query)}

    # ------------------------------------------------------------------------------------------------ totals

    def names(self, numbers: Iterable[int]) -> dict[int, ServerName]:
        """Return the names of servers, of all that have one of these numbers."""
        wanted = set(numbers)
        rows = self._session.execute(select(RewardServerRow.id, RewardServerRow.server))
        return {number: ServerName(name) for number, name in rows if number in wanted}

    def keep_totals(self, day: date, said: Mapping[str, Any]) -> None:
        """Keep what is said of a day, once: whoever comes later changes nothing."""
        made = self._insert(TotalsRow).values(day=day, said=dict(said)).on_conflict_do_nothing()
        self._session.execute(made)

    def totals(self, limit: int) -> list[tuple[date, dict[str, Any]]]:
        """Return what is said of days, the newest first."""
        rows = self._session.scalars(select(TotalsRow).order_by(TotalsRow.day.desc()).limit(limit))
        return [(row.day, row.said) for row in rows]

    # ------------------------------------------------------------------------------------------------ epochs

    def last_epoch(self) -> Epoch | None:
        """Return the newest epoch."""
        row = self._session.scalars(select(EpochRow).order_by(EpochRow.number.desc()).limit(1)).first()
        return None if row is None else _epoch(row)

    def epochs(self) -> list[Epoch]:
        """Return all epochs, the newest first."""
        return [_epoch(row) for row in self._session.scalars(select(EpochRow).order_by(EpochRow.number.desc()))]

    def keep_epoch(self, epoch: Epoch, pieces: Sequence[bytes]) -> bool:
        """Keep an epoch and the pieces of its file; ``False`` where somebody else did, at the same moment perhaps."""
        values = {field: getattr(epoch, field) for field in Epoch.__slots__}
        made = self._insert(EpochRow).values(**values, parts=len(pieces)).on_conflict_do_nothing()
        if self._session.execute(made.returning(EpochRow.number)).first() is None:
            return False
        for part, content in enumerate(pieces):
            self._session.execute(insert(EpochPartRow).values(number=epoch.number, part=part, content=content))
        return True

    def epoch_file(self, number: int) -> list[bytes]:
        """Return the pieces of an epoch's packed file; none where it is not closed."""
        query = select(EpochPartRow.content).where(EpochPartRow.number == number).order_by(EpochPartRow.part)
        return list(self._session.scalars(query))

    def prune(self, now: datetime, kept: timedelta, *, limit: int) -> int:
        """Take away some of what is past its time; return how many rows went."""
        day = (now - kept).date()
        gone = 0
        for row, old in (
            (ChallengeRow, ChallengeRow.expires_at < now - _CHALLENGES_KEPT),
            (ReportRow, ReportRow.day < day),
            (LookRow, LookRow.day < day),
        ):
            keys = inspect(row).primary_key  # type: ignore[attr-defined] # mapped classes all have one
            some = select(*keys).where(old).limit(limit)
            done = self._session.execute(
                delete(row).where(tuple_(*keys).in_(some)).execution_options(synchronize_session=False)
            )
            gone += done.rowcount  # type: ignore[attr-defined]
        return gone

    def _insert(self, row: Any) -> Any:  # noqa: ANN401 - a class or its table, by either dialect
        of = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        return of.insert(row)


def _counts(reported: Reported) -> dict[str, int]:
    return {name: getattr(reported, name) for name in Reported.__slots__}


def _reported(row: ReportRow) -> Reported:
    return Reported(row.monthly_users, row.daily_users, row.users, row.rooms, row.daily_messages)


def _epoch(row: EpochRow) -> Epoch:
    root = None if row.root is None else Hash32(row.root)
    sums = row.budget, row.paid, row.forfeited
    return Epoch(row.number, row.begins, row.ends, row.servers, *sums, root, row.closed_at)


def _challenge(row: ChallengeRow, service: str, chain_id: int) -> Challenge:
    server, payout = ServerName(row.server), Address(row.payout)
    return Challenge(row.nonce, server, Kind(row.kind), payout, service, chain_id, row.expires_at)


def _enrolled(row: RewardServerRow | None) -> Enrolled | None:
    if row is None:
        return None
    return Enrolled(
        id=row.id,
        server=ServerName(row.server),
        kind=Kind(row.kind),
        key=bytes(row.key),
        payout=Address(row.payout),
        enrolled_at=row.enrolled_at,
        beside=tuple(row.beside[place : place + 32] for place in range(0, len(row.beside), 32)),
        payout_next=None if row.payout_next is None else Address(row.payout_next),
        payout_from=row.payout_from,
        trouble=None if row.trouble is None else Trouble(row.trouble),
        claims_from=row.claims_from,
        seen_at=row.seen_at,
        left_at=row.left_at,
        forwards=row.forwards,
    )
