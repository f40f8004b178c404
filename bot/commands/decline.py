"""``decline``: a stranger who asked is left outside, and so is one with a stake, which goes back."""

from __future__ import annotations

from functools import partial

from app.wording.catalogue import marked
from bot.commands.command import Command
from bot.commands.give_back import give_back

_NAME = "decline"

COMMAND = Command(
    _NAME,
    (_NAME, "decline @name:example.org", "decline @name:example.org for @owner:example.org"),
    marked("leaves a stranger who asks outside; they are not told, and you can accept them later"),
    partial(give_back, verb=_NAME),
)
