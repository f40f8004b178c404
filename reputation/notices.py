"""Notices: what the bot is to tell people, put into the outbox; numbers of people and amounts, never names or texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit import outbox
from kit.clock import unix
from kit.identifiers import Hash32, PersonId, ServerName, UserId, server_of, show_hash
from ledger.people import People
from payments.carrying.model import Outcome
from payments.stakes.model import Quote, Stake, StakeState
from reputation.courtesy import Courtesy
from reputation.model import Knock
from reputation.store import GateStore
from reputation.tables import DigestRow
from reputation.verdict import Code, FreePath

KIND = "notice"

OF_STATE: Mapping[StakeState, str] = {
    StakeState.RETURNED: "stake_returned",
    StakeState.EXPIRED: "stake_expired",
    StakeState.FORFEIT_ANNOUNCED: "forfeit_announced",
    StakeState.FORFEITED: "stake_forfeited",
    StakeState.ORPHANED: "stake_orphaned",
}
"""What a stranger is told when their stake comes to be so."""
UNASKED = frozenset({"knock_held", "knock_free", "helper_asked"})
"""What people are told who never turned to us: it is budgeted, and homeservers can be spared it. All else is about
somebody's own money, answer or door, and is never dropped."""
FLOOD_PAUSE = timedelta(minutes=10)
"""How long after a flood began its recipient is told."""
FLOOD_AGAIN = timedelta(days=1)
"""How long a recipient hears of no other flood."""
LEAST_FLOOD = 20
"""Strangers at one door in a day that are a flood, where some of them could not be written to."""
_FREE_AGAIN = 30 * 86_400
_MOST_FLOODS = 20
_TURNS = 10
_MOST_COUNTED = 5_000
_FOR_BOTH = frozenset({StakeState.FORFEIT_ANNOUNCED, StakeState.FORFEITED})
"""What the recipient is told as well, who said so and can take an announcement back."""


class Notices:
    """Writes notices in one transaction. One notice per code and quote or stake, whatever happens how often."""

    def __init__(self, session: Session, *, now: datetime, people: People) -> None:
        """Write in ``session``; whoever stopped notices gets none."""
        self._session = session
        self._now = now
        self._people = people
        self._courtesy = Courtesy(session, now)

    def knock_held(self, quote: Quote, knock: Knock, free: Sequence[FreePath] = ()) -> None:
        """Tell the stranger what a knock costs, and what ``free`` paths there are; once per quote."""
        key = f"knock_held:{quote.id}"
        if not self._may_tell(key, quote.stranger, quote.recipient, knock):
            return
        values = {
            "stranger": quote.stranger,
            "recipient": quote.recipient,
            "stake": str(quote.price.stake.base_units),
            "fee": str(quote.price.fee.base_units),
            "base": None if quote.price.base is None else str(quote.price.base.base_units),
            "dearer": list(quote.price.dearer),
            "quote_id": quote.id,
            "check_code": quote.check_code,
            "answer_by": quote.answer_by,
            "quote_expiry": quote.quote_expiry,
            "tried_at": unix(self._now),
            "free": list(free),
        }
        self._tell(key, quote.stranger, quote.recipient, values)

    def knock_free(self, stranger: PersonId, recipient: PersonId, knock: Knock, free: Sequence[FreePath]) -> None:
        """Tell the stranger of a door that asks for nothing but a free path; once in 30 days."""
        key = f"knock_free:{stranger}:{recipient}:{unix(self._now) // _FREE_AGAIN}"
        if self._may_tell(key, stranger, recipient, knock):
            values = {"stranger": stranger, "recipient": recipient, "tried_at": unix(self._now), "free": list(free)}
            self._tell(key, stranger, recipient, values)

    def _may_tell(self, key: str, stranger: PersonId, recipient: PersonId, knock: Knock) -> bool:
        """Tell whether a stranger who did not ask for it is told of their knock: as far as the budgets reach.

        Beyond the budgets they still have the refusal in their own app, and the recipient hears of the flood.
        """
        server = server_of(knock.inviter)
        if outbox.holds(self._session, key) or not self._people.wants_notices(stranger):
            return False
        if self._courtesy.is_quiet(server) or not self._courtesy.may_write(
            stranger=stranger,
            server=server,
            recipient=recipient,
            tenant=knock.tenant,
            own=server == knock.tenant_server,
        ):
            self._courtesy.flooded(recipient)
            return False
        return True

    def answered(self, stranger: UserId) -> None:
        """Note that a stake was accepted or returned: its stranger's homeserver earns a larger budget."""
        self._courtesy.answered(server_of(stranger))

    def tell_floods(self) -> int:
        """Tell the recipients of floods how many strangers knock; each at most once a day. Return how many were told.

        A flood is told of ten minutes after it began, so that one message tells most of it. What was no flood after
        all (one stranger at many doors, say) is passed over.
        """
        told = 0
        for person, before in self._courtesy.floods(
            before=self._now - FLOOD_PAUSE, told_before=self._now - FLOOD_AGAIN, limit=_MOST_FLOODS
        ):
            digest = self._session.scalar(select(DigestRow.told_at).where(DigestRow.person == person))
            heard = [moment for moment in (before, digest) if moment is not None]
            crowd = self._crowd(person, max((self._now - FLOOD_AGAIN, *heard)))
            if crowd is not None:
                key = f"flood_digest:{person}:{unix(self._now)}"
                self._tell(key, person, None, {"recipient": person, **crowd})
            self._courtesy.flood_over(person, told=crowd is not None)
            told += crowd is not None
        return told

    def _crowd(self, person: PersonId, since: datetime) -> dict[str, object] | None:
        """Count the strangers at a door, and those of the server that most are from; ``stranger`` is one of them."""
        store = GateStore(self._session)
        strangers = store.strangers_at(person, since=since, limit=_MOST_COUNTED)
        if len(strangers) < LEAST_FLOOD:
            return None
        servers: dict[ServerName, list[PersonId]] = {}
        for number, name in self._people.mxids(strangers).items():
            servers.setdefault(server_of(name), []).append(number)
        most = max(servers.values(), key=len, default=[])
        return {
            "strangers": store.count_strangers_at(person, since=since),
            "most": len(most),
            "stranger": most[0] if most else None,
        }

    def digest(self, person: PersonId, values: Mapping[str, object], *, due: datetime) -> bool:
        """Tell a person who knocked; once for each time that it is due. ``False`` where they want no messages."""
        return self._tell(f"digest:{person}:{unix(due)}", person, None, values)

    def helper_asked(self, owner: PersonId, helper: PersonId, *, owner_name: UserId, helper_name: UserId) -> None:
        """Ask somebody whether they want to help an owner, as far as the budgets reach: they did not ask for it."""
        server = server_of(helper_name)
        if not self._people.wants_notices(helper) or self._courtesy.is_quiet(server):
            return
        own = server == server_of(owner_name)
        if self._courtesy.may_ask(asker=owner, asked=helper, server=server, own=own):
            key = f"helper_asked:{owner}:{helper}:{unix(self._now)}"
            self._tell(key, helper, owner, {"recipient": owner})

    def helper_said(self, owner: PersonId, helper: PersonId, *, accepted: bool) -> None:
        """Tell an owner that somebody helps them now, or does not."""
        code = "helper_accepted" if accepted else "helper_left"
        self._tell(f"{code}:{owner}:{helper}:{unix(self._now)}", owner, helper, {"stranger": helper})

    def gasless_failed(self, quote: Quote, stake_id: Hash32, outcome: Outcome) -> None:
        """Tell the stranger that the opening they signed, and we carried, came to nothing; once per stake."""
        values = {
            "stranger": quote.stranger,
            "recipient": quote.recipient,
            "stake": str(quote.price.stake.base_units),
            "fee": str(quote.price.fee.base_units),
            "quote_id": quote.id,
            "outcome": outcome.value,
        }
        self._tell(f"gasless_failed:{show_hash(stake_id)}", quote.stranger, quote.recipient, values)

    def not_taken(self, stake: Stake, why: Code) -> None:
        """Tell the stranger that their stake came too late to be taken, and goes back at once."""
        if stake.stranger is None or stake.recipient is None:
            return
        values = {**_values(stake), "why": why.value}
        self._tell(f"stake_not_taken:{show_hash(stake.id)}", stake.stranger, stake.recipient, values)

    def door_opened(self, stake: Stake) -> None:
        """Tell the stranger that the door is open for them; once more where it had closed because of a reorg."""
        if stake.stranger is None or stake.recipient is None:
            return
        key = f"door_opened:{show_hash(stake.id)}"
        if not self._tell(key, stake.stranger, stake.recipient, _values(stake)):
            self._tell(f"{key}:again", stake.stranger, stake.recipient, _values(stake))

    def of_stake(self, stake: Stake, *, code: str | None = None) -> None:
        """Tell the stranger what became of their stake (or ``code``); of a forfeit the recipient is told too."""
        if stake.stranger is None or stake.recipient is None:
            return
        key = f"{code or OF_STATE[stake.state]}:{show_hash(stake.id)}"
        self._tell(key, stake.stranger, stake.recipient, _values(stake))
        if code is None and stake.state in _FOR_BOTH:
            self._tell(f"{key}:recipient", stake.recipient, stake.stranger, {**_values(stake), "said_so": True})

    def ask_answer(self, stake: Stake, *, answers_close: int) -> bool:
        """Ask the recipient what they say of the stranger; once per stake. ``False`` where they were asked before."""
        if stake.stranger is None or stake.recipient is None:
            return False
        values = {**_values(stake), "answers_close": answers_close}
        return self._tell(f"ask_answer:{show_hash(stake.id)}", stake.recipient, stake.stranger, values)

    def ask_accepted(self, stranger: PersonId, recipient: PersonId, asked_at: datetime) -> None:
        """Tell a stranger that somebody whom they asked lets them in; once per ask."""
        values = {"stranger": stranger, "recipient": recipient}
        self._tell(f"ask_accepted:{stranger}:{recipient}:{unix(asked_at)}", stranger, recipient, values)

    def webhook_disabled(self, person: PersonId, webhook: str, why: str) -> None:
        """Tell a person that an endpoint of theirs is sent nothing any more."""
        key = f"webhook_disabled:{webhook}:{unix(self._now)}"
        self._tell(key, person, None, {"webhook": webhook, "why": why})

    def supporter(self, person: PersonId, code: str, tier: str, values: Mapping[str, object]) -> None:
        """Tell a supporter of a tier of theirs; ``values`` are of the operator's making, or moments."""
        self._tell(f"{code}:{person}:{unix(self._now)}:{tier}", person, None, {"tier": tier, **values})

    def admission(self, person: PersonId, code: str, mark: str, values: Mapping[str, object]) -> bool:
        """Tell a buyer, or a seller, of an admission to a room; once for each ``mark``. ``False`` where it was told."""
        return self._tell(f"{code}:{person}:{mark}", person, None, values)

    def reward_enrolled(self, contact: PersonId, name: UserId, values: Mapping[str, object]) -> None:
        """Tell a server's contact, who may not know us, what its signing key was used for; ten times a day at most.

        Whoever has the key may use it as often as they like: who was told ten times knows.
        """
        day = unix(self._now) // 86_400
        if not self._courtesy.is_quiet(server_of(name)) and self._people.wants_notices(contact):
            any(self._tell(f"reward_enrolled:{contact}:{day}:{turn}", contact, None, values) for turn in range(_TURNS))

    def _tell(self, key: str, to: PersonId, about: PersonId | None, values: Mapping[str, object]) -> bool:
        """Owe ``to`` a notice; the code is the key up to its first colon. ``False`` where it was owed before."""
        if not self._people.wants_notices(to):
            return False
        payload = {"to": to, "about": about, "code": key.partition(":")[0], "values": values}
        return outbox.append(self._session, kind=KIND, key=key, payload=payload, now=self._now)


def _values(stake: Stake) -> dict[str, object]:
    return {
        "stranger": stake.stranger,
        "recipient": stake.recipient,
        "stake": str(stake.terms.amount),
        "fee": str(stake.terms.fee),
        "quote_id": stake.quote_id,
        "stake_id": show_hash(stake.id),
        "answer_by": stake.terms.answer_by,
        "executable_at": stake.executable_at,
        "answered": stake.answered,
        "surplus": stake.surplus,
        "transaction": show_hash(stake.last_transaction),
    }
