"""Acting (pure): what a consequence that is owed comes to in a room as it is just then, as often as one likes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kit.identifiers import RoomId, UserId
from reputation.enforcement import acl
from reputation.enforcement.model import PUBLISHED, Before, Cause, Consequence, host_of
from reputation.enforcement.rooms import Acl, Membership, RoomSeen
from reputation.enforcement.wanting import THERE


@dataclass(frozen=True, slots=True)
class Owed:
    """A consequence that the bot is to apply, or with ``undo`` to take back, with the row that says so."""

    id: int
    management: int
    room: RoomId
    what: Consequence
    target: str
    undo: bool
    causes: tuple[Cause, ...]
    before: Before
    attempt: int
    published: bool = False
    """We did none of it in the room."""
    beside: bool = False
    """Another bot does it, by what we publish."""
    denials: int = 0
    """How often the homeserver said no to undoing it."""

    @property
    def leaves(self) -> bool:
        """Tell whether it is none of ours to do, though whatever we did of it before is to be undone."""
        return self.beside and self.what in PUBLISHED


@dataclass(frozen=True, slots=True)
class Ban:
    """Ban somebody."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Unban:
    """Take back a ban; with ``back`` they are invited again, who were there and cannot come by themselves."""

    user: UserId
    back: bool = False


@dataclass(frozen=True, slots=True)
class Invite:
    """Invite somebody again whose ban is taken back already."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Kick:
    """Put somebody out."""

    user: UserId


@dataclass(frozen=True, slots=True)
class SetLevel:
    """Set somebody's level; ``None``: take out what is said of them, so that they have the default."""

    user: UserId
    level: int | None


@dataclass(frozen=True, slots=True)
class SetAcl:
    """Write an ACL; all denials of a room in one event."""

    acl: Acl


@dataclass(frozen=True, slots=True)
class Redact:
    """Take back what somebody wrote."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell somebody in the room."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is so already, or what stands there is not ours."""


_WERE_THERE = frozenset({Membership.JOIN.value, Membership.INVITE.value})
Act = Ban | Unban | Invite | Kick | SetLevel | SetAcl | Redact | Warn | Nothing


def act(owed: Owed, room: RoomSeen, me: UserId) -> Act:
    """Return what to do about one consequence but a denial, in a room as it is now."""
    user = UserId(owed.target)
    if owed.published and (owed.undo or owed.leaves):
        return Nothing()
    if owed.undo or owed.leaves:
        return _undo(owed, room, me, user)
    if user == me or room.powers.looks_after(user):  # since the plan was made, they may have become one
        return Nothing()
    return _do(owed, room, user)


def _do(owed: Owed, room: RoomSeen, user: UserId) -> Act:
    member, level = room.members.get(user), owed.before.set_to
    banned = member is not None and member.membership is Membership.BAN
    there = member is not None and member.membership in THERE
    muted = level is None or room.powers.users.get(user) == level
    found: Mapping[Consequence, Act] = {
        Consequence.BAN: Nothing() if banned else Ban(user),
        Consequence.KICK: Kick(user) if there else Nothing(),
        Consequence.MUTE: Nothing() if muted else SetLevel(user, level),
        Consequence.REDACT: Redact(user),
        Consequence.WARN: Warn(user) if there else Nothing(),
    }
    return found.get(owed.what, Nothing())


def _undo(owed: Owed, room: RoomSeen, me: UserId, user: UserId) -> Act:
    if owed.what is Consequence.BAN:
        member = room.members.get(user)
        if member is None or member.by != me:
            return Nothing()
        back = owed.undo and owed.before.membership in _WERE_THERE and not room.public
        if member.membership is Membership.BAN:
            return Unban(user, back)
        return Invite(user) if back and member.membership is Membership.LEAVE else Nothing()
    if owed.what is Consequence.MUTE and room.powers.users.get(user) == owed.before.set_to:
        return SetLevel(user, owed.before.level)
    return Nothing()


def act_on_servers(owed: Collection[Owed], room: RoomSeen, me: UserId) -> SetAcl | Nothing:
    """Return the ACL that all denials of a room, to do and to undo, come to; ``Nothing`` where it stands so already.

    An ACL that denied a server before us is not ours to change: the planner leaves those alone.
    """
    keepers = {user for user in room.powers.users if room.powers.looks_after(user)} | room.powers.creators | {me}
    never = {host_of(user) for user in keepers}
    undone = {one.target for one in owed if (one.undo or one.leaves) and not one.published}
    done = [one.target for one in owed if not (one.undo or one.leaves)]
    before = room.acl if room.acl is not None else Acl()
    wanted = acl.without(before, undone)
    wanted, _ = acl.with_denials(wanted, done, never)
    return Nothing() if wanted == before else SetAcl(wanted)
