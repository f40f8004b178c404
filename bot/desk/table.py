"""The table of commands of management rooms."""

from __future__ import annotations

from collections.abc import Mapping

from app.wording import desk as wording
from app.wording.catalogue import marked
from app.wording.message import Message
from bot.desk import answers, beside, lists, protections, reports, rooms
from bot.desk.asked import Asked, Behind, Command

_ALL = (
    rooms.PROTECT,
    rooms.UNPROTECT,
    rooms.ROOMS,
    lists.LISTS,
    lists.PREVIEW,
    lists.SUBSCRIBE,
    lists.UNSUBSCRIBE,
    lists.VETO,
    lists.UNVETO,
    lists.VETOES,
    protections.PROTECTIONS,
    reports.REPORTS,
    reports.REPORT,
    answers.WAITING,
    answers.APPROVE,
    answers.REFUSE,
    answers.WHY,
    answers.HISTORY,
    answers.AGAIN,
    answers.THRESHOLD,
    answers.REHEARSE,
    answers.CONFIRM,
    beside.BESIDE,
    beside.TAKE,
    beside.GIVE,
    beside.COMPARE,
    rooms.CLOSE,
)


async def _help(desk: Behind, asked: Asked) -> Message:  # noqa: ARG001 - every command has the same form
    return wording.help_(asked.reader, [(one.usage, one.says) for one in (*_ALL, HELP)])


HELP = Command("help", ("help",), marked("shows this"), _help)
COMMANDS: Mapping[str, Command] = {command.name: command for command in (*_ALL, HELP)}
"""Every command by its first word."""
