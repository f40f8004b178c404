"""Errors as sentences."""

from datetime import UTC, datetime

import pytest

from app.wording.errors import _SENTENCES, error
from app.wording.reader import Reader, Service
from kit.errors import ChainUnavailable, Conflict, Invalid, Refusal

READER = Reader(Service("ERN", 18, "https://earnest.example", None), datetime(2026, 11, 22, tzinfo=UTC))
VALUES = {"entity": "@x:y.example", "decimals": 18, "most": 20, "answer_by": 1_795_392_000, "until": 1_795_392_000} | {
    "names": "ERN, USDX",
    "told": "x",
}


@pytest.mark.parametrize("code", sorted(_SENTENCES))
def test_every_sentence_can_be_filled(code: str) -> None:
    assert "{" not in error(Refusal(code, "in English", **VALUES), READER).plain


def test_moments_are_told_as_moments() -> None:
    said = error(Conflict("stake_unanswered", "in English", answer_by=1_795_392_000), READER).plain
    assert "2026-11-23 00:00 UTC" in said


def test_a_code_without_a_sentence_is_told_by_the_errors_own_and_is_escaped() -> None:
    said = error(Invalid("something_new", "Not <this>."), READER)
    assert said.plain == "Not <this>."
    assert said.html == "Not &lt;this&gt;."


def test_what_does_not_answer_is_never_told_raw() -> None:
    said = error(ChainUnavailable("http://10.0.0.1:8545 refused"), READER).plain
    assert "10.0.0.1" not in said
    assert "try again" in said
