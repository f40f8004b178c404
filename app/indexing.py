"""Indexing: notes where each server and payee stands in the files of the last epochs, in short writes.

Whoever dies over it leaves an epoch without its last row: it is read whole until all of it is noted the next time.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import structlog

from app.container import Container
from payments.rewards import epoch_file
from payments.rewards.epoch_file import Closed
from payments.rewards.finding import rows_of

LOG = structlog.get_logger(__name__)

SHOWN: Final = 13
"""Epochs of a history: a year."""
_AT_ONCE: Final = 16
"""Rows of one transaction: about a megabyte where there are very many servers."""


def note(container: Container, number: int, closed: Closed) -> None:
    """Note where everybody stands in an epoch that is closed; doing it twice is doing it once."""
    rows = rows_of(closed)
    while some := list(islice(rows, _AT_ONCE)):
        with container.work() as work:
            work.finding.write(number, some)
    LOG.info("epoch_indexed", epoch=number)


def catch_up(container: Container) -> None:
    """Note it for those of the last epochs for which it is not, and forget it for older ones."""
    with container.read() as work:
        last = [epoch.number for epoch in work.epochs.all()[:SHOWN]]
        noted = work.finding.numbers()
    for number in last:
        if number not in noted:
            with container.read() as work:
                file = work.epochs.file(number)
            note(container, number, epoch_file.read_file(file).anew)
    if last and noted and noted[-1] < last[-1]:
        with container.work() as work:
            work.finding.drop(last[-1])
