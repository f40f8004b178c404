"""The badge: a flair as a picture that stands on other people's pages; one SVG without a script, whatever is in it."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from typing import Final

from markupsafe import Markup

from api.pages.rendering import fill
from kit.identifiers import isolate, on_one_line
from payments.flair.statement import Statement

MEDIA_TYPE: Final = "image/svg+xml"
_STYLE: Final = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif}"
    ".title{font-size:13px;font-weight:600;fill:#1d2523}.who{font-size:11px;fill:#55615d}"
    ".sheet{fill:#fffefb;stroke:#dedacf}.mark{fill:#1f6f5c}.knob{fill:#ffd479}"
    ".door{fill:none;stroke:#fff;stroke-width:2.6;stroke-linecap:round;stroke-linejoin:round}"
    "@media(prefers-color-scheme:dark){.title{fill:#eceae3}.who{fill:#a5b0ab}.sheet{fill:#1a211f;stroke:#303a36}}"
)
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""For whoever opens the picture by itself: its one style, known by its hash, and nothing else."""
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may have, not even written otherwise."""
_BEFORE, _AFTER = 48, 14
_LEAST_WIDTH: Final = 150
_TITLE_EM, _WHO_EM = 13, 11
_MOST_TITLE, _MOST_WHO = 26.0, 30.0
"""Widths in em."""
_MOST_MARKS: Final = 2
"""Accents and the like on one letter: a tower of them would stand over what is beside."""


def badge(statement: Statement) -> str:
    """Return the badge of a flair; what is too long is shortened, and whole in its description."""
    title = _shortened(_clean(statement.title), _MOST_TITLE)
    who = _shortened(_clean(statement.mxid), _MOST_WHO)
    widest = max(_width(title) * _TITLE_EM, _width(who) * _WHO_EM)
    service = statement.service.partition("://")[2]
    return fill(
        "badge.svg",
        {
            "width": max(_LEAST_WIDTH, round(_BEFORE + widest + _AFTER)),
            "name": _xml(f"{isolate(statement.mxid)}: {isolate(statement.title)}"),
            "description": _xml(f"{isolate(statement.title)}, says {isolate(service)}"),
            "style": Markup(_STYLE),  # noqa: S704 - our own, and not a word of anybody's
            "title": isolate(title),
            "who": isolate(who),
        },
    )


def _clean(text: str) -> str:
    marks, kept = 0, []
    for character in _xml(on_one_line(text)):
        marks = marks + 1 if unicodedata.combining(character) or unicodedata.category(character) == "Me" else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _shortened(text: str, most: float) -> str:
    """Return a text of ``most`` em at most, its middle left out: of a Matrix id, the server is what one must see."""
    if _width(text) <= most:
        return text
    half = (most - 1) / 2
    begin, end = _fitting(text, half), _fitting(text[::-1], half)[::-1]
    while end and unicodedata.combining(end[0]):
        end = end[1:]
    return f"{begin}…{end}"


def _fitting(text: str, most: float) -> str:
    width = 0.0
    for at, character in enumerate(text):
        width += _em(character)
        if width > most:
            return text[:at]
    return text


def _width(text: str) -> float:
    return sum(map(_em, text))


def _em(character: str) -> float:
    """Return about how wide a character is, rather too much than too little."""
    if unicodedata.combining(character):
        return 0.0
    if not character.isascii():
        return 1.0 if unicodedata.east_asian_width(character) in {"W", "F", "A"} else 0.75
    return 0.95 if character in "mwMW@%" else 0.65
