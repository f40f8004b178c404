"""Weighing: puts a knock to its recipient's door with all that the verdict rests on, in one transaction; only reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from kit.errors import NotFound
from kit.identifiers import PersonId, RoomId, TenantId, UserId, server_of
from ledger.people import People
from payments.stakes.service import Stakes
from reputation.conditions.model import Record
from reputation.decision import decide
from reputation.doors import Doors
from reputation.knowing import SUPPORTER, Knowing
from reputation.model import Door, Facts, Knock
from reputation.policy_doors import NOTHING_KNOWN
from reputation.store import GateStore
from reputation.tenants import Tenants
from reputation.verdict import Admit, Hold, Verdict


@dataclass(frozen=True, slots=True)
class Weighed:
    """A verdict, and all that it was made of."""

    door: Door
    facts: Facts
    record: Record
    verdict: Verdict


class Weighing:
    """Finds the facts of knocks and has ``decide`` decide."""

    def __init__(
        self,
        session: Session,
        *,
        people: People,
        doors: Doors,
        stakes: Stakes,
        tenants: Tenants,
        knowing: Knowing,
        bot_id: UserId | None,
    ) -> None:
        """Read in ``session``."""
        self._people = people
        self._doors = doors
        self._stakes = stakes
        self._tenants = tenants
        self._knowing = knowing
        self._bot_id = bot_id
        self._store = GateStore(session)

    def knock_of(self, recipient: PersonId, other: UserId, at: datetime) -> Knock:
        """Return the knock that ``other`` would make at somebody's door now. Raises ``NotFound``."""
        own = self._people.mxid(recipient)
        if own is None:
            raise NotFound("person_unknown", "There is no such person.")
        server = server_of(own)
        tenant = self._tenants.find(server)
        number = TenantId(0) if tenant is None else tenant.id
        federated, unknown = server_of(other) != server, {"room.id": None}
        return Knock(number, server, other, own, RoomId("!none"), at, federated=federated, told=unknown)

    def weigh(self, knock: Knock) -> Weighed:
        """Return what a knock meets at its recipient's door."""
        recipient = self._people.find(knock.invitee)
        door = Door() if recipient is None else self._doors.show(recipient)
        return self._weigh(knock, door, self._facts(knock), recipient)

    def weigh_to_act(self, knock: Knock) -> Weighed:
        """Do the same for what is acted on: where a supporter's tiers may let them in, alone among all their knocks.

        At how many doors a day they do is counted, and many doors may be asked at once.
        """
        found, stranger = self.weigh(knock), self._people.find(knock.inviter)
        policy = found.door.policy
        if not isinstance(found.verdict, Admit) or policy is None or SUPPORTER not in policy.facts or stranger is None:
            return found
        self._people.lock(stranger)
        return self.weigh(knock)

    def weigh_at(self, knock: Knock, present: Door, draft: Door) -> tuple[Weighed, Weighed]:
        """Return what a knock meets at the door that is, and at another one; facts are looked for once."""
        recipient, facts = self._people.find(knock.invitee), self._facts(knock)
        now = self._weigh(knock, present, facts, recipient)
        if not draft.prices:  # once it stands, what was paid for nothing goes back
            facts = replace(facts, grants=tuple(grant for grant in facts.grants if grant.pending_room is not None))
        # How long a full door stays so depends on how many it takes.
        pressed = isinstance(now.verdict, Hold) and draft.caps == present.caps
        return now, self._weigh(knock, draft, facts, recipient, pressed=now.facts if pressed else None)

    def _weigh(
        self, knock: Knock, door: Door, facts: Facts, recipient: PersonId | None, pressed: Facts | None = None
    ) -> Weighed:
        record = NOTHING_KNOWN
        if recipient is not None and door.policy is not None:
            told = {"knock.federated": knock.federated, "room.id": knock.room} | dict(knock.told)
            record = self._knowing.record(door.policy, recipient, knock.inviter, facts, at=knock.at, told=told)
        verdict = decide(knock, door, facts, record)
        if recipient is not None and isinstance(verdict, Hold):
            if pressed is None:
                stranger, asking = self._people.find(knock.inviter), door.asking(verdict.price.own)
                pressed = self._doors.pressures.complete(facts, asking, stranger, recipient, knock.inviter)
            facts = replace(facts, pressure=pressed.pressure, lapsed=pressed.lapsed, quoted=pressed.quoted)
            verdict = decide(knock, door, facts, record)
        return Weighed(door, facts, record, verdict)

    def _facts(self, knock: Knock) -> Facts:
        leaving, chain_time = self._tenants.is_leaving(knock.tenant), self._stakes.chain_time
        stranger, recipient = self._people.find(knock.inviter), self._people.find(knock.invitee)
        facts = Facts(chain_time=chain_time, bot=self._bot_id, leaving=leaving)
        if stranger is None or recipient is None:
            return facts
        return replace(
            facts,
            called_spam=self._store.called_spam(recipient, stranger),
            exempt=self._store.is_exempt(recipient, stranger),
            contact=self._store.contact(recipient, stranger),
            grants=self._store.live_grants(stranger, recipient),
        )
