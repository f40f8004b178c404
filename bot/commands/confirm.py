"""``confirm``: the question that waits is answered with yes."""

from __future__ import annotations

from dataclasses import replace

from app.container import Work
from app.conversations import CONFIRMATIONS, Meaning, Prompt
from app.forgetting import forget_person
from app.wording import manners, replies
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from app.wording.supporting import SHOWS
from bot.commands.buying import refund_all
from bot.commands.choosing import give
from bot.commands.command import Asked, Command, nothing_more
from bot.commands.selling import put_up
from bot.commands.supporting import joins, shows
from bot.commands.wallet import unlink
from payments.stakes.model import Answer


def run(work: Work, asked: Asked) -> Letter:
    """Do what was asked about."""
    nothing_more(asked.words)
    waiting = work.conversations.waiting(asked.person, *CONFIRMATIONS)
    return confirm(work, asked, waiting[0]) if waiting else Letter(manners.nothing_to_confirm(asked.reader))


def confirm(work: Work, asked: Asked, prompt: Prompt) -> Letter:
    """Do what ``prompt`` asked about."""
    work.conversations.close(prompt)
    if prompt.meaning is Meaning.CONFIRM_FORGET:
        forget_person(work, asked.person)
        return Letter(manners.forgotten(asked.reader))
    if prompt.meaning in SHOWS:
        return shows(work, asked, prompt.meaning)
    if prompt.meaning is Meaning.JOIN_SUPPORTERS:
        return joins(work, asked, now=True)
    if prompt.meaning is Meaning.ASK_REFUND and prompt.listing is not None:
        return refund_all(work, asked, prompt.listing)
    if prompt.listing is not None:
        return put_up(work, asked, prompt.listing)
    return unlink(work, asked, prompt.wallet) if prompt.wallet is not None else _spam(work, asked, prompt)


def _spam(work: Work, asked: Asked, prompt: Prompt) -> Letter:
    stranger = work.people.mxid(prompt.about) if prompt.about is not None else None
    if stranger is None:
        return Letter(replies.nobody(asked.reader, Word.SPAM))
    return give(work, replace(asked, behalf=prompt.behalf), stranger, Answer.SPAM)


COMMAND = Command("confirm", ("confirm",), marked("answers my question with yes"), run)
