"""A file of ratings, line by line: who rated whom, how, and when; columns by name or as told (pure)."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from kit.errors import Invalid

MOST_LINES = 20_000_000
_LONGEST_LINE = 10_000
_LONGEST_NAME = 500
_DAY = 86_400.0
_NEEDED = 4

COLUMNS = ("rater", "ratee", "rating", "time")

_CALLED: Mapping[str, frozenset[str]] = {
    "rater": frozenset(
        (
            "rater",
            "source",
            "src",
            "from",
            "fromnode",
            "fromid",
            "fromnodeid",
            "fromuser",
            "fromuserid",
            "raterid",
            "author",
            "by",
            "user",
            "userid",
            "voter",
            "truster",
            "trustor",
            "sender",
            "i",
            "u",
            "node1",
            "who",
        )
    ),
    "ratee": frozenset(
        (
            "ratee",
            "target",
            "tgt",
            "dst",
            "dest",
            "destination",
            "to",
            "tonode",
            "toid",
            "tonodeid",
            "touser",
            "touserid",
            "rateeid",
            "subject",
            "of",
            "rated",
            "ratedid",
            "candidate",
            "trustee",
            "receiver",
            "recipient",
            "whom",
            "j",
            "v",
            "node2",
            "other",
            "otherid",
        )
    ),
    "rating": frozenset(
        (
            "rating",
            "score",
            "weight",
            "trust",
            "trustindex",
            "trustscore",
            "sign",
            "value",
            "vote",
            "vot",
            "label",
            "stars",
            "opinion",
            "edge",
            "edgeweight",
            "w",
            "y",
        )
    ),
    "time": frozenset(
        (
            "time",
            "timestamp",
            "date",
            "datetime",
            "timesinceepoch",
            "epoch",
            "unixtime",
            "when",
            "day",
            "created",
            "createdat",
            "ts",
            "t",
            "at",
            "year",
            "ratedat",
            "ratingtime",
            "ratingdate",
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings in the order of their times; people are numbered in the order in which they appear."""

    by: npt.NDArray[np.int64]
    of: npt.NDArray[np.int64]
    said: npt.NDArray[np.float64]
    """From -1 to 1: half for the sign, and half for how near the rating is to the largest there is."""
    day: npt.NDArray[np.float64]
    people: int
    skipped: int
    """Lines that say nothing of anybody else: a rating of 0, or of oneself."""

    def __len__(self) -> int:
        """Count them."""
        return len(self.by)

    def until(self, end: int) -> Ratings:
        """Return the first ones."""
        by, of = self.by[:end], self.of[:end]
        return Ratings(by, of, self.said[:end], self.day[:end], self.people, self.skipped)


def read(lines: Iterable[str], columns: str = "") -> Ratings:
    """Read ratings. ``columns`` tells which column is which, as ``rater=FROM,ratee=TO,rating=3,time=4``."""
    told = _told(columns)
    places: dict[str, int] = {}
    names: dict[str, int] = {}
    found: list[tuple[float, int, int, float]] = []
    skipped = 0
    split: _Splitter | None = None
    for number, raw in enumerate(lines, 1):
        if number > MOST_LINES:
            raise Invalid("ratings_many", f"more than {MOST_LINES} lines")
        line = raw.strip().lstrip("\ufeff")
        if not line or line.startswith(("#", "%")):
            continue
        if len(line) > _LONGEST_LINE:
            raise Invalid("ratings_row", f"line {number}: longer than {_LONGEST_LINE} characters")
        if split is None:
            split = _Splitter(line)
            cells = split(line)
            places, headed = _places(cells, told)
            if headed:
                continue
        else:
            cells = split(line)
        row = _row(cells, places, number)
        if row is None:
            skipped += 1
            continue
        rater, ratee, rating, day = row
        found.append((day, names.setdefault(rater, len(names)), names.setdefault(ratee, len(names)), rating))
    if not found:
        raise Invalid("ratings_none", "there is no rating in it")
    days, by, of, said = (np.array(column) for column in zip(*found, strict=True))
    order = np.argsort(days, kind="stable")
    # That somebody rates at all says half of it, how high says the rest.
    weights = np.sign(said) * (1 + np.abs(said) / np.abs(said).max()) / 2
    return Ratings(by[order], of[order], weights[order], days[order].astype(np.float64), len(names), skipped)


class _Splitter:
    """Takes a line apart, at what the first one is set apart with."""

    def __init__(self, line: str) -> None:
        self._at = next((mark for mark in ("\t", ",", ";", "|") if line.count(mark) >= _NEEDED - 1), None)

    def __call__(self, line: str) -> list[str]:
        if self._at is None:
            return line.split()
        if '"' not in line:
            return [cell.strip() for cell in line.split(self._at)]
        return [cell.strip() for cell in next(csv.reader([line], delimiter=self._at))]


def _told(columns: str) -> dict[str, str]:
    """Take apart what was told of the columns."""
    told: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in columns.split(","))):
        name, sign, place = (piece.strip() for piece in part.partition("="))
        if name not in COLUMNS or not sign or not place or name in told:
            raise Invalid(
                "ratings_columns", f"{part!r}: each of {', '.join(COLUMNS)} once, as in rater=FROM_NODE or rater=1"
            )
        told[name] = place
    return told


def _places(first: Sequence[str], told: Mapping[str, str]) -> tuple[dict[str, int], bool]:
    """Find each column's place, and say whether the first line names them."""
    plain = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in first]
    headed = not any(_number(cell) is not None for cell in first)
    places: dict[str, int] = {}
    for name, place in told.items():
        if headed and place in first:
            places[name] = first.index(place)
        elif place.isascii() and place.isdecimal() and 1 <= int(place) <= len(first):
            places[name] = int(place) - 1
        else:
            there = ", ".join(first[:20]) if headed else f"1 to {len(first)}"
            raise Invalid("ratings_columns", f"there is no column {place!r}; there are: {there}")
    for name in COLUMNS:
        if name in places:
            continue
        free = [place for place in range(len(first)) if place not in places.values()]
        if headed:
            fitting = [place for place in free if plain[place] in _CALLED[name]]
            if not fitting:
                raise Invalid(
                    "ratings_columns",
                    f"none of {', '.join(first[:20])} is called like a {name}: name it by --columns {name}=…",
                )
            places[name] = fitting[0]
        elif COLUMNS.index(name) in free:
            places[name] = COLUMNS.index(name)
        else:
            raise Invalid(
                "ratings_columns", f"there is no column for {name}: rater, ratee, rating, time, in this order"
            )
    if len(set(places.values())) < len(COLUMNS):
        raise Invalid("ratings_columns", "one column cannot be two things")
    return places, headed


def _row(cells: Sequence[str], places: Mapping[str, int], number: int) -> tuple[str, str, float, float] | None:
    """Read one line; None where it says nothing of anybody else."""
    if len(cells) <= max(places.values()):
        raise Invalid(
            "ratings_row", f"line {number}: {len(cells)} columns, where {max(places.values()) + 1} are needed"
        )
    rater, ratee, rating, time = (cells[places[name]] for name in COLUMNS)
    if not rater or not ratee or max(len(rater), len(ratee)) > _LONGEST_NAME:
        raise Invalid("ratings_row", f"line {number}: no rater or ratee, or one longer than {_LONGEST_NAME} characters")
    value = _number(rating)
    if value is None:
        raise Invalid("ratings_row", f"line {number}: {rating[:40]!r} is no rating")
    day = _day(time)
    if day is None:
        raise Invalid("ratings_row", f"line {number}: {time[:40]!r} is no time (seconds since 1970, or a date)")
    return None if value == 0 or rater == ratee else (rater, ratee, value, day)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e15 and "_" not in text else None  # noqa: PLR2004 - no rating or time


def _day(text: str) -> float | None:
    """Read a time: seconds since 1970, thousandths of one, or a date."""
    value = _number(text)
    if value is not None:
        seconds = value / 1000 if abs(value) > 1e11 else value  # noqa: PLR2004 - the year 5138 in seconds
        return seconds / _DAY
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / _DAY
