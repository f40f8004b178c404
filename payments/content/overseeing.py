"""Overseeing, in one transaction: what the operator's rules hold, what they took down, and that buyers are told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from kit import outbox
from kit.clock import from_unix, unix
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from payments.content.admissions import Admissions
from payments.content.belonging import Belonging
from payments.content.holds import Answer, Hold, Judge, Objection, Outcome
from payments.content.model import LONGEST_REASON, Listing, ListingState, tidy
from payments.content.side_tables import HoldRow
from payments.content.tables import AdmissionPlaceRow, ListingRow

NEWS: Final = "listing-news"
"""Outbox kind: a seller is to be told how ``listing`` stands with the operator."""
DOWN: Final = "listing-down"
"""Outbox kind: the buyers of ``listing`` are to be told that it was taken down, those after the number ``after``."""
TAKEN_DOWN: Final = "content-taken-down"
"""Outbox kind: a person is to be told that what they bought was taken down; ``purchase`` is its id."""
KEPT_FOR: Final = timedelta(days=180)
"""For how long it is remembered what was held and is not any more."""
MOST_SHOWN: Final = 100
_DAY: Final = 86_400


class Overseen(Belonging):
    """Listings before the operator: held by rules, allowed, refused, and taken down."""

    def __init__(self, session: Session, now: datetime, *, judge: Judge) -> None:
        """Work in ``session``, at ``now``; ``judge`` knows the rules."""
        super().__init__(session, now)
        self._judge = judge

    @property
    def admissions(self) -> Admissions:
        """Rooms that people are admitted to."""
        return Admissions(self._session, self._now, self._came_ready)

    # ------------------------------------------------------------------------------------------ taking down

    def take_down(self, listing: str, reason: str) -> Listing:
        """Take a listing out for the operator: it is sold and delivered no more, and seller and buyers are told so.

        Raises ``NotFound``, ``Invalid``.
        """
        said = tidy(reason, LONGEST_REASON)
        if not said:
            raise Invalid("reason_missing", "Say why: seller and buyers are told.")
        row = self._row(listing, lock=True)
        fresh = row.state != ListingState.TAKEN_DOWN.value
        if row.state == ListingState.LISTED.value:
            row.ended_at = self._now
        row.state, row.reason = ListingState.TAKEN_DOWN.value, said
        self.admissions.unwant(row)
        self._end_unanswered(row)
        if fresh:
            turn = f"{listing}:{unix(self._now)}"
            payload = {"listing": listing, "after": 0}
            outbox.append(self._session, kind=DOWN, key=f"{DOWN}:{turn}", payload=payload, now=self._now)
            self._tell_seller(row, f"down:{turn}")
        return self._listings.listing(row)

    def put_back(self, listing: str) -> Listing:
        """Take a take-down back: its buyers have it again, and its seller may list it. Raises as ``take_down``.

        Raises ``Conflict`` for what was not taken down.
        """
        row = self._row(listing, lock=True)
        if row.state != ListingState.TAKEN_DOWN.value:
            raise Conflict("not_taken_down", "That was not taken down.")
        self._take_in(row)
        return self._listings.listing(row)

    def tell_buyers(self, *, limit: int) -> bool:
        """Owe some buyers of what was taken down word of it, each once; ``False`` where nobody is left."""
        owed = outbox.waiting(self._session, DOWN, 1)
        if not owed:
            return False
        effect, listing = owed[0], str(owed[0].payload["listing"])
        row = self._listings.row(listing)
        some = []
        if row is not None and row.state == ListingState.TAKEN_DOWN.value:
            some = self._sold.standing_after(row.id, int(effect.payload["after"]), limit)
        for _, purchase in some:
            if purchase.buyer is not None and purchase.buyer.person is not None:
                key, payload = f"{TAKEN_DOWN}:{purchase.id}:{effect.id}", {"purchase": purchase.id}
                outbox.append(self._session, kind=TAKEN_DOWN, key=key, payload=payload, now=self._now)
        if len(some) < limit:
            outbox.mark_done(self._session, effect, now=self._now)
        else:
            outbox.rewrite(self._session, effect, dict(effect.payload) | {"after": some[-1][0]})
        return True

    # ------------------------------------------------------------------------------------------ answering

    def allow(self, listing: str, version: int) -> Listing:
        """Let a version be sold as it is, whatever the rules say; a later one is put to them again.

        Raises ``NotFound``, and ``Conflict`` for what is not held, or where that version is not the newest.
        """
        row, hold = self._held(listing, version)
        hold.answer = Answer.ALLOWED.value
        self._let_out(row)
        self._tell_seller(row, f"{hold.id}:allowed:{unix(self._now)}")
        return self._listings.listing(row)

    def refuse(self, listing: str, version: int, reason: str) -> Listing:
        """Say that a version is not sold here as it is, and why; the seller may put up another one.

        Raises ``Invalid``, and as ``allow``.
        """
        said = tidy(reason, LONGEST_REASON)
        if not said:
            raise Invalid("reason_missing", "Say why: the seller is told.")
        row, hold = self._held(listing, version)
        hold.answer, hold.told, row.reason = Answer.REFUSED.value, said, said
        self._tell_seller(row, f"{hold.id}:refused:{unix(self._now)}")
        return self._listings.listing(row)

    def held(self, *, over: bool = False, limit: int = MOST_SHOWN) -> list[Hold]:
        """Return what is held and waits for the operator, or (``over``) all that ever was, the newest first."""
        query = select(HoldRow, ListingRow).join(ListingRow, ListingRow.id == HoldRow.listing)
        if not over:
            query = query.where(HoldRow.ended_at.is_(None), ListingRow.state == ListingState.HELD.value)
        found = self._session.execute(query.order_by(HoldRow.id.desc()).limit(limit))
        return [_hold(hold, self._listings.listing(row)) for hold, row in found]

    # ------------------------------------------------------------------------------------------ looking again

    def to_weigh(self, *, before: str | None = None, limit: int) -> list[tuple[Listing, Answer | None]]:
        """Return some of what is for sale, or would be but for the rules or its room, newest first, before one of them.

        With each comes what the operator said of its newest version.
        """
        wanted = select(AdmissionPlaceRow.listing).where(AdmissionPlaceRow.wanted)
        states = ListingRow.state.in_([ListingState.LISTED.value, ListingState.HELD.value])
        off = ListingRow.state.in_([ListingState.DRAFT.value, ListingState.UNLISTED.value])
        which = or_(states, off & ListingRow.id.in_(wanted))
        found = self._listings.page(which, before=before, limit=limit)
        answered = (
            select(ListingRow.token, HoldRow.answer)
            .join(ListingRow, (ListingRow.id == HoldRow.listing) & (ListingRow.version == HoldRow.version))
            .where(HoldRow.ended_at.is_(None), ListingRow.token.in_([one.id for one in found]))
        )
        said = {token: Answer(answer) for token, answer in self._session.execute(answered) if answer is not None}
        return [(one, said.get(one.id)) for one in found]

    def weigh(self, listing: str, *, take_off: bool) -> bool:
        """Put something to the rules again; tell whether it stands otherwise now.

        Held by a rule that objects no more it is for sale by itself; ``take_off``: what a rule objects to now is held.
        """
        row = self._row(listing, lock=True)
        before = row.state
        if before == ListingState.HELD.value:
            objecting = self._objecting(row, swept=True)
            self._keep_off(row, objecting)  # another rule may, by now
            if objecting is None:
                self._let_out(row)
        elif take_off and before != ListingState.TAKEN_DOWN.value:
            self._keep_off(row, self._objecting(row, swept=True))
        if row.state != before:
            self._tell_weighed(row)
        return row.state != before

    def taken_off_since(self, moment: datetime) -> int:
        """Count how often something was taken off sale since then, but for what the operator allowed."""
        counts = HoldRow.swept, HoldRow.since >= moment, HoldRow.answer.is_distinct_from(Answer.ALLOWED.value)
        return self._session.scalar(select(func.count()).select_from(HoldRow).where(*counts)) or 0

    def prune_holds(self, *, limit: int) -> int:
        """Forget what was held and is past its time; return how much."""
        old = select(HoldRow.id).where(HoldRow.ended_at < self._now - KEPT_FOR).order_by(HoldRow.id).limit(limit)
        gone = self._session.scalars(old).all()
        self._session.execute(delete(HoldRow).where(HoldRow.id.in_(gone)))
        return len(gone)

    # ------------------------------------------------------------------------------------------ within

    def _put_out(self, row: ListingRow) -> Listing:
        """Let something be for sale, or held as the rules say. Raises ``Forbidden`` for what they refuse."""
        ready = self.admissions.want(row)
        objecting = self._objecting(row)
        if objecting is not None:
            self._keep_off(row, objecting)
        elif ready:
            row.state, row.ended_at, row.reason = ListingState.LISTED.value, None, None
        elif row.state == ListingState.HELD.value:
            self._let_out(row)
        return self._listings.listing(row)

    def _check_refused(self, row: ListingRow) -> None:
        """Raise ``Forbidden`` for what the rules would refuse."""
        found = self._judge(self._listings.listing(row))
        if found is not None and found.outcome is Outcome.REFUSE:
            raise _refused(found)

    def _keep_off(self, row: ListingRow, objecting: HoldRow | None) -> None:
        if objecting is None:
            return
        if row.state == ListingState.LISTED.value:
            row.ended_at = self._now
        row.state, row.reason = ListingState.HELD.value, objecting.told

    def _let_out(self, row: ListingRow) -> None:
        if self.admissions.want(row):
            row.state, row.ended_at, row.reason = ListingState.LISTED.value, None, None
        else:
            self._take_in(row)

    def _take_in(self, row: ListingRow) -> None:
        """Let something not be for sale. What went off before, or was never on, is not on for another hour by that."""
        if row.state == ListingState.LISTED.value:
            row.ended_at = self._now
        row.state = (ListingState.DRAFT if row.ended_at is None else ListingState.UNLISTED).value
        row.reason = None

    def _came_ready(self, row: ListingRow) -> None:
        """Let an admission be for sale whose room is ready, or hold it: its seller is not here to be refused it."""
        objecting = self._objecting(row, swept=True)
        if objecting is None:
            row.state, row.ended_at, row.reason = ListingState.LISTED.value, None, None
        else:
            self._keep_off(row, objecting)
            self._tell_weighed(row)

    def _objecting(self, row: ListingRow, *, swept: bool = False) -> HoldRow | None:
        """Return what holds a listing's newest version, and remember it; what holds it no more is over."""
        known = self._standing(row)
        if known is not None and known.version == row.version and known.answer is not None:
            return known if known.answer == Answer.REFUSED.value else None
        found = self._judge(self._listings.listing(row))
        if found is not None and found.outcome is Outcome.REFUSE and not swept:
            raise _refused(found)
        if known is not None:
            if found is not None and (known.version, known.rule) == (row.version, found.rule):
                return known
            known.ended_at = self._now
            self._session.flush()
        if found is None:
            return None
        made = HoldRow(
            listing=row.id,
            version=row.version,
            outcome=found.outcome.value,
            rule=found.rule,
            told=found.told[:LONGEST_REASON],
            swept=swept and row.state == ListingState.LISTED.value,
            since=self._now,
        )
        self._session.add(made)
        self._session.flush()
        return made

    def _end_unanswered(self, row: ListingRow) -> None:
        known = self._standing(row)
        if known is not None and known.answer is None:
            self._end_hold(row)

    def _end_hold(self, row: ListingRow) -> None:
        known = self._standing(row)
        if known is not None:
            known.ended_at = self._now
            self._session.flush()

    def _standing(self, row: ListingRow) -> HoldRow | None:
        of_it: tuple[ColumnElement[bool], ...] = (HoldRow.listing == row.id, HoldRow.ended_at.is_(None))
        return self._session.scalar(select(HoldRow).where(*of_it).execution_options(populate_existing=True))

    def _held(self, listing: str, version: int) -> tuple[ListingRow, HoldRow]:
        row = self._row(listing, lock=True)
        hold = self._standing(row)
        if row.state != ListingState.HELD.value or hold is None:
            raise Conflict("not_held", "That is not held by a rule.")
        if not version == hold.version == row.version:
            raise Conflict("version_newer", f"What is held of it is version {row.version}: look at that one first.")
        return row, hold

    def _tell_seller(self, row: ListingRow, turn: str) -> None:
        self._owe_news(row, turn, self._now)

    def _tell_weighed(self, row: ListingRow) -> None:
        """Owe a seller word of how something stands, of one listing once a day; what changes then is told the next."""
        day = unix(self._now) // _DAY
        if not self._owe_news(row, f"weighed:{row.id}:{day}", self._now):
            self._owe_news(row, f"weighed:{row.id}:{day + 1}", from_unix((day + 1) * _DAY))

    def _owe_news(self, row: ListingRow, turn: str, due: datetime) -> bool:
        key, payload = f"{NEWS}:{turn}", {"listing": row.token, "person": row.seller}
        return outbox.append(self._session, kind=NEWS, key=key, payload=payload, now=self._now, due_at=due)

    def _row(self, listing: str, *, lock: bool) -> ListingRow:
        row = self._listings.row(listing, lock=lock)
        if row is None:
            raise NotFound("listing_unknown", "There is no such listing.")
        return row


def _refused(found: Objection) -> Forbidden:
    return Forbidden("listing_refused", f"The operator lets nobody sell that here: {found.told}", told=found.told)


def _hold(row: HoldRow, listing: Listing) -> Hold:
    return Hold(
        id=row.id,
        listing=listing,
        version=row.version,
        objection=Objection(Outcome(row.outcome), row.rule, row.told),
        answer=None if row.answer is None else Answer(row.answer),
        swept=row.swept,
        since=row.since,
        ended_at=row.ended_at,
    )
