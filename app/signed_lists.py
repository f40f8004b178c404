"""Lists that other services sign: read page by page, verified, and held against what was read of them before.

Whoever serves one may lie: with an older version, with labels that the author never said, by keeping some back, with
pages without end. What does not come to what the author signed changes nothing here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.container import Container
from kit.clock import from_unix, unix
from kit.errors import Invalid, PeerUnavailable
from reputation.followed_services import KeptLabel, Service, meaning_of
from reputation.lists.authoring import HIDDEN, Key
from reputation.lists.signed import LIST, Header, Label, Sum, check_key, key_of
from reputation.lists.verifying import read_header, read_label

LARGEST_HEADER: Final = 256 * 1024
LARGEST_PAGE: Final = 4 * 1024 * 1024
LABELS_A_PAGE: Final = 1_000
MOST_LABELS: Final = 250_000
"""Labels that are read in one go, negations among them."""
_LEAST_LABELS: Final = 100
"""Labels of a page that is not the last: a list in pages of one would take a day."""
_MOST_BYTES: Final = 128 * 1024 * 1024
"""Of all pages that are read in one go."""
MOST_SECONDS: Final = 300.0
"""Of somebody who waits for it."""
REGULAR_SECONDS: Final = 30.0
"""Of a process that reads all lists, one after the other."""
_OK: Final = 200
_READ_WHOLE: Final = frozenset({409, 410})


@dataclass(frozen=True, slots=True)
class SignedRead:
    """What was read of a signed list: labels whose entries are to be looked at, and all that stand.

    ``written`` are to be kept anew, ``gone`` to be taken out. ``whole``: it was read from its beginning.
    """

    header: Header
    key: str
    changed: Mapping[Key, Label]
    standing: Mapping[Key, KeptLabel]
    written: Mapping[Key, KeptLabel]
    gone: tuple[Key, ...]
    whole: bool

    def counts(self, key: Key, now: int) -> bool:
        """Tell whether a label stands, and its time is not over."""
        found = self.standing.get(key)
        return found is not None and (found.until is None or unix(found.until) > now)


def header_in(text: str) -> dict[str, Any] | None:
    """Return the header that a text is; ``None`` for every other list. Nothing of it is believed yet."""
    if len(text) > LARGEST_HEADER or not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("type") == LIST else None


def read_signed(
    container: Container,
    source: str,
    found: Mapping[str, Any],
    known: tuple[Service, Mapping[Key, KeptLabel]] | None,
    key: str | None = None,
    *,
    seconds: float = MOST_SECONDS,
) -> SignedRead:
    """Read what changed of a list whose header is ``found``; ``known``: what we have of it; ``key``: whose it is to be.

    It takes so many ``seconds`` at most, and as long as one answer.

    Raises ``Invalid`` for whatever is not as its author signed it, ``PeerUnavailable`` where it cannot be had.
    """
    service, kept = known if known is not None else (None, {})
    believed = service.key if service is not None else check_key(key) if key is not None else key_of(found)
    now = unix(container.clock())
    header = _believed(found, believed, now, service)
    if service is None and header.retired:
        raise Invalid("list_retired", "Its author publishes it no more.")
    reader = _Reader(container, source, believed, now, seconds)
    whole = service is None or service.expired or service.meaning != meaning_of(header.definitions)
    read = None if service is None or whole else reader.read(header, service.version, kept)
    read = read or reader.read(header, 0, kept)
    if read is None:
        raise Invalid("list_incomplete", "What it gives is not all that its author signed.")
    return read


def _believed(found: Mapping[str, Any], key: str, now: int, service: Service | None) -> Header:
    try:
        return read_header(found, key, now=now, before=None if service is None else service.header)
    except Invalid as error:
        if error.code != "list_key_other":
            raise
        message = f"Its key is {key_of(found)} now. If that is true: earnest list trust NAME --key …"
        raise Invalid("list_key_changed", message, key=key_of(found)) from None


class _Reader:
    """Reads the labels of one list."""

    def __init__(self, container: Container, source: str, key: str, now: int, seconds: float) -> None:
        self._fetcher = container.fetcher
        self._source = source.rstrip("/")
        self._key = key
        self._now = now
        self._until = time.monotonic() + seconds
        self._left = _MOST_BYTES

    def read(self, header: Header, after: int, kept: Mapping[Key, KeptLabel]) -> SignedRead | None:
        """Read what came after a version; ``None`` where it cannot tell, or that does not come to what was signed."""
        whole = after == 0
        standing = {} if whole else dict(kept)
        changed: dict[Key, Label] = {}
        at, count, more = after, 0, header.version > after or whole
        while more:
            page = self._page(header, at, whole=whole)
            if page is None:
                return None
            header, labels, at, more = page
            count += len(labels)
            if count > MOST_LABELS:
                raise Invalid("list_endless", f"More than {MOST_LABELS:,} labels of it would have to be read at once.")
            for label in labels:
                place = _key(label)
                standing.pop(place, None)
                changed.pop(place, None)
                if not label.negates:
                    standing[place] = _kept(label)
                    changed[place] = label
        total = Sum()
        total.add(one.digest for one in standing.values())
        if (len(standing), total.digest(), at) != (header.entries, header.digest, header.version):
            return None
        written = {place: one for place, one in standing.items() if kept.get(place) != one}
        gone = tuple(place for place in kept if place not in standing)
        return SignedRead(header, self._key, changed, standing, written, gone, whole)

    def _page(self, before: Header, after: int, *, whole: bool) -> tuple[Header, list[Label], int, bool] | None:
        if time.monotonic() > self._until:
            raise PeerUnavailable("list_slow", "It takes longer than a list may: `earnest list refresh` gives it more.")
        found = self._fetch(f"{self._source}/labels?after={after}&limit={LABELS_A_PAGE}&whole={str(whole).lower()}")
        if found is None:
            return None
        labels, following, more = found.get("labels"), found.get("next"), found.get("more")
        if not isinstance(labels, list) or not isinstance(following, int) or not isinstance(more, bool):
            raise Invalid("list_form", "It is no page of a signed list.")
        if len(labels) > LABELS_A_PAGE or (more and (len(labels) < _LEAST_LABELS or following <= after)):
            raise Invalid("list_endless", "Its pages are not of the size that was asked for, or lead nowhere.")
        header = read_header(found.get("header"), self._key, now=self._now, before=before)
        read, last = [], after
        for one in labels:
            label = read_label(one, self._key, header)
            if not last < label.version <= following:
                raise Invalid("list_order", "Its labels are not in the order of their versions.")
            last = label.version
            read.append(label)
        return header, read, following, more

    def _fetch(self, url: str) -> dict[str, Any] | None:
        answer = self._fetcher.get(url, most_bytes=LARGEST_PAGE)
        if answer.status in _READ_WHOLE:
            return None
        if answer.status != _OK:
            raise PeerUnavailable("list_unavailable", f"It answered {answer.status}.")
        self._left -= len(answer.body)
        if self._left < 0:
            raise Invalid("list_endless", f"Its pages are more than {_MOST_BYTES // 2**20} MiB.")
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise Invalid("list_json", "A page of it is no JSON.") from None
        if not isinstance(found, dict):
            raise Invalid("list_form", "It is no page of a signed list.")
        return found


def _key(label: Label) -> Key:
    entity = label.entity if label.entity is not None else f"{HIDDEN}{(label.sha256 or b'').hex()}"
    return label.subject.value, entity


def _kept(label: Label) -> KeptLabel:
    return KeptLabel(label.digest(), None if label.until is None else from_unix(label.until))
