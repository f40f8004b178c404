"""Free paths: how somebody who is held comes in without paying, as their own app and the bot tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.wording.buttons import Letter
from app.wording.catalogue import Translate, marked
from app.wording.message import Literal, Message, Safe, Value, join, render
from app.wording.reader import Reader
from kit.identifiers import UserId
from reputation.verdict import FreePath

_IN_SHORT: Mapping[FreePath, str] = {
    FreePath.ASK: marked(
        "To ask costs nothing: write to {bot} the words “ask {recipient}” and one sentence without links; they see it "
        "when they look."
    ),
    FreePath.VOUCH: marked("If somebody whom they know vouches for you, you come in free."),
}
_IN_FULL: Mapping[FreePath, str] = {
    FreePath.ASK: marked(
        "**To ask costs nothing.** Write to me, here: {ask}. One sentence of your own, at most 200 characters, no "
        "links. They see it when they look, and you hear from me if they accept you."
    ),
    FreePath.VOUCH: marked(
        "If somebody whom they know vouches for you, you come in free. For that, they write to me: {vouch}"
    ),
}


def in_short(free: Sequence[FreePath], *, recipient: UserId, bot: UserId | None, translate: Translate) -> list[str]:
    """Say each free path in one plain sentence; to ask takes a bot to write to."""
    values: dict[str, Value] = {"recipient": str(recipient), "bot": str(bot)}
    return [
        render(translate(_IN_SHORT[path]), values).plain for path in free if bot is not None or path is not FreePath.ASK
    ]


def in_full(reader: Reader, free: Sequence[str], *, stranger: UserId | None, recipient: UserId | None) -> list[Message]:
    """Say each free path as the bot does, with the words to write; without names there is nothing to write."""
    if stranger is None or recipient is None:
        return []
    words: dict[str, Value] = {
        "ask": Literal(f"ask {recipient} …"),
        "vouch": Literal(f"vouch {stranger}"),
    }
    return [reader.say(_IN_FULL[path], **words) for path in FreePath if path in free]


def held(reader: Reader, ways: Sequence[Message], *, recipient: Value, tried: Safe) -> Letter:
    """Tell a stranger that they were held, at a door that asks for nothing but a free path."""
    happened = reader.say(
        marked(
            "You tried to invite {recipient} on {tried}. They do not know you, so your invitation was stopped: **they "
            "have not seen it.** If your app opened a new chat for it, that chat is empty, and you can leave it."
        ),
        recipient=recipient,
        tried=tried,
    )
    leave = reader.say(
        marked(
            "I never ask for passwords, recovery keys or recovery words. If you did not try to invite anybody, do "
            "nothing. Write {stop} and I will not write to you again; {help} shows what else I do."
        ),
        stop=Literal("stop"),
        help=Literal("help"),
    )
    return Letter(join([happened, *ways, leave]))


def accepted(reader: Reader, recipient: Value) -> Letter:
    """Tell a stranger that somebody whom they asked lets them in."""
    return Letter(
        reader.say(
            marked(
                "**{recipient} accepted you.** What to do now: invite them; it arrives, this time and from now on, and "
                "costs nothing."
            ),
            recipient=recipient,
        )
    )
