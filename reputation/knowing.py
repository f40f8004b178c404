"""Knowing: what is known of whoever knocks or writes, as facts that a person's rules may ask about; it only reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from kit.clock import zone_of
from kit.identifiers import PersonId, RoomId, UserId, server_of
from ledger.people import People
from payments.stakes.service import Stakes
from reputation.conditions.facts import DOOR_FACTS, record
from reputation.conditions.model import Record
from reputation.evidence import Said
from reputation.lists.labels import Labels
from reputation.model import Door, Facts
from reputation.outlook import times_asked
from reputation.policy import Holding
from reputation.policy_rules import FOUND, Policy
from reputation.supporting import Supporting
from reputation.verdict import FreePath
from reputation.vouches import Vouches

Standings = Callable[[PersonId, PersonId, float], tuple[float, float] | None]
"""Tells of a viewer, a subject, and how many times the viewer's price that one has at stake, the standing and the
confidence; ``None`` where that cannot be told at once."""
_TEXT: Final = "knock.text"
_WORDS: Final = frozenset({"sender.vouches", "sender.vouched_by"})
_REPORTS: Final = frozenset({"sender.reports", "sender.reported_by"})
_HEARD: Final = frozenset({"sender.standing", "sender.confidence"})
_LABELS: Final = frozenset({"sender.labels", "server.labels"})
SUPPORTER: Final = "sender.supporter"
_TIME: Final = frozenset({"time.hour", "time.weekday"})
_ONE_TOKEN: Final = 10**18


class Knowing:
    """Finds the facts, in one transaction; only those that a door asks about are looked for."""

    def __init__(
        self,
        people: People,
        *,
        vouches: Vouches,
        stakes: Stakes,
        standings: Standings | None = None,
        labels: Callable[[], Labels | None] | None = None,
        supporting: Supporting | None = None,
    ) -> None:
        """Ask these; of what none is given to ask, nothing is known."""
        self._people = people
        self._vouches = vouches
        self._stakes = stakes
        self._standings = standings
        self._labels = labels
        self._supporting = supporting

    def record(
        self,
        policy: Policy,
        recipient: PersonId,
        other: UserId,
        facts: Facts,
        *,
        at: datetime,
        told: Mapping[str, object] | None = None,
    ) -> Record:
        """Return what is known of a knock by ``other``; ``told``: what their homeserver said of the invite itself."""
        asked = policy.facts
        by_word = any(isinstance(action, Holding) and FreePath.VOUCH in action.free for action in policy.actions)
        words = _WORDS if by_word else frozenset[str]()
        sender = self._people.find(other)
        staked = times_asked(self._staked(facts), Door(policy=policy).prices) if asked & _HEARD else 0.0
        known = self.of_sender(asked | words, recipient, other, sender, at=at, staked=staked)
        known |= self.of_time(asked, recipient, at=at) | dict(told or {})
        if "stake.amount" in asked:
            known["stake.amount"] = sum(self._staked(facts)) / _ONE_TOKEN
        room = known.get("room.id")
        if isinstance(room, str):
            known |= self.of_room(asked, RoomId(room))
        text = known.get(_TEXT)
        if FOUND in asked and isinstance(text, str):
            known[FOUND] = policy.finder.found(text)
        return record(DOOR_FACTS, known)

    def vouches_for(self, viewer: PersonId, other: PersonId) -> bool:
        """Tell whether somebody gave their own word for another."""
        return any(vouch.author == viewer for vouch in self._vouches.seen(viewer, other))

    def of_sender(
        self,
        asked: frozenset[str],
        viewer: PersonId,
        other: UserId,
        sender: PersonId | None,
        *,
        at: datetime,
        staked: float = 0.0,
    ) -> dict[str, object]:
        """Return what is known to somebody of one who knocks or writes, as far as it is asked.

        ``staked``: how many times the viewer's price they have at stake with them.
        """
        known: dict[str, object] = {
            "sender.id": other,
            "sender.localpart": other[1:].partition(":")[0],
            "sender.server": server_of(other),
        }
        if asked & _WORDS:
            seen = () if sender is None else self._vouches.seen(viewer, sender)
            known["sender.vouches"], known["sender.vouched_by"] = self._authors(seen)
        if asked & _REPORTS:
            seen = () if sender is None else self._vouches.reported(viewer, sender)
            known["sender.reports"], known["sender.reported_by"] = self._authors(seen)
        if "sender.known_by" in asked:
            known["sender.known_by"] = 0 if sender is None else len(self._vouches.knowing(viewer, sender))
        if "sender.first_seen" in asked:  # of somebody who was never heard of, it is now
            known["sender.first_seen"] = at if sender is None else self._people.first_seen(sender)
        if asked & _HEARD and self._standings is not None:
            heard = self._standings(viewer, sender or PersonId(0), staked)
            if heard is not None:
                known["sender.standing"], known["sender.confidence"] = heard
        if asked & _LABELS and (labels := self.labels()) is not None:
            known["sender.labels"], known["server.labels"] = labels.of_user(other), labels.of_server(server_of(other))
        if SUPPORTER in asked and self._supporting is not None:
            known[SUPPORTER] = self._supporting.tiers(viewer, sender, at=at)
        return known

    def of_room(self, asked: frozenset[str], room: RoomId) -> dict[str, object]:
        """Return what lists say of a room, where that is asked and known."""
        labels = self.labels() if "room.labels" in asked else None
        return {} if labels is None else {"room.labels": labels.of_room(room)}

    def labels(self) -> Labels | None:
        """Return what followed lists say; ``None`` where that is not known yet."""
        return None if self._labels is None else self._labels()

    def of_time(self, asked: frozenset[str], viewer: PersonId, *, at: datetime) -> dict[str, object]:
        """Return the time, by somebody's own clock where that is asked."""
        if not asked & _TIME:
            return {"time.now": at}
        local = at.astimezone(zone_of(self._people.time_zone(viewer)))
        return {"time.now": at, "time.hour": local.hour, "time.weekday": local.isoweekday()}

    def _staked(self, facts: Facts) -> list[int]:
        return [self._stakes.get(grant.stake_id).terms.amount for grant in facts.grants if grant.confirmed]

    def _authors(self, seen: Sequence[Said]) -> tuple[int, list[str]]:
        """Count whose words these are, and name those who still have a name."""
        authors = {said.author for said in seen}
        return len(authors), sorted(self._people.mxids(authors).values())
