"""Overseeing, in one transaction: what the operator's rules hold, what they took down, and that buyers are told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from kit import outbox
from kit.clock import unix
from kit.errors import Conflict, Forbidden, Invalid, NotFound
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


class Overseen(Belonging):
    """Listings before the operator: held by rules, allowed, refused, and taken down."""

    def __init__(self, session: Session, now: datetime, *, judge: Judge) -> None:
        """Work in ``session``, at ``now``; ``judge`` knows the rules."""
        super().__init__(session, now)
        self._judge = judge

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
        row.state, row.reason, row.ended_at = ListingState.TAKEN_DOWN.value, said, self._now
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
        row.state, row.reason = ListingState.UNLISTED.value, None
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

    def allow(self, listing: str) -> Listing:
        """Let something be sold as it is, whatever the rules say; a later version is put to them again.

        Raises ``NotFound``, and ``Conflict`` for what is not held.
        """
        row, hold = self._held(listing)
        hold.answer = Answer.ALLOWED.value
        self._let_out(row)
        self._tell_seller(row, f"{hold.id}:allowed:{unix(self._now)}")
        return self._listings.listing(row)

    def refuse(self, listing: str, reason: str) -> Listing:
        """Say that something is not sold here as it is, and why; the seller may put up another version.

        Raises ``NotFound``, ``Invalid``, and ``Conflict`` for what is not held.
        """
        said = tidy(reason, LONGEST_REASON)
        if not said:
            raise Invalid("reason_missing", "Say why: the seller is told.")
        row, hold = self._held(listing)
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
            self._tell_seller(row, f"{row.state}:{row.id}:{unix(self._now)}")
        return row.state != before

    def taken_off_since(self, moment: datetime) -> int:
        """Count listings that were for sale and have been held since then, but for those that the operator allowed."""
        counts = HoldRow.swept, HoldRow.since >= moment, HoldRow.answer.is_distinct_from(Answer.ALLOWED.value)
        query = select(func.count(HoldRow.listing.distinct())).where(*counts)
        return self._session.scalar(query) or 0

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
        row.reason = None
        if self.admissions.want(row):
            row.state, row.ended_at = ListingState.LISTED.value, None
        else:
            row.state = (ListingState.DRAFT if row.ended_at is None else ListingState.UNLISTED).value

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
        was_for_sale = row.state == ListingState.LISTED.value or (known is not None and known.swept)
        made = HoldRow(
            listing=row.id,
            version=row.version,
            outcome=found.outcome.value,
            rule=found.rule,
            told=found.told[:LONGEST_REASON],
            swept=swept and was_for_sale,
            since=self._now,
        )
        self._session.add(made)
        self._session.flush()
        return made

    def _end_unanswered(self, row: ListingRow) -> None:
        known = self._standing(row)
        if known is not None and known.answer is None:
            known.ended_at = self._now
            self._session.flush()

    def _standing(self, row: ListingRow) -> HoldRow | None:
        of_it: tuple[ColumnElement[bool], ...] = (HoldRow.listing == row.id, HoldRow.ended_at.is_(None))
        return self._session.scalar(select(HoldRow).where(*of_it).execution_options(populate_existing=True))

    def _held(self, listing: str) -> tuple[ListingRow, HoldRow]:
        row = self._row(listing, lock=True)
        hold = self._standing(row)
        if row.state != ListingState.HELD.value or hold is None:
            raise Conflict("not_held", "That is not held by a rule.")
        return row, hold

    def _tell_seller(self, row: ListingRow, turn: str) -> None:
        key, payload = f"{NEWS}:{turn}", {"listing": row.token, "person": row.seller}
        outbox.append(self._session, kind=NEWS, key=key, payload=payload, now=self._now)

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
