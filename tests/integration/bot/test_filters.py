"""Filters by the bot: set, undone, asked in the rooms that it was asked into, told and explained, on both databases."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app.forgetting import forget_person, prune_all
from bot import watcher
from bot.homeserver import Entered, EventId, Invited, Left, Look, Moved, Reacted, Redacted, Said, Unreadable
from kit.clock import from_unix
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from reputation import screening, sightings
from reputation.filter_presets import FILTER_PRESETS, NOTHING, FilterPreset
from reputation.model import ContactWhy
from reputation.policy import FilterDocument
from reputation.sightings import WouldHave
from reputation.store import GateStore
from reputation.tables import FilterRow, ScreenedRow, SightingRow, WatchedRoomRow
from reputation.watched import MOST_ROOMS
from tests.support.desk import Bot, Desk, rehearsed
from tests.support.knocks import ALICE, BOB, BOT

GROUP = RoomId("!group:home.example")
OTHER = RoomId("!other:home.example")
CAROL = UserId("@carol:away.example")
DAY = 86_400
COINS = {
    "version": 1,
    "kind": "filter",
    "patterns": {"coins": {"words": ["airdrop"]}},
    "rules": [
        {
            "name": "coins",
            "when": "'coins' in text.found && sender.known_by == 0 && !message.text.contains('choir')",
            "then": {"label": "spam", "severity": "hide"},
        },
        {"name": "low", "when": "sender.standing < 0.2", "then": {"label": "low"}},
    ],
}
SECRET = "A free airdrop of twelve zebras, only today"


def ruled(when: str, **more: object) -> str:
    """A filter of one rule, as it is set."""
    return "filter set " + json.dumps(
        {"kind": "filter", "rules": [{"name": "one", "when": when, "then": {"label": "spam"} | more}]}
    )


def document(desk: Desk, user: UserId = ALICE) -> FilterDocument:
    with desk.read() as work:
        return work.filters.show(work.people.number(user))


def would_have(desk: Desk, user: UserId = ALICE, days: int = 7) -> WouldHave:
    with desk.read() as work:
        return work.filters.sightings.would_have(work.people.number(user), days)


def watched(desk: Desk) -> set[RoomId]:
    with desk.read() as work:
        return {one.room for one in work.filters.rooms.all()}


def rows(desk: Desk, *tables: type) -> int:
    with desk.read() as work:
        return sum(len(work.session.scalars(select(table)).all()) for table in tables)


def chat(user: UserId) -> RoomId:
    return RoomId(f"!chat-of-{user[1:]}")


def group(bot: Bot, *members: UserId, inviter: UserId = ALICE, room: RoomId = GROUP) -> list[str]:
    bot.rehearsal.rooms[room] = {inviter, *members}
    return bot.hear(Invited(room, inviter))


def writes(bot: Bot, said: str, *, sender: UserId = BOB, room: RoomId = GROUP, **more: Any) -> EventId:  # noqa: ANN401 - as ``Said`` has it
    """Let somebody write in a group, where nobody is answered."""
    identifier = more.pop("event", None) or bot.event()
    at = more.pop("at", from_unix(bot.desk.house.time))
    assert bot.hear(Said(room, identifier, sender, said, at, **more)) == []
    return EventId(identifier)


def look(bot: Bot) -> list[str]:
    """Let the bot look at what it heard, and do what it owes; return what it did."""
    before = len(bot.lines)
    bot.run(bot.watcher.leave_owed)
    bot.run(bot.watcher.look)
    return bot.lines[before:]


@pytest.fixture
def alices(bot: Bot) -> Bot:
    """A bot in a group of Alice, Bob and Carol, for Alice's filter."""
    bot.says("filter set " + json.dumps(COINS))
    group(bot, BOB, CAROL)
    return bot


# ---------------------------------------------------------------------------------------------------- setting


def test_help_leads_from_choosing_to_the_end(bot: Bot) -> None:
    said = bot.says("help filter")
    steps = (
        "filter presets",
        "filter try careful",
        "filter preset careful",
        "Invite me",
        "filter seen",
        "filter why",
        "filter off",
    )
    places = [said.index(word) for word in steps]
    assert places == sorted(places)
    for command in (line[2:] for line in said.splitlines() if line.startswith("- filter ")):
        bot.ticks += 60
        assert "…" in command or "Write it like this" not in bot.says(command.replace("back 3", "show")), command


def test_presets_are_listed_set_undone_and_gone_back_to(bot: Bot, desk: Desk) -> None:
    assert "You have no filter" in bot.says("filter")
    assert "never set a filter" in bot.says("filter versions")
    assert "nothing to undo" in bot.says("filter undo")
    listed = bot.says("filter presets")
    for name in FilterPreset:
        assert f"{name}: " in listed
    said = bot.says("filter preset links")
    assert "links: Marks links from people whom nobody you know knows." in said
    assert "filter undo takes this back" in said
    assert "I read no room for you yet" in said
    assert document(desk) == FILTER_PRESETS[FilterPreset.LINKS]
    assert "(this one stands)" in bot.says("filter preset")
    bot.says("filter set ```json\n" + json.dumps(COINS, indent=1) + "\n```")
    assert document(desk).rules[0].name == "coins"
    assert '"label": "spam"' in bot.says("filter rules")
    assert "Rule coins is new" in bot.says("filter versions").replace("\u2068", "").replace("\u2069", "")
    assert "Your filter is what it was" in bot.says("filter undo")
    assert document(desk) == FILTER_PRESETS[FilterPreset.LINKS]
    bot.says("filter back 2")
    assert document(desk).rules[0].name == "coins"
    assert "You have no filter" in bot.says("filter off")
    assert (document(desk), rows(desk, FilterRow)) == (NOTHING, 0)
    bot.says("filter undo")
    assert rows(desk, FilterRow) == 1


def test_a_filter_with_a_mistake_says_where_and_changes_nothing(bot: Bot, desk: Desk) -> None:
    assert "no JSON" in bot.says("filter set {oops}")
    assert "That is a door" in bot.says('filter set {"kind": "door", "otherwise": {"do": "admit"}}')
    assert "stake.amount" in bot.says(ruled("stake.amount > 1.0"))
    assert "advertising, links, careful" in bot.says("filter preset cosy")
    for unclear in ("filter set", "filter preset a b", "filter off now", "filter nonsense", "filter back x"):
        assert "Write it like this" in bot.says(unclear)
        bot.ticks += 60
    assert (document(desk), rows(desk, FilterRow)) == (NOTHING, 0)


def test_a_filter_and_a_door_have_versions_of_their_own(bot: Bot, desk: Desk) -> None:
    bot.says("door preset known")
    bot.says("filter preset links")
    bot.says("door undo")
    with desk.read() as work:
        person = work.people.number(ALICE)
        assert [one.number for one in work.doors.versions.all(person)] == [2, 1]
        assert [one.number for one in work.filters.versions.all(person)] == [1]
    assert document(desk) == FILTER_PRESETS[FilterPreset.LINKS]


# ---------------------------------------------------------------------------------------------------- seeing


def test_a_message_that_a_rule_would_hide_is_told_and_explained(alices: Bot) -> None:
    event = writes(alices, SECRET)
    writes(alices, "Good morning")
    writes(alices, "An airdrop is a fraud", sender=ALICE)
    assert look(alices) == []
    said = alices.says("filter seen")
    assert "Of 2 messages in one room, in the last 7 days, your filter would hide or mark 1:" in said
    assert "1 it would hide, as \u2068spam\u2069, by rule \u2068coins\u2069" in said
    assert f"https://matrix.to/#/%21group%3Ahome.example/%24{event[1:]}?via=home.example" in said
    assert f"\u2068{BOB}\u2069" in said
    assert "for want of these facts (of so many messages): sender.standing (2)" in said
    why = ""
    for link in (event, f"https://matrix.to/#/{GROUP}/{event}?via=home.example", f"<{event}>"):
        why = alices.says(f"filter why {link}")
        assert "sender.known_by = \u20680\u2069" in why
        assert "text.found = \u2068coins\u2069" in why
        assert "message.text (not kept)" in why
        assert "because this holds: 'coins' in text.found" in why
        assert "Rule \u2068low\u2069 could not tell, for want of sender.standing." in why
        alices.ticks += 60
    assert "Nothing is kept of that message" in alices.says("filter why $elsewhere")
    assert "Write it like this" in alices.says("filter why it")
    assert "zebras" not in said + why


def test_what_was_said_is_kept_nowhere(alices: Bot, desk: Desk) -> None:
    writes(alices, SECRET)
    look(alices)
    assert rows(desk, SightingRow) == 1
    with desk.read() as work:
        tables = [table.name for table in FilterRow.metadata.sorted_tables]
        dump = "\n".join(str(row) for name in tables for row in work.session.execute(text(f"SELECT * FROM {name}")))  # noqa: S608 - our own tables
    assert "coins" in dump, "the search would find what is there"
    for word in ("zebras", "twelve"):
        assert word not in dump


def test_facts_are_the_viewers_own(bot: Bot, desk: Desk) -> None:
    when = "sender.known_by == 0 && sender.vouches == 0 && !sender.contact && room.members == 4"
    for user in (ALICE, CAROL):
        bot.says(ruled(when), user=user, room=chat(user))
    group(bot, BOB, CAROL)
    with desk.work() as work:
        alice, bob = work.people.number(ALICE), work.people.number(BOB)
        GateStore(work.session).learn_contact(alice, bob, ContactWhy.ACCEPTED, work.now)
    writes(bot, "hello")
    look(bot)
    assert [would_have(desk, user).seen for user in (ALICE, CAROL)] == [0, 1]
    assert [would_have(desk, user).messages for user in (ALICE, CAROL)] == [1, 1]


@pytest.mark.parametrize(
    ("when", "said", "more", "seen"),
    [
        ("message.links == 1", "see https://a.example", {}, True),
        ("message.links == 1", "see", {"html": '<a href="https://a.example">this</a>'}, True),
        ("message.mentions_me", "Alice?", {"mentions": (ALICE,)}, True),
        ("message.mentions_me", "Alice?", {"mentions": (BOB,)}, False),
        ("message.kind == 'm.emote'", "sells coins", {"kind": "m.emote"}, True),
        ("message.kind == 'm.image' && message.text.contains('coins')", "sells coins", {"kind": "m.image"}, True),
        ("sender.server == 'away.example' && sender.localpart == 'bob'", "hello", {}, True),
        ("!room.encrypted && room.id == '!group:home.example'", "hello", {}, True),
        ("sender.mutual_rooms == 1", "hello", {}, True),
        ("has(room.direct) || has(sender.labels)", "hello", {}, False),
        ("time.now == timestamp('2027-01-15T08:00:00Z')", "late", {"at": from_unix(0)}, True),
        ("time.now < timestamp('2027-01-15T08:00:00Z')", "late", {"at": from_unix(1_800_000_000 - 60)}, True),
    ],
)
def test_what_a_rule_may_ask(bot: Bot, desk: Desk, when: str, said: str, more: dict[str, Any], *, seen: bool) -> None:
    assert desk.house.time == 1_800_000_000
    bot.says(ruled(when))
    group(bot, BOB)
    writes(bot, said, **more)
    look(bot)
    assert bool(would_have(desk).seen) is seen


def test_standing_is_asked_as_at_a_door_and_unknown_until_it_is(alices: Bot, desk: Desk) -> None:
    with desk.work() as work:
        pair = work.people.number(ALICE), work.people.number(BOB)
    writes(alices, "one")
    look(alices)
    assert would_have(desk).seen == 0
    assert dict(would_have(desk).lacking) == {"sender.standing": 1}
    desk.house.standings.of[pair] = (0.1, 0.5)
    writes(alices, "two")
    look(alices)
    [one] = would_have(desk).newest
    assert (one.first.rule, dict(one.first.facts)) == ("low", {"sender.standing": 0.1})
    assert dict(would_have(desk).lacking) == {"sender.standing": 1}


def test_the_same_message_twice_makes_one_sighting(alices: Bot, desk: Desk) -> None:
    event = writes(alices, SECRET)
    writes(alices, SECRET, event=event)
    look(alices)
    assert (would_have(desk).seen, would_have(desk).messages) == (1, 1)
    other = rehearsed(desk)
    other.rehearsal.rooms.update(alices.rehearsal.rooms)
    writes(other, SECRET, event=event)
    look(other)
    assert would_have(desk).seen == 1


def test_a_filter_that_was_changed_while_it_was_asked_keeps_nothing(
    alices: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = screening.Screening.screen

    def changed(*given: Any) -> Any:  # noqa: ANN401 - the real one's own
        found = screen(*given)
        with desk.work() as work:
            work.filters.off(work.people.number(ALICE))
        return found

    monkeypatch.setattr(screening.Screening, "screen", changed)
    writes(alices, SECRET)
    look(alices)
    assert rows(desk, SightingRow, ScreenedRow) == 0


def test_a_message_that_is_taken_back_is_seen_no_more(alices: Bot, desk: Desk) -> None:
    first, second = writes(alices, SECRET), writes(alices, SECRET)
    alices.hear(Redacted(GROUP, second))
    look(alices)
    assert [one.event for one in would_have(desk).newest] == [first]
    alices.hear(Redacted(OTHER, first))
    with desk.work() as work:
        assert work.filters.sightings.redacted(OTHER, first) == 0
    assert would_have(desk).seen == 1, "nobody takes back what was said elsewhere"
    alices.hear(Redacted(GROUP, first))
    assert would_have(desk).seen == 0
    writes(alices, SECRET, event=first)
    look(alices)
    assert would_have(desk).seen == 0


def test_only_who_is_there_is_told_what_was_said(alices: Bot, desk: Desk) -> None:
    alices.says("filter set " + json.dumps(COINS), user=CAROL, room=chat(CAROL))
    writes(alices, SECRET)
    look(alices)
    assert would_have(desk, CAROL).seen == 1
    alices.hear(Left(GROUP, CAROL))
    writes(alices, SECRET)
    look(alices)
    assert [would_have(desk, user).seen for user in (ALICE, CAROL)] == [2, 1]
    assert [would_have(desk, user).messages for user in (ALICE, CAROL)] == [2, 1]


def test_what_could_not_be_read_and_what_came_too_fast_is_counted(alices: Bot, desk: Desk) -> None:
    alices.hear(Unreadable(GROUP, alices.event(), BOB, from_unix(desk.house.time)))
    for _ in range(watcher._BURST + 5):
        writes(alices, "more and more")
    look(alices)
    found = would_have(desk)
    assert (found.messages, found.unread, found.passed) == (watcher._BURST, 1, 5)
    said = alices.says("filter seen")
    assert "1 more I could not read" in said
    assert "5 more I passed over" in said
    assert "your filter would hide or mark none." in said


def test_no_more_waits_than_there_is_room_for(alices: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "_MOST_WAITING", 3)
    for _ in range(5):
        writes(alices, "hello")
    look(alices)
    assert (would_have(desk).messages, would_have(desk).passed) == (3, 2)


def test_a_homeserver_that_is_away_loses_nothing(alices: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: object) -> Look:
        message = "away"
        raise HomeserverUnavailable(message)

    writes(alices, SECRET)
    monkeypatch.setattr(alices.rehearsal, "look", away)
    with pytest.raises(HomeserverUnavailable):
        alices.run(alices.watcher.look)
    writes(alices, SECRET)
    monkeypatch.undo()
    look(alices)
    assert (would_have(desk).messages, would_have(desk).seen) == (2, 2)


# ---------------------------------------------------------------------------------------------------- trying


def test_a_draft_is_tried_on_what_was_said_last_and_changes_nothing(bot: Bot, desk: Desk) -> None:
    assert "I read no room for you yet" in bot.says("filter try links")
    bot.says("filter preset links")
    group(bot, BOB)
    at = from_unix(desk.house.time)
    bot.rehearsal.past[GROUP] = [
        Said(GROUP, EventId("$before"), BOB, "An airdrop, before it was asked in", at - timedelta(seconds=1)),
        Said(GROUP, EventId("$spam"), BOB, SECRET, at),
        Said(GROUP, EventId("$fine"), BOB, "Good morning", at),
        Said(GROUP, EventId("$own"), ALICE, "An airdrop is a fraud", at),
    ]
    said = bot.says("filter try " + json.dumps(COINS))
    assert "This was only tried" in said
    assert "Of the last 2 messages that I could still read, in one room, it would hide or mark 1:" in said
    assert "/%24spam?" in said
    assert "/%24before?" not in said
    assert "sender.standing (2)" in said
    assert "filter set {…}" in said
    assert "would hide or mark none." in bot.says("filter try links")
    assert "filter preset careful" in bot.says("filter try careful")
    assert "Write it like this" in bot.says("filter try")
    assert "there are advertising" in bot.says("filter try cosy")
    assert (document(desk), rows(desk, SightingRow, ScreenedRow)) == (FILTER_PRESETS[FilterPreset.LINKS], 0)


# ---------------------------------------------------------------------------------------------------- rooms


def test_it_says_once_what_it_does_and_nothing_more(bot: Bot, desk: Desk) -> None:
    bot.says("filter preset links")
    done = group(bot, BOB, CAROL)
    assert done[0] == f"would join {GROUP}"
    assert f"would send to {GROUP}: \u2068{ALICE}\u2069 asked me in" in done[1]
    for words in ("I keep no text", "may remove me", "write nothing more here"):
        assert words in done[1]
    assert len(done) == 2
    for said in ("help", "filter off", "door open"):
        writes(bot, said, sender=ALICE)
    assert bot.hear(Reacted(GROUP, bot.event(), ALICE, EventId("$x"), "👍", from_unix(desk.house.time))) == []
    assert bot.hear(Entered(GROUP, ALICE)) == []
    assert look(bot) == []
    assert document(desk) == FILTER_PRESETS[FilterPreset.LINKS], "commands are for the two of us alone"
    assert watched(desk) == {GROUP}


def test_who_died_before_saying_it_says_it_then(bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.says("filter preset links")

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watcher.Watcher, "_say", dies)
    with pytest.raises(KeyboardInterrupt):
        group(bot, BOB)
    monkeypatch.undo()
    assert watched(desk) == {GROUP}
    other = rehearsed(desk)
    other.rehearsal.rooms[GROUP] = {ALICE, BOB, BOT}
    assert "asked me in" in "\n".join(other.hear(Entered(GROUP, ALICE)))


def test_without_a_filter_it_leaves_every_group(bot: Bot, desk: Desk) -> None:
    bot.says("help")
    done = group(bot, BOB)
    assert "one person at a time" in done[1]
    assert done[2] == f"would leave {GROUP}"
    bot.says("filter preset links")
    assert f"would leave {OTHER}" in group(bot, ALICE, CAROL, inviter=BOB, room=OTHER), "it is not whoever is there"
    assert watched(desk) == set()


def test_rooms_are_bounded_for_one_and_for_all(bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.says("filter preset links")
    monkeypatch.setattr(watcher, "MOST_MEMBERS", 3)
    crowded = group(bot, BOB, CAROL, room=RoomId("!crowd:home.example"))
    assert "up to 3 people" in crowded[1]
    assert "would leave" in crowded[2]
    bot.ticks += 3_600
    done = [group(bot, BOB, room=RoomId(f"!r{number}:home.example")) for number in range(4)]
    assert "as many rooms as I can" in done[3][1]
    assert len(watched(desk)) == 3
    with desk.work() as work:
        alice = work.people.number(ALICE)
        for number in range(MOST_ROOMS - 3):
            work.filters.rooms.watch(alice, RoomId(f"!more{number}:home.example"), most=100)
    bot.ticks += 3_600
    assert f"{MOST_ROOMS} rooms for you already" in group(bot, BOB, room=OTHER)[1]


def test_off_leaves_the_rooms_and_so_does_forgetting(alices: Bot, desk: Desk) -> None:
    alices.says("filter off")
    assert watched(desk) == set()
    writes(alices, SECRET)
    assert look(alices) == [f"would leave {GROUP}"]
    assert look(alices) == []
    alices.says("filter undo")
    desk.house.time += 1
    assert "asked me in" in "\n".join(group(alices, BOB))
    with desk.work() as work:
        forget_person(work, work.people.number(ALICE))
    assert look(alices) == [f"would leave {GROUP}"]
    assert rows(desk, WatchedRoomRow, FilterRow) == 0


def test_a_room_that_is_asked_for_again_before_it_was_left_is_kept(alices: Bot, desk: Desk) -> None:
    with desk.work() as work:
        alice = work.people.number(ALICE)
        work.filters.off(alice)
        work.filters.back(alice)
        work.filters.rooms.watch(alice, GROUP, most=9)
    assert look(alices) == []


def test_it_leaves_with_whoever_asked_it_in(alices: Bot, desk: Desk) -> None:
    assert alices.hear(Left(GROUP, BOB)) == []
    assert alices.hear(Left(GROUP, ALICE)) == [f"would leave {GROUP}"]
    assert watched(desk) == set()


def test_who_left_unheard_is_missed_when_it_looks(alices: Bot, desk: Desk) -> None:
    alices.rehearsal.rooms[GROUP].discard(ALICE)
    writes(alices, SECRET)
    assert look(alices) == [f"would leave {GROUP}"]
    assert (watched(desk), rows(desk, SightingRow)) == (set(), 0)


@pytest.mark.parametrize("end", [Left(GROUP, BOT), Moved(GROUP)])
def test_being_put_out_or_moved_ends_it(alices: Bot, desk: Desk, end: Left | Moved) -> None:
    done = alices.hear(end)
    assert done == ([] if isinstance(end, Left) else [f"would leave {GROUP}"])
    assert watched(desk) == set()


def test_mutual_rooms_are_unknown_until_every_room_was_looked_at(alices: Bot, desk: Desk) -> None:
    alices.says(ruled("sender.mutual_rooms == 2"))
    group(alices, BOB, room=OTHER)
    writes(alices, "one")
    look(alices)
    assert dict(would_have(desk).lacking) == {"sender.mutual_rooms": 1}
    alices.run(alices.watcher._look_ahead)
    writes(alices, "two")
    look(alices)
    assert would_have(desk).seen == 1


# ---------------------------------------------------------------------------------------------------- keeping


def test_what_is_old_goes_and_nobody_is_named_for_it(alices: Bot, desk: Desk) -> None:
    alices.says(ruled("message.links == 0", days=2))
    writes(alices, "short")
    look(alices)
    alices.says("filter set " + json.dumps(COINS))
    writes(alices, SECRET, sender=CAROL)
    look(alices)
    desk.house.time += 3 * DAY
    prune_all(desk.work, events_kept=timedelta(days=30))
    assert [one.first.rule for one in would_have(desk).newest] == ["coins"]
    desk.house.time += 29 * DAY
    prune_all(desk.work, events_kept=timedelta(days=30))
    assert rows(desk, SightingRow, ScreenedRow) == 0
    with desk.read() as work:
        assert work.people.find(CAROL) is None or work.people.find(BOB) is None


def test_of_very_many_the_newest_are_kept(alices: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST_SIGHTINGS", 3)
    events = []
    for _ in range(5):
        desk.house.time += 1
        events.append(writes(alices, SECRET))
        look(alices)
    assert [one.event for one in would_have(desk).newest] == events[:1:-1]
    assert would_have(desk).messages == 5


def test_whoever_is_forgotten_is_named_nowhere(alices: Bot, desk: Desk) -> None:
    alices.says("filter set " + json.dumps(COINS), user=CAROL, room=chat(CAROL))
    writes(alices, SECRET)
    writes(alices, SECRET, sender=CAROL)
    look(alices)
    assert rows(desk, SightingRow) == 3
    with desk.work() as work:
        forget_person(work, work.people.number(CAROL))
    assert [one.sender for one in would_have(desk).newest] == [numbered(desk, BOB)]
    assert rows(desk, SightingRow) == 1
    with desk.work() as work:
        forget_person(work, work.people.number(BOB))
    assert (rows(desk, SightingRow), would_have(desk).messages) == (0, 2)


def numbered(desk: Desk, user: UserId) -> int:
    with desk.work() as work:
        return work.people.number(user)


def test_an_empty_state_says_what_to_do(bot: Bot) -> None:
    assert "filter presets" in bot.says("filter seen")
    bot.says("filter preset links")
    assert "Invite \u2068@earnest:home.example\u2069 into a room" in bot.says("filter seen")
    group(bot, BOB)
    assert "heard nothing in the last 30 days" in bot.says("filter seen 30 days")
    assert "Between 1 and 30 days" in bot.says("filter seen 31")


def test_names_that_turn_the_text_around_stand_apart(alices: Bot) -> None:
    hebrew = UserId("@\u202eשלום:away.example")  # noqa: RUF001 - letters that run the other way
    alices.rehearsal.rooms[GROUP].add(hebrew)
    alices.says("zone Europe/Vienna")
    writes(alices, SECRET, sender=hebrew)
    look(alices)
    said = alices.says("filter seen")
    assert "\u202e" not in said
    assert "\u2068@שלום:away.example\u2069" in said
    assert "Europe/Vienna" in said
