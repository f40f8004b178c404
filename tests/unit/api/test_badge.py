"""The badge: well-formed whatever stands in it, without a script, bounded, and told whole to who cannot see it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages import badge as badges
from api.pages.badge import badge
from kit.identifiers import UserId
from payments.flair.statement import Statement

SVG = "{http://www.w3.org/2000/svg}"
WIDEST = 405


def a_badge(mxid: str = "@sue:far.example", title: str = "Silver") -> str:
    statement = Statement(UserId(mxid), "silver", title, 1, None, "https://earnest.example", 2, 3)
    return badge(statement)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def said(text: str, name: str) -> str:
    found = parsed(text).find(f"{SVG}{name}")
    assert found is not None
    return found.text or ""


def shown(text: str) -> list[str]:
    return [(one.text or "").strip("\u2068\u2069") for one in parsed(text).iter(f"{SVG}text")]


def test_it_says_who_and_what_and_who_says_so() -> None:
    text = a_badge()
    assert shown(text) == ["Silver", "@sue:far.example"]
    assert said(text, "title") == "\u2068@sue:far.example\u2069: \u2068Silver\u2069"
    assert said(text, "desc") == "\u2068Silver\u2069, says \u2068earnest.example\u2069"
    assert parsed(text).attrib["role"] == "img"


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '"/><image href="https://evil.example/x.png"/>', "</text></svg>", "&lt;b&gt;]]>"],
)
def test_names_and_titles_stay_texts(hostile: str) -> None:
    text = a_badge(f"@{hostile.replace(':', '')}:far.example", hostile)
    usual = {(one.tag, *sorted(one.attrib)) for one in parsed(a_badge()).iter()}
    assert {(one.tag, *sorted(one.attrib)) for one in parsed(text).iter()} == usual


def test_what_is_too_long_loses_its_middle_and_is_whole_in_words() -> None:
    mxid = f"@{'w' * 200}:far.example"
    text = a_badge(mxid, "W" * 60)
    who = shown(text)[1]
    assert who.startswith("@www")
    assert "…" in who
    assert who.endswith(":far.example")
    assert mxid in said(text, "title")
    assert int(parsed(text).attrib["width"]) <= WIDEST


def test_the_direction_of_a_name_turns_nothing_around_it() -> None:
    text = a_badge("@גלית\u202e:far.example", "\u2066תדה")
    assert "\u202e" not in text
    assert "\u2066" not in text
    for line in parsed(text).iter(f"{SVG}text"):
        assert (line.text or "").startswith("\u2068")
        assert (line.text or "").endswith("\u2069")


def test_a_tower_of_accents_is_cut() -> None:
    assert shown(a_badge(title="Z" + "\u0301" * 40))[0] == "Z\u0301\u0301"


@given(mxid=st.text(max_size=240), title=st.text(max_size=60))
def test_it_is_well_formed_whatever_stands_in_it(mxid: str, title: str) -> None:
    text = a_badge(f"@{mxid}:far.example", title)
    text.encode()
    assert int(parsed(text).attrib["width"]) <= WIDEST


def test_its_one_style_is_the_one_that_its_policy_allows() -> None:
    style: Any = parsed(a_badge()).find(f"{SVG}style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in badges.CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in badges.CONTENT_SECURITY_POLICY
