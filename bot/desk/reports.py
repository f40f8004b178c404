"""``reports``, ``report``: what members of rooms reported, and what is done about it."""

from __future__ import annotations

from app.container import Work
from app.wording import reports as wording
from app.wording.catalogue import marked
from app.wording.message import Message
from bot.commands.command import Unclear, nothing_more
from bot.desk.asked import Asked, Behind, Command
from bot.homeserver import Denied
from kit.errors import Invalid
from reputation.complaints import Button, Complaint

_DIGITS = 18


async def _reports(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    found = await desk.cross.read(lambda work: work.moderation.complaints.open(number))
    return wording.waiting(asked.reader, found, await desk.names(number))


async def _report(desk: Behind, asked: Asked) -> Message:
    match asked.words:
        case (word, button) if word.isascii() and word.isdigit() and len(word) <= _DIGITS and button in list(Button):
            of, number = asked.management.id, int(word)
        case _:
            raise Unclear
    one = await desk.cross.read(lambda work: work.moderation.complaints.find(of, number))
    return wording.unknown(asked.reader) if one is None else await decide(desk, asked, one, Button(button))


async def decide(desk: Behind, asked: Asked, one: Complaint, button: Button) -> Message:
    """Do what somebody chose about a report."""
    if button is not Button.IGNORE and await _is_spared(desk, one):
        return wording.kept_from(asked.reader, one)

    def _decide(work: Work) -> bool:
        return work.moderation.complaints.decide(one, button)

    done = await desk.cross.work(_decide)
    return wording.decided(asked.reader, one, button) if done else wording.kept_from(asked.reader, one)


async def _is_spared(desk: Behind, one: Complaint) -> bool:
    if one.about is None:
        return True
    if one.about in await desk.warden.spared(one.management):
        return True
    try:
        view = await desk.warden.view(one.room)
    except (Denied, Invalid):
        return False
    return view.seen.powers.looks_after(one.about)


REPORTS = Command("reports", ("reports",), marked("shows what members of your rooms reported"), _reports)
REPORT = Command(
    "report",
    tuple(f"report 12 {button}" for button in Button),
    marked("does something about what was reported"),
    _report,
)
