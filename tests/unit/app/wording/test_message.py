"""Messages: twins of plain text and HTML, in which nothing foreign can become ours."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wording.message import (
    LONGEST_FOREIGN,
    LONGEST_MESSAGE,
    Link,
    Literal,
    Message,
    Safe,
    foreign,
    join,
    render,
)

_TAG = re.compile(r"</?([a-z]+)[^>]*>")


def test_marks_become_tags_in_html_and_vanish_in_plain_text() -> None:
    message = render("**Bold**, `code`, {n}", {"n": 3})
    assert message == Message("Bold, code, 3", "<strong>Bold</strong>, <code>code</code>, 3")


def test_lines_and_lists() -> None:
    message = render("Two lines\nand a list:\n- one\n- **two**\nend", {})
    assert message.plain == "Two lines\nand a list:\n- one\n- two\nend"
    assert message.html == "Two lines<br>and a list:<ul><li>one</li><li><strong>two</strong></li></ul>end"


def test_a_foreign_text_is_escaped_isolated_and_never_read_for_marks_or_holes() -> None:
    message = render("{who} says hello", {"who": "<b>**x** {other} `y`\u202e\u2069"})
    assert message.plain == "\u2068<b>**x** {other} `y`\u2069 says hello"
    assert message.html == "\u2068&lt;b&gt;**x** {other} `y`\u2069 says hello"


def test_quotes_cannot_leave_an_attribute() -> None:
    message = render("{page}", {"page": Link('https://e.example/"onclick="x')})
    assert '"onclick' not in message.html


def test_links_and_literals_are_shown_whole() -> None:
    message = render("{page} {code}", {"page": Link("https://e.example/stake/1?a&b"), "code": Literal("A<B")})
    assert message.plain == "https://e.example/stake/1?a&b A<B"
    assert message.html == (
        '<a href="https://e.example/stake/1?a&amp;b">https://e.example/stake/1?a&amp;b</a> <code>A&lt;B</code>'
    )


def test_a_hole_without_a_value_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        render("{nothing}", {})


def test_control_characters_and_line_breaks_of_others_do_not_come_through() -> None:
    assert foreign("a\nb\tc\x00d\x1be\u2028f") == "\u2068a b c\ufffdd\ufffde\ufffdf\u2069"


def test_foreign_texts_and_messages_have_a_greatest_length() -> None:
    assert len(foreign("x" * 10_000)) == LONGEST_FOREIGN + 2
    assert len(join([render("{a}", {"a": Safe("x" * LONGEST_MESSAGE)}), render("more")]).plain) == LONGEST_MESSAGE


def test_joined_messages_stand_apart() -> None:
    assert join([render("one"), render("- two")]) == Message("one\n\n- two", "<p>one</p><ul><li>two</li></ul>")


@given(st.text(max_size=400))
def test_whatever_somebody_is_called_their_name_adds_no_tag_and_no_direction(name: str) -> None:
    message = render("Before **{who}** after", {"who": name})
    assert {tag.group(1) for tag in _TAG.finditer(message.html)} == {"strong"}
    between = message.plain.removeprefix("Before \u2068").removesuffix("\u2069 after")
    assert not set(between) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert html.unescape(_TAG.sub("", message.html)) == message.plain
