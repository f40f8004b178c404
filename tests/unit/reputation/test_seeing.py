"""What is kept of a message that a filter would hide: ids, rules and small facts, and nothing that it said."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from kit.clock import from_unix
from kit.identifiers import PersonId, RoomId, UserId
from reputation.conditions.facts import FILTER_FACTS, record
from reputation.filter_presets import FILTER_PRESETS, FilterPreset, filter_preset_of
from reputation.filters.patterns import Group
from reputation.filters.scanning import Scanner
from reputation.filters.starter import STARTER
from reputation.policy import FilterDocument, FilterRule, Labelling, Pattern, Severity
from reputation.policy_rules import Screen, screen_of
from reputation.seeing import (
    KEPT_FOR,
    MOST_FACTS,
    MOST_HELD,
    Sighting,
    Spoken,
    event_in,
    held_of,
    links_in,
    read_details,
    text_of,
    unsaid_of,
)

BOB = UserId("@bob:away.example")
SECRET = "meet me at the old mill at nine"


def rule(name: str, when: str, *, severity: Severity = Severity.WARN, days: int | None = None) -> FilterRule:
    return FilterRule(name=name, when=when, then=Labelling(label="spam", severity=severity, days=days))


def screen(*rules: FilterRule) -> Screen:
    return screen_of(FilterDocument(rules=rules, patterns={"mill": Pattern(words=("mill",))}))


def sighting(made: Screen, known: dict[str, object]) -> Sighting:
    """What is made of a message of which this is known; every rule is taken to have held."""
    facts = record(FILTER_FACTS, known)
    traces = [(place, condition.explain(facts)) for place, condition in enumerate(made.conditions)]
    held = held_of(made, [(place, trace) for place, trace in traces if trace.answer == "true"])
    unsaid = unsaid_of(made, [(place, trace) for place, trace in traces if trace.answer == "unknown"])
    return Sighting(PersonId(1), RoomId("!r:h"), "$e", BOB, from_unix(0), 3, held, unsaid)


def test_texts_lists_and_names_are_not_kept_and_small_facts_are() -> None:
    made = screen(
        rule(
            "all",
            "message.text.contains('mill') && sender.id == '@bob:away.example' && room.name == 'Mill' && "
            "'@carol:home.example' in sender.vouched_by && sender.known_by == 2 && sender.standing > 0.5 && "
            "message.mentions_me && 'mill' in text.found && time.now > timestamp('1970-01-01T00:00:00Z')",
        )
    )
    one = sighting(
        made,
        {
            "message.text": SECRET,
            "sender.id": BOB,
            "room.name": "Mill",
            "sender.vouched_by": ["@carol:home.example"],
            "sender.known_by": 2,
            "sender.standing": 0.75,
            "message.mentions_me": True,
            "text.found": ["mill"],
            "time.now": from_unix(60),
        },
    )
    assert dict(one.first.facts) == {
        "message.text": None,
        "sender.id": None,
        "room.name": None,
        "sender.vouched_by": None,
        "sender.known_by": 2,
        "sender.standing": 0.75,
        "message.mentions_me": True,
        "text.found": ["mill"],
        "time.now": "1970-01-01T00:01:00Z",
    }
    kept = json.dumps(one.details())
    for word in ("nine", "@bob", "@carol", '"Mill"'):
        assert word not in kept
    held, unsaid = read_details(json.loads(kept))
    assert (held, unsaid) == (one.held, one.unsaid)


def test_the_loudest_rule_comes_first_and_those_that_cannot_tell_are_named_with_what_they_lacked() -> None:
    made = screen(
        rule("note", "message.links > 0", severity=Severity.NOTE),
        rule("lacks", "sender.standing < 0.2 && message.links > 0"),
        rule("hide", "message.links > 1", severity=Severity.HIDE),
        rule("no", "message.links > 9"),
    )
    one = sighting(made, {"message.links": 2})
    assert [each.rule for each in one.held] == ["hide", "note"]
    assert [(each.rule, each.lacking) for each in one.unsaid] == [("lacks", ("sender.standing",))]
    assert one.first.number == 3


def test_what_is_kept_is_bounded() -> None:
    wide = " && ".join(f"{name} >= 0" for name in ("message.links", "sender.known_by", "sender.vouches")) + "".join(
        f" && size({name}) >= 0" for name in ("sender.labels", "room.labels", "server.labels", "sender.vouched_by")
    )
    wide += " && sender.standing >= 0.0 && sender.confidence >= 0.0 && room.members >= 0 && time.hour >= 0"
    wide += " && time.weekday >= 0 && sender.mutual_rooms >= 0 && !room.public && !room.encrypted"
    known: dict[str, object] = {
        fact.name: (0 if fact.type.is_number else False if str(fact.type) == "bool" else None)
        for fact in FILTER_FACTS.facts
    }
    known |= {name: [] for name in ("sender.labels", "room.labels", "server.labels", "sender.vouched_by")}
    made = screen(*(rule(f"rule {number}", wide) for number in range(9)))
    one = sighting(made, known)
    assert len(one.held) == MOST_HELD
    assert len(one.first.facts) == MOST_FACTS


@pytest.mark.parametrize(
    ("days", "kept"), [((2,), 2), ((2, 5), 5), ((2, None), KEPT_FOR.days), ((400,), KEPT_FOR.days)]
)
def test_a_sighting_is_kept_as_long_as_its_labels_hold(days: tuple[int | None, ...], kept: int) -> None:
    made = screen(*(rule(f"r{place}", "message.links == 0", days=one) for place, one in enumerate(days)))
    assert sighting(made, {"message.links": 0}).keeps == timedelta(days=kept)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("no link, but a.b and 1.5", 0),
        ("see https://a.example/x and http://b.example", 2),
        ("(https://a.example/x), https://a.example/x!", 1),
        ("www.a.example WWW.B.EXAMPLE", 2),
        ("mailto:a@b.example matrix:r/room:a.example", 2),
        ("hello https://matrix.to/#/@bob:away.example and matrix:u/bob:away.example", 0),
        ("https://matrix.to/#/#room:away.example", 1),
    ],
)
def test_links_are_counted_once_each_and_mentions_are_none(text: str, count: int) -> None:
    assert links_in(text) == count


@pytest.mark.parametrize(
    ("body", "html", "text"),
    [
        ("hello", None, "hello"),
        ("hello **you**", "hello <strong>you</strong>", "hello **you**\nhello you"),
        ("hello you", "hello <b>you</b>", "hello you"),
        ("hello", "free air<b>drop</b><br>now &lt;3", "hello\nfree airdrop\nnow <3"),
        ("hello", '<a href="https://x.example/y">here</a>', "hello\n https://x.example/y here"),
        ("hello", "<a title=1 href='https://x.example'>here", "hello\n https://x.example here"),
    ],
)
def test_what_apps_show_in_place_of_the_text_is_read_too(body: str, html: str | None, text: str) -> None:
    assert text_of(body, html) == text


def test_a_long_text_that_nobody_is_shown_does_not_hide_what_is_shown() -> None:
    scanner = Scanner([Group(words=("airdrop",))])
    assert scanner.scan(text_of("morning " * 2_000, "free <b>airdrop</b>")) == 1
    assert scanner.scan(text_of("free airdrop", "morning " * 2_000)) == 1


def test_hostile_html_is_read_soon() -> None:
    for evil in ("<" * 65_536, "<a " * 21_000, "<a href=" * 8_000, "<a href='" + "x" * 65_000):
        assert text_of("", evil).startswith("\n")


@pytest.mark.parametrize(
    ("written", "event"),
    [
        ("$abc", "$abc"),
        ("https://matrix.to/#/!room:h.example/$abc?via=h.example", "$abc"),
        ("https://matrix.to/#/%21room%3Ah.example/%24abc%3Ah.example?via=h", "$abc:h.example"),
        ("https://matrix.to/#/!NasysSDfxKxZBzJJoE0z4A/$abc_-X", "$abc_-X"),
        ("\u2068$abc\u2069 ", "$abc"),
        ("matrix:roomid/room:h.example/e/abc?via=h", "$abc"),
        ("https://matrix.to/#/!room:h.example", None),
        ("matrix:u/bob:h.example", None),
        ("why", None),
        ("$" + "a" * 300, None),
        ("", None),
    ],
)
def test_a_message_is_named_by_its_id_or_a_link(written: str, event: str | None) -> None:
    assert event_in(written) == event


def test_of_whom_too_many_are_mentioned_it_is_not_known_whether_somebody_is() -> None:
    one = Spoken("$e", BOB, "", from_unix(0), (BOB,))
    assert one.mentions_them(BOB) is True
    assert one.mentions_them(UserId("@carol:h")) is False
    many = Spoken("$e", BOB, "", from_unix(0), (BOB,), all_named=False)
    assert (many.mentions_them(BOB), many.mentions_them(UserId("@carol:h"))) == (True, None)


def test_presets_can_be_read_and_are_known_again() -> None:
    for name, document in FILTER_PRESETS.items():
        assert screen_of(document).conditions
        assert filter_preset_of(FilterDocument.model_validate_json(document.model_dump_json())) is name
    assert filter_preset_of(FilterDocument()) is None
    careful = FILTER_PRESETS[FilterPreset.CAREFUL]
    assert [one.then.severity for one in careful.rules[:-1]] == [Severity.HIDE] * len(STARTER.rules)
