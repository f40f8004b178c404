"""Rewards: what whoever looks after a server is told of what its signing key was used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Literal
from app.wording.reader import Reader

_NEW = marked(
    "The signing key of {server} was used to let that server earn rewards here. They go to {payout}. You are told "
    "since the server names you as a contact. If nobody of yours did this, somebody else has the key: change it at "
    "once."
)
_LATER = marked(
    "The signing key of {server} was used to send its rewards to another address: {payout}, from {when} on. You are "
    "told since the server names you as a contact. If nobody of yours did this, somebody else has the key: change it, "
    "and enrol again with the right address before then."
)
_SAME = marked(
    "The signing key of {server} was used to enrol it for rewards again. They go on to {payout}; the address of its "
    "reports is a new one. You are told since the server names you as a contact. If nobody of yours did this, somebody "
    "else has the key: change it at once."
)


def enrolled(reader: Reader, values: Mapping[str, Any]) -> Letter:
    """Tell a server's contact that its key was used."""
    later, again = values.get("from"), values.get("again") is True
    template = _LATER if later is not None else _SAME if again else _NEW
    names = {"server": Literal(str(values.get("server", ""))), "payout": Literal(str(values.get("payout", "")))}
    return Letter(reader.say(template, **names, when=reader.when(int(later or 0))))
