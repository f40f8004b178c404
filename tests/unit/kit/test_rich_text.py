"""Rich text: what stays of somebody's HTML can be shown anywhere, and what was hidden in it is gone."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.rich_text import LONGEST, cleaned, plain

_PARTS = [
    "<a href='javascript:1'>",
    "<b>",
    "</b>",
    "<script>",
    "</script>",
    "<img src=x onerror=1>",
    "&lt;b&gt;",
    "<!--",
    "-->",
]
_MORE = [
    "x",
    "<p",
    ">",
    "</p>",
    '"',
    "'",
    "&",
    "<mx-reply>",
    "</mx-reply>",
    "<a href='https://x.example/?a=\"b'>",
    "\u202e",
    "\n",
]


@pytest.mark.parametrize(
    ("written", "html", "text"),
    [
        ("<b>Bold</b> and <i>so</i>", "<b>Bold</b> and <i>so</i>", "Bold and so"),
        ("a<br>b<p>c</p>", "a<br>b<p>c</p>", "a\nb\nc"),
        ("<ul><li>one</li><li>two</li></ul>", "<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("<script>alert(1)</script>it", "it", "it"),
        ("<img src='mxc://a/b' onerror='x'>it", "it", "it"),
        ("<b onclick='x' style='y' class='z'>it", "<b>it</b>", "it"),
        ("<a href='https://x.example/?a=1&amp;b=2'>it</a>", '<a href="https://x.example/?a=1&amp;b=2">it</a>', "it"),
        ("<a href='javascript:alert(1)'>it</a>", "<a>it</a>", "it"),
        ("<a href=' JaVaScRiPt:alert(1)'>it</a>", "<a>it</a>", "it"),
        ("<mx-reply><blockquote>theirs</blockquote></mx-reply>mine", "mine", "mine"),
        ("1 < 2 & 3 &lt;b&gt;", "1 &lt; 2 &amp; 3 &lt;b&gt;", "1 < 2 & 3 <b>"),
        ("<b><i>over</b> lap</i>", "<b><i>over</i></b> lap", "over lap"),
        ("tur\u202ened\u0000", "turned", "turned"),
        ("</b></p>", "", ""),
    ],
)
def test_what_stays(written: str, html: str, text: str) -> None:
    assert cleaned(written) == html
    assert "\n".join(line for line in plain(written).split("\n") if line) == text.replace("\n\n", "\n")


class _Strict(HTMLParser):
    """Fails for whatever is not as it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "img", "style", "mx-reply"}
        assert all(name == "href" and value is not None and value.startswith("https://") for name, value in attrs)
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


@given(st.lists(st.sampled_from([*_PARTS, *_MORE]), max_size=40).map("".join))
def test_whatever_was_written(written: str) -> None:
    found = cleaned(written)
    reader = _Strict()
    reader.feed(found)
    reader.close()
    assert not reader.open
    assert "\u202e" not in found + plain(written)
    assert cleaned(found) == found


@pytest.mark.parametrize("written", ["<b>" * 50_000, "<p>x" * 50_000, "<" * 200_000, "&lt;" * 100_000])
def test_it_is_bounded(written: str) -> None:
    assert len(cleaned(written)) <= LONGEST + 40 * 20
    assert len(plain(written)) <= 2 * LONGEST


_ODD = [
    "<a =",
    "<x y=",
    "<a b=\"'",
    "<",
    "<!--",
    "<![ b",
    "</",
    "<a href",
    "<a = ",
    "&#",
    "<script>",
    "<a href='",
    "<!x",
]


@pytest.mark.parametrize("odd", _ODD)
def test_what_is_odd_takes_as_much_longer_as_there_is_more_of_it(odd: str) -> None:
    def seconds(length: int) -> float:
        """The least that it took, of the processor's own time."""
        written, least = odd * (length // len(odd)), float("inf")
        for _ in range(3):
            began = time.process_time()
            cleaned(written)
            least = min(least, time.process_time() - began)
        return least

    eighth, whole = seconds(LONGEST // 8), seconds(LONGEST)
    assert whole <= 24 * eighth + 0.02, "eight times as much takes 64 times as long where it grows by the square"
