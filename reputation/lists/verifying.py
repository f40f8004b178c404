"""Verifying (pure): signed lists of others are read as strictly as ours are written; a clear error for each lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from kit.errors import Invalid
from kit.identifiers import parse_user_id
from reputation.lists.model import (
    LONGEST_ENTITY,
    LONGEST_REASON,
    Entry,
    Fault,
    Recommendation,
    Subject,
    checked,
    plain,
    seen,
)
from reputation.lists.signed import (
    FORMAT,
    LABEL,
    LARGEST_NUMBER,
    LIST,
    LONGEST_DESCRIPTION,
    LONGEST_LICENCE,
    LONGEST_PIN,
    LONGEST_TITLE,
    MOST_DEFINITIONS,
    MOST_LANGUAGES,
    Definition,
    Header,
    Label,
    Severity,
    Words,
    verify,
)

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VALUE: Final = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_LANGUAGE: Final = 35
_LAST_MOMENT: Final = 253_402_300_799
_PARTS: Final = frozenset({"type", "author", "list", "subject", "value", "version", "since"})
_MORE: Final = frozenset({"reason", "until", "pin", "negates", "signature"})


def read_header(found: object, key: str, *, now: int, before: Header | None = None) -> Header:
    """Read a header that ``key`` signed. ``before``: the newest that was read of this list.

    Raises ``Invalid`` for what is none, a bad signature, another list or author than before, an older version, another
    text under the version that was read, or a list that has expired (at ``now``, Unix seconds).
    """
    shown = _object(found)
    verify(shown, key)
    header = _header(shown)
    if header.author is None and not header.retired:
        raise _wrong("a list that is not retired has an author")
    if before is not None:
        _check_order(header, before)
    if header.expires is not None and header.expires <= now:
        raise Invalid("list_expired", "The list has expired: its author has not said anew that it holds.")
    return header


def _check_order(header: Header, before: Header) -> None:
    if header.id != before.id:
        raise Invalid("list_other", "Another list stands there now.")
    if before.author is not None and header.author not in (before.author, None):
        raise Invalid("list_author", "It says that somebody else is its author now.")
    if header.version < before.version:
        message = f"It is at version {header.version}, an older one than {before.version}, which was read already."
        raise Invalid("list_older", message)
    if header.version == before.version and (header.digest, header.entries) != (before.digest, before.entries):
        raise Invalid("list_two_faced", f"It says something else under version {header.version} than it did before.")


def read_label(found: object, key: str, header: Header) -> Label:
    """Read a label of a list that ``key`` signed.

    Raises ``Invalid`` for what is none, a bad signature, another list's, another author's (a negation by somebody else
    above all), a value that the list does not define, or a version that the list has not reached. What was taken back
    may have a value that was defined only then.
    """
    shown = _object(found)
    verify(shown, key)
    if shown.get("type") != LABEL or not shown.keys() >= _PARTS or shown.keys() - _PARTS - _MORE:
        raise _wrong("it is no label")
    label = _label(shown)
    if label.list != header.id:
        raise Invalid("label_other_list", "A label of another list stands in it.")
    if label.author != header.author:
        code, what = ("label_negation", "A negation") if label.negates else ("label_author", "A label")
        raise Invalid(code, f"{what} by somebody else than the list's author stands in it.")
    if label.value not in header.definitions and not label.negates:
        raise Invalid("label_undefined", "A label has a value that the list does not define.")
    if label.version > header.version:
        raise Invalid("label_version", "A label has a version that the list has not reached.")
    return label


def entry_of(label: Label, header: Header) -> Entry | Fault:
    """Return what a label recommends as an entry, or why it is none; one that pins a version is none."""
    place = f"version {label.version}"
    if label.pin is not None:
        return Fault("pinned", place)
    recommendation = header.definitions[label.value].recommendation
    if label.entity is None:
        return Entry(label.subject, None, recommendation, plain(label.reason), sha256=label.sha256, place=place)
    below = label.below and label.subject is Subject.SERVER
    entry = checked(label.subject, label.entity, recommendation, reason=label.reason, place=place, below=below)
    if isinstance(entry, Entry) and entry.entity != label.entity:
        return Fault("written_otherwise", place, seen(label.entity))  # two labels could be one entry
    return entry


def check_value(text: str) -> str:
    """Return the name of a label's value. Raises ``Invalid``."""
    if not _VALUE.fullmatch(text):
        raise Invalid("label_value", "A label has small letters, digits, - and _, 30 at most, a letter first.")
    return text


def check_language(text: str) -> str:
    """Return a language tag. Raises ``Invalid``."""
    if len(text) > _LONGEST_LANGUAGE or not _LANGUAGE.fullmatch(text):
        raise Invalid("list_language", "A language is written like de or pt-BR.")
    return text


def read_definitions(found: object) -> dict[str, Definition]:
    """Read the definitions of a list's values. Raises ``Invalid``."""
    given = _object(found)
    if not 1 <= len(given) <= MOST_DEFINITIONS:
        raise _wrong(f"a list defines from 1 to {MOST_DEFINITIONS} labels")
    return {check_value(value): _definition(one) for value, one in given.items()}


def _definition(found: object) -> Definition:
    given = _object(found)
    says = _object(given.get("says"))
    if len(says) > MOST_LANGUAGES:
        raise _wrong(f"a label has words in {MOST_LANGUAGES} languages at most")
    words = {check_language(tag): _words(_object(one)) for tag, one in says.items()}
    try:
        severity, recommendation = (
            Severity(str(given.get("severity"))),
            Recommendation(str(given.get("recommendation"))),
        )
    except ValueError:
        raise _wrong("a definition has a severity and a recommendation that are known") from None
    return Definition(severity, recommendation, words)


def _words(given: Mapping[str, Any]) -> Words:
    return Words(_line(given.get("name"), LONGEST_TITLE), _line(given.get("description"), LONGEST_DESCRIPTION))


def _header(shown: Mapping[str, Any]) -> Header:
    if shown.get("type") != LIST or shown.get("format") != FORMAT:
        raise _wrong("it is no list of a format that is known here")
    identifier, digest, author, retired = (shown.get(part) for part in ("id", "digest", "author", "retired"))
    if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
        raise _wrong("its id is none")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise _wrong("its digest is none")
    if not isinstance(retired, bool):
        raise _wrong("it does not say whether it is retired")
    return Header(
        id=identifier,
        title=_line(shown.get("title"), LONGEST_TITLE),
        description=_line(shown.get("description"), LONGEST_DESCRIPTION),
        author=None if author is None else _user(author),
        licence=_line(shown.get("licence"), LONGEST_LICENCE),
        language=check_language(str(shown.get("language"))),
        expires=None if shown.get("expires") is None else _moment(shown["expires"]),
        retired=retired,
        version=_number(shown.get("version")),
        entries=_number(shown.get("entries")),
        digest=bytes.fromhex(digest),
        definitions=read_definitions(shown.get("definitions")),
    )


def _label(shown: Mapping[str, Any]) -> Label:
    of = _object(shown["subject"])
    try:
        subject = Subject(str(of.get("kind")))
    except ValueError:
        raise _wrong("a label speaks of a user, a server or a room") from None
    entity, hidden, below = of.get("entity"), of.get("sha256"), of.get("below", False)
    if (entity is None) == (hidden is None) or not isinstance(below, bool):
        raise _wrong("a label names whom it speaks of, or hides the name")
    if entity is not None and (not isinstance(entity, str) or len(entity.encode(errors="replace")) > LONGEST_ENTITY):
        raise _wrong("a label names somebody whose name is too long")
    if hidden is not None and (not isinstance(hidden, str) or not _DIGEST.fullmatch(hidden)):
        raise _wrong("a label has a hash that is none")
    until, pin, negates = shown.get("until"), shown.get("pin"), shown.get("negates", False)
    if not isinstance(negates, bool):
        raise _wrong("a label negates or does not")
    return Label(
        author=_user(shown["author"]),
        list=_line(shown["list"], LONGEST_TITLE),
        subject=subject,
        entity=entity,
        sha256=None if hidden is None else bytes.fromhex(hidden),
        below=below,
        value=check_value(str(shown["value"])),
        version=_number(shown["version"]),
        since=_moment(shown["since"]),
        reason=_line(shown.get("reason", ""), LONGEST_REASON),
        until=None if until is None else _moment(until),
        pin=None if pin is None else _line(pin, LONGEST_PIN),
        negates=negates,
    )


def _object(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _wrong("an object is missing")
    return found


def _line(found: object, most: int) -> str:
    if not isinstance(found, str) or len(found) > most or not found.isprintable():
        raise _wrong("a text is missing, too long, or has characters that cannot be seen")
    return found


def _number(found: object) -> int:
    if type(found) is not int or not 0 <= found <= LARGEST_NUMBER:  # to Python, true is 1
        raise _wrong("a whole number is missing, or too large")
    return found


def _moment(found: object) -> int:
    if _number(found) > _LAST_MOMENT:
        raise _wrong("a time is further away than any calendar goes")
    return _number(found)


def _user(found: object) -> str:
    if not isinstance(found, str):
        raise _wrong("an author is missing")
    return parse_user_id(found)


def _wrong(what: str) -> Invalid:
    return Invalid("list_form", f"It is no signed list: {what}.")
