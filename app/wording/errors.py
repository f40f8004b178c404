"""Errors as sentences: what a person reads when a wish of theirs breaks a rule or the world does not answer."""

from __future__ import annotations

from collections.abc import Mapping

from app.wording.catalogue import marked
from app.wording.message import Message, Safe, Value
from app.wording.reader import Reader
from kit.errors import EarnestError, Refusal

_SENTENCES: Mapping[str, str] = {
    "user_id_malformed": marked("That is not a Matrix id. One looks like {example}; copy it whole."),
    "amount_malformed": marked("Write an amount in plain digits, such as 5 or 0.25."),
    "fee_needs_wallet": marked("A fee needs a wallet that it can go to. Link yours first: write {link}."),
    "too_many_tokens": marked("You have {most} tokens, which is all one can have. Revoke one first: {tokens}."),
}
_UNAVAILABLE = marked(
    "Something that I need does not answer at the moment. Nothing was changed; try again in a minute."
)


def error(failure: EarnestError, reader: Reader) -> Message:
    """Say what stood in the way; a code without a sentence of its own is told by the error's own English one."""
    if not isinstance(failure, Refusal):
        return reader.say(_UNAVAILABLE)
    template = _SENTENCES.get(failure.code)
    if template is None:
        return reader.say("{message}", message=Safe(failure.message))
    values: dict[str, Value] = {
        "example": reader.command("@name:example.org"),
        "link": reader.command("link"),
        "tokens": reader.command("token list"),
    }
    values |= {name: str(value) if not isinstance(value, int) else value for name, value in failure.values.items()}
    return reader.say(template, **values)
