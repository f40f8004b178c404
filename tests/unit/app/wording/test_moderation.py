"""Moderation in words: whatever strangers call themselves, their rooms or their reasons, it stays in its place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.protecting import Preview
from app.wording import moderation, subscriptions
from app.wording.message import Message
from app.wording.reader import Reader, Service
from kit.identifiers import RoomId, UserId
from reputation.consequence_rows import Remembered
from reputation.enforcement.model import (
    Cause,
    Consequence,
    Does,
    Mode,
    Share,
    State,
    Step,
    Subscription,
    Veto,
    Why,
)
from reputation.enforcement.overrides import overrides
from reputation.lists.model import Recommendation, Subject
from reputation.moderation import Protected
from reputation.subscribing import Vetoed

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
READER = Reader(Service("ERN", 18, "https://earnest.example", UserId("@earnest:home.example")), NOW)
ROOM = RoomId("!r:home.example")
HOSTILE = "<img src=x onerror=alert(1)>\u202e **bold** `code` {who}\n- line"
BAD = UserId("@<b>bad</b>\u202e:evil.example")
NAMES = {ROOM: HOSTILE}
CAUSE = Cause(1, "bad", Subject.USER, HOSTILE, Recommendation.TAKEDOWN, HOSTILE)


def a_step(does: Does = Does.DO, what: Consequence = Consequence.BAN, why: Why | None = None) -> Step:
    return Step(does, ROOM, what, BAD, (CAUSE,) * 5, why)


def remembered(state: State = State.APPLIED, target: str | None = BAD, why: Why | None = None) -> Remembered:
    return Remembered(
        7,
        1,
        ROOM,
        Consequence.BAN,
        target,
        state,
        why,
        (CAUSE,),
        approved=True,
        decided_by=BAD,
        overruled=False,
        planned_at=NOW,
        changed_at=NOW,
        error=None,
    )


def harmless(message: Message | None) -> Message:
    """What may be sent: nothing of a stranger's is a tag, a line of ours, or turns the text around it."""
    assert message is not None
    for text in (message.plain, message.html):
        assert "\u202e" not in text
        assert text.count("\u2068") == text.count("\u2069")
    assert "<img" not in message.html
    assert "<b>" not in message.html
    assert "<strong>bold" not in message.html
    assert "\n- line" not in message.plain
    return message


def a_preview(**changed: object) -> Preview:
    share = Share(1, "bad", 1, 80, 4)
    told = {
        "subscription": Subscription(1, "bad", Mode.ACT),
        "people": 100,
        "rooms": 3,
        "hit": 4,
        "acts": {Consequence.BAN: 2},
        "asks": {Consequence.REDACT: 1},
        "notes": {Consequence.MUTE: 1},
        "undone": {Consequence.BAN: 1},
        "left": {Why.KEEPER.value: 1},
        "share": share,
        "samples": (a_step(), a_step(Does.UNDO)),
        **changed,
    }
    return Preview(**told)  # type: ignore[arg-type]


def test_a_preview_tells_what_would_be_done_asked_and_left_alone() -> None:
    told = harmless(moderation.preview(READER, a_preview(), NAMES)).plain
    for part in (
        "ban: 2",
        "removal of messages: 1",
        "mute: 1",
        "they look after a room",
        "80 people at once",
        "4 in seven",
    ):
        assert part in told, part
    nobody = harmless(moderation.preview(READER, a_preview(hit=0, acts={}, samples=()), NAMES)).plain
    assert "speaks of nobody" in nobody


def test_leaving_a_list_tells_what_is_undone() -> None:
    assert "ban: 1" in harmless(moderation.preview_of_leaving(READER, a_preview(), NAMES)).plain
    nothing = moderation.preview_of_leaving(READER, a_preview(undone={}), NAMES)
    assert "nothing to undo" in nothing.plain


@pytest.mark.parametrize("state", State)
def test_what_is_remembered_is_told_with_its_reason(state: State) -> None:
    for why in (None, *Why):
        for target in (BAD, None):
            told = harmless(moderation.history(READER, [remembered(state, target, why)], NAMES)).plain
            assert told.startswith("- 7. ban: ")
            assert ("somebody who has left us" in told) or target is not None


def test_why_and_what_waits() -> None:
    assert "What I did about" in harmless(moderation.why(READER, BAD, [remembered()], NAMES)).plain
    assert "nothing" in harmless(moderation.why(READER, BAD, [], NAMES)).plain
    assert "approve" in harmless(moderation.waiting(READER, [remembered(State.ASKED)], NAMES)).plain
    assert "Nothing waits" in moderation.waiting(READER, [], NAMES).plain
    assert "3 of them" in moderation.answered(READER, 3, yes=True).plain
    assert "none of these 3" in moderation.answered(READER, 3, yes=False).plain
    assert "Nothing of that waits" in moderation.answered(READER, 0, yes=False).plain


def test_what_stands() -> None:
    lists = [Subscription(1, "bad", Mode.ACT, until=NOW), Subscription(2, "other", people={}, servers={})]
    told = harmless(subscriptions.subscriptions(READER, lists)).plain
    assert "bad acts, until" in told
    assert "nothing follows from it" in told
    vetoes = [
        Vetoed(1, Veto(user=BAD), BAD, NOW),
        Vetoed(2, Veto(1, server="evil.example"), None, NOW),
        Vetoed(3, Veto(1, subject=Subject.USER, entity=HOSTILE), None, NOW),
    ]
    assert "where the list bad says so" in harmless(subscriptions.vetoes(READER, vetoes, {1: "bad"})).plain
    rooms = [
        Protected(ROOM, 1, None, is_space=False, lacks=(Consequence.BAN, Consequence.DENY), since=NOW),
        Protected(RoomId("!s:x.example"), 1, None, is_space=False, lacks=(), since=NOW),
    ]
    assert "not the power for ban, denial of a server" in harmless(subscriptions.rooms(READER, rooms, NAMES)).plain
    assert "I look after no room" in subscriptions.rooms(READER, [], NAMES).plain
    assert "10 %" in subscriptions.overridden(READER, "bad", overrides(10, 1, 5)).plain


def test_the_reason_in_a_ban_is_one_bounded_line() -> None:
    long = Cause(1, "bad", Subject.USER, "x", Recommendation.BAN, HOSTILE + "y" * 500)
    told = moderation.reason_of([long, long])
    assert len(told) <= moderation.LONGEST_REASON
    assert told.startswith("bad: <img")
    assert not {"\n", "\u202e"} & set(told)


def test_one_of_a_thing_is_one() -> None:
    one = a_preview(people=1, rooms=1, hit=1, share=Share(1, "bad", 0, 1, 3))
    told = harmless(moderation.preview(READER, one, NAMES)).plain
    assert "in your one room, where I see one person" in told
    assert "would act on one person;" in told
    assert "1 people" not in told
