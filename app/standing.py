"""What an operator asks of the formula of standing: how well it does on a file of ratings, and what an attack gains."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from kit.errors import Invalid
from reputation.trust.attacking import Attack, Gain, attacked
from reputation.trust.evaluating import Evaluation, rolling
from reputation.trust.formula import PRODUCT
from reputation.trust.graph import Audience
from reputation.trust.ratings import Ratings, read

Step = Callable[[int, int], None]

_LONGEST_LINE = 1_000_000


def ratings_of(file: Path, columns: str = "") -> Ratings:
    """Read a file of ratings, compressed by gzip or not."""
    try:
        return read(_lines(file), columns)
    except UnicodeDecodeError as error:
        raise Invalid("ratings_text", f"{file} is no text in UTF-8") from error
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "not whole, or not what its name says"
        raise Invalid("ratings_file", f"{file}: {reason}") from error


def evaluated(ratings: Ratings, quorum: int, audience: Audience, step: Step) -> Evaluation:
    """Predict the last ratings from all before each, with the product's formula."""
    return rolling(ratings, replace(PRODUCT, quorum=quorum), audience=audience, step=step)


def gained(ratings: Ratings, attack: Attack, quorum: int, audience: Audience, step: Step) -> list[Gain]:
    """Play an attack with the product's formula."""
    return attacked(ratings, attack, replace(PRODUCT, quorum=quorum), audience=audience, step=step)


def _lines(file: Path) -> Iterator[str]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        while line := lines.readline(_LONGEST_LINE):
            yield line
