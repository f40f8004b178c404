"""Server blocklists (pure): the CSV files that Mastodon and its kin exchange, and plain lists of domains."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from reputation.lists.model import Entry, Fault, Listing, Recommendation, Subject, checked, listing, seen

CSV: Final = "csv"
DOMAINS: Final = "domains"
COLUMNS: Final = ("domain", "severity", "reject_media", "reject_reports", "public_comment", "obfuscate")
"""Of what is written; what is read needs ``domain`` alone, with or without a ``#`` before each name."""
SEVERITIES: Final[Mapping[str, Recommendation | None]] = {
    "suspend": Recommendation.BAN,
    "silence": Recommendation.LIMIT,
    "limit": Recommendation.LIMIT,
    "noop": None,
    "none": None,
    "": Recommendation.BAN,
}


def columns_of(line: str) -> list[str] | None:
    """Return the names of a header's columns, ``None`` where a line is no header of a blocklist."""
    try:
        first = next(csv.reader([line]), [])
    except csv.Error:
        return None
    names = [name.strip().lstrip("#").strip().lower() for name in first]
    return names if "domain" in names else None


def read_csv(columns: Sequence[str], lines: Iterable[str]) -> Listing:
    """Read a blocklist, its header first. A severity that only asks for media to be dropped recommends nothing here."""
    return listing(CSV, _rows(columns, lines))


def _rows(columns: Sequence[str], lines: Iterable[str]) -> Iterator[Entry | Fault]:
    rows = csv.reader(lines)
    try:
        next(rows)
        for row in rows:
            found = dict(zip(columns, row, strict=False))
            domain = found.get("domain", "").strip()
            if any(row) and not domain.startswith("#"):
                yield from _row(domain, found, f"line {rows.line_num}")
    except csv.Error as error:
        yield Fault("csv", f"line {rows.line_num}", str(error)[:60])


def _row(domain: str, found: Mapping[str, str], place: str) -> Iterator[Entry | Fault]:
    severity = found.get("severity", "").strip().lower()
    if severity not in SEVERITIES:
        yield Fault("severity", place, seen(severity[:30]))
        return
    recommendation = SEVERITIES[severity]
    if recommendation is None:
        return
    domain = domain.removeprefix("*.")
    if "*" in domain:
        yield Fault("obscured", place, seen(domain))  # ``ex****.org``: whoever published it did not want it to be read
        return
    yield checked(
        Subject.SERVER, domain, recommendation, reason=found.get("public_comment", ""), place=place, below=True
    )


def read_domains(lines: Iterable[str]) -> Listing:
    """Read a list of one domain a line; what stands behind ``#`` is a remark."""
    return listing(DOMAINS, _domains(lines))


def _domains(lines: Iterable[str]) -> Iterator[Entry | Fault]:
    for number, line in enumerate(lines, 1):
        name, _, remark = line.partition("#")
        if name.strip():
            name = name.strip().removeprefix("*.")
            place = f"line {number}"
            yield checked(Subject.SERVER, name, Recommendation.BAN, reason=remark, place=place, below=True)
