"""Asking (pure): the one sentence that a stranger may put before a person whom they do not know, and how often."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

from kit.errors import Conflict, Invalid
from kit.identifiers import PersonId
from reputation.filters.folding import folded
from reputation.verdict import FreePath, Hold, Verdict

LONGEST_SENTENCE: Final = 200
LASTS: Final = timedelta(days=30)
"""How long an ask waits, and for how long after an answer the same stranger does not ask the same person again."""
DAY: Final = timedelta(days=1)
MOST_WAITING: Final = 5
"""Asks of one stranger that wait at a time, wherever."""
MOST_A_DAY: Final = 10
"""Asks that one stranger makes in 24 hours."""
MOST_OF_SERVER: Final = 10
"""Asks of one homeserver's people that wait at one person."""
MOST_OF_SERVER_A_DAY: Final = 100
"""Asks that one homeserver's people make in 24 hours: accounts cost nothing there."""
MOST_QUEUED: Final = 100
"""Asks that wait at one person."""


class AskState(StrEnum):
    """Where an ask stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    SPAM = "spam"
    """Declined, as its stranger sees it; it waits again where the verdict is taken back."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Ask:
    """One stranger's sentence to one person; over at ``until``."""

    stranger: PersonId
    recipient: PersonId
    sentence: str
    state: AskState
    asked_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Crowd:
    """What counts against one more ask, whomever it is for: the stranger's own, and their homeserver's people's."""

    own_waiting: int
    own_today: int
    server_today: int


def may_ask(verdict: Verdict) -> bool:
    """Tell whether who meets this verdict may ask: they are held, and the door names that path."""
    return isinstance(verdict, Hold) and FreePath.ASK in verdict.free


def check_crowd(crowd: Crowd) -> None:
    """Raise ``Conflict`` where a stranger or their homeserver asked enough for now; it tells nothing of others."""
    if crowd.own_waiting >= MOST_WAITING:
        raise Conflict(
            "asks_waiting", f"{MOST_WAITING} people have yet to answer you: wait, or take one back.", most=MOST_WAITING
        )
    if crowd.own_today >= MOST_A_DAY:
        raise Conflict("asks_today", f"You asked {MOST_A_DAY} people in a day: ask again tomorrow.", most=MOST_A_DAY)
    if crowd.server_today >= MOST_OF_SERVER_A_DAY:
        raise Conflict("asks_of_server", "So many people of your homeserver asked today that no more are taken.")


def check_queue(*, waiting: int, of_server: int) -> None:
    """Raise ``Conflict`` where as many wait at one person as may."""
    if waiting >= MOST_QUEUED:
        raise Conflict("queue_full", "So many people wait for their answer that no more are taken now.")
    if of_server >= MOST_OF_SERVER:
        raise Conflict(
            "queue_full_of_server",
            "So many people of your homeserver wait for their answer that no more are taken now.",
        )


# ------------------------------------------------------------------------------------------------ the sentence


def read_sentence(text: str) -> str:
    """Return a sentence as it is kept: one line of 1 to 200 characters that can be seen, and nothing to click or dial.

    Raises ``Invalid`` for anything else. What is looked at is what a reader would see and an app would make of it: no
    difference of width, case or marks, and without what cannot be seen.
    """
    if len(text) > _LONGEST_READ:
        raise _too_long()
    sentence = unicodedata.normalize("NFC", "".join(_space_or(c) for c in text)).strip()
    sentence = _SPACES.sub(" ", sentence)
    if any(not (c.isprintable() or c in _JOINERS) for c in sentence) or _piled(sentence):
        raise Invalid("ask_unseemly", "One line, of characters that can be seen.")
    shape = "".join(c for c in unicodedata.normalize("NFKD", folded(sentence)) if not _is_mark(c)).translate(_TWINS)
    if not shape.replace(_BLANK, "").strip():
        raise Invalid("ask_empty", "Write one sentence to them.")
    if len(sentence) > LONGEST_SENTENCE:
        raise _too_long()
    if _LINK.search(shape) or _SOFT_LINK.search(shape) or _NUMBER.search(_DATES.sub(" ", shape)):
        raise Invalid(
            "ask_link",
            "No links, addresses, Matrix ids or telephone numbers; and a space after each full stop.",
        )
    return sentence


def _too_long() -> Invalid:
    return Invalid("ask_long", f"At most {LONGEST_SENTENCE} characters.", most=LONGEST_SENTENCE)


def _space_or(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Me"}


def _piled(text: str) -> bool:
    return any(marks and len(list(run)) > _MOST_MARKS for marks, run in groupby(text, key=_is_mark))


_LONGEST_READ = 10 * LONGEST_SENTENCE
"""Beyond this nothing is looked at: composing and dropping spaces makes no such text short enough."""
_JOINERS = "\u200c\u200d"
"""They cannot be seen, but Persian, many Indian scripts and families of emoji need them."""
_BLANK = "\u2800"
"""Braille's blank is a sign to Unicode and a space to the eye."""
_SPACES = re.compile(" {2,}")
_MOST_MARKS = 6
"""On one letter; no language has more, and they would run over the lines around them."""
_TWINS = str.maketrans(
    dict.fromkeys("\u02d0\u02f8\u0589\u05c3\u1361\u2236\ua789", ":")
    | dict.fromkeys("\u2044\u2215\u29f8\u2571\u27cb\u2afb\u3033", "/")
)
"""Signs that look like those of an address."""
_LINK = re.compile(
    r"""
      ://                                             # any scheme of the kind that has two slashes
    | \b(?:https?|ftp|mailto|tel|sms|callto|sips?|xmpp|matrix|magnet|data|javascript|vbscript|intent|market|geo|tg
        |facetime|skype|whatsapp|signal|bitcoin|ethereum|monero|lightning|ipfs|gemini|gopher|file|about|blob):\S
    | [^\s.,;:!?'"()\[\]{}]\.(?=[^\W\d_]{2})          # a name, a dot and what could end a domain: no list of those ages
    | \bwww\d{0,3}\.
    | @\w | \w@                                       # Matrix ids, e-mail addresses, names on other networks, @room
    | [#!$+&]\S*:\w                                   # aliases, ids of rooms, events and groups
    | \blocalhost\b
    | (?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])      # addresses of machines
    | \[[0-9a-f:.]*:[0-9a-f:.]*\]
    """,
    re.VERBOSE,
)
_SOFT_LINK = re.compile(
    r"""\S[\u3002\u06d4\u0701\u0702\u2e31\u2e33\ua4f8\u00b7\u2022\u2027\u2219\u22c5\u30fb\u0387\U00010a50]
    (?:com|org|net|info|biz|edu|gov|mil|int|app|dev|xyz|top|site|shop|online|store|club|live|link|click|icu|vip|pro|page
    |chat|cloud|tech|space|website|world|io|co|me|tv|cc|gg|ai|to|ly|gl|su|ru|cn|de|uk|us|eu|at|ch|fr|it|es|nl|pl|in|ir|tk|ml
    |ga|cf|gq|pw|ws|is|sh|im|one|xn--\S+)(?![^\W_])""",
    re.VERBOSE,
)
"""Full stops of other scripts, which end sentences without a space there, and dots that are none: only before such
endings as many domains have."""
_DATES = re.compile(
    r"""(?<!\d)(?:(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d? | \d\d?[-/.]\d\d?[-/.](?:19|20)?\d\d
    | (?:19|20)\d\d\s?[-\u2013/]\s?(?:19|20)\d\d)(?!\d)""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"\d(?:[\s().\-\u2010-\u2015/]{0,3}\d){6}")
"""Seven digits and more, with whatever is written between those of a telephone number."""
