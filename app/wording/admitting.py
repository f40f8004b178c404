"""Admitting: what buyers and sellers of admission to rooms are told, unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.admitting.service import ENDING, READY, STANDS_IN_THE_WAY
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Value
from app.wording.reader import Reader
from payments.content.places import Trouble

PUT_OUT: Final = "The time for which you bought admission to this room is over. You can buy it again."
"""What stands beside somebody's leaving, in their app."""

_SENTENCES: Final[Mapping[str, str]] = {
    ENDING: marked(
        "What you bought admits you to its room until {until}. If you buy it again before, nothing changes, and it "
        "goes on from then: {page}. If not, I put you out of the room then."
    ),
    READY: marked("Admission to the room {room} is for sale now: {page}"),
}
_TROUBLES: Final[Mapping[Trouble, str]] = {
    Trouble.UNSEEN: marked("I am not in that room: invite me, {bot}, to it."),
    Trouble.POWER: marked("I may not invite people there, or not put them out: give me the power to do both."),
    Trouble.SELLER: marked("You are not there, or may not invite people and put them out there yourself."),
    Trouble.MOVED: marked("That room was closed for another one: put your listing up anew with the new room's id."),
    Trouble.TAKEN: marked(
        "I have that room for something else. If it is our chat, put me out of it, and invite me once more then."
    ),
}
_STANDS: Final = marked(
    "Admission to the room {room} cannot be sold as it is ({page}). {why} Until then it is not for sale and nobody new "
    "is asked in; it is for sale by itself once that is mended within seven days. After that, list it again."
)


def told(reader: Reader, code: str, values: Mapping[str, Any]) -> Letter:
    """Tell of an admission; ``values`` are as ``app.admitting`` keeps them."""
    until, why = values.get("until"), values.get("why")
    named: dict[str, Value] = {
        "room": Literal(str(values.get("room", "-"))),
        "page": reader.link(f"/buy/{values.get('listing', '')}"),
        "until": reader.when(until) if isinstance(until, int) else "-",
    }
    if code != STANDS_IN_THE_WAY:
        return Letter(reader.say(_SENTENCES[code], **named))
    return Letter(reader.say(_STANDS, why=_why(reader, why), **named))


def _why(reader: Reader, why: object) -> Message:
    known = Trouble(why) if isinstance(why, str) and why in set(Trouble) else Trouble.UNSEEN
    return reader.say(_TROUBLES[known], bot=str(reader.service.bot or "-"))
