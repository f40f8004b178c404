"""Plans: whatever rooms, lists and vetoes there are, nothing is done twice, to the wrong ones, or beyond a share."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import RoomId, UserId
from reputation.enforcement import planning
from reputation.enforcement.acl import covers
from reputation.enforcement.model import (
    LEAST_SHARE,
    Consequence,
    Does,
    Done,
    Mode,
    Rules,
    State,
    Subscription,
    Veto,
    Words,
    host_of,
)
from reputation.enforcement.rooms import Acl, Member, Membership, RoomSeen
from tests.support.moderated import ME, OTHER, USERS, Books, World, member, sayings, worlds

Rooms = dict[RoomId, RoomSeen]
_TOUCHING = (Does.DO, Does.ASK, Does.NOTE)


def _told(rooms: Rooms) -> object:
    """What of rooms is to be as it was: bans, levels, and which servers are denied; who was put out stays out."""
    return {
        room: (
            {user: one.by for user, one in seen.members.items() if one.membership is Membership.BAN},
            dict(seen.powers.users),
            (seen.acl.deny, seen.acl.allow) if seen.acl is not None else ((), ("*",)),
        )
        for room, seen in rooms.items()
    }


@given(worlds())
def test_a_plan_that_was_applied_leaves_nothing_to_do(world: World) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(given_rooms)
    books.settle(words, wanted)
    left = [step for step in books.plan(words, wanted).changes if step.does is not Does.DO]
    assert left == []
    # Whoever could be kicked is out; nothing else comes again.
    assert books.plan(words, wanted).of(Does.DO) == []


@given(world=worlds(), say_yes=st.booleans())
def test_leaving_all_lists_restores_rooms_exactly(world: World, *, say_yes: bool) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(dict(given_rooms))
    books.settle(words, wanted)
    if say_yes:
        books.say_yes()
        books.settle(words, wanted)
    books.settle(words, replace(wanted, subscriptions=()))
    assert _told(books.rooms) == _told(given_rooms)
    assert books.open() == []


@given(worlds(), st.data())
def test_what_others_did_meanwhile_stays(world: World, data: st.DataObject) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(dict(given_rooms))
    books.settle(words, wanted)
    theirs: dict[RoomId, dict[UserId, Member]] = defaultdict(dict)
    for room in given_rooms:
        for user in data.draw(st.lists(st.sampled_from(USERS), unique=True, max_size=3)):
            how = data.draw(st.sampled_from([Membership.BAN, Membership.LEAVE]))
            books.rooms[room] = member(books.rooms[room], user, how, OTHER)
            theirs[room][user] = Member(how, OTHER)
    if data.draw(st.booleans()):
        books.settle(words, wanted)
    books.settle(words, replace(wanted, subscriptions=()))
    for room, others in theirs.items():
        for user, one in books.rooms[room].members.items():
            before = given_rooms[room].members.get(user)
            banned = before is not None and before.membership is Membership.BAN
            if user in others:
                assert one == others[user], "what others did last stays"
            else:
                assert (one.membership is Membership.BAN) == banned


@given(worlds())
def test_nothing_is_done_to_those_who_look_after_rooms_or_to_their_servers(world: World) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    plan = Books(given_rooms).plan(words, wanted)
    keepers = {
        user
        for seen in given_rooms.values()
        for user in seen.members
        if user == ME or user in wanted.spared or seen.powers.looks_after(user)
    }
    at_home = {
        host_of(user)
        for seen in given_rooms.values()
        for user in keepers
        if user in seen.members and seen.members[user].membership is Membership.JOIN
    }
    for step in plan.of(*_TOUCHING):
        assert step.target not in keepers
        assert step.what is not Consequence.DENY or step.target not in at_home


@given(worlds())
def test_a_denial_never_hits_ours_or_everybody(world: World) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(dict(given_rooms))
    books.settle(words, wanted)
    for room, seen in books.rooms.items():
        assert covers(seen.acl, host_of(ME)) == covers(given_rooms[room].acl, host_of(ME))
        before = given_rooms[room].acl
        if seen.acl is not None:
            assert seen.acl.allow == (before.allow if before is not None else ("*",))
            assert "*" not in seen.acl.deny


@given(worlds(), st.lists(sayings(), min_size=1, max_size=6), st.data())
def test_no_list_goes_beyond_its_share_unasked(world: World, days: list[Words], data: st.DataObject) -> None:
    wanted = world.rules
    books = Books(dict(world.rooms))
    for words in days:
        joined = {
            user
            for seen in books.rooms.values()
            for user, one in seen.members.items()
            if one.membership is Membership.JOIN and user != ME
        }
        before, owed = books.spent(), set(books.owed_at)
        books.write(books.plan(words, wanted))
        for known in wanted.subscriptions:
            spent = dict(before.get(known.list, {}))
            for number in set(books.owed_at) - owed:
                row, people = books.rows[number], books.owed_at[number][1]
                if not row.approved and _needed(known, row, wanted):
                    spent[row.target] = max(spent.get(row.target, 0), people)
            was = sum(before.get(known.list, {}).values())
            # What other lists do by themselves counts for this one, but is not stopped by it.
            assert sum(spent.values()) <= max(was, LEAST_SHARE, len(joined) * known.share // 100)
        books.apply()
        books.now += timedelta(days=data.draw(st.integers(0, 8)))


def _needed(known: Subscription, row: Done, wanted: Rules) -> bool:
    """Whether a consequence would not have followed without a list."""
    causes = {cause.list for cause in row.causes}
    weights = [one.weight for one in wanted.subscriptions if one.list in causes and one.mode is Mode.ACT]
    return known.list in causes and sum(weights) - known.weight < wanted.threshold and known.mode is Mode.ACT


@given(worlds(), st.sampled_from(USERS))
def test_a_veto_wins(world: World, user: UserId) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(dict(given_rooms))
    books.settle(words, wanted)
    vetoed = replace(wanted, vetoes=(*wanted.vetoes, Veto(user=user)))
    books.settle(words, vetoed)
    assert [row for row in books.open() if row.target == user] == []
    for room, seen in books.rooms.items():
        before, now = given_rooms[room].members.get(user), seen.members.get(user)
        banned = before is not None and before.membership is Membership.BAN
        assert (now is not None and now.membership is Membership.BAN) == banned


@given(worlds())
def test_the_order_of_things_changes_nothing(world: World) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(dict(given_rooms))
    books.settle(words, replace(wanted, rehearsing=False))
    turned = [
        replace(seen, members=dict(reversed(list(seen.members.items())))) for seen in reversed(books.rooms.values())
    ]
    people = {user: dict(reversed(list(said.items()))) for user, said in reversed(list(words.people.items()))}
    other = replace(wanted, subscriptions=tuple(reversed(wanted.subscriptions)), vetoes=tuple(reversed(wanted.vetoes)))
    spent = books.spent()
    one = planning.plan(list(books.rooms.values()), words, wanted, books.rows.values(), now=books.now, spent=spent)
    two = planning.plan(
        turned,
        replace(words, people=people),
        other,
        list(reversed(books.rows.values())),
        now=books.now,
        spent=spent,
    )
    assert one == two


@given(worlds(), st.data())
def test_a_plan_that_was_interrupted_goes_on(world: World, data: st.DataObject) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    whole, broken = Books(dict(given_rooms)), Books(dict(given_rooms))
    whole.settle(words, wanted)
    plan = broken.plan(words, wanted)
    some = data.draw(st.integers(0, len(plan.changes)))
    broken.write(replace(plan, steps=tuple(plan.changes[:some])))
    broken.write(broken.plan(words, wanted))
    broken.apply(data.draw(st.sets(st.sampled_from(sorted(broken.rows) or [0]))))
    broken.settle(words, wanted)
    assert _done(broken.rooms) == _done(whole.rooms)


def _done(rooms: Rooms) -> object:
    """What was done in rooms; whoever is out already need not be muted."""
    return {
        room: (
            {user for user, one in seen.members.items() if one.membership is Membership.BAN},
            {user: level for user, level in seen.powers.users.items() if user in seen.joined()},
            sorted((seen.acl or Acl()).deny),
        )
        for room, seen in rooms.items()
    }


@given(worlds())
def test_lists_that_only_notify_change_no_room(world: World) -> None:
    given_rooms, words, wanted = world.rooms, world.words, world.rules
    books = Books(dict(given_rooms))
    quiet = tuple(replace(one, mode=Mode.NOTIFY) for one in wanted.subscriptions)
    books.settle(words, replace(wanted, subscriptions=quiet))
    assert books.rooms == given_rooms
    assert {row.state for row in books.rows.values()} <= {State.NOTED}
