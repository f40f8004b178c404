"""Doors by the bot alone: presets, trying, setting, why, versions and undo, on both databases."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from app import drafts
from app.container import Work
from kit.identifiers import UserId
from reputation.model import ContactWhy, DoorMode
from reputation.policy import DoorDocument
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset, open_but
from reputation.policy_rules import InForce, read_json
from reputation.store import GateStore
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOB

CAROL = UserId("@carol:away.example")
COINS = {
    "version": 1,
    "kind": "door",
    "rules": [{"name": "coins", "when": "knock.text.contains('coin  mine')", "then": {"do": "refuse"}}],
    "otherwise": {"do": "admit"},
}


def document(desk: Desk) -> DoorDocument:
    with desk.read() as work:
        return document_of(work.doors.show(work.people.number(ALICE)))


def knows(desk: Desk, one: UserId, other: UserId) -> None:
    with desk.work() as work:
        person, known = work.people.number(one), work.people.number(other)
        GateStore(work.session).learn_contact(person, known, ContactWhy.ACCEPTED, work.now)


def test_help_leads_from_choosing_to_undoing(bot: Bot) -> None:
    said = bot.says("help door")
    places = [
        said.index(word)
        for word in (
            "door presets",
            "door try friends-of-friends",
            "door preset friends-of-friends",
            "why @name",
            "door undo",
        )
    ]
    assert places == sorted(places)
    for command in (line for line in said.splitlines() if line.startswith("- door ")):
        assert "…" in command or "Write it like this" not in bot.says(command[2:].replace("back 3", "show"))
        bot.ticks += 60


def test_presets_are_listed_in_one_sentence_each_and_the_one_that_stands_is_marked(bot: Bot, desk: Desk) -> None:
    said = bot.says("door presets")
    for preset in Preset:
        assert f"{preset}: " in said
    assert "open: Everybody comes in free. (this one stands)" in said
    answer = bot.says("door preset friends-of-friends")
    assert "Friends of friends come in free; other strangers stake 5, or ask." in answer
    assert "door undo takes this back" in answer
    assert document(desk) == PRESETS[Preset.FRIENDS_OF_FRIENDS]
    assert said.count("this one stands") == 1
    assert "or ask. (this one stands)" in bot.says("door preset")
    assert "there are open, stake, friends-of-friends, known" in bot.says("door preset friends")


def test_a_door_of_rules_is_shown_rule_by_rule(bot: Bot) -> None:
    bot.says("door preset friends-of-friends")
    shown = bot.says("door")
    assert (
        "Rule 1, \u2068friends of friends\u2069: Comes in free when sender.known_by >= 1 || sender.vouches >= 1"
        in shown
    )
    assert "Whom no rule names: Is asked for a stake of 5 ERN, or one sentence that waits in your queue, or" in shown
    assert "At most 10 strangers wait for you at once" in shown


def test_trying_names_whom_it_would_have_kept_out_and_changes_nothing(bot: Bot, desk: Desk) -> None:
    bot.says("door open")
    for name in (BOB, CAROL):
        desk.house.knock(inviter=name)
    before = document(desk)
    said = bot.says("door try friends-of-friends")
    assert "This was only tried" in said
    assert "Of 2 who knocked in the last 14 days, 2 would meet something else" in said
    assert "2 come in now and would be held" in said
    assert f"{BOB}\u2069 (1\N{MULTIPLICATION SIGN}, last " in said
    assert "for a stake of 5 ERN, or one sentence" in said
    assert "door preset friends-of-friends" in said
    said = bot.says(f"door try 3 days but {BOB}")
    assert "in the last 3 days, 1 would meet something else" in said
    assert "by rule \u2068not these\u2069" in said
    assert f"door but {BOB}" in said
    assert document(desk) == before
    assert "Between 1 and 30 days" in bot.says("door try 31 known")
    assert "Write it like this" in bot.says("door try")
    assert "0 would meet something else" in bot.says("door try open")


def test_whoever_never_set_a_door_is_told_why_there_is_nobody_to_try_it_on(bot: Bot) -> None:
    said = bot.says("door try known")
    assert "nobody to try it on" in said
    assert "you have not set yours yet" in said


def test_a_door_open_but_for_some(bot: Bot, desk: Desk) -> None:
    assert "Is refused when sender.id in" in bot.says(f"door but {BOB} bad.example")
    assert document(desk) == open_but([BOB], ["bad.example"])  # type: ignore[list-item]
    bot.says("door but Carol C", mentions=(CAROL,))
    assert document(desk) == open_but([CAROL])
    for unclear in ("door but", "door but no.such..server!"):
        assert "takes this back" not in bot.says(unclear)
    assert document(desk) == open_but([CAROL])


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("```json\n", "\n```"), ("\n```\n", "\n```\n"), ("```", "```")]
)
def test_a_document_is_tried_and_set_as_it_was_pasted(bot: Bot, desk: Desk, before: str, after: str) -> None:
    pasted = before + json.dumps(COINS, indent=2) + after
    bot.says("door open")
    desk.house.knock()
    assert "for want of knock.text" in bot.says(f"door try {pasted}")
    assert document(desk) == PRESETS[Preset.OPEN]
    assert "Rule 1, \u2068coins\u2069" in bot.says(f"door set {pasted}")
    assert document(desk) == DoorDocument.model_validate(COINS), "blanks within it stay as they are"


def test_a_document_with_a_mistake_says_where_and_changes_nothing(bot: Bot, desk: Desk) -> None:
    assert "no JSON" in bot.says("door set {oops}")
    wrong = json.dumps({**COINS, "otherwise": {"do": "admire"}})
    assert "otherwise" in bot.says(f"door set {wrong}")
    assert "That is a filter" in bot.says('door set {"kind": "filter"}')
    with desk.read() as work:
        assert work.doors.show(work.people.number(ALICE)).mode is DoorMode.OPEN


def test_the_document_that_is_shown_can_be_sent_back(bot: Bot, desk: Desk) -> None:
    bot.says("door set " + json.dumps({**COINS, "rules": [{**COINS["rules"][0], "when": "'\u202e' == knock.text"}]}))  # type: ignore[index]
    stands = document(desk)
    shown = bot.says("door rules")
    assert "\u202e" not in shown
    bot.says("door open")
    bot.says("door set " + shown[shown.index("{\n") :])
    assert document(desk) == stands


def test_a_long_document_is_got_elsewhere(bot: Bot) -> None:
    many = [f"@name{number}:away.example" for number in range(150)]
    rules = [
        {
            "name": f"rule {n}",
            "when": f"sender.id in {json.dumps(many)}"[:1900].rpartition(",")[0] + "]",
            "then": {"do": "refuse"},
        }
        for n in range(3)
    ]
    bot.says("door set " + json.dumps({"version": 1, "kind": "door", "rules": rules, "otherwise": {"do": "admit"}}))
    assert "GET /v1/me/door/document" in bot.says("door rules")


def test_versions_are_listed_undone_and_gone_back_to(bot: Bot, desk: Desk) -> None:
    assert "never changed" in bot.says("door versions")
    assert "nothing to undo" in bot.says("door undo")
    bot.says("door stake 7")
    bot.says("door preset friends-of-friends")
    bot.says("zone Europe/Vienna")
    said = bot.says("door versions")
    now = datetime.fromtimestamp(desk.house.time, UTC) + timedelta(hours=1)
    assert f"2, {now:%Y-%m-%d %H:%M} Europe/Vienna (now); this one stands:" in said
    assert "Rule \u2068friends of friends\u2069 is new" in said
    assert "Whom no rule names: Is asked for a stake of 7 ERN; before: Comes in free." in said
    said = bot.says("door undo")
    assert "Rule \u2068friends of friends\u2069 is gone" in said
    assert "a stake of 7 ERN" in said
    assert "door undo takes this back" in said
    assert "friends of friends" in bot.says("door undo")
    assert "a stake of 7 ERN" in bot.says("door back 1")
    assert "no version" in bot.says("door back 99")
    for unclear in ("door back", "door back one", "door undo 2"):
        assert "Write it like this" in bot.says(unclear)
    bot.ticks += 60
    assert "nothing is different" in bot.says("door stake 7")


def test_a_door_that_was_set_before_versions_were_kept_can_be_gone_back_to(bot: Bot, desk: Desk) -> None:
    bot.says("door stake 7")
    with desk.work() as work:
        work.doors.versions.forget(work.people.number(ALICE))
    bot.says("door open")
    assert "a stake of 7 ERN" in bot.says("door undo")


def test_every_setting_says_how_it_is_undone(bot: Bot) -> None:
    for setting in ("door stake 5", "door cap 3", "door closed", "door open", "door ask", "door preset known"):
        assert "door undo takes this back" in bot.says(setting)
    assert f"door unexempt {BOB} takes this back" in bot.says(f"door exempt {BOB}")
    assert f"door exempt {BOB} takes this back" in bot.says(f"door unexempt {BOB}")


def test_why_names_the_rule_and_what_it_rests_on(bot: Bot, desk: Desk) -> None:
    desk.house.tenant()
    bot.says("door preset friends-of-friends")
    held = bot.says(f"why {BOB}")
    assert "would be held for a stake of 5 ERN, or one sentence that waits in your queue, or the word of one of" in held
    assert "Rule 1, \u2068friends of friends\u2069, does not hold" in held
    knows(desk, ALICE, CAROL)
    knows(desk, CAROL, ALICE)
    knows(desk, CAROL, BOB)
    passing = bot.says(f"why {BOB}")
    assert "would reach you: your rule \u2068friends of friends\u2069 says so" in passing
    assert "sender.known_by >= 1 is true (sender.known_by = \u20681\u2069)" in passing
    bot.says(f"door exempt {BOB}")
    assert "Rule" not in bot.says(f"why {BOB}"), "one's own word comes before any rule"


def test_why_says_which_rule_could_not_tell_for_want_of_what(bot: Bot, desk: Desk) -> None:
    desk.house.tenant()
    bot.says("door set " + json.dumps(COINS))
    said = bot.says(f"why {BOB}")
    assert "Rule 1, \u2068coins\u2069, decides nothing, because it cannot be said whether it holds" in said
    assert "knock.text not known" in said


def test_why_names_a_free_path_where_nothing_else_is_asked_and_a_word_that_opened(bot: Bot, desk: Desk) -> None:
    desk.house.tenant()
    bot.says('door set {"version": 1, "kind": "door", "otherwise": {"do": "hold", "free": ["vouch"]}}')
    assert "held for the word of one of your contacts: your door asks people" in bot.says(f"why {BOB}")
    bot.says(f"vouch {BOB}")
    assert "would reach you: somebody whom you know gave their word" in bot.says(f"why {BOB}")


def test_a_long_document_is_read_before_anybody_has_to_wait_for_it(
    bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    work = type(desk).work

    def reading(text: str) -> InForce:
        order.append("read")
        return read_json(text)

    def writing(rooms: Desk) -> AbstractContextManager[Work]:
        order.append("write")
        return work(rooms)

    monkeypatch.setattr("app.drafts.read_json", reading)
    monkeypatch.setattr(type(desk), "work", writing)
    drafts._parsed.cache_clear()
    assert "door undo" in bot.says("door set " + json.dumps(COINS))
    assert order.count("read") == 1
    assert order[: order.index("read")] == ["write"], "only who writes was noted before"
    assert "no JSON" in bot.says("door set {nonsense")
