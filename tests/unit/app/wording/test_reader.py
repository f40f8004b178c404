"""Readers: amounts, times and names as one person is to be told them."""

import gettext
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.wording.catalogue import translator
from app.wording.message import render
from app.wording.reader import Reader, Service
from kit.amounts import Amount
from kit.identifiers import UserId

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOT = UserId("@earnest:home.example")
SERVICE = Service("ERN", 18, "https://earnest.example", BOT)
READER = Reader(SERVICE, NOW)
CAROL = UserId("@carol:home.example")


def shown(reader: Reader, user: UserId | None) -> str:
    return render("{who}", {"who": reader.person(user)}).plain


def test_money_is_exact() -> None:
    assert READER.money(Amount(5 * 10**18)).text == "5 ERN"
    assert READER.money(Amount(1)).text == "0.000000000000000001 ERN"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(minutes=119), "in 119 minutes"),
        (timedelta(hours=2), "in 2 hours"),
        (timedelta(hours=47, minutes=59), "in 47 hours"),
        (timedelta(hours=48), "in 2 days"),
        (timedelta(days=8, hours=23), "in 8 days"),
        (-timedelta(minutes=5), "5 minutes ago"),
        (-timedelta(days=3), "3 days ago"),
    ],
)
def test_how_far_off_a_moment_is_never_promises_more_than_there_is(after: timedelta, said: str) -> None:
    assert READER.far(NOW + after) == said


def test_times_are_told_in_the_readers_zone() -> None:
    vienna = Reader(SERVICE, NOW, time_zone="Europe/Vienna")
    assert vienna.when(NOW + timedelta(hours=3)).text == "2026-11-22 16:00 Europe/Vienna (in 3 hours)"
    assert READER.when(1_795_348_800).text == "2026-11-22 12:00 UTC (now)"


def test_a_zone_that_is_none_is_utc() -> None:
    for zone in ("Nowhere/Land", "../../etc/passwd", "\x00", "x" * 500):
        assert Reader(SERVICE, NOW, time_zone=zone).when(NOW).text == "2026-11-22 12:00 UTC (now)"


def test_ids_are_shown_whole() -> None:
    assert shown(READER, CAROL) == f"\u2068{CAROL}\u2069"


def test_whoever_looks_like_somebody_known_is_flagged() -> None:
    reader = Reader(SERVICE, NOW, known=frozenset({CAROL}))
    assert shown(reader, CAROL) == f"\u2068{CAROL}\u2069"
    for twin in ("@car\u043el:home.example", "@caro1:home.example", "@ca\u200brol:home.example"):
        assert "not \u2068@carol:home.example\u2069, only similar" in shown(reader, UserId(twin))


def test_whoever_looks_like_the_bot_is_flagged_to_everybody() -> None:
    assert "only similar" in shown(READER, UserId("@earn\u0435st:home.example"))


def test_somebody_forgotten_has_no_name() -> None:
    assert shown(READER, None) == "(somebody who has left us)"


def catalogue(folder: Path, language: str, sentences: dict[str, str]) -> None:
    """Write a compiled gettext catalogue; the format is in the gettext manual, "The Format of GNU MO Files"."""
    entries = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **sentences}.items())
    originals = b"".join(key.encode() + b"\0" for key, _ in entries)
    head, table = 28, 8 * len(entries)
    place, keys, values, texts = head + 2 * table, b"", b"", b""
    for key, _ in entries:
        keys += struct.pack("<II", len(key.encode()), place)
        place += len(key.encode()) + 1
    for _, value in entries:
        values += struct.pack("<II", len(value.encode()), place)
        place += len(value.encode()) + 1
        texts += value.encode() + b"\0"
    target = folder / language / "LC_MESSAGES" / "earnest.mo"
    target.parent.mkdir(parents=True)
    target.write_bytes(
        struct.pack("<IIIIIII", 0x950412DE, 0, len(entries), head, head + table, 0, 0)
        + keys
        + values
        + originals
        + texts
    )


def test_a_catalogue_is_found_by_language_and_what_it_lacks_stays_english(tmp_path: Path) -> None:
    catalogue(tmp_path, "de", {"now": "jetzt"})
    german = translator("de-AT", tmp_path)
    assert german("now") == "jetzt"
    assert german("in %s") == "in %s"
    assert translator("fr", tmp_path)("now") == "now"
    assert translator(None, tmp_path)("now") == "now"


def test_a_language_cannot_point_outside_the_catalogues(tmp_path: Path) -> None:
    catalogue(tmp_path, "de", {"now": "jetzt"})
    assert translator("../de", tmp_path / "other")("now") == "now"
    assert gettext.find("earnest", tmp_path, ["de"]) is not None
