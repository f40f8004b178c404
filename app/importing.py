"""Reading files of gifts in: line by line, in short transactions, so that a crash at any line is made good by going on.

A file is known by what is in it and by its day; read in again after a crash it goes on, and tells nothing twice. A dry
run reads it and keeps nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from app.container import Work
from kit.errors import Invalid
from kit.identifiers import Hash32
from payments.flair import liberapay, patreon
from payments.flair.importing import AT_ONCE
from payments.flair.model import Gift, Source
from payments.flair.reading import Line

Works = Callable[[], AbstractContextManager[Work]]
LARGEST: Final = 200 * 2**20
"""Bytes that a file may have."""
MOST_FAULTS: Final = 10_000
"""Bad lines that are remembered by name; the others are counted."""
_PIECE: Final = 2**20


@dataclass
class Report:
    """What became of a file: lines that told something, gifts of which something was new, and lines that are bad."""

    number: int | None
    source: Source
    shape: str
    as_of: datetime
    whole: bool
    lines: int = 0
    gifts: int = 0
    new: int = 0
    bad: int = 0
    faults: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Count one line."""
        self.lines += 1
        self.gifts += len(line.gifts)
        if line.fault is not None:
            self.bad += 1
            if len(self.faults) < MOST_FAULTS:
                self.faults.append(line)


def read_in(
    work: Works,
    file: Path,
    source: Source,
    *,
    now: datetime,
    as_of: datetime | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Read a file of a source in; ``progress`` is told how many bytes more were read.

    ``as_of`` is the day when it was made, by its name or today where nothing is said. Raises ``Invalid`` for a file
    that is none of the source's, ``Conflict`` for one that was read in already.
    """
    known = liberapay.of_name(file.name)
    day = as_of or known.day or now.replace(hour=0, minute=0, second=0, microsecond=0)
    digest = _digest(file)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
        lines = _counted(opened, progress)
        if source is Source.PATREON:
            shape, whole, read = "members", False, patreon.read_members(lines)
        else:
            patrons = liberapay.Patrons(lines, as_of=day, active=known.active)
            shape, whole, read = patrons.shape.value, patrons.whole, patrons.lines()
        report = Report(None, source, shape, day, whole)
        if dry_run:
            for line in read:
                report.add(line)
            return report
        first = next(read, None)
        with work() as one:
            report.number = one.imports.begin(source, shape, digest, day, whole=whole)
        _write(work, report, _after(first, read))
    with work() as one:
        one.imports.end(report.number, rows=report.lines, bad=report.bad)
        if source is Source.LIBERAPAY:
            one.claims.find_by_amounts()
    fold_all(work)
    return report


def undo(work: Works, number: int) -> None:
    """Take out all that an import told. Raises ``NotFound``."""
    while True:
        with work() as one:
            more = one.imports.undo(number)
        if not more:
            break
    fold_all(work)


def fold_all(work: Works) -> int:
    """Fold anew what waits for it; return in how many transactions."""
    rounds = 0
    while True:
        with work() as one:
            more = one.supporters.fold_some()
        if not more:
            return rounds
        rounds += 1


def _write(work: Works, report: Report, lines: Iterator[Line]) -> None:
    number = report.number or 0
    while some := list(islice(lines, AT_ONCE)):
        gifts: list[Gift] = []
        for line in some:
            report.add(line)
            gifts += line.gifts
        if gifts:
            with work() as one:
                report.new += one.imports.put(number, gifts)


def _after(first: Line | None, rest: Iterator[Line]) -> Iterator[Line]:
    """Give all lines: the first was read to see whether the file is what it should be."""
    if first is not None:
        yield first
        yield from rest


def _counted(opened: TextIO, progress: Callable[[int], None]) -> Iterator[str]:
    for line in opened:
        progress(len(line))
        yield line


def _digest(file: Path) -> Hash32:
    if file.stat().st_size > LARGEST:
        raise Invalid("import_too_large", f"{file}: such a file has {LARGEST // 2**20} MiB at most.")
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    return Hash32(digest.digest())
