"""Protections are total, windows agree with plain lists, unknown facts do nothing, and moderators are never hit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import RoomId, UserId
from reputation.conditions.facts import ROOM_FACTS
from reputation.enforcement.rooms import Powers
from reputation.policy import AtOnce, Following, Lasting, Pattern, ProtectionRule, ProtectionsDocument
from reputation.policy_rules import Guard, guard_of, read_json
from reputation.protections import recent
from reputation.protections.judging import MOST_TAKEN, WHILE
from reputation.protections.model import Came, Heard, Outcome, Posted, mentions_in
from reputation.protections.protecting import Protecting
from reputation.protections.recent import Counts, Recently
from reputation.protections.trying import outcomes, tried
from reputation.seeing import Place

BEGIN: Final = datetime(2026, 11, 27, tzinfo=UTC)
ROOMS: Final = (RoomId("!a:h.example"), RoomId("!b:h.example"))
USERS: Final = tuple(UserId(f"@{name}:h.example") for name in ("ann", "bob", "cyd"))
KEEPER: Final = UserId("@keeper:h.example")
POWERS: Final = Powers(users={KEEPER: 50})


class Step(NamedTuple):
    """Something that happens in a room, so many seconds after what was before."""

    after: float
    room: RoomId
    user: UserId
    text: str | None
    """``None``: they come."""
    kind: str = "m.text"


# Whole seconds and those right beside them, so that many steps meet the edge of a window.
_pauses = st.sampled_from([0.0, 0.0, 0.5, 1.0, 4.0, 5.0, 9.999, 10.0, 30.0, 50.0, 59.999, 60.0, 300.0, 600.0])
_texts = st.sampled_from(["hello", "HELLO ", "see www.a.example", "free bad"])
steps: Final = st.lists(
    st.builds(
        Step,
        _pauses,
        st.sampled_from(ROOMS),
        st.sampled_from((*USERS, KEEPER)),
        _texts | st.none(),
        st.sampled_from(["m.text", "m.text", "m.image", "m.odd"]),
    ),
    max_size=40,
)
_whens = st.sampled_from(
    [
        "true",
        "sender.messages_10s >= 2",
        "sender.messages_1m > 3 && message.kind != 'join'",
        "sender.same_text_1m >= 2",
        "room.joins_1m >= 2 && message.kind == 'join'",
        "room.joins_10m > 2 || message.links > 0",
        "message.first",
        "sender.in_room < duration('60s')",
        "message.mentions > 1 || message.mentions_room",
        "sender.level > 0 || room.members / sender.messages_1m > 1",
    ]
)
_unsaid_whens = st.sampled_from(["sender.standing < 0.5", "'x' in sender.labels", "room.direct", "time.hour > 3"])
_then: st.SearchStrategy[Following] = st.one_of(
    st.sampled_from(["warn", "redact", "kick"]).map(lambda do: AtOnce.model_validate({"do": do})),
    st.tuples(st.sampled_from(["mute", "ban"]), st.none() | st.sampled_from(["1m", "2h", "7d", "90m"])).map(
        lambda made: Lasting.model_validate({"do": made[0], "for": made[1]})
    ),
)
_numbers = st.integers(1, 9).map(lambda number: f"rule {number}")


def guards(whens: st.SearchStrategy[str], thens: st.SearchStrategy[Following] = _then) -> st.SearchStrategy[Guard]:
    rules = st.lists(st.builds(ProtectionRule, name=_numbers, when=whens, then=thens), max_size=6)
    unique = rules.map(lambda found: tuple({rule.name: rule for rule in found}.values()))
    return st.builds(ProtectionsDocument, rules=unique).map(guard_of)


def place(room: RoomId, members: int = 3) -> Place:
    return Place(room, frozenset(UserId(f"@m{number}:h.example") for number in range(members)))


PLACES: Final = {room: place(room) for room in ROOMS}


def heard(step: Step, number: int) -> Heard:
    if step.text is None:
        return Came(step.user)
    return Posted(f"$e{number}", step.user, step.text, step.kind, *mentions_in(None, step.text))


def lived(protecting: Protecting, happened: list[Step], *, late: bool = False) -> list[Outcome]:
    """Let it all happen; return what followed."""
    now, found = BEGIN, list[Outcome]()
    for number, step in enumerate(happened):
        now += timedelta(seconds=step.after)
        found += protecting.heard(PLACES[step.room], POWERS, heard(step, number), now, late=late)
    return found


# ------------------------------------------------------------------------------------------------- windows


class Naive:
    """The windows of a room, by going through all that ever happened."""

    def __init__(self) -> None:
        """Remember nothing."""
        self.all: list[tuple[float, UserId, int | None, bool]] = []

    def counts(self, user: UserId, text: int | None, now: float, *, wrote: bool) -> Counts:
        """Return what is known of what happens now, and remember it."""
        before = [one for one in self.all if one[1] == user]
        self.all.append((now, user, text, wrote))
        own = [at for at, who, _, spoke in self.all if who == user and not spoke]
        mine = [(at, said) for at, who, said, spoke in self.all if who == user and spoke and now - at < 60]
        joins = [at for at, _, _, spoke in self.all if not spoke]
        return Counts(
            first=not before[-1][3] if before and wrote else None,
            in_room=now - own[-1] if own else None,
            short=sum(now - at < 10 for at, _ in mine),
            minute=len(mine),
            same=sum(said == text for _, said in mine) if wrote and text is not None else None,
            joins_minute=sum(now - at < 60 for at in joins),
            joins_ten_minutes=sum(now - at < 600 for at in joins),
        )


@given(st.lists(st.tuples(_pauses, st.sampled_from(USERS), st.sampled_from([None, 1, 2]), st.booleans()), max_size=80))
def test_windows_agree_with_plain_lists(happened: list[tuple[float, UserId, int | None, bool]]) -> None:
    quick, naive, now = Recently(), Naive(), 1_000_000.0
    for number, (pause, user, text, wrote) in enumerate(happened):
        now += pause
        got = quick.posted(user, text, f"$e{number}", now) if wrote else quick.came(user, now)
        assert got == naive.counts(user, text, now, wrote=wrote)


@pytest.mark.parametrize(
    ("age", "short", "minute"), [(9.999, 2, 2), (10.0, 1, 2), (59.999, 1, 2), (60.0, 1, 1), (61.0, 1, 1)]
)
def test_what_is_exactly_as_old_as_a_window_is_not_in_it(age: float, short: int, minute: int) -> None:
    room = Recently()
    room.posted(USERS[0], 1, "$a", 100.0)
    now = room.posted(USERS[0], 1, "$b", 100.0 + age)
    assert (now.short, now.minute, now.same) == (short, minute, minute)


def test_a_clock_that_is_set_back_stands_still_and_nothing_is_counted_twice_or_lost() -> None:
    room = Recently()
    room.posted(USERS[0], 1, "$a", 1_000.0)
    assert room.posted(USERS[0], 1, "$b", 5.0).short == 2
    assert room.posted(USERS[0], 1, "$c", 1_009.0).short == 3
    assert room.came(USERS[0], 7.0).in_room == 0
    assert room.posted(USERS[0], 1, "$d", 8.0).in_room == 0
    assert room.posted(USERS[0], 1, "$e", 1_011.0).in_room == 2


@given(st.integers(0, 3), st.integers(0, 40))
def test_what_is_remembered_of_a_room_is_bounded_whatever_comes(joins: int, people: int) -> None:
    with pytest.MonkeyPatch.context() as bounds:
        bounds.setattr(recent, "MOST_PEOPLE", 10)
        bounds.setattr(recent, "MOST_MESSAGES", 20)
        bounds.setattr(recent, "MOST_JOINS", 5)
        room = Recently()
        for number in range(people):
            user = UserId(f"@n{number}:h.example")
            for _ in range(joins):
                assert room.came(user, 1_000.0).joins_ten_minutes <= 5
            assert room.posted(user, 1, f"$e{number}", 1_000.0).minute <= 20
            assert len(room) <= 10
        flood = [room.posted(USERS[0], 1, f"$f{number}", 1_000.0) for number in range(60)]
        assert [one.minute for one in flood] == [min(number + 1, 20) for number in range(60)]
        assert [one.same for one in flood] == [one.minute for one in flood]
        assert [one.short for one in flood] == [one.minute for one in flood]


# ------------------------------------------------------------------------------------------------- what follows


@given(guards(_whens), steps)
def test_anything_that_happens_is_judged_in_the_order_of_the_rules_and_never_a_moderator(
    guard: Guard, happened: list[Step]
) -> None:
    found = lived(Protecting(guard), happened)
    assert all(one.user != KEEPER for one in found)
    asked = {(rule.name, rule.then.do) for rule in guard.document.rules}
    assert {(one.rule, one.do) for one in found} <= asked
    for outcome in found:
        rule = guard.document.rules[outcome.number - 1]
        assert rule.name == outcome.rule
        assert outcome.time == getattr(rule.then, "time", None)
        assert bool(outcome.events) is (outcome.do == "redact")
        assert set(outcome.facts) <= {fact.name for fact in ROOM_FACTS.facts}
    for _, same_message in groupby(found, key=lambda one: one.at):
        together = [one for one in same_message if one.do != "redact"]
        assert len({(one.room, one.user, one.do, one.number) for one in together}) == len(together)


@given(guards(_whens), steps)
def test_of_rules_that_would_do_the_same_the_first_does_it_and_a_ban_is_enough(
    guard: Guard, happened: list[Step]
) -> None:
    protecting, now = Protecting(guard), BEGIN
    for number, step in enumerate(happened):
        now += timedelta(seconds=step.after)
        found = protecting.heard(PLACES[step.room], POWERS, heard(step, number), now)
        does = [one.do for one in found]
        assert len(set(does)) == len(does)
        assert [one.number for one in found] == sorted(one.number for one in found)
        assert "ban" not in does or not {"kick", "mute"} & set(does)
        assert step.text is not None or "redact" not in does


@given(guards(_whens) | guards(_whens, st.just(AtOnce(do="redact"))), steps)
def test_a_rule_acts_once_a_while_and_takes_no_message_out_twice_nor_anybody_elses(
    guard: Guard, happened: list[Step]
) -> None:
    found = lived(Protecting(guard), happened)
    last: dict[tuple[RoomId, UserId, int], datetime] = {}
    for one in found:
        if one.do == "redact":
            continue
        key = one.room, one.user, one.number
        assert key not in last or (one.at - last[key]).total_seconds() >= WHILE
        last[key] = one.at
    taken = [(one.room, event) for one in found for event in one.events]
    assert len(taken) == len(set(taken))
    author = {f"$e{number}": (step.room, step.user) for number, step in enumerate(happened)}
    assert all(author[event] == (one.room, one.user) for one in found for event in one.events)


_anything = st.text(st.characters(exclude_categories=[]), max_size=30)


@given(
    text=_anything, kind=_anything, name=_anything, mentions=st.none() | st.integers(0, 2**40), everybody=st.booleans()
)
def test_no_message_is_too_odd_to_be_judged(
    text: str, kind: str, name: str, mentions: int | None, *, everybody: bool
) -> None:
    rules = (
        ProtectionRule(name="a", when="'bad' in text.found || message.text.contains('x')", then=AtOnce(do="redact")),
        ProtectionRule(name="b", when="sender.localpart == '' || room.name.startsWith('y')", then=AtOnce(do="kick")),
        ProtectionRule(name="c", when="message.mentions > 5 || size(message.kind) > 9", then=AtOnce(do="warn")),
    )
    patterns = {"bad": Pattern(words=("bad",), look_alikes=True, regexes=("b.d",))}
    protecting = Protecting(guard_of(ProtectionsDocument(rules=rules, patterns=patterns)))
    odd = Place(ROOMS[0], frozenset(), name=name, topic=text)
    said = Posted("$e", UserId(name), text, kind, mentions, everybody)
    for _ in range(2):
        found = protecting.heard(odd, POWERS, said, BEGIN, late=everybody)
        assert all(one.user == name for one in found)
        assert protecting.heard(odd, POWERS, Came(UserId(name)), BEGIN) is not None
    count, all_of_them = mentions_in({"user_ids": [text, name], "room": kind}, text)
    assert (count >= 1, all_of_them) == (True, False)


@given(guards(_unsaid_whens), steps)
def test_what_nobody_knows_does_nothing(guard: Guard, happened: list[Step]) -> None:
    assert lived(Protecting(guard), happened) == []


@given(guards(_whens | _unsaid_whens), steps)
def test_rules_that_are_tried_would_have_done_what_those_that_stood_did(guard: Guard, happened: list[Step]) -> None:
    standing, watching = Protecting(guard), Protecting()
    did, nothing = lived(standing, happened), lived(watching, happened)
    now = BEGIN + timedelta(seconds=sum(step.after for step in happened))
    assert nothing == []
    assert watching.remembered(now) == standing.remembered(now)
    if sum(step.after for step in happened) < 3_600:
        assert outcomes(guard, watching.remembered(now)) == did
        told = tried(guard, watching.remembered(now))
        assert sum(rule.times for rule in told.rules) == len(did)
        assert told.messages + told.joins == sum(step.user != KEEPER for step in happened)


@given(guards(_whens), steps)
def test_what_was_missed_is_counted_nowhere(guard: Guard, happened: list[Step]) -> None:
    counting = {"sender.messages_10s", "sender.messages_1m", "sender.same_text_1m", "room.joins_1m", "room.joins_10m"}
    for one in lived(Protecting(guard), happened, late=True):
        assert not counting & set(one.facts)
        assert "sender.in_room" not in one.facts


@given(guards(_whens))
def test_documents_come_back_from_json_as_they_were(guard: Guard) -> None:
    read = read_json(guard.document.model_dump_json())
    assert read.document == guard.document


def test_a_flood_is_muted_once_and_a_bounded_part_of_it_is_taken_out() -> None:
    mute = Lasting.model_validate({"do": "mute", "for": "10m"})
    when = "sender.messages_10s >= 5"
    rules = (
        ProtectionRule(name="flood", when=when, then=mute),
        ProtectionRule(name="out", when=when, then=AtOnce(do="redact")),
    )
    protecting = Protecting(guard_of(ProtectionsDocument(rules=rules)))
    found = lived(protecting, [Step(0.01, ROOMS[0], USERS[0], f"text {number}") for number in range(500)])
    assert [one.time for one in found if one.do == "mute"] == [timedelta(minutes=10)]
    taken = [event for one in found for event in one.events]
    assert taken == [f"$e{number}" for number in range(MOST_TAKEN)], "with those by which it was noticed"


def test_what_one_rule_took_out_another_does_not_take_out_again() -> None:
    rules = (
        ProtectionRule(name="links", when="message.links > 0", then=AtOnce(do="redact")),
        ProtectionRule(name="many", when="sender.messages_1m >= 3", then=AtOnce(do="redact")),
    )
    protecting = Protecting(guard_of(ProtectionsDocument(rules=rules)))
    said = ["see www.a.example", "hello", "well"]
    found = lived(protecting, [Step(1.0, ROOMS[0], USERS[0], text) for text in said])
    assert [(one.rule, one.events) for one in found] == [("links", ("$e0",)), ("many", ("$e1", "$e2"))]
