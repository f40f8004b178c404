"""Asking: what the bot says of sentences that strangers put before people whom they do not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import Names, lines
from kit.identifiers import UserId
from reputation.asking import Ask, AskState

_STATES: Mapping[AskState, str] = {
    AskState.WAITING: marked("{who}: waits since {since}, until {until}: “{sentence}”"),
    AskState.ACCEPTED: marked("{who}: accepted you; you can invite them"),
    AskState.DECLINED: marked("{who}: declined; you can ask them again after {until}"),
    AskState.SPAM: marked("{who}: declined; you can ask them again after {until}"),
}


def asked(reader: Reader, ask: Ask, recipient: UserId) -> Message:
    """Say that a sentence was put into somebody's queue, what that means, and how it is taken back."""
    return reader.say(
        marked(
            "Asked: your sentence waits for {who}. Nobody disturbs them because of it: they see it when they look. It "
            "waits until {until}, and you hear of it here if they accept. {undo} takes it back."
        ),
        who=reader.person(recipient),
        until=reader.when(ask.until),
        undo=Literal(f"ask withdraw {recipient}"),
    )


def withdrawn(reader: Reader, recipient: UserId) -> Message:
    """Say that a sentence was taken back."""
    return reader.say(marked("Taken back: {who} does not see your sentence any more."), who=reader.person(recipient))


def made(reader: Reader, asks: Sequence[Ask], names: Names) -> Message:
    """List what somebody asked, and how it is done."""
    how = reader.say(
        marked(
            "To ask somebody whose door allows it, write {ask}. It costs nothing: at most 200 characters, no links or "
            "numbers to call. They see it when they look."
        ),
        ask=Literal("ask @name:example.org One sentence about who you are."),
    )
    if not asks:
        return join([reader.say(marked("No sentence of yours waits for anybody.")), how])
    return join([reader.say(marked("You asked:")), lines(reader, [_made(reader, one, names) for one in asks]), how])


def _made(reader: Reader, ask: Ask, names: Names) -> Message:
    return reader.say(
        _STATES[ask.state],
        who=reader.person(names.get(ask.recipient)),
        since=reader.when(ask.asked_at),
        until=reader.when(ask.until),
        sentence=ask.sentence,
    )


def queue(reader: Reader, asks: Sequence[Ask], names: Names) -> Message | None:
    """List who asks somebody, with what words; ``None`` where nobody does."""
    if not asks:
        return None
    head = reader.say(marked("**Asking to write to you** (`accept`, `decline` or `spam`, with the name):"))
    return join([head, lines(reader, [_queued(reader, one, names) for one in asks])])


def _queued(reader: Reader, ask: Ask, names: Names) -> Message:
    return reader.say(
        marked("{who}: “{sentence}” ({since})"),
        who=reader.person(names.get(ask.stranger)),
        sentence=ask.sentence,
        since=reader.when(ask.asked_at),
    )
