"""Buttons: reactions that stand for a word; whoever cannot tap them writes the word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.conversations import Meaning
from app.wording.message import Message
from kit.identifiers import Address, PersonId


class Word(StrEnum):
    """What a button says; also the command that does the same."""

    ACCEPT = "accept"
    RETURN = "return"
    SPAM = "spam"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    UNDO = "undo"


SIGNS = {
    Word.ACCEPT: "✅",
    Word.RETURN: "↩️",
    Word.SPAM: "🚫",
    Word.CONFIRM: "👍",
    Word.CANCEL: "👎",
    Word.UNDO: "⏪",
}
"""The reaction of each word; no two are alike."""

_YES_NO = (Word.CONFIRM, Word.CANCEL)
OFFERED = {
    Meaning.ANSWER: (Word.ACCEPT, Word.RETURN, Word.SPAM),
    Meaning.CONFIRM_SPAM: _YES_NO,
    Meaning.CONFIRM_FORGET: _YES_NO,
    Meaning.CONFIRM_UNLINK: _YES_NO,
    Meaning.SHOW_FLAIR: _YES_NO,
    Meaning.SHOW_NAME: _YES_NO,
    Meaning.SHOW_AMOUNT: _YES_NO,
    Meaning.SHOW_NAMELESS: _YES_NO,
    Meaning.JOIN_SUPPORTERS: _YES_NO,
    Meaning.CONFIRM_SALE: _YES_NO,
    Meaning.ASK_REFUND: _YES_NO,
    Meaning.UNDO: (Word.UNDO,),
}
"""The buttons under a message of each meaning."""

_VARIATION_SELECTOR = "\N{VARIATION SELECTOR-16}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to be sent, what an answer to it means (``None``: nothing, no buttons), and about whom or what.

    One with a ``secret`` is kept nowhere: where it is lost on its way, another secret is made.
    """

    message: Message
    meaning: Meaning | None = None
    about: PersonId | None = None
    secret: bool = False
    wallet: Address | None = None
    behalf: PersonId | None = None
    """In whose name a helper is asked."""
    listing: str | None = None
    """Which listing it is about."""


def word_of(meaning: Meaning, sign: str) -> Word | None:
    """Return the word that a reaction stands for under a message of ``meaning``; ``None`` for any other reaction.

    Clients add and drop the emoji variation selector as they like.
    """
    plain = sign.replace(_VARIATION_SELECTOR, "")
    for word in OFFERED[meaning]:
        if SIGNS[word].replace(_VARIATION_SELECTOR, "") == plain:
            return word
    return None
