"""The words of a condition (pure): its text cut into tokens, after the lexis of CEL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from kit.identifiers import is_hidden
from reputation.conditions.mistakes import misread
from reputation.conditions.model import GREATEST_INT, LEAST_INT, LONGEST_CONDITION, Scalar

# Our own patterns, each linear; nothing that a stranger wrote is ever a pattern for `re`.
_BLANK = re.compile(r"(?:[ \t\n\f\r]+|//[^\n]*)+")
_BLANKS = " \t\n\f\r"
_WORD = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+(?:[eE][+-]?[0-9]+)?")
_SIGN = re.compile(r"&&|\|\||<=|>=|==|!=|[-+*/%<>!?:.,()\[\]]")
_HEX = re.compile(r"[0-9a-fA-F]+")
_OCTAL = re.compile(r"[0-3][0-7]{2}")

RESERVED = frozenset(
    "as break const continue else for function if import let loop package namespace return var void while".split()  # noqa: SIM905 - a list of words
)
"""Words that CEL keeps for later: no fact has such a name."""

_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {c: c for c in "\\?\"'`"}
_LENGTHS = {"x": 2, "X": 2, "u": 4, "U": 8}
_INSTEAD: Mapping[str, str] = {
    "=": "==",
    "&": "&&",
    "|": "||",
    "<>": "!=",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=",
    "\N{NOT SIGN}": "!",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
}


class Sort(Enum):
    """What a token is."""

    SIGN = auto()
    WORD = auto()
    LITERAL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a condition: what it is, as it was written, where, and the value of a literal."""

    sort: Sort
    text: str
    start: int
    end: int
    value: Scalar | None = None


def tokens(text: str) -> list[Token]:
    """Cut a condition into its words, the end of the text being the last. Raises ``Misread``."""
    if len(text) > LONGEST_CONDITION:
        message = f"a condition has at most {LONGEST_CONDITION} characters, this one has {len(text)}"
        raise misread(text, LONGEST_CONDITION, "too_long", message, most=LONGEST_CONDITION)
    if not text.isprintable():
        _look_for_hidden(text)
    found: list[Token] = []
    at = 0
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text):
            found.append(Token(Sort.END, "", len(text), len(text)))
            return found
        token = _token(text, at)
        found.append(token)
        at = token.end


def _look_for_hidden(text: str) -> None:
    """Refuse what would show a reader another condition than the one that is asked."""
    for at, character in enumerate(text):
        if character not in _BLANKS and is_hidden(character):
            written = f"\\U{ord(character):08x}"
            message = f"a character that cannot be seen stands here; write {written}"
            raise misread(text, at, "hidden", message, instead=written)


def _token(text: str, at: int) -> Token:
    character = text[at]
    if character in "\"'":
        return _string(text, at, at, raw=False)
    word = _WORD.match(text, at)
    if word:
        prefix, end = word[0], word.end()
        if text[end : end + 1] in ("'", '"') and prefix.lower() in {"r", "b", "br", "rb"}:
            if prefix.lower() != "r":
                raise misread(text, at, "bytes", "bytes are not known here; write a text without the b", instead='"…"')
            return _string(text, at, end, raw=True)
        return Token(Sort.WORD, prefix, at, end)
    number = _NUMBER.match(text, at)
    if number and number[0]:
        return _number(text, at, number[0])
    sign = _SIGN.match(text, at)
    if sign and not text.startswith("<>", at):
        return Token(Sort.SIGN, sign[0], at, sign.end())
    return _stranger(text, at)


def _stranger(text: str, at: int) -> Token:
    pair = text[at : at + 2]
    character = pair if pair in _INSTEAD else text[at]
    instead = _INSTEAD.get(character)
    if instead is None:
        raise misread(text, at, "character", f"{character!r} means nothing here", found=character)
    message = f"{character!r} means nothing here; write {instead} instead"
    raise misread(text, at, "character", message, found=character, instead=instead)


def _number(text: str, at: int, digits: str) -> Token:
    end = at + len(digits)
    follows = text[end : end + 1]
    if follows in ("u", "U"):
        raise misread(text, end, "unsigned", f"numbers have no u after them; write {digits}", instead=digits)
    if follows and (follows == "_" or follows.isalnum()):
        message = f"{follows!r} cannot stand right after a number; units are not written"
        raise misread(text, end, "number", message, found=follows)
    if digits[:2] in ("0x", "0X"):
        number: int | float = int(digits, 16)
    elif any(mark in digits for mark in ".eE"):
        number = float(digits)
    else:
        number = int(digits)
    # The one number more below zero than above it is only right behind a minus: the parser sees to that.
    if isinstance(number, int) and number > -LEAST_INT:
        raise misread(text, at, "number_large", f"a whole number is at most {GREATEST_INT}", most=GREATEST_INT)
    return Token(Sort.LITERAL, digits, at, end, number)


def _string(text: str, start: int, quoted: int, *, raw: bool) -> Token:
    quote = text[quoted]
    if text.startswith(quote * 3, quoted):
        raise misread(text, start, "triple_quote", f"a text stands between two {quote}, not six", instead=quote)
    held: list[str] = []
    at = quoted + 1
    while True:
        character = text[at : at + 1]
        if character in ("", "\n", "\r"):
            raise misread(text, start, "unclosed", f"this text has no {quote} at its end", instead=quote)
        if character == quote:
            return Token(Sort.LITERAL, text[start : at + 1], start, at + 1, "".join(held))
        if character == "\\" and not raw:
            character, at = _escape(text, at)
        else:
            at += 1
        held.append(character)


def _escape(text: str, at: int) -> tuple[str, int]:
    """Read what a backslash at ``at`` begins; return the character and where the text goes on."""
    mark = text[at + 1 : at + 2]
    if mark in _SIMPLE:
        return _SIMPLE[mark], at + 2
    octal = _OCTAL.match(text, at + 1)
    if octal:
        return chr(int(octal[0], 8)), octal.end()
    length = _LENGTHS.get(mark)
    digits = text[at + 2 : at + 2 + length] if length else ""
    if length is None or len(digits) < length or not _HEX.fullmatch(digits):
        raise misread(text, at, "escape", r"there is no such escape; write \\ for a backslash", instead=r"\\")
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the end of Unicode, and its surrogates
        raise misread(text, at, "escape", "that is no character of Unicode", instead="")
    return chr(code), at + 2 + length
