"""Sentences of strangers: whatever they write, what is kept is short, seen, on one line, and leads nowhere."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Invalid
from reputation.asking import LONGEST_SENTENCE, read_sentence
from reputation.filters.folding import folded

SENTENCES = [
    "Hello, it is Gina from the choir; may I write to you?",
    "👋",
    "I am 👩‍👩‍👧 Ann's mum ☺️",
    "e.g. this, i.e. that, at 10:30 a.m.",
    "It was 3.50, I think...what do you say?",
    "你好。我是王小明。我们在上海见过。",
    "سلام، من «گینا» هستم و می‌خواهم بنویسم.",
    "नमस्ते, मैं गीता हूँ।",
    "Xin chào, tôi là Đặng Thị Ngọc Hường.",
    "We met on 2026-11-26, or 27.11.2026, or 11/28/26.",
    "I sang there 2019-2024.",
    "C#: do you teach it? Meet @ 5?",
    "It is about col·lecció 12, #choir!",
]
LINKS = [
    "https://a",
    "HTTPS\uff1a\uff0f\uff0f\uff41",
    "hxxp://a",
    "http:\u2044\u2044a",
    "www.x",
    "\uff57\uff57\uff57\uff0ex",
    "example.org",
    "EXAMPLE.Org",
    "example.org.",
    "t.me/x",
    "example\uff0eorg",
    "example｡com",
    "example。com",
    "example\u2024org",
    "example·com",
    "ex\u0430mple.org",
    "пример.рф",
    "💩.la",
    "xn--e1afmkfd.xn--p1ai",
    "matrix.to/#/@a:b",
    "gina@mail.example",
    "@gina:home.example",
    "\uff20gina:home.example",
    "@room",
    "#room:home.example",
    "!abc:home.example",
    "mailto:a",
    "matrix:u/gina:home",
    "192.168.1.1",
    "[::1]",
    "localhost:80",
    "+43 1 234 567 89",
    "0664 1234567",
    "(0664)123-45-67",
    "०१२३४५६७८",
    "①②③④⑤⑥⑦",
    "٠٦٦٤١٢٣٤٥٦٧",
]
INVISIBLE = ["\u200c", "\u200d", "\ufe0f", "\u034f", "\u3164", "\u115f", "\u0301"]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_people_write_to_each_other_is_taken(sentence: str) -> None:
    assert read_sentence(f" {sentence}\u00a0") == unicodedata.normalize("NFC", sentence)


def code_of(text: str) -> str:
    with pytest.raises(Invalid) as caught:
        read_sentence(text)
    return caught.value.code


@pytest.mark.parametrize("link", LINKS)
def test_whatever_could_be_clicked_or_dialled_is_refused_wherever_it_stands(link: str) -> None:
    for text in (link, f"Hello, {link}", f"({link})", f"See {link} please", f"«{link}»"):
        assert code_of(text) == "ask_link", text


@given(st.sampled_from(LINKS), st.lists(st.tuples(st.integers(0, 60), st.sampled_from(INVISIBLE)), max_size=5))
def test_what_cannot_be_seen_hides_no_link(link: str, hidden: list[tuple[int, str]]) -> None:
    for place, character in hidden:
        at = place % (len(link) + 1)
        link = link[:at] + character + link[at:]
    assert code_of(link) in {"ask_link", "ask_unseemly"}


@pytest.mark.parametrize("link", ["example.org", "@gina:home.example", "https://a", "0664 1234567"])
@pytest.mark.parametrize("form", ["upper", "wide"])
def test_another_form_of_the_same_letters_hides_no_link(link: str, form: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in link)
    assert code_of(link.upper() if form == "upper" else wide) == "ask_link"


@pytest.mark.parametrize(
    "text",
    [
        *("two\nlines", "tab\tbed", "\x1b[31mred", "x\u202ey", "x\u2066y", "x\u200by", "\ud800", "\ue000"),
        *("a\u2028b", "Z" + "\u0301" * 30, "soft\u00adhyphen", "\U000e0041"),
    ],
)
def test_what_moves_hides_or_breaks_the_line_is_refused(text: str) -> None:
    assert code_of(text) == "ask_unseemly"


@pytest.mark.parametrize("text", ["", "   ", "\u3164", "\u2800", "\u200d", "\u00a0\u3000", "\u115f\ufe0f"])
def test_nothing_is_no_sentence(text: str) -> None:
    assert code_of(text) == "ask_empty"


def test_its_length_is_what_its_reader_sees() -> None:
    assert read_sentence("a" * LONGEST_SENTENCE)
    assert read_sentence("a   " * (LONGEST_SENTENCE // 2)) == " ".join("a" * (LONGEST_SENTENCE // 2))
    assert read_sentence("e\u0301" * LONGEST_SENTENCE) == "é" * LONGEST_SENTENCE
    assert code_of("a" * (LONGEST_SENTENCE + 1)) == "ask_long"
    assert code_of("a" * 1_000_000) == "ask_long"


@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(st.sampled_from([*LINKS, *SENTENCES, *INVISIBLE, ".", "@", ":", "/", " ", "com"]), max_size=8).map(
            "".join
        ),
    )
)
def test_whatever_comes_is_refused_or_kept_short_seen_on_one_line_and_the_same_when_read_again(text: str) -> None:
    try:
        kept = read_sentence(text)
    except Invalid:
        return
    assert 1 <= len(kept) <= LONGEST_SENTENCE
    assert kept == kept.strip()
    assert all(c.isprintable() or c in "\u200c\u200d" for c in kept)
    assert read_sentence(kept) == kept
    # What is looked for here is said in another way than where it is refused.
    for word in folded(kept).split():
        assert "://" not in word
        assert not re.search(r"[a-z0-9]\.(com|org|net|io|me|de|ru)(?![a-z])", word)
        assert not re.match(r"@[a-z0-9._=/-]+:", word)
        assert not re.search(r"[0-9]{7}", word)
