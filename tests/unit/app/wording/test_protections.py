"""Protections in words: whoever reads them knows what was done to whom and why; no stranger's name does anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.wording import documents, protections
from app.wording.message import Message
from app.wording.protections import How
from app.wording.reader import Reader, Service
from app.wording.rules import changed, time
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Powers
from reputation.policy import AtOnce, Lasting, ProtectionRule, ProtectionsDocument
from reputation.policy_changes import changes
from reputation.policy_rules import guard_of
from reputation.protections.model import Came, Outcome, Posted
from reputation.protections.presets import NOTHING, ProtectionsPreset, numbers_of, with_preset, without_preset
from reputation.protections.protecting import Protecting, Remembered
from reputation.protections.trying import Tried, tried
from reputation.seeing import Place
from reputation.versions import Version

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
READER = Reader(Service("ERN", 18, "https://earnest.example", UserId("@earnest:h.example")), NOON)
ROOM = RoomId("!tea:h.example")
ANN = UserId("@ann:h.example")
NASTY = UserId("@<b>**x**`\u202e:h.example")
FLOOD = with_preset(NOTHING, ProtectionsPreset.FLOOD)


def outcome(do: str, *, user: UserId = ANN, rule: str = "flood", **more: object) -> Outcome:
    return Outcome(ROOM, user, do, rule, 1, NOON, **more)  # type: ignore[arg-type]


def plain(message: Message) -> str:
    return message.plain.replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize(
    ("what", "done", "would"),
    [
        (outcome("warn"), "@ann:h.example was warned", "@ann:h.example would be warned"),
        (
            outcome("mute", time=timedelta(minutes=10)),
            "@ann:h.example was muted for 10 minutes",
            "@ann:h.example would be muted for 10 minutes",
        ),
        (outcome("mute"), "@ann:h.example was muted", "@ann:h.example would be muted"),
        (outcome("kick"), "@ann:h.example was put out", "@ann:h.example would be put out"),
        (
            outcome("ban", time=timedelta(days=1)),
            "@ann:h.example was banned for a day",
            "@ann:h.example would be banned for a day",
        ),
        (
            outcome("redact", events=("$a",)),
            "a message of @ann:h.example was taken out",
            "a message of @ann:h.example would be taken out",
        ),
        (
            outcome("redact", events=("$a", "$b")),
            "2 messages of @ann:h.example were taken out",
            "2 messages of @ann:h.example would be taken out",
        ),
    ],
)
def test_what_was_done_and_what_would_be(what: Outcome, done: str, would: str) -> None:
    assert f"- {done}, in Tea, by rule flood" in plain(protections.did(READER, [what], {ROOM: "Tea"}))
    asked = plain(protections.did(READER, [what], {}, How.ASKED))
    assert "waits for your yes" in asked
    assert f"- {would}, in !tea:h.example, by rule flood" in asked
    assert "nothing of this was done" in plain(protections.did(READER, [what], {}, How.REHEARSED))


def test_the_facts_that_decided_are_said_and_of_texts_that_they_did() -> None:
    what = outcome("mute", facts={"sender.messages_10s": 10, "message.text": None})
    told = plain(protections.did(READER, [what], {}))
    assert "by rule flood: sender.messages_10s = 10, message.text (a text)" in told


def test_nobodys_name_is_a_mark_a_tag_or_turns_the_text_around() -> None:
    nasty = outcome("redact", user=NASTY, rule="<i>**r**", events=("$a",), facts={"text.found": ["<u>"]})
    report = Tried(NOON, 1, 0, 1, 1, tried(guard_of(FLOOD), heard(NASTY)).rules, {"message.text": 3})
    for message in (
        protections.did(READER, [nasty], {ROOM: "<img src=x>\n- a"}),
        protections.warning(READER, nasty),
        protections.tried(READER, report, "protections set {…}"),
    ):
        assert not any(tag in message.html for tag in ("<b>", "<i>", "<u>", "<img"))
        assert "<strong>x</strong>" not in message.html
        assert all(line.count("\u2068") == line.count("\u2069") for line in message.plain.splitlines())
    assert protections.reason_of(outcome("ban", rule="a\u202eb")) == "a rule of this room: ab"


def heard(user: UserId) -> tuple[Remembered, ...]:
    """What is remembered of a flood after somebody came."""
    protecting, place = Protecting(), Place(ROOM, frozenset({user}))
    protecting.heard(place, Powers(), Came(user), NOON)
    for number in range(12):
        protecting.heard(place, Powers(), Posted(f"$e{number}", user, f"text {number}"), NOON)
    return protecting.remembered(NOON)


def test_a_draft_that_was_tried_says_what_each_rule_would_have_done() -> None:
    links = ProtectionRule(name="bad words", when="message.text.contains('x')", then=AtOnce(do="kick"))
    quiet = ProtectionRule(name="quiet", when="message.links > 9", then=AtOnce(do="kick"))
    draft = ProtectionsDocument(rules=(*FLOOD.rules, links, quiet))
    told = plain(protections.tried(READER, tried(guard_of(draft), heard(ANN)), "protections set {…}"))
    assert "I heard 12 messages and one arrival, of one person in one room" in told
    assert "Rule 1, flood, would have acted once, on one person: @ann:h.example would be muted for 10 minutes" in told
    assert "Rule 2, flood, taken out, would have taken out 12 messages of one person" in told
    assert "Rule 4, quiet, would have done nothing." in told
    assert "message.text (13)" in told
    assert "To set it, write protections set {…}." in told


def test_where_nothing_was_heard_it_says_so() -> None:
    told = plain(protections.tried(READER, tried(guard_of(FLOOD), ()), "protections preset flood"))
    assert "I heard nothing in the last hour" in told


def test_every_preset_has_a_sentence_with_its_numbers() -> None:
    for name in ProtectionsPreset:
        told = plain(protections.preset(READER, name))
        assert all(str(number.usual) in told for number in numbers_of(name))
    listed = plain(protections.presets(READER, with_preset(FLOOD, ProtectionsPreset.JOIN_WAVE, [33])))
    assert "join-wave 33: When 33 people come" in listed
    assert listed.count("(this stands)") == 2
    assert "none: Nothing is done by any rule. (this stands)" in plain(protections.presets(READER))


def test_what_stands_is_shown_as_presets_and_rules_of_ones_own() -> None:
    own = ProtectionRule(
        name="links", when="message.links > 3", then=Lasting.model_validate({"do": "ban"}), because="We had raids."
    )
    told = plain(protections.protections(READER, ProtectionsDocument(rules=(*FLOOD.rules, own))))
    assert "flood: Whoever writes 10 messages in ten seconds, or the same 5 times" in told
    assert "Rule 3, links: they are banned when message.links > 3 (your note: We had raids.)" in told
    assert "no protections" in plain(protections.protections(READER, NOTHING))
    assert "protections preset none" in plain(protections.guide(READER))
    in_words = plain(protections.document_in_words(READER, FLOOD))
    assert "Rule 2, flood, taken out: it is taken out when sender.messages_10s >= 10" in in_words


def test_versions_and_what_changed_are_told_as_of_any_document() -> None:
    tuned = with_preset(FLOOD, ProtectionsPreset.FLOOD, [10, 5, 60])
    told = plain(changed(changes(FLOOD, tuned), READER))
    assert "now does this: they are muted for an hour; before: they are muted for 10 minutes." in told
    kept = [Version(2, from_unix(60), tuned), Version(1, from_unix(0), FLOOD)]
    listed = plain(documents.versions(READER, "protections", kept))
    assert "Rule flood is new: they are muted for 10 minutes when sender.messages_10s >= 10" in listed
    shown = protections.protections(READER, tuned)
    back = plain(documents.gone_back(READER, shown, FLOOD, tuned))
    assert "The protections are what they were." in back
    assert "protections undo takes this back." in back
    assert '"for": "1h"' in plain(documents.document(READER, tuned, protections.document_in_words(READER, tuned)))
    long = ProtectionsDocument(
        rules=tuple(
            ProtectionRule(name=f"rule {number}", when="message.links > 3 " * 3 + "&& true", then=AtOnce(do="warn"))
            for number in range(40)
        )
    )
    assert "too long for a chat." in plain(documents.document(READER, long, shown))
    assert "Nobody ever set protections here." in plain(documents.versions(READER, "protections", []))
    assert without_preset(tuned, ProtectionsPreset.FLOOD) == documents.first_of("protections")


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(1, "a minute"), (10, "10 minutes"), (60, "an hour"), (90, "90 minutes"), (1_440, "a day"), (10_080, "7 days")],
)
def test_how_long_something_holds(minutes: int, told: str) -> None:
    assert plain(time(timedelta(minutes=minutes), READER)) == told
