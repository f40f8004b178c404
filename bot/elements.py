"""The elements of a JSON list that comes in pieces, each as soon as it is there: a list may be larger than memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final

from kit.errors import HomeserverUnavailable

_LARGEST: Final = 1024 * 1024
"""Characters of one element; an event has 64 KiB, which JSON may write six times as long."""
_SPACE: Final = " \t\r\n"


class Elements:
    """Takes the pieces of a text, gives the elements of the list that it is."""

    def __init__(self) -> None:
        """Begin before the list's bracket."""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._reader = json.JSONDecoder()
        self._text = ""
        self._begun = self._ended = False

    def take(self, piece: bytes) -> Iterator[Any]:
        """Give what is complete now. Raises ``HomeserverUnavailable`` for what is no list in JSON."""
        try:
            self._text += self._decoder.decode(piece)
            yield from self._complete()
        except (ValueError, RecursionError) as error:
            message = "the homeserver's answer could not be read"
            raise HomeserverUnavailable(message) from error

    def end(self) -> None:
        """Raise ``HomeserverUnavailable`` where the list was cut off."""
        if not self._ended:
            message = "the homeserver's answer ended too soon"
            raise HomeserverUnavailable(message)

    def _complete(self) -> Iterator[Any]:
        text, place = self._text, 0
        while not self._ended:
            place = _skip(text, place, _SPACE if not self._begun else _SPACE + ",")
            if place == len(text):
                break
            if not self._begun:
                if text[place] != "[":
                    message = "it is no list"
                    raise ValueError(message)
                self._begun, place = True, place + 1
            elif text[place] == "]":
                self._ended = True
            else:
                try:
                    found, after = self._reader.raw_decode(text, place)
                except json.JSONDecodeError:
                    if len(text) - place > _LARGEST:
                        raise
                    break
                if after == len(text):
                    break  # a number may go on
                place = after
                yield found
        self._text = text[place:]


def _skip(text: str, place: int, what: str) -> int:
    while place < len(text) and text[place] in what:
        place += 1
    return place
