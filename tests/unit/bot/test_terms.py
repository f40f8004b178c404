"""What is written behind ``subscribe``: as whose word a list is to count."""

from __future__ import annotations

import pytest

from bot.commands.command import Unclear
from bot.desk.terms import BY_AUTHOR, BY_NOBODY, read_terms


@pytest.mark.parametrize(
    ("word", "trust"),
    [
        ("trust=author", BY_AUTHOR),
        ("TRUST=Author", BY_AUTHOR),
        ("trust=none", BY_NOBODY),
        ("trust=@Mixed:Case.example", "@Mixed:Case.example"),
    ],
)
def test_a_list_may_count_as_somebodys_word(word: str, trust: str) -> None:
    assert read_terms(["act", word]).trust == trust
    assert read_terms(["act"]).trust is None


def test_what_is_nobodys_word_is_unclear() -> None:
    with pytest.raises(Unclear):
        read_terms(["trust=somebody"])
