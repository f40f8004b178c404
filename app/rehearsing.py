"""Rehearsing: knocks that are made up and taken back, so that no real one is the first and makes somebody wait."""

from __future__ import annotations

from contextlib import suppress

from app.container import Container
from kit.amounts import Amount
from kit.identifiers import PersonId, RoomId, UserId
from reputation.model import Knock, Tenant
from reputation.policy_presets import PRESETS, Preset
from reputation.policy_rules import FOUND
from reputation.versions import door_in_force

_ROOM = RoomId("!earnest-rehearsal")


def rehearse(container: Container, tenant: Tenant) -> None:
    """Hold a knock at a door that asks for a stake and one at a door of rules; nothing of it is kept.

    The first of each statement takes long. Raises ``Unavailable`` where the database does not answer.
    """
    server = tenant.server_name
    recipient, stranger = UserId(f"@earnest-rehearsal:{server}"), UserId("@earnest-rehearsal:nowhere.invalid")
    with suppress(_TakenBackError), container.work() as work:
        owner = work.people.number(recipient)
        knock = Knock(tenant.id, server, stranger, recipient, _ROOM, work.now, federated=True)
        work.doors.ask(owner, stake=Amount(10**18))
        work.gate.ask(knock)
        work.doors.write(owner, PRESETS[Preset.FRIENDS_OF_FRIENDS])
        work.gate.ask(knock)
        raise _TakenBackError


def read_rules(container: Container, owner: PersonId, knock: Knock) -> None:
    """Read the rules of a door that a knock is about to be put to, in no writing transaction: long ones take long."""
    with container.database.read() as session:
        door = door_in_force(session, container.clock(), owner)
    policy = None if door is None else door.policy
    if policy is not None and FOUND in policy.facts and "knock.text" in knock.told:
        policy.finder  # noqa: B018 - made by being asked for


class _TakenBackError(Exception):
    """What was done is to be undone."""
