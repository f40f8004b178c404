"""What lists want in a room (pure): of whom they speak there, less what is vetoed, each with its causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kit.identifiers import RoomId, UserId
from reputation.enforcement import acl
from reputation.enforcement.model import (
    Cause,
    Consequence,
    Done,
    Rules,
    State,
    Subscription,
    Veto,
    Word,
    Words,
    host_of,
    merged,
)
from reputation.enforcement.rooms import Acl, Membership, RoomSeen
from reputation.lists.model import Recommendation, Subject

THERE = frozenset({Membership.JOIN, Membership.INVITE, Membership.KNOCK})
"""Who is in a room or about to come."""
STANDS = frozenset({State.OWED, State.APPLIED, State.FAILED})
Key = tuple[Consequence, str]
"""A consequence, and whom it is for."""


@dataclass
class Seen:
    """A room with what the planner asks of it again and again."""

    room: RoomSeen
    rows: Mapping[Key, Done]
    there: dict[UserId, str] = field(default_factory=dict)
    """Who is there, with the server of each."""
    crowds: dict[str, int] = field(default_factory=dict)
    """How many of each server are in the room."""
    denied: acl.Denied = field(init=False)

    def __post_init__(self) -> None:
        self.denied = acl.Denied(self.room.acl)


@dataclass
class Wants:
    """What lists want in a room; ``theirs``: servers that are left alone whatever is said of them, and who says it."""

    causes: dict[Key, tuple[Cause, ...]] = field(default_factory=dict)
    theirs: dict[str, tuple[Cause, ...]] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)
    """Servers for which the ACL has no room."""


def see(room: RoomSeen, rows: Iterable[Done], hosts: dict[UserId, str]) -> Seen:
    """Go through a room's people once; ``hosts`` remembers the servers of all whom other rooms have too."""
    seen = Seen(room, {(row.what, row.target): row for row in rows})
    for user, member in room.members.items():
        if member.membership in THERE:
            host = hosts.get(user)
            if host is None:
                host = hosts[user] = host_of(user)
            seen.there[user] = host
            if member.membership is Membership.JOIN:
                seen.crowds[host] = seen.crowds.get(host, 0) + 1
    return seen


class Speaking:
    """What subscribed lists say, less what is vetoed, and what follows from it."""

    def __init__(self, rules: Rules, words: Words, now: datetime) -> None:
        """Take the subscriptions that are not over yet."""
        standing = (one for one in rules.subscriptions if one.until is None or one.until > now)
        self.lists = {one.list: one for one in sorted(standing, key=lambda one: one.list)}
        self.words = words
        self._users: dict[str, set[int | None]] = defaultdict(set)
        self._servers: dict[str, set[int | None]] = defaultdict(set)
        self._entries: set[tuple[int | None, Subject, str]] = set()
        self.of_rooms: dict[RoomId, set[UserId]] = defaultdict(set)
        """Of whom something is said that holds in a room alone."""
        for user, found in words.people.items():
            for room in {room for word in found.values() for room in word.rooms or ()}:
                self.of_rooms[room].add(user)
        for veto in rules.vetoes:
            self._take(veto)

    def _take(self, veto: Veto) -> None:
        if veto.user is not None:
            self._users[veto.user].add(veto.list)
        if veto.server is not None:
            self._servers[veto.server.lower()].add(veto.list)
        if veto.subject is not None and veto.entity is not None:
            self._entries.add((veto.list, veto.subject, veto.entity.lower()))

    def vetoes(self, what: Consequence, target: str, causes: Iterable[Cause]) -> bool:
        """Tell whether somebody said that this is not to be done."""
        about = self._servers if what is Consequence.DENY else self._users
        said = about.get(target, set()) | self._servers.get("" if what is Consequence.DENY else _host(target), set())
        return any(
            None in said or cause.list in said or self._entry(cause.list, cause.subject, cause.entity)
            for cause in causes
        )

    def _entry(self, of: int, subject: Subject, entity: str) -> bool:
        name = entity.lower()
        return (of, subject, name) in self._entries or (None, subject, name) in self._entries

    def _refused(self, word: Word) -> bool:
        return word.recommendation is Recommendation.ALLOW or self._entry(word.list, word.subject, word.entity)

    def exempt(self, user: UserId, of: int) -> bool:
        """Tell whether a list lets somebody be, whatever it says of their server."""
        vetoed = self._users.get(user)
        if vetoed and (None in vetoed or of in vetoed):
            return True
        own = self.words.people.get(user, {}).get(of)
        return own is not None and own.recommendation is Recommendation.ALLOW

    def of_server(self, host: str) -> Iterator[tuple[Subscription, Word]]:
        """Go through what is said of a server."""
        vetoed = self._servers.get(host, set())
        for number, word in self.words.servers.get(host, {}).items():
            known = self.lists.get(number)
            if known is not None and None not in vetoed and number not in vetoed and not self._refused(word):
                yield known, word

    def of_person(self, user: UserId) -> Iterator[tuple[Subscription, Word]]:
        """Go through what is said of somebody themselves."""
        for number, word in self.words.people.get(user, {}).items():
            known = self.lists.get(number)
            if known is not None and not self.exempt(user, number) and not self._refused(word):
                yield known, word


class Wanting:
    """What lists want in rooms, given whose servers are never denied."""

    def __init__(self, speaking: Speaking, never: frozenset[str]) -> None:
        """Listen to ``speaking``; ``never`` are servers of those who look after rooms, and ours."""
        self._speaking = speaking
        self._never = never

    def wants(self, seen: Seen, *, can_deny: bool) -> Wants:
        """Return what is wanted of those in a room, of their servers, and of whoever something was done to before."""
        said = self._speaking.words
        found = Wants()
        by_host: dict[str, list[UserId]] = defaultdict(list)
        of_interest = {UserId(target) for what, target in seen.rows if what is not Consequence.DENY}
        for user, host in seen.there.items():
            if host in said.servers:
                by_host[host].append(user)
            elif user in said.people:
                of_interest.add(user)
        one_by_one = self._servers(seen, by_host, found, can_deny=can_deny)
        for users in by_host.values():
            of_interest.update(users)
        for user in sorted(of_interest):
            self._person(user, seen, found, one_by_one)
        for user in self._speaking.of_rooms.get(seen.room.room, set()) - of_interest:
            self._left_behind(user, seen, found)
        return found

    def _left_behind(self, user: UserId, seen: Seen, found: Wants) -> None:
        """Find what is said of somebody's messages in this room alone, who may have left it."""
        causes = [
            _cause(known, word)
            for known, word in self._speaking.of_person(user)
            if seen.room.room in (word.rooms or ()) and Consequence.REDACT in known.people.get(word.recommendation, ())
        ]
        if causes:
            found.causes[Consequence.REDACT, user] = merged(causes)

    def _servers(
        self, seen: Seen, by_host: Mapping[str, Sequence[UserId]], found: Wants, *, can_deny: bool
    ) -> dict[str, set[int]]:
        """Find which servers to deny; return those whose people are acted on one by one, and for which lists."""
        before = {target for what, target in seen.rows if what is Consequence.DENY}
        one_by_one: dict[str, set[int]] = defaultdict(set)
        never = self._never | (_theirs(seen) - by_host.keys())
        denied: dict[str, tuple[Cause, ...]] = {}
        for host in sorted({*by_host, *before}):
            causes = merged(
                _cause(known, word)
                for known, word in self._speaking.of_server(host)
                if Consequence.DENY in known.servers.get(word.recommendation, ())
            )
            if causes and host in never:
                found.theirs[host] = causes
                continue
            spared = {c.list for c in causes if any(self._speaking.exempt(u, c.list) for u in by_host.get(host, ()))}
            one_by_one[host] |= spared
            left = tuple(cause for cause in causes if cause.list not in spared)
            if left and can_deny:
                denied[host] = left
            elif left:
                one_by_one[host] |= {cause.list for cause in left}
        standing = {host for host in denied if self._stands(seen, host)}
        order = sorted(denied, key=lambda host: (host not in standing, -seen.crowds.get(host, 0), host))
        filled, found_full = acl.with_denials(seen.room.acl, order)
        if can_deny:
            self._beforehand(seen, filled, {*by_host, *before}, found)
        for host in order:
            if host in found_full:
                found.full.add(host)
                one_by_one[host] |= {cause.list for cause in denied[host]}
            else:
                found.causes[Consequence.DENY, host] = denied[host]
        return one_by_one

    def _beforehand(self, seen: Seen, filled: Acl, known: Collection[str], found: Wants) -> None:
        """Find which servers to deny of whom nobody is there, as far as the ACL has room for them.

        Not those of whoever looks after the room, though they are not in it now.
        """
        wanted: dict[str, tuple[Cause, ...]] = {}
        for host in sorted(self._speaking.words.beforehand - {*known} - self._never - _theirs(seen)):
            causes = merged(
                _cause(subscription, word)
                for subscription, word in self._speaking.of_server(host)
                if Consequence.DENY in subscription.servers.get(word.recommendation, ())
            )
            if causes and not seen.denied.covers(host):
                wanted[host] = causes
        _, full = acl.with_denials(filled, wanted, largest=acl.LARGEST_BEFOREHAND)
        for host in wanted.keys() - set(full):
            found.causes[Consequence.DENY, host] = wanted[host]

    def _stands(self, seen: Seen, host: str) -> bool:
        row = seen.rows.get((Consequence.DENY, host))
        return row is not None and row.state in STANDS

    def _person(self, user: UserId, seen: Seen, found: Wants, one_by_one: Mapping[str, set[int]]) -> None:
        host = seen.there.get(user) or _host(user)
        causes: dict[Consequence, list[Cause]] = defaultdict(list)
        shut_out: list[Cause] = []
        own: set[int] = set()
        for known, word in self._speaking.of_person(user):
            if word.rooms is not None and seen.room.room not in word.rooms:
                continue
            own.add(known.list)
            for what in known.people.get(word.recommendation, ()):
                causes[what].append(_cause(known, word))
        for known, word in self._speaking.of_server(host) if host not in self._never else ():
            if known.list in own or self._speaking.exempt(user, known.list):
                continue
            for what in known.servers.get(word.recommendation, ()):
                (shut_out if what is Consequence.DENY else causes[what]).append(_cause(known, word))
        row = seen.rows.get((Consequence.BAN, user))
        stands = row is not None and row.state in STANDS
        alone = {cause.list for cause in shut_out} & one_by_one.get(host, set())
        if causes.get(Consequence.BAN) or stands or alone:
            causes[Consequence.BAN] += shut_out  # who would deny their server agrees that they are to be out
        for what, wanted in causes.items():
            if wanted:
                found.causes[what, user] = merged(wanted)


def _cause(known: Subscription, word: Word) -> Cause:
    return Cause(known.list, known.name, word.subject, word.entity, word.recommendation, word.reason)


def _theirs(seen: Seen) -> set[str]:
    """Return the servers of whoever looks after a room, though they are not in it now."""
    powers = seen.room.powers
    return {host_of(user) for user in (*powers.creators, *filter(powers.looks_after, powers.users))}


def _host(user: str) -> str:
    return host_of(UserId(user))
