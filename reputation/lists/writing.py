"""Writing a list (pure) in the forms in which others read it."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from reputation.lists.blocklists import COLUMNS
from reputation.lists.model import LONGEST_ENTITY, Entry, Listing, Recommendation, Subject


class Form(StrEnum):
    """What a list can be turned into."""

    POLICY = "policy"
    CSV = "csv"
    DOMAINS = "domains"


_RECOMMENDATIONS: Final[Mapping[Recommendation, str]] = {
    Recommendation.BAN: "m.ban",
    Recommendation.TAKEDOWN: "org.matrix.msc4204.takedown",
    Recommendation.ALLOW: "org.matrix.mjolnir.allow",
}
"""What other software reads today: of these only ``m.ban`` is in the standard."""


_OPINIONS: Final[Mapping[Recommendation, int]] = {
    Recommendation.BAN: -100,
    Recommendation.TAKEDOWN: -100,
    Recommendation.LIMIT: -50,
    Recommendation.ALLOW: 100,
}
"""From -100 (the worst) to 100 (MSC3845)."""
_OPINION: Final = "org.matrix.msc3845.opinion"


def to_events(listing: Listing, *, hidden: bool = False, opinions: bool = False) -> list[dict[str, Any]]:
    """Return state events for a policy room; ``hidden``: names of people are hidden behind their hashes (MSC4205).

    ``opinions``: each says beside what it recommends how bad somebody is (MSC3845), so a limit can be said, too. State
    keys are made of the entity alone, so that writing a list again changes only what changed in it.
    """
    written = [entry for entry in listing if opinions or entry.recommendation in _RECOMMENDATIONS]
    return [_event(each, hidden=hidden, opinions=opinions) for entry in written for each in _apart(entry)]


def _apart(entry: Entry) -> Iterator[Entry]:
    """Make a rule of their own for the servers below one: a policy rule for a server does not speak of them."""
    yield replace(entry, below=False)
    if entry.below:
        yield replace(entry, entity=f"*.{entry.entity}", below=False)


def _event(entry: Entry, *, hidden: bool, opinions: bool) -> dict[str, Any]:
    content: dict[str, Any] = {"recommendation": _RECOMMENDATIONS.get(entry.recommendation, _OPINION)}
    content |= {"opinion": _OPINIONS[entry.recommendation]} if opinions else {}
    digest, entity = entry.sha256, entry.entity
    literal = entity is not None and "*" not in entity and "?" not in entity
    if hidden and literal and entity is not None and entry.subject is not Subject.SERVER:
        digest = sha256(entity.encode()).digest()
        entity = None
    if entity is not None:
        content["entity"] = entity
    elif digest is not None:
        hashes = {"sha256": base64.b64encode(digest).decode()}
        content |= {"hashes": hashes, "org.matrix.msc4205.hashes": hashes}
    if entry.reason:
        content["reason"] = entry.reason
    key = f"rule:{entity if entity is not None else (digest or b'').hex()}"
    if len(key.encode()) > LONGEST_ENTITY:
        key = f"rule:{sha256(key.encode()).hexdigest()}"
    return {"type": f"m.policy.rule.{entry.subject.value}", "state_key": key, "content": content}


def to_csv(listing: Listing) -> str:
    """Return a server blocklist as Mastodon reads it, its whole servers alone."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([f"#{name}" for name in COLUMNS])
    for entry in servers(listing):
        severity = "silence" if entry.recommendation is Recommendation.LIMIT else "suspend"
        writer.writerow([entry.entity, severity, False, False, _harmless(entry.reason), False])
    return file.getvalue()


def to_domains(listing: Listing) -> str:
    """Return one banned server a line."""
    return "".join(
        f"{entry.entity}\n" for entry in servers(listing) if entry.recommendation is not Recommendation.LIMIT
    )


def servers(listing: Listing) -> Iterator[Entry]:
    """Go through what a server blocklist can hold: whole servers, with all below them, that are recommended against."""
    for entry in listing:
        plain = entry.entity is not None and "*" not in entry.entity and "?" not in entry.entity
        if entry.subject is Subject.SERVER and plain and entry.recommendation is not Recommendation.ALLOW:
            yield entry


def left_out(listing: Listing, form: Form) -> int:
    """Return how many entries a form cannot hold."""
    if form is Form.POLICY:
        return sum(entry.recommendation not in _RECOMMENDATIONS for entry in listing)
    held = sum(form is Form.CSV or entry.recommendation is not Recommendation.LIMIT for entry in servers(listing))
    return len(listing.entries) - held


def _harmless(remark: str) -> str:
    """Keep a stranger's remark from being taken for a formula by a spreadsheet."""
    return f"'{remark}" if remark[:1] in "=+-@" else remark
