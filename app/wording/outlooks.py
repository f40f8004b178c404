"""Outlooks: what the bot says of what a person thinks of strangers, and of whom it takes to be heard."""

from __future__ import annotations

from collections.abc import Mapping

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, join
from app.wording.reader import Reader
from reputation.outlook import Outlook, Strangers

_STRANGERS: Mapping[Strangers, str] = {
    Strangers.OPEN: marked("Of strangers you think well until you hear otherwise: they stand at {prior} of 1."),
    Strangers.NEUTRAL: marked("Of strangers you think nothing, good or bad: they stand at {prior} of 1."),
    Strangers.WARY: marked("Of strangers you think little until you hear better: they stand at {prior} of 1."),
    Strangers.CLOSED: marked("Of strangers you think nothing good until you hear it: they stand at {prior} of 1."),
}
_QUORUMS: Mapping[int, str] = {
    1: marked(
        "Your contacts are heard, and whoever one of those whom you hear speaks for: to trick one of them is enough."
    ),
    2: marked("Your contacts are heard, and whoever two of those whom you hear speak for."),
    3: marked("Your contacts are heard, and whoever three of those whom you hear speak for: few others are."),
}


def outlook(reader: Reader, found: Outlook) -> Message:
    """Say what a person thinks of strangers, whom they hear, and how to change either."""
    return join(
        [
            reader.say(_STRANGERS[found.strangers], prior=Safe(f"{found.prior:.2f}")),
            reader.say(_QUORUMS[found.quorum]),
            reader.say(
                marked(
                    "{strangers} changes the one, {quorum} the other. Both matter for {standing}, and at your door "
                    "where its rules ask how somebody stands."
                ),
                strangers=Literal(f"strangers {' | '.join(Strangers)}"),
                quorum=Literal("quorum 1 | 2 | 3"),
                standing=Literal("standing @name:example.org"),
            ),
        ]
    )
