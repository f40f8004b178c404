"""Lists at the gate, on both databases: who is not let into a room, what is remembered of it, and how it is undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app import protecting
from app.container import Container
from app.forgetting import forget_person, prune_all
from app.turning_away import TurningAway
from kit.database import Database
from kit.identifiers import RoomId, UserId, parse_server_name
from reputation.enforcement.arriving import TurnedAway
from reputation.enforcement.model import Consequence, Mode, Subscription, Veto
from reputation.enforcement.rooms import RoomSeen
from reputation.evidence import Reason
from reputation.lists.model import Entry, Recommendation, Subject
from reputation.turning import KEPT_FOR
from tests.support import moderated
from tests.support.services import Clock, Door, a_container, http_door

BOT, OWNER = UserId("@earnest:example.org"), UserId("@owner:home.example")
ROOM, OTHER = RoomId("!r:home.example"), RoomId("!s:home.example")
BAD, NICE = UserId("@bad:example.org"), UserId("@nice:example.org")
CROWD = tuple(UserId(f"@nice{n}:nice.example") for n in range(100))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


class Rooms:
    """A management room that looks after one room, whose list acts, and the gate of a homeserver."""

    def __init__(self, container: Container, clock: Clock) -> None:
        self.container, self.clock = container, clock
        with container.work() as work:
            made = work.moderation.make(work.people.number(OWNER), "Home")
            work.moderation.protect(made.id, ROOM)
            self.list = work.followed.follow("watch", "/list").id
            self.bearer = work.tenants.add(parse_server_name("example.org"))
        self.management = made.id
        self.seen = a_room(*CROWD)
        self.turning = TurningAway(container)
        self.says(Entry(Subject.USER, BAD, Recommendation.BAN, "tea"))

    def says(self, *entries: Entry) -> None:
        with self.container.work() as work:
            work.followed.take_out(self.list, sorted(work.followed.kept(self.list)))
            work.followed.write(self.list, entries)
            work.followed.read("watch", form="policy", entries=len(entries), left_out=0, again=False)

    def subscribes(self, mode: Mode = Mode.ACT, **terms: object) -> None:
        with self.container.work() as work:
            wanted = replace(Subscription(self.list, "watch", mode), **terms)  # type: ignore[arg-type]
            work.moderation.lists.subscribe(self.management, wanted)
        self.plans()

    def plans(self) -> None:
        protecting.plan(self.container, self.management, [self.seen], self.clock())
        self.reads()

    def reads(self) -> None:
        self.container.labelling.prepare()
        self.turning.refresh()

    def asks(self, user: UserId = BAD, room: RoomId = ROOM) -> TurnedAway | None:
        """Ask as the route does, and wait."""
        if not self.turning.suspects(room, [user]):
            return None
        answer = self.turning.ask(room, user)
        assert answer is not None
        return answer.result()


def a_room(*joined: UserId) -> RoomSeen:
    made = moderated.a_room(ROOM, *joined)
    members = {user: one for user, one in made.members.items() if user not in (moderated.ME, moderated.ADMIN)}
    members |= {BOT: made.members[moderated.ME], OWNER: made.members[moderated.ADMIN]}
    return replace(made, members=members, powers=replace(made.powers, users={BOT: 100, OWNER: 100}))


@pytest.fixture
def rooms(container: Container, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rooms]:
    monkeypatch.setattr("app.waiting._SAVED", 1_000.0)
    made = Rooms(container, clock)
    made.turning._line._saved = 1_000.0
    yield made
    made.turning.stop()


def test_whoever_a_list_bans_is_kept_out_and_that_is_remembered_with_list_and_entry(rooms: Rooms) -> None:
    assert rooms.asks() is None
    rooms.subscribes()
    found = rooms.asks()
    assert found is not None
    assert (found.what, found.target) == (Consequence.BAN, BAD)
    assert rooms.asks(NICE) is None
    assert rooms.asks(room=OTHER) is None, "that room is nobody's"
    with rooms.container.read() as work:
        (kept,) = work.moderation.turning.history(rooms.management, target=BAD)
        assert work.moderation.turning.history(rooms.management, target=NICE) == []
    assert (kept.room, kept.target, kept.times) == (ROOM, BAD, 1)
    assert [(cause.name, cause.entity, cause.reason) for cause in kept.causes] == [("watch", BAD, "tea")]


def test_a_server_is_remembered_once_however_many_of_it_come(rooms: Rooms) -> None:
    rooms.subscribes()
    rooms.says(Entry(Subject.SERVER, "evil.example", Recommendation.BAN, "farm"))
    rooms.reads()  # and no plan: it would deny that server beforehand
    for name in "abc":
        assert rooms.asks(UserId(f"@{name}:evil.example")) is not None
    with rooms.container.read() as work:
        (kept,) = work.moderation.turning.history(rooms.management, target="evil.example")
        assert work.people.find(UserId("@a:evil.example")) is None
        assert work.moderation.turning.spent(rooms.management) == {rooms.list: {"evil.example": 1}}
    assert kept.times == 3


def test_a_server_that_is_denied_beforehand_is_kept_out_and_counts_in_the_room_alone(rooms: Rooms) -> None:
    rooms.says(Entry(Subject.SERVER, "evil.example", Recommendation.BAN, "farm"))
    rooms.subscribes()
    found = rooms.asks(UserId("@a:evil.example"))
    assert found is not None
    assert (found.what, found.standing) == (Consequence.DENY, True)
    with rooms.container.read() as work:
        assert work.moderation.turning.spent(rooms.management) == {}
        assert work.moderation.consequences.spent(rooms.management) == {rooms.list: {"evil.example": 0}}


@pytest.mark.parametrize("mode", [Mode.NOTIFY, Mode.APPROVE])
def test_a_list_that_tells_or_asks_keeps_nobody_out(rooms: Rooms, mode: Mode) -> None:
    rooms.subscribes(mode)
    assert rooms.asks() is None


def test_before_the_rooms_were_looked_at_nobody_is_kept_out(rooms: Rooms) -> None:
    with rooms.container.work() as work:
        work.moderation.lists.subscribe(rooms.management, Subscription(rooms.list, "watch", Mode.ACT))
    rooms.reads()
    assert rooms.turning.suspects(ROOM, [BAD]) == [BAD]
    assert rooms.asks() is None
    rooms.plans()
    assert rooms.asks() is not None


def test_leaving_the_list_lets_them_in_and_so_do_a_veto_and_its_end(rooms: Rooms) -> None:
    rooms.subscribes()
    assert rooms.asks() is not None
    with rooms.container.work() as work:
        veto = work.moderation.lists.veto(rooms.management, Veto(user=BAD))
    rooms.reads()
    assert rooms.asks() is None
    with rooms.container.read() as work:
        assert work.moderation.overrides(rooms.list).overruled == 1
    with rooms.container.work() as work:
        work.moderation.lists.unveto(rooms.management, veto)
    rooms.reads()
    assert rooms.asks() is not None
    with rooms.container.work() as work:
        work.moderation.lists.unsubscribe(rooms.management, rooms.list)
    rooms.reads()
    assert rooms.asks() is None
    rooms.subscribes(until=rooms.clock() + timedelta(days=1))
    assert rooms.asks() is not None
    rooms.clock.pass_(days=2)
    rooms.turning._told.clear()
    assert rooms.asks() is None, "it is over"


def test_beyond_its_share_a_list_keeps_nobody_out_and_the_rooms_still_have_theirs(rooms: Rooms) -> None:
    some = [UserId(f"@bad{n}:example.org") for n in range(7)]
    rooms.says(*(Entry(Subject.USER, user, Recommendation.BAN) for user in some))
    rooms.subscribes()
    assert [rooms.asks(user) is not None for user in some] == [True] * 5 + [False] * 2
    with rooms.container.read() as work:
        assert work.moderation.consequences.spent(rooms.management) == {}, "who only knocks uses up nothing there"
    rooms.clock.pass_(days=8)
    rooms.turning._told.clear()
    assert rooms.asks(some[6]) is not None


def test_whoever_looks_after_a_room_is_let_in(rooms: Rooms) -> None:
    rooms.seen = replace(rooms.seen, powers=replace(rooms.seen.powers, users={BOT: 100, OWNER: 100, BAD: 50}))
    rooms.subscribes()
    assert rooms.asks() is None
    rooms.seen = replace(rooms.seen, powers=replace(rooms.seen.powers, users={BOT: 100, OWNER: 100}))
    rooms.plans()
    rooms.turning._told.clear()
    assert rooms.asks() is not None


def test_a_ban_that_stands_keeps_out_and_one_that_a_moderator_took_back_does_not(rooms: Rooms) -> None:
    rooms.seen = a_room(BAD, *CROWD)
    rooms.subscribes()
    found = rooms.asks()
    assert found is not None
    assert found.standing
    with rooms.container.read() as work:
        assert work.moderation.turning.spent(rooms.management) == {}, "it counts where it stands"
    jobs = protecting.claim(rooms.container)
    for job in jobs:
        protecting.done(rooms.container, job)
    rooms.clock.pass_(seconds=5)
    rooms.plans()
    with rooms.container.read() as work:
        assert [one.state for one in work.moderation.consequences.history(rooms.management)] == ["lifted"]
    assert rooms.asks() is None


def test_what_is_remembered_is_forgotten_with_the_person_and_in_time(rooms: Rooms) -> None:
    rooms.subscribes()
    assert rooms.asks() is not None
    rooms.says(Entry(Subject.SERVER, "evil.example", Recommendation.BAN))
    rooms.plans()
    assert rooms.asks(UserId("@a:evil.example")) is not None
    with rooms.container.work() as work:
        number = work.people.find(BAD)
        assert number is not None
        forget_person(work, number)
    with rooms.container.read() as work:
        assert [one.target for one in work.moderation.turning.history(rooms.management)] == ["evil.example"]
    rooms.clock.pass_(days=KEPT_FOR.days + 1)
    prune_all(rooms.container.work, events_kept=timedelta(days=30))
    with rooms.container.read() as work:
        assert work.moderation.turning.history(rooms.management) == []


def test_a_management_room_that_ends_keeps_nobody_out(rooms: Rooms) -> None:
    rooms.subscribes()
    with rooms.container.work() as work:
        work.moderation.end(rooms.management)
    rooms.reads()
    assert rooms.asks() is None
    with rooms.container.read() as work:
        assert work.moderation.turning.ground(rooms.management) is None


# ------------------------------------------------------------------------------------------------ over HTTP


@pytest.fixture
def door(rooms: Rooms) -> Iterator[Door]:
    rooms.subscribes()
    with http_door(rooms.container) as opened:
        yield opened


def calls(rooms: Rooms, door: Door, callback: str, body: object) -> tuple[int, str]:
    found = door.post(f"/api/1/spam_check/{callback}", json=body, headers={"Authorization": f"Bearer {rooms.bearer}"})
    return found.status_code, found.json().get("error", "")


def until_kept_out(rooms: Rooms, door: Door) -> None:
    """Wait until the process that serves has read the lists, which it does by itself."""
    while calls(rooms, door, "user_may_join_room", {"user": BAD, "room": ROOM, "is_invited": False})[0] == 200:
        pass


def test_homeservers_are_told_of_joins_invites_and_messages(rooms: Rooms, door: Door) -> None:
    until_kept_out(rooms, door)
    join = {"user": BAD, "room": ROOM, "is_invited": False}
    status, said = calls(rooms, door, "user_may_join_room", join)
    assert status == 403
    assert "watch" in said
    assert calls(rooms, door, "user_may_join_room", {**join, "room": OTHER})[0] == 200
    assert calls(rooms, door, "user_may_join_room", {**join, "user": NICE})[0] == 200

    invite = {"inviter": NICE, "invitee": BAD, "room_id": ROOM}
    status, said = calls(rooms, door, "user_may_invite", invite)
    assert status == 403
    assert "watch" not in said, "whom somebody invites is told nothing of to them"
    status, said = calls(rooms, door, "user_may_invite", {**invite, "inviter": BAD, "invitee": NICE})
    assert status == 403
    assert "watch" in said
    assert calls(rooms, door, "user_may_invite", {**invite, "invitee": "@else:example.org"})[0] == 200

    event = {"type": "m.room.message", "sender": BAD, "room_id": ROOM, "event_id": "$1", "content": {}}
    assert calls(rooms, door, "check_event_for_spam", {"event": event})[0] == 403
    assert calls(rooms, door, "check_event_for_spam", {"event": {**event, "sender": NICE}})[0] == 200
    assert calls(rooms, door, "check_event_for_spam", {"event": {**event, "state_key": BAD}})[0] == 200
    assert calls(rooms, door, "check_event_for_spam", {"event": {**event, "room_id": OTHER}})[0] == 200
    assert calls(rooms, door, "check_event_for_spam", {"event": "no"})[0] == 200


def test_a_federated_invite_of_a_listed_server_is_refused_and_a_message_of_it_is_not(rooms: Rooms, door: Door) -> None:
    until_kept_out(rooms, door)
    rooms.says(Entry(Subject.USER, BAD, Recommendation.BAN), Entry(Subject.SERVER, "evil.example", Recommendation.BAN))
    event = {
        "type": "m.room.member",
        "event_id": "$event",
        "room_id": ROOM,
        "sender": "@x:evil.example",
        "state_key": NICE,
        "content": {"membership": "invite"},
        "origin_server_ts": 1,
    }
    # Plans are made in a tenth of a core: who comes too soon after another is let in, and found by the bot in the room.
    while calls(rooms, door, "federated_user_may_invite", {"event": event})[0] == 200:
        pass
    said = {"type": "m.room.message", "sender": "@x:evil.example", "room_id": ROOM, "event_id": "$1", "content": {}}
    assert calls(rooms, door, "check_event_for_spam", {"event": said})[0] == 200
    while calls(rooms, door, "accept_make_join", {"user": "@x:evil.example", "room": ROOM})[0] == 200:
        pass


def test_a_homeserver_that_leaves_us_is_told_nothing(rooms: Rooms, door: Door) -> None:
    until_kept_out(rooms, door)
    with rooms.container.work() as work:
        work.tenants.leave(parse_server_name("example.org"))
    while calls(rooms, door, "user_may_join_room", {"user": BAD, "room": ROOM, "is_invited": False})[0] != 200:
        pass


# ------------------------------------------------------------------------------------------------ trust


def trusting(rooms: Rooms, author: UserId, weight: int = 1) -> None:
    with rooms.container.work() as work:
        number = work.people.number(author)
    rooms.subscribes(weight=weight, trusted=number)


def test_a_lists_word_counts_as_far_as_its_author_is_trusted(rooms: Rooms) -> None:
    author = UserId("@author:lists.example")
    trusting(rooms, author)
    (known,) = subscriptions(rooms)
    assert known.trust is not None
    assert 0 < known.counts < 1
    assert rooms.asks() is None, "a stranger's word alone is not enough"
    trusting(rooms, author, weight=10)
    assert rooms.asks() is not None
    trusting(rooms, OWNER)
    assert [one.counts for one in subscriptions(rooms)] == [1.0], "everybody trusts themselves"
    assert rooms.asks() is not None

    trusting(rooms, author, weight=2)
    before = subscriptions(rooms)[0].trust or 0
    assert rooms.asks() is not None
    with rooms.container.work() as work:
        owner = work.people.number(OWNER)
        work.vouches.report(owner, work.people.number(author), Reason.SCAM)
    rooms.plans()
    after = subscriptions(rooms)[0].trust or 0
    assert after < before
    rooms.turning._told.clear()
    assert rooms.asks() is None


def subscriptions(rooms: Rooms) -> list[Subscription]:
    with rooms.container.read() as work:
        return work.moderation.lists.subscriptions(rooms.management)


def test_an_author_is_told_of_overrides_only_where_five_others_could_have_overruled(rooms: Rooms) -> None:
    rooms.subscribes()
    assert rooms.asks() is not None
    author = UserId("@author:lists.example")
    with rooms.container.work() as work:
        number = work.people.number(author)
        assert work.moderation.overrides_for(number, rooms.list) is None
        found = rooms.asks()
        assert found is not None
        for other in range(4):
            made = work.moderation.make(work.people.number(UserId(f"@other{other}:home.example")), "Other")
            work.moderation.turning.note(made.id, ROOM, found)
        owner = work.people.find(OWNER)
        assert owner is not None
        assert work.moderation.overrides_for(owner, rooms.list) is None, "of the five one is their own"
        told = work.moderation.overrides_for(number, rooms.list)
    assert told is not None
    assert (told.acted, told.overruled, told.rooms) == (5, 0, 5)
    assert 0 < told.high < 1
