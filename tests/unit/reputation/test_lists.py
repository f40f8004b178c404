"""Lists of others: every form they come in, what is hostile in them, and the way back into each form."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kit.errors import Invalid
from reputation.lists import blocklists, model
from reputation.lists.comparing import compare
from reputation.lists.dangers import Danger, dangers
from reputation.lists.model import Entry, Listing, Recommendation, Subject
from reputation.lists.policy_events import read_events
from reputation.lists.reading import read_list
from reputation.lists.writing import Form, left_out, servers, to_csv, to_domains, to_events

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
BLOCKLISTS = sorted((DATA / "blocklists").glob("*.csv"))


def rule(kind: str, state_key: str = "rule", /, **content: Any) -> dict[str, Any]:  # noqa: ANN401 - hostile content, too
    return {"type": kind, "state_key": state_key, "content": content}


def read(*events: Mapping[str, Any]) -> Listing:
    return read_list(json.dumps(list(events)))


def codes(listing: Listing) -> list[str]:
    return [fault.code for fault in listing.faults]


# ------------------------------------------------------------------------------------------------ policy rooms


@pytest.mark.parametrize("family", ["m.policy.rule", "m.room.rule", "org.matrix.mjolnir.rule"])
@pytest.mark.parametrize(
    ("said", "recommendation"),
    [
        ("m.ban", Recommendation.BAN),
        ("org.matrix.mjolnir.ban", Recommendation.BAN),
        ("m.takedown", Recommendation.TAKEDOWN),
        ("org.matrix.msc4204.takedown", Recommendation.TAKEDOWN),
        ("org.matrix.mjolnir.allow", Recommendation.ALLOW),
        ("fi.mau.meowlnir.unban", Recommendation.ALLOW),
    ],
)
def test_rules_are_read_under_all_their_names(family: str, said: str, recommendation: Recommendation) -> None:
    found = read(rule(f"{family}.user", entity="@spam*:evil.example", recommendation=said, reason="spam"))
    assert found.entries == (Entry(Subject.USER, "@spam*:evil.example", recommendation, "spam", place="rule"),)


@pytest.mark.skipif(not DATA.is_dir(), reason="without ../shared/data there are no examples of the specification")
@pytest.mark.parametrize("subject", list(Subject))
def test_the_examples_of_the_specification(subject: Subject) -> None:
    event = json.loads((DATA / f"vectors/matrix/m.policy.rule.{subject}.yaml").read_text())  # JSON, which is YAML
    (entry,) = read(event)
    assert (entry.subject, entry.entity, entry.recommendation) == (
        subject,
        event["content"]["entity"],
        Recommendation.BAN,
    )


def test_a_hidden_name_is_the_hash_of_it() -> None:
    digest = sha256(b"@alice:example.org").digest()
    for name in ("hashes", "org.matrix.msc4205.hashes"):
        hashes = {name: {"sha256": base64.b64encode(digest).decode()}}
        (entry,) = read(rule("m.policy.rule.user", recommendation="m.ban", **hashes))
        assert (entry.entity, entry.sha256) == (None, digest)
    for wrong in ("", "no base64!", base64.b64encode(b"short").decode(), 7):
        found = read(rule("m.policy.rule.user", recommendation="m.ban", hashes={"sha256": wrong}))
        assert codes(found) == ["hash"]


def test_of_two_names_of_one_rule_the_newer_holds_and_an_empty_one_takes_it_back() -> None:
    old = rule("m.room.rule.user", "k", entity="@old:a.example", recommendation="m.ban")
    new = rule("m.policy.rule.user", "k", entity="@new:a.example", recommendation="m.ban")
    for events in ([old, new], [new, old]):
        assert [entry.entity for entry in read(*events)] == ["@new:a.example"]
    assert not read(old, rule("m.policy.rule.user", "k")).entries
    assert not read(rule("m.policy.rule.user", "k")).faults


def test_what_a_policy_room_holds_besides_and_what_it_should_not() -> None:
    found = read(
        {"type": "m.room.name", "state_key": "", "content": {"name": "list"}},
        rule("m.policy.rule.user", "a", entity="@a:b.example", recommendation="m.praise"),
        rule("m.policy.rule.user", "b", recommendation="m.ban"),
        rule("m.policy.rule.user", "c", entity=7, recommendation="m.ban"),
        rule("m.policy.rule.user", "d", entity="a.example", recommendation="m.ban"),
        rule("m.policy.rule.room", "e", entity="a.example", recommendation="m.ban"),
        rule("m.policy.rule.server", "f", entity="https://a.example/", recommendation="m.ban"),
        rule("m.policy.rule.server", "g", entity="а.example", recommendation="m.ban"),  # noqa: RUF001 - its first letter is Cyrillic
        rule("m.policy.rule.user", "h", entity="@" + "a" * 300, recommendation="m.ban"),
        rule("m.policy.rule.user", "i", entity="@a\u202e:b.example", recommendation="m.ban"),
        {"type": "m.policy.rule.user", "state_key": 7, "content": {}},
        {"type": "m.policy.rule.user", "state_key": "", "content": "none"},
    )
    assert not found.entries
    assert sorted(codes(found)) == sorted(
        [
            *("recommendation", "no_entity", "no_entity", "no_user", "no_room", "no_server", "no_ascii", "too_long"),
            *("unprintable", "no_state", "no_state"),
        ]
    )


def test_a_reason_is_one_bounded_line() -> None:
    (entry,) = read(
        rule("m.policy.rule.user", entity="@a:b.example", recommendation="m.ban", reason="a\nb\x00\u202ec " * 1_000)
    )
    assert len(entry.reason) <= model.LONGEST_REASON
    assert entry.reason.startswith("a b c a b c")


def test_json_that_is_no_state() -> None:
    for text in ("[1, 2", '{"a": 1}', "[" * 100_000):
        with pytest.raises(Invalid):
            read_list(text)
    assert read_list('{"chunk": [1, null, "x", {"type": 7}]}').entries == ()


# -------------------------------------------------------------------------------------------------- blocklists


@pytest.mark.parametrize("header", ["domain,severity,public_comment", "#domain,#severity,#public_comment"])
def test_both_styles_of_header(header: str) -> None:
    found = read_list(
        f'\ufeff{header}\n\nEvil.example.,suspend,"a, b"\nquiet.example,silence,\nharmless.example,noop,\n'
        "ex***le.org,suspend,\nodd.example,exile,\n*.sub.example,suspend,\n#x,y,z\n"
    )
    assert [(entry.entity, entry.recommendation, entry.reason) for entry in found] == [
        ("evil.example", Recommendation.BAN, "a, b"),
        ("quiet.example", Recommendation.LIMIT, ""),
        ("sub.example", Recommendation.BAN, ""),
    ]
    assert all(entry.below for entry in found)
    assert [(fault.code, fault.place) for fault in found.faults] == [("obscured", "line 6"), ("severity", "line 7")]


def test_a_list_of_domains() -> None:
    found = read_list("# mine\n a.example \nb.example # why\n\nA.example\n")
    assert [(entry.entity, entry.reason) for entry in found] == [("b.example", "why"), ("a.example", "")]
    assert found.twice == 1


@pytest.mark.parametrize("text", ["", " \n \n", "no list at all, only a sentence\n", "\x00\x01\x02"])
def test_what_is_no_list_is_said(text: str) -> None:
    with pytest.raises(Invalid):
        read_list(text)


def test_a_list_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_ENTRIES", 2)
    found = read_list("a.example\nb.example\na.example\nc.example\nd.example\n")
    assert len(found.entries) == 2
    assert [(fault.code, fault.place) for fault in found.faults] == [("too_many", "line 4")]


@pytest.mark.parametrize("line", ["a.example\n", "!\n"])
def test_what_is_said_for_ever_is_read_up_to_a_bound_and_no_further(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(model, "MOST_READ", 3)
    read = 0

    def _lines() -> Iterator[str]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield line

    found = blocklists.read_domains(_lines())
    assert (found.faults[-1].code, found.faults[-1].place) == ("too_many", "line 4")
    assert read == 4, "all of a large file would be in memory"


def test_types_that_are_no_texts_are_other_state() -> None:
    found = read(
        {"type": [], "state_key": "", "content": {}},
        {"type": {}, "state_key": "", "content": {}},
        rule("m.policy.rule.user", entity="@a:b.example", recommendation="m.ban"),
    )
    assert [entry.entity for entry in found] == ["@a:b.example"]
    assert not found.faults


def test_a_line_longer_than_any_field_of_csv_is_no_list() -> None:
    with pytest.raises(Invalid):
        read_list("a" * 200_000)


def test_nothing_that_is_shown_is_obeyed_by_a_terminal() -> None:
    found = read_list("domain,severity\nevil.example,\x1b[2J\ne*\x1b]0;x\x07l.example,suspend\n\x1b[2J,suspend\n")
    assert codes(found) == ["severity", "obscured", "unprintable"]
    assert all(fault.shown.isprintable() for fault in found.faults)


@pytest.mark.parametrize("name", ["=1+1", "+1", "a,b.example", '"a.example', "a|b", "$a.example"])
def test_what_no_server_is_called_is_no_entry(name: str) -> None:
    quoted = name.replace('"', '""')
    assert codes(read_list(f'domain,severity\n"{quoted}",suspend\nb.example,suspend\n')) == ["no_server"]


def test_a_quote_that_nobody_closes_hides_nothing_unsaid() -> None:
    assert codes(read_list('domain,severity\n"a.example,suspend\nb.example,suspend\n')) != []


@pytest.mark.skipif(not BLOCKLISTS, reason="without ../shared/data there are no blocklists")
def test_real_blocklists_are_read_and_written_again() -> None:
    assert len(BLOCKLISTS) == 8
    for file in BLOCKLISTS:
        listing = read_list(file.read_text(encoding="utf-8"))
        assert {fault.code for fault in listing.faults} <= {"obscured"}, file
        again = read_list(to_csv(listing))
        assert not compare(listing, again), file
        events = read_list(json.dumps(to_events(listing)))
        banned = [entry for entry in listing if entry.recommendation is Recommendation.BAN]
        assert len(events.entries) == 2 * len(banned), file  # of each server, and of those below it


# ------------------------------------------------------------------------------------------------ forms, dangers


def test_a_policy_room_says_again_what_it_said() -> None:
    found = read(
        rule("m.policy.rule.user", "a", entity="@a:b.example", recommendation="m.ban", reason="why"),
        rule("m.policy.rule.user", "b", entity="@spam*:b.example", recommendation="m.takedown"),
        rule("m.policy.rule.server", "c", entity="*.evil.example", recommendation="m.ban"),
        rule("m.policy.rule.room", "d", entity="!r:b.example", recommendation="org.matrix.mjolnir.allow"),
    )
    again = read(*to_events(found))
    assert [(e.key, e.recommendation, e.reason) for e in again] == [(e.key, e.recommendation, e.reason) for e in found]
    keys = [event["state_key"] for event in to_events(found)]
    assert len(set(keys)) == len(keys)
    assert all(len(key.encode()) <= 255 and not key.startswith("@") for key in keys)
    hidden = to_events(found, hidden=True)
    assert "@a:b.example" not in json.dumps(hidden)
    assert "@spam*:b.example" in json.dumps(hidden)  # what a pattern hits, a hash cannot tell
    assert read(*hidden).entries[0].sha256 == sha256(b"@a:b.example").digest()


def test_what_a_form_cannot_say_is_counted() -> None:
    found = read_list("domain,severity\nevil.example,suspend\nquiet.example,silence\n")
    assert (left_out(found, Form.CSV), left_out(found, Form.DOMAINS), left_out(found, Form.POLICY)) == (0, 1, 1)
    assert to_domains(found) == "evil.example\n"
    people = read(rule("m.policy.rule.user", entity="@a:b.example", recommendation="m.ban"))
    assert left_out(people, Form.CSV) == 1
    assert not list(servers(people))


def test_a_remark_is_no_formula_of_a_spreadsheet() -> None:
    found = read_list('domain,severity,public_comment\nevil.example,suspend,"=HYPERLINK(""https://evil.example"")"\n')
    assert ",'=HYPERLINK" in to_csv(found).replace('"', "")


@pytest.mark.parametrize(
    ("kind", "entity", "danger"),
    [
        ("user", "*", Danger.EVERYBODY),
        ("user", "@*", Danger.EVERYBODY),
        ("user", "@*:*", Danger.EVERYBODY),
        ("user", "@?*:*.*", Danger.EVERYBODY),
        ("user", "@*:*.org", Danger.TOP_LEVEL),
        ("user", "@*:*org", Danger.TOP_LEVEL),
        ("user", "@*:*.example.org", None),
        ("user", "@spam*:*", None),
        ("server", "*", Danger.EVERYBODY),
        ("server", "*.*", Danger.EVERYBODY),
        ("server", "*.com", Danger.TOP_LEVEL),
        ("server", "*.evil.com", None),
        ("server", "evil.com", None),
        ("room", "*", Danger.EVERYBODY),
        ("room", "!*:evil.com", None),
        ("user", "@аdmin:matrix.org", Danger.LOOKS_ALIKE),  # noqa: RUF001 - its first letter is Cyrillic
    ],
)
def test_what_hits_too_many_is_dangerous(kind: str, entity: str, danger: Danger | None) -> None:
    found = read(rule(f"m.policy.rule.{kind}", entity=entity, recommendation="m.ban"))
    assert [one.danger for one in dangers(found)] == ([danger] if danger else [])
    allowed = read(rule(f"m.policy.rule.{kind}", entity=entity, recommendation="org.matrix.mjolnir.allow"))
    assert not list(dangers(allowed))


@pytest.mark.parametrize("entity", ["@me:home.example", "@m*:home.example", "@ME:home.example"])
def test_what_hits_oneself_is_dangerous(entity: str) -> None:
    mine = ["@me:home.example", "!room:home.example", "home.example"]
    found = read(rule("m.policy.rule.user", entity=entity, recommendation="m.ban"))
    assert [(one.danger, one.whom) for one in dangers(found, mine)] == [(Danger.YOURS, "@me:home.example")]


@pytest.mark.parametrize("entity", ["@*:home.example", "@?*:HOME.example", "*:home.example", "@*home.example"])
def test_all_people_of_a_server_are_that_server(entity: str) -> None:
    found = read(rule("m.policy.rule.user", entity=entity, recommendation="m.ban"))
    assert [one.whom for one in dangers(found, ["home.example", "more.example"])] == ["home.example"]


def test_a_server_is_meant_on_whatever_port() -> None:
    found = read(rule("m.policy.rule.server", entity="home.example", recommendation="m.ban"))
    mine = ["home.example:8448", "@me:home.example:8448", "home.example:8448.example"]
    assert [one.whom for one in dangers(found, mine)] == mine[:2]


def test_a_hidden_name_and_a_server_may_be_ones_own_too() -> None:
    hashes = {"sha256": base64.b64encode(sha256(b"@me:home.example").digest()).decode()}
    hidden = read(rule("m.policy.rule.user", recommendation="m.ban", hashes=hashes))
    assert [one.danger for one in dangers(hidden, ["@me:home.example"])] == [Danger.YOURS]
    below = read_list("domain\nhome.example\n")
    assert [one.whom for one in dangers(below, ["@me:chat.home.example"])] == ["@me:chat.home.example"]
    assert not list(dangers(below, ["@me:elsewhere.example"]))


def test_what_changed_between_two_lists() -> None:
    before = read_list("domain,severity\na.example,suspend\nb.example,suspend\nc.example,suspend\n")
    after = read_list("domain,severity\nB.example,silence\nc.example,suspend\nd.example,suspend\n")
    found = compare(before, after)
    assert [entry.entity for entry in found.added] == ["d.example"]
    assert [entry.entity for entry in found.removed] == ["a.example"]
    assert [(old.recommendation, new.recommendation) for old, new in found.changed] == [
        (Recommendation.BAN, Recommendation.LIMIT)
    ]
    assert found.same == 1
    assert not compare(after, after)


def test_of_patterns_that_take_long_to_look_for_a_list_has_but_some() -> None:
    hard = [f"*{''.join(three)}*" for three in product(["a*", "b*c", "d*", "e*", "f*", "g*", "h*"], repeat=4)]
    easy = [f"*.evil{number}.example" for number in range(5_000)]
    events = [
        {"type": "m.policy.rule.server", "state_key": entity, "content": {"entity": entity, "recommendation": "m.ban"}}
        for entity in (*hard, *easy, "*a*b*c*d*e*f*g*h*i*j*")
    ]

    found = read_events(events)

    assert [fault.code for fault in found.faults].count("alike") == len(hard) - model.MOST_ALIKE
    assert [fault.code for fault in found.faults].count("many_pieces") == 1
    assert len(found.entries) == model.MOST_ALIKE + len(easy)
