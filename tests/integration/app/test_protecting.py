"""Lists that act in rooms: what is found, planned, written down, applied, asked, vetoed, undone, forgotten and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from app import lists, protecting
from app.container import Container
from app.forgetting import forget_person, prune_all
from kit.changes import counters
from kit.database import Database
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, RoomId, UserId
from reputation.causes import find_words
from reputation.consequences import KEPT_FOR, LEASE
from reputation.enforcement.acl import covers
from reputation.enforcement.acting import Ban, Owed, SetAcl, SetLevel, Unban, act, act_on_servers
from reputation.enforcement.model import (
    Consequence,
    Does,
    Mode,
    Plan,
    State,
    Subscription,
    Veto,
    Why,
    Word,
    host_of,
)
from reputation.enforcement.rooms import Acl, Membership, RoomSeen
from reputation.followed import key_of
from reputation.lists.labels import LIMITED
from reputation.lists.model import Entry, Recommendation, Subject
from reputation.moderation import MOST_MANAGED
from reputation.subscribing import TOPIC
from tests.support import moderated
from tests.support.moderated import levels, member
from tests.support.services import Clock, a_container

BOT, OWNER = UserId("@earnest:example.org"), UserId("@owner:home.example")
ROOM = RoomId("!r:home.example")
BAD, WORSE, SPAM = UserId("@bad:evil.example"), UserId("@x:worse.example:8448"), UserId("@spam1:matrix.example")
NICE = tuple(UserId(f"@nice{n}:nice.example") for n in range(80))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


class Bot:
    """The bot's part, without a homeserver: it looks, plans, and does what is owed."""

    def __init__(self, container: Container, clock: Clock, management: int) -> None:
        self.container, self.clock, self.management = container, clock, management
        self.rooms: dict[RoomId, RoomSeen] = {}
        self.done: list[object] = []

    def plan(self, only: list[RoomId] | None = None) -> Plan:
        self.clock.pass_(seconds=1)
        at = self.clock()
        self.clock.pass_(seconds=1)
        return protecting.plan(self.container, self.management, list(self.rooms.values()), at, only=only)

    def work_off(self) -> None:
        while jobs := protecting.claim(self.container):
            for job in jobs:
                self.clock.pass_(seconds=1)
                self.do(job)
                protecting.done(self.container, job)

    def do(self, job: list[Owed]) -> None:
        first = job[0]
        room = self.rooms[first.room]
        if first.what is Consequence.DENY:
            found: object = act_on_servers(job, room, BOT)
        else:
            found = act(first, room, BOT)
        self.done.append(found)
        match found:
            case Ban(user):
                room = member(room, user, Membership.BAN, BOT)
            case Unban(user, _):
                room = member(room, user, Membership.LEAVE, BOT)
            case SetLevel(user, level):
                room = levels(room, user, level)
            case SetAcl(acl):
                room = replace(room, acl=acl)
        self.rooms[first.room] = room

    def settle(self) -> Plan:
        found = self.plan()
        self.work_off()
        return found

    def banned(self, room: RoomId = ROOM) -> set[UserId]:
        return {user for user, one in self.rooms[room].members.items() if one.membership is Membership.BAN}


def a_room(name: str = ROOM, *joined: UserId) -> RoomSeen:
    made = moderated.a_room(name, *joined)
    members = {user: one for user, one in made.members.items() if user != moderated.ME}
    members |= {BOT: replace(made.members[moderated.ME], by=BOT), OWNER: made.members[moderated.ADMIN]}
    return replace(made, members=members, powers=replace(made.powers, users={BOT: 100, OWNER: 100}))


@pytest.fixture
def bot(container: Container, clock: Clock) -> Bot:
    """A management room that protects one room, in which are three whom lists speak of, and many others."""
    with container.work() as work:
        made = work.moderation.make(work.people.number(OWNER), "Home")
        work.moderation.housed(made.id, RoomId("!manage:home.example"))
        work.moderation.protect(made.id, ROOM)
    bot = Bot(container, clock, made.id)
    bot.rooms[ROOM] = a_room(ROOM, BAD, WORSE, SPAM, *NICE)
    return bot


def follow(container: Container, name: str, *entries: Entry) -> int:
    """Follow a list of these entries, from now on or anew; return its number."""
    with container.work() as work:
        known = {one.name: one.id for one in work.followed.all()}
        number = known[name] if name in known else work.followed.follow(name, "/list").id
        old = set(work.followed.kept(number))
        work.followed.take_out(number, sorted(old))
        work.followed.write(number, entries)
        work.followed.read(name, form="policy", entries=len(entries), left_out=0, again=False)
    return number


def user(entity: str, recommendation: Recommendation = Recommendation.BAN, reason: str = "spam") -> Entry:
    return Entry(Subject.USER, entity, recommendation, reason)


def server(entity: str, recommendation: Recommendation = Recommendation.BAN, *, below: bool = False) -> Entry:
    return Entry(Subject.SERVER, entity, recommendation, "floods", below=below)


def hidden(name: str) -> Entry:
    return Entry(Subject.USER, None, Recommendation.BAN, "", sha256=sha256(name.encode()).digest())


def subscribe(bot: Bot, number: int, name: str, mode: Mode = Mode.ACT, **how: object) -> None:
    with bot.container.work() as work:
        work.moderation.lists.subscribe(bot.management, Subscription(number, name, mode, **how))  # type: ignore[arg-type]


def states(bot: Bot) -> dict[tuple[str, str | None], State]:
    with bot.container.read() as work:
        found = work.moderation.consequences.history(bot.management, most=1_000)
    return {(one.what.value, one.target): one.state for one in reversed(found)}


# ------------------------------------------------------------------------------------------------ the story


def test_a_list_acts_and_leaving_it_undoes_exactly_that(bot: Bot) -> None:
    before = bot.rooms[ROOM]
    number = follow(bot.container, "bad", user("@BAD:evil.example"), server("worse.example"), user("@spam*:*"))
    subscribe(bot, number, "bad")
    found = bot.settle()
    assert {(step.what, step.target) for step in found.of(Does.DO)} == {
        (Consequence.BAN, BAD),
        (Consequence.BAN, SPAM),
        (Consequence.DENY, "worse.example"),
    }
    assert bot.banned() == {BAD, SPAM}
    assert covers(bot.rooms[ROOM].acl, "worse.example")
    assert bot.plan().changes == []
    by_hand = member(bot.rooms[ROOM], NICE[0], Membership.BAN, OWNER)
    bot.rooms[ROOM] = by_hand
    with bot.container.work() as work:
        assert work.moderation.lists.unsubscribe(bot.management, number)
    assert len(bot.settle().of(Does.UNDO)) == 3
    assert bot.banned() == {NICE[0]}
    assert bot.rooms[ROOM].acl == Acl()
    assert bot.rooms[ROOM].powers == before.powers
    assert set(states(bot).values()) == {State.UNDONE}


def test_every_consequence_is_remembered_with_its_cause(bot: Bot) -> None:
    number = follow(bot.container, "bad", user("@BAD:evil.example", reason="a <b>spammer</b>"))
    subscribe(bot, number, "bad")
    bot.settle()
    with bot.container.read() as work:
        (one,) = work.moderation.consequences.history(bot.management, target=BAD)
        assert work.moderation.consequences.history(bot.management, target="@nobody:x.example") == []
    (cause,) = one.causes
    assert (cause.name, cause.entity, cause.recommendation) == ("bad", BAD, Recommendation.BAN)
    assert (cause.reason, one.state) == ("a <b>spammer</b>", State.APPLIED)


def test_no_name_stands_where_it_may_not(bot: Bot) -> None:
    number = follow(bot.container, "bad", user("@BAD:evil.example"))
    subscribe(bot, number, "bad")
    with bot.container.work() as work:
        work.moderation.lists.veto(bot.management, Veto(subject=Subject.USER, entity=str(SPAM)))
    bot.settle()
    with bot.container.read() as work:
        for table in ("consequences", "vetoes", "management_rooms", "subscriptions"):
            for row in work.session.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - our own names
                assert not any(name in str(row).lower() for name in ("@bad", "@spam1", "@owner")), table


def test_a_veto_takes_back_and_keeps_back(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD), user(SPAM))
    subscribe(bot, number, "bad")
    bot.settle()
    with bot.container.work() as work:
        veto = work.moderation.lists.veto(bot.management, Veto(user=BAD), work.people.number(OWNER))
        assert work.moderation.lists.veto(bot.management, Veto(user=BAD)) == veto
    (undone,) = bot.settle().of(Does.UNDO)
    assert (undone.target, undone.why) == (BAD, Why.VETOED)
    assert bot.banned() == {SPAM}
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.JOIN, BAD)
    assert bot.settle().changes == []
    with bot.container.work() as work:
        (kept,) = work.moderation.lists.vetoes(bot.management)
        assert (kept.says.user, kept.by) == (BAD, OWNER)
        assert work.moderation.lists.unveto(bot.management, veto)
        assert not work.moderation.lists.unveto(bot.management, veto)
    bot.settle()
    assert bot.banned() == {BAD, SPAM}


def test_a_poisoned_update_stops_whole_and_asks(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD))
    subscribe(bot, number, "bad")
    bot.settle()
    follow(bot.container, "bad", user(BAD), server("nice.example"), user(SPAM))
    found = bot.settle()
    assert {step.why for step in found.of(Does.ASK)} == {Why.SHARE}
    assert {step.target for step in found.of(Does.ASK)} == {"nice.example", SPAM}
    (share,) = found.shares
    assert (share.used, share.wanted, share.allowed) == (1, 81, 4)
    assert bot.banned() == {BAD}
    with bot.container.work() as work:
        owner = work.people.number(OWNER)
        (spam,) = work.moderation.consequences.history(bot.management, target=SPAM)
    assert protecting.answer(bot.container, bot.management, yes=True, by=owner, only=[spam.id]) == 1
    assert protecting.answer(bot.container, bot.management, yes=False, by=owner) == 1
    bot.settle()
    assert bot.banned() == {BAD, SPAM}
    assert states(bot)["deny", "nice.example"] is State.REFUSED
    assert bot.plan().changes == []


def test_drip_by_drip_a_list_comes_no_further_than_its_share_in_seven_days(bot: Bot, clock: Clock) -> None:
    subscribe(bot, follow(bot.container, "bad"), "bad")
    for day in range(8):
        follow(bot.container, "bad", *(user(name) for name in NICE[: 2 * day]))
        bot.settle()
        assert len(bot.banned()) <= 4
        clock.pass_(days=1)
    assert len(bot.banned()) == 4
    with bot.container.read() as work:
        assert work.moderation.consequences.counts(bot.management)[State.ASKED] > 0


def test_a_list_that_asks_first(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD))
    subscribe(bot, number, "bad", Mode.APPROVE)
    (asked,) = bot.settle().of(Does.ASK)
    assert (asked.target, asked.why) == (BAD, Why.APPROVE)
    assert bot.banned() == set()
    assert protecting.answer(bot.container, bot.management, yes=True, by=None) == 1
    bot.work_off()
    assert bot.banned() == {BAD}
    assert bot.plan().changes == []
    subscribe(bot, number, "bad", Mode.NOTIFY)
    bot.settle()
    assert bot.banned() == set(), "its mode was lowered"


def test_a_rehearsal_does_nothing_and_then_begins(bot: Bot, clock: Clock) -> None:
    number = follow(bot.container, "bad", user(BAD), server("worse.example"))
    subscribe(bot, number, "bad")
    with bot.container.work() as work:
        work.moderation.tune(bot.management, rehearse_until=clock() + timedelta(days=14))
    assert len(bot.settle().of(Does.NOTE)) == 2
    assert (bot.banned(), bot.rooms[ROOM].acl) == (set(), None)
    assert bot.plan().changes == [], "it is told once"
    clock.pass_(days=14)
    assert len(bot.settle().of(Does.DO)) == 2
    assert bot.banned() == {BAD}


def test_two_of_three_lists_must_agree_and_all_of_them_are_remembered(bot: Bot) -> None:
    numbers = {name: follow(bot.container, name, user(BAD)) for name in ("a", "b", "c")}
    follow(bot.container, "c", user(SPAM))
    for name, number in numbers.items():
        subscribe(bot, number, name)
    with bot.container.work() as work:
        work.moderation.tune(bot.management, threshold=2)
    found = bot.settle()
    assert [step.target for step in found.of(Does.DO)] == [BAD]
    assert [(step.target, step.why) for step in found.of(Does.LEAVE)] == [(SPAM, Why.TOO_FEW)]
    with bot.container.read() as work:
        (one,) = work.moderation.consequences.history(bot.management, target=BAD)
    assert [cause.name for cause in one.causes] == ["a", "b"]
    follow(bot.container, "a")
    bot.settle()
    assert bot.banned() == set()


def test_what_somebody_else_took_back_is_not_done_again_and_counts_against_the_list(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD), user(SPAM), user(NICE[0]))
    subscribe(bot, number, "bad")
    bot.settle()
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.LEAVE, OWNER)
    (lifted,) = bot.settle().changes
    assert (lifted.does, lifted.target) == (Does.LIFT, BAD)
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.JOIN, BAD)
    assert bot.settle().changes == []
    found = protecting.overridden(bot.container, number)
    assert (found.acted, found.overruled, found.rooms) == (3, 1, 1)
    assert 0 < found.low < found.share < found.high < 1
    assert not found.for_author


# ------------------------------------------------------------------------------------------------ finding entries


@pytest.mark.parametrize(
    ("entry", "hit"),
    [
        (user("@bad:evil.example"), BAD),
        (user("@BAD:Evil.Example"), BAD),
        (user("@b?d:*"), BAD),
        (hidden("@bad:evil.example"), BAD),
        (server("evil.example"), "evil.example"),
        (server("example", below=True), "evil.example"),
        (server("*.example"), "evil.example"),
        (server("worse.example:8448"), "worse.example"),
        (server("worse.example"), "worse.example"),
        (server("*vil.example"), "evil.example"),
        (hidden("@BAD:evil.example"), None),
        (server("vil.example", below=True), None),
        (server("bad.evil.example"), None),
        (user("@good:*"), None),
    ],
)
def test_the_entry_that_hits_is_found(container: Container, entry: Entry, hit: str | None) -> None:
    follow(container, "bad", entry, user("@somebody:else.example"), server("else.example"))
    labels = container.labelling.current()
    with container.read() as work:
        found = find_words(work.session, labels, {"bad": work.followed.find("bad").id}, [BAD, WORSE])
    said: dict[str, Mapping[int, Word]] = {str(name): word for name, word in found.people.items()}
    said |= found.servers
    if hit is None:
        assert said == {}
    else:
        (word,) = said[hit].values()
        assert word.entity == (entry.entity or f"sha256:{(entry.sha256 or b'').hex()}")
        assert word.recommendation is Recommendation.BAN


def test_of_several_entries_the_gravest_counts_and_an_allow_before_all(bot: Bot) -> None:
    number = follow(
        bot.container,
        "bad",
        user(BAD, Recommendation.LIMIT),
        user("@bad*:*", Recommendation.TAKEDOWN),
        user("@b*:*"),
        server("worse.example"),
        user(WORSE, Recommendation.ALLOW),
        user(SPAM),
    )
    labels = bot.container.labelling.current()
    with bot.container.read() as work:
        found = find_words(work.session, labels, {"bad": number}, [BAD, WORSE, SPAM, *NICE])
    assert found.people[BAD][number].recommendation is Recommendation.TAKEDOWN
    assert found.people[WORSE][number].recommendation is Recommendation.ALLOW
    subscribe(bot, number, "bad")
    steps = {(step.what, step.target, step.does, step.why) for step in bot.plan().steps}
    assert steps == {
        (Consequence.BAN, BAD, Does.DO, None),
        (Consequence.REDACT, BAD, Does.ASK, Why.CONFIRM),
        (Consequence.BAN, SPAM, Does.DO, None),
    }, "a server is not denied because of whom its people would be without the one whom the list lets be"


# ------------------------------------------------------------------------------------------------ dying, forgetting


def test_whoever_dies_after_claiming_is_followed_by_another(bot: Bot, clock: Clock) -> None:
    subscribe(bot, follow(bot.container, "bad", user(BAD)), "bad")
    bot.plan()
    (job,) = protecting.claim(bot.container)
    assert protecting.claim(bot.container) == []
    bot.do(job)  # and dies before it says so
    clock.pass_(seconds=LEASE.total_seconds() + 1)
    bot.work_off()
    assert [type(one).__name__ for one in bot.done] == ["Ban", "Nothing"]
    assert states(bot) == {("ban", BAD): State.APPLIED}


def test_what_fails_comes_again_and_what_is_refused_waits_for_a_plan(bot: Bot, clock: Clock) -> None:
    subscribe(bot, follow(bot.container, "bad", user(BAD)), "bad")
    bot.plan()
    (job,) = protecting.claim(bot.container)
    protecting.later(bot.container, job, 30)
    assert protecting.claim(bot.container) == []
    clock.pass_(seconds=31)
    (job,) = protecting.claim(bot.container)
    assert job[0].attempt == 1, "it was not tried"
    protecting.failed(bot.container, job, "away")
    clock.pass_(seconds=2)
    (job,) = protecting.claim(bot.container)
    assert job[0].attempt == 2
    protecting.failed(bot.container, job, "M_FORBIDDEN", for_good=True)
    assert states(bot) == {("ban", BAD): State.FAILED}
    assert [step.why for step in bot.plan().steps] == [Why.FAILED]
    clock.pass_(hours=6)
    bot.settle()
    assert bot.banned() == {BAD}


def test_a_plan_of_many_is_written_in_slices_and_goes_on_after_a_death(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.protecting.SLICE", 2)
    number = follow(bot.container, "bad", *(user(name) for name in NICE[:20]))
    subscribe(bot, number, "bad", share=100)
    original = type(bot.container).work
    left = 3

    def dying(container: Container) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return original(container)

    monkeypatch.setattr(type(bot.container), "work", dying)
    with pytest.raises(KeyboardInterrupt):
        bot.plan()
    monkeypatch.setattr(type(bot.container), "work", original)
    with bot.container.read() as work:
        assert sum(work.moderation.consequences.counts(bot.management).values()) == 6
    bot.settle()
    assert bot.banned() == set(NICE[:20])


def test_whoever_forgets_themselves_ends_what_they_look_after(bot: Bot) -> None:
    subscribe(bot, follow(bot.container, "bad", user(BAD), server("worse.example")), "bad")
    bot.settle()
    with bot.container.work() as work:
        forget_person(work, work.people.number(OWNER))
        assert work.moderation.lists.subscriptions(bot.management) == []
    bot.settle()
    assert bot.banned() == set()
    with bot.container.work() as work:
        assert not work.moderation.consequences.waits(bot.management)
        work.moderation.gone(bot.management)
        (one,) = work.moderation.all()
        assert (one.room, work.moderation.rooms(), work.people.mxid(one.owner)) == (None, [], None)
        assert work.moderation.all(ended=False) == []


def test_what_was_done_to_somebody_who_forgets_themselves_stays_in_the_books(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD, reason="it was @bad:evil.example"))
    subscribe(bot, number, "bad")
    bot.settle()
    with bot.container.work() as work:
        work.moderation.lists.veto(bot.management, Veto(number, user=BAD))
        forget_person(work, work.people.number(BAD))
    with bot.container.read() as work:
        (one,) = work.moderation.consequences.history(bot.management)
        assert work.moderation.lists.vetoes(bot.management) == []
        assert "bad:evil" not in str(work.session.execute(text("SELECT * FROM consequences")).all())
        assert sum(work.moderation.consequences.spent(bot.management)[number].values()) == 1
    assert (one.target, one.state, one.causes[0].reason) == (None, State.DROPPED, "")
    bot.settle()
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.JOIN, BAD)
    bot.settle()
    assert bot.banned() == {BAD}, "whoever comes back is a new person, of whom the list speaks as before"


def test_what_is_over_is_taken_away_in_time_with_its_names(bot: Bot, clock: Clock) -> None:
    number = follow(bot.container, "bad", user(BAD))
    subscribe(bot, number, "bad")
    bot.settle()
    with bot.container.work() as work:
        work.moderation.lists.unsubscribe(bot.management, number)
        work.people.number(NICE[0])
    bot.settle()
    clock.pass_(days=KEPT_FOR.days + 1)
    prune_all(bot.container.work, events_kept=timedelta(days=1))
    with bot.container.read() as work:
        assert work.moderation.consequences.history(bot.management) == []
        assert work.people.find(BAD) is None


# ------------------------------------------------------------------------------------------------ previews and rooms


def test_a_preview_tells_and_changes_nothing(bot: Bot, clock: Clock) -> None:
    number = follow(bot.container, "bad", user(BAD), server("nice.example"), server("home.example"), user(OWNER))
    found = protecting.preview(
        bot.container, bot.management, Subscription(number, "bad", Mode.ACT), list(bot.rooms.values()), clock()
    )
    assert (found.people, found.rooms, found.acts) == (85, 1, {})
    assert found.asks == {Consequence.BAN: 1, Consequence.DENY: 1}
    assert found.left == {Why.KEEPER.value: 1, Why.SERVER_OF_KEEPERS.value: 1}
    assert found.share is not None
    assert (found.share.wanted, found.share.allowed) == (81, 4)
    assert states(bot) == {}
    subscribe(bot, number, "bad", share=100)
    bot.settle()
    leaving = protecting.preview_of_leaving(bot.container, bot.management, number, list(bot.rooms.values()), clock())
    assert leaving.undone == {Consequence.BAN: 1, Consequence.DENY: 1}
    with pytest.raises(NotFound):
        protecting.preview_of_leaving(bot.container, bot.management, number + 1, [], clock())


def test_rooms_are_looked_after_from_one_place_and_let_go_of_with_what_was_done(bot: Bot) -> None:
    subscribe(bot, follow(bot.container, "bad", user(BAD), server("worse.example")), "bad")
    bot.settle()
    with bot.container.work() as work:
        other = work.moderation.make(work.people.number(OWNER), "Other")
        with pytest.raises(Conflict):
            work.moderation.protect(other.id, ROOM)
        assert work.moderation.unprotect(ROOM)
        assert not work.moderation.unprotect(ROOM)
        assert work.moderation.consequences.waits_in(ROOM)
    bot.work_off()
    assert bot.banned() == set()
    assert not covers(bot.rooms[ROOM].acl, "worse.example")
    with bot.container.read() as work:
        assert not work.moderation.consequences.waits_in(ROOM)


def test_what_the_bot_may_not_do_is_noted(bot: Bot) -> None:
    bot.rooms[ROOM] = levels(bot.rooms[ROOM], BOT, 0)
    bot.plan()
    with bot.container.read() as work:
        found = work.moderation.protected(ROOM)
    assert found is not None
    assert set(found.lacks) == {*Consequence} - {Consequence.WARN}


def test_only_what_changed_is_planned_but_all_people_count(bot: Bot) -> None:
    second = RoomId("!second:home.example")
    with bot.container.work() as work:
        work.moderation.protect(bot.management, second)
    bot.rooms[second] = a_room(second, BAD)
    subscribe(bot, follow(bot.container, "bad", user(BAD)), "bad")
    found = bot.plan(only=[second])
    assert [step.room for step in found.changes] == [second]
    assert found.people == 85


def test_a_list_that_acts_is_not_let_go_of_by_mistake(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD))
    subscribe(bot, number, "bad")
    bot.settle()
    with pytest.raises(Conflict, match="Home"):
        lists.unfollow(bot.container.work, "bad")
    lists.unfollow(bot.container.work, "bad", force=True)
    bot.settle()
    assert bot.banned() == set()


def test_every_change_is_told_and_a_plan_without_changes_is_not(bot: Bot) -> None:
    def told() -> int:
        with bot.container.read() as work:
            return counters(work.session).get(TOPIC, 0)

    number = follow(bot.container, "bad", user(BAD))
    before = told()
    changes: list[Callable[[], object]] = [
        lambda: subscribe(bot, number, "bad", Mode.APPROVE),
        bot.settle,
        lambda: protecting.answer(bot.container, bot.management, yes=True, by=None),
    ]
    for change in changes:
        change()
        assert told() > before
        before = told()
    bot.settle()
    bot.settle()
    assert told() == before


def test_what_cannot_be(bot: Bot) -> None:
    number = follow(bot.container, "bad")
    with bot.container.work() as work:
        lists_ = work.moderation.lists
        for wrong in (
            Subscription(number, "bad", weight=0),
            Subscription(number, "bad", share=101),
            Subscription(number, "bad", until=work.now),
            Subscription(number, "bad", people={Recommendation.BAN: frozenset({Consequence.DENY})}),
        ):
            with pytest.raises(Invalid):
                lists_.subscribe(bot.management, wrong)
        with pytest.raises(NotFound):
            lists_.subscribe(bot.management, Subscription(number + 1, "none"))
        for nothing in (Veto(), Veto(number), Veto(subject=Subject.USER), Veto(server="not a server")):
            with pytest.raises(Invalid):
                lists_.veto(bot.management, nothing)
        owner: PersonId = work.people.number(OWNER)
        for name in ("", "x" * 61, "a\x07b"):
            with pytest.raises(Invalid):
                work.moderation.make(owner, name)
        with pytest.raises(Invalid):
            work.moderation.tune(bot.management, threshold=0)
        for count in range(MOST_MANAGED - 1):
            work.moderation.make(owner, f"more {count}")
        with pytest.raises(Conflict):
            work.moderation.make(owner, "too many")


# ------------------------------------------------------------------------------------------------ memory and database

_SERVERS = ("evil.example", "sub.evil.example", "EVIL.example", "x.example")
_PATTERNS = [
    f"@{name}:{server}" for name in ("a", "bb", "A", "b?", "*", "a*") for server in (*_SERVERS, "*", "*.example")
]


def _by_chance(chance: Random) -> Entry:
    said = chance.choice(list(Recommendation))
    if chance.random() < 0.3:
        return server(chance.choice((*_SERVERS[:2], "*.example", "example")), said, below=chance.random() < 0.5)
    entity = chance.choice(_PATTERNS)
    return hidden(entity) if chance.random() < 0.2 else user(entity, said)


def test_entries_that_are_found_say_what_memory_says(container: Container) -> None:
    chance = Random(5)
    users = [UserId(f"@{name}:{server}") for name in ("a", "bb", "A", "b?", "z") for server in _SERVERS]
    for _ in range(15):
        numbers = {}
        for name in ("one", "two"):
            entries = {key_of(made): made for made in (_by_chance(chance) for _ in range(chance.randint(0, 8)))}
            numbers[name] = follow(container, name, *entries.values())
        labels = container.labelling.current()
        with container.read() as work:
            found = find_words(work.session, labels, numbers, users)
        for who in users:
            told = []
            for name, number in sorted(numbers.items()):
                of_server = found.servers.get(host_of(who), {}).get(number)
                word = found.people.get(who, {}).get(number) or of_server
                if word is not None and word.recommendation is not Recommendation.ALLOW:
                    told.append(f"{name}{LIMITED if word.recommendation is Recommendation.LIMIT else ''}")
            assert told == labels.of_user(who), who
