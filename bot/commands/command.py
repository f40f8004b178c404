"""Commands: what one is, and how the words of one are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from app.container import Work
from app.wording.buttons import Letter
from app.wording.message import Message
from app.wording.reader import Reader
from bot.heard import Heard
from kit.errors import Invalid
from kit.identifiers import PersonId, RoomId, UserId, parse_room_id, parse_user_id
from reputation.seeing import Recent, event_in

MATRIX_TO = "https://matrix.to/#/"
ISOLATES = "\u2066\u2067\u2068\u2069\u200e\u200f"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, in what words (without the command itself), and how they read."""

    person: PersonId
    user: UserId
    words: tuple[str, ...]
    mentions: tuple[UserId, ...]
    reader: Reader
    text: str = ""
    """What stands after the command, as it was written."""
    recent: tuple[Recent, ...] = ()
    """What was said last in the rooms that are read for them, where the command asks for it."""
    behalf: PersonId | None = None
    """In whose name they answer, where they help somebody."""
    heard: Heard | None = None
    """The message or tap itself; ``None`` where it was none."""

    @property
    def owner(self) -> PersonId:
        """Return whose queue it is about: their own, or that of whom they help."""
        return self.person if self.behalf is None else self.behalf


def _never(words: tuple[str, ...]) -> bool:  # noqa: ARG001 - what most commands say of any words
    return False


def _nothing(words: tuple[str, ...], text: str) -> None:
    """Read nothing beforehand, as most commands do."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``usage`` are its forms as they are written, ``says`` what it does (marked for translation).

    ``guide`` leads a newcomer. ``looks`` tells of words that they change nothing: those are run in a reading
    transaction of their own, so that however long it takes no writer waits.
    """

    name: str
    usage: tuple[str, ...]
    says: str
    run: Callable[[Work, Asked], Letter]
    guide: Callable[[Reader], Message] | None = None
    looks: Callable[[tuple[str, ...]], bool] = _never
    fetches: Callable[[tuple[str, ...]], bool] = _never
    """Whether it wants to know what was said last in the rooms that are read for whoever asks."""
    prepare: Callable[[tuple[str, ...], str], None] = _nothing
    """What can be read of words and text before any transaction, so that nobody waits for it; it may refuse."""


class Unclear(Invalid):
    """The words after a command are not as they should be; its usage is shown."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("command_unclear", "The command is written in another way.")


def named(asked: Asked, words: tuple[str, ...]) -> UserId | None:
    """Return whom ``words`` name: a Matrix id, a matrix.to link, or the one person mentioned; ``None`` without words.

    Raises ``Invalid`` for what is none of these, ``Unclear`` for several.
    """
    if not words:
        return None
    others = tuple(dict.fromkeys(user for user in asked.mentions if user != asked.reader.service.bot))
    text = words[0].strip(ISOLATES).removeprefix(MATRIX_TO)
    if len(words) == 1 and is_id(words[0]):
        return parse_user_id(unquote(text) if text.startswith("%40") or MATRIX_TO in words[0] else text)
    if len(others) == 1:
        # A picked name: the app wrote it as it is displayed, in however many words.
        return parse_user_id(others[0])
    if len(words) > 1:
        raise Unclear
    return parse_user_id(text)


def is_id(word: str) -> bool:
    """Tell whether a word is written as a Matrix id or a matrix.to link."""
    return word.strip(ISOLATES).removeprefix(MATRIX_TO).startswith(("@", "%40"))


def message_in(word: str) -> tuple[RoomId, str] | None:
    """Return the room and the event of a link to a message, by the room's id; ``None`` for anything else."""
    event, text = event_in(word), unquote(word.strip(ISOLATES))
    if event is None or not text.startswith(MATRIX_TO):
        return None
    try:
        return parse_room_id(text.removeprefix(MATRIX_TO).partition("/$")[0]), event
    except Invalid:
        return None


def nothing_more(words: tuple[str, ...]) -> None:
    """Raise ``Unclear`` where words are left over."""
    if words:
        raise Unclear
